// SPDX-License-Identifier: Apache-2.0
// Owns the two recordings of nami's notebook: tensors of float32 through its transforms, and the
// three largest errors that it prints. Must not know nami's other recordings.
#include <algorithm>
#include <cmath>

#include "seeds.hpp"

namespace replay {
namespace {

// A few roundings of numbers of this size.
constexpr double kTolerance = 4e-7;

struct Fields {
  Array score, velocity;  // the toy's
  Numbers eta, from_noise, drift, mirror;
};

// The notebook: score = -x and velocity = 0.35 (-x1, x0), in float32; eta is what its eta model
// gives for that score.
Fields fields_at(double t, double score_eps, const Array& x) {
  const Schedule schedule =
      make_schedule(spec("nami.seed", {{"latent", "brownian"}, {"score_eps", text(score_eps)}}));
  const Array time = filled({}, static_cast<float>(t));
  const TransformSettings single{NWR_F32, nullptr};
  Fields f{x, x, {}, {}, {}, {}};
  for (double& v : f.score.data) v = -v;
  for (size_t i = 0; i < x.data.size(); i += 2) {
    f.velocity.data[i] = -0.35F * static_cast<float>(x.data[i + 1]);
    f.velocity.data[i + 1] = 0.35F * static_cast<float>(x.data[i]);
  }
  f.eta = transform(schedule, time, {{NWR_SCORE, &f.score}}, {NWR_NEGATIVE_LATENT}, single)[0];
  const Array eta{x.shape, f.eta};
  f.from_noise = transform(schedule, time, {{NWR_NEGATIVE_LATENT, &eta}}, {NWR_SCORE}, single)[0];
  const Array score{x.shape, f.from_noise};
  f.drift = transform(schedule, time, {{NWR_PATH_VELOCITY, &f.velocity}, {NWR_SCORE, &score}},
                      {NWR_NAMI_DRIFT}, single)[0];
  f.mirror = transform(schedule, time, {{NWR_SCORE, &score}}, {NWR_NAMI_MIRROR}, single)[0];
  return f;
}

// The notebook compares with v + gg s and gg s for the true score s, in float32.
void check_largest_errors(Check& check, const Json& output, double t, double eps, const Array& x) {
  const Fields f = fields_at(t, eps, x);
  const float product = 0.5F * (1 - 2 * static_cast<float>(t));
  double from_noise = 0, drift = 0, mirror = 0;
  for (size_t i = 0; i < x.data.size(); ++i) {
    const auto s = static_cast<float>(f.score.data[i]), v = static_cast<float>(f.velocity.data[i]);
    from_noise = std::max(from_noise, std::fabs(f.from_noise[i] - s));
    drift = std::max(drift, std::fabs(f.drift[i] - static_cast<double>(v + product * s)));
    mirror = std::max(mirror, std::fabs(f.mirror[i] - static_cast<double>(product * s)));
  }
  const auto at_most = [&](const char* name, double ours) {
    check.require(ours <= to_number(member(output, name)), name);
  };
  at_most("score_from_noise", from_noise);
  at_most("drift_from_vs", drift);
  at_most("mirror_from_score", mirror);
}

// Those points of the square of an axis that are told by their number.
Array points_of(const Json& inputs) {
  const Numbers axis = to_numbers(member(inputs, "grid_axis"));
  Array out{{0, 2}, {}};
  for (const double index : to_numbers(member(inputs, "grid_index_selected"))) {
    const auto place = static_cast<size_t>(index);
    if (!(index >= 0) || place / axis.size() >= axis.size()) throw Malformed("no such grid point");
    out.data.push_back(axis[place % axis.size()]);
    out.data.push_back(axis[place / axis.size()]);
    ++out.shape[0];
  }
  return out;
}

class Notebook {
 public:
  explicit Notebook(const Json& file)
      : params_(member(file, "params")), inputs_(member(file, "inputs")) {}

  void check_case(Check& check, const SeedCase& c) const {
    const double t = to_number(member(has(inputs_, "t") ? inputs_ : params_, "t"));
    if (has(params_, "t")) check.equal("params.t", t, params_["t"]);
    const double eps =
        to_number(member(params_, has(params_, "eps") ? "eps" : "ScoreFromNoise.eps"));
    check.set_tolerance(kTolerance);
    if (c.name == "max_errors") {
      const char* points = has(inputs_, "x") ? "x" : "x_first64";
      check_largest_errors(check, c.output, t, eps, to_array(member(inputs_, points)));
    } else if (c.name == "at_x_first64") {
      check_fields(check, c.output, fields_at(t, eps, to_array(member(inputs_, "x_first64"))),
                   {"eta", "score_from_noise", "velocity", "drift", "mirror"});
    } else if (c.name == "grid_selected") {
      check_fields(check, c.output, fields_at(t, eps, points_of(inputs_)),
                   {"", "S", "V", "B", "M"});
    } else if (c.name == "t_line") {
      check_line(check, c.output);
    } else if (c.name == "mirror_times") {
      check_mirrors(check, c.output, eps);
    } else {
      throw Unsupported{"part " + c.name + " is not in this version"};
    }
  }

 private:
  static void check_fields(Check& check, const Json& output, const Fields& f,
                           const std::vector<const char*>& names) {
    const Numbers* fields[] = {&f.eta, &f.from_noise, &f.velocity.data, &f.drift, &f.mirror};
    for (size_t i = 0; i < names.size(); ++i) {
      if (*names[i]) check.state(names[i], *fields[i], member(output, names[i]));
    }
  }

  // linspace(0, 1, n) in float32: the upper half of it counts from the end.
  static void check_line(Check& check, const Json& output) {
    const size_t count = member(output, "gamma").size();
    if (count < 2) throw Malformed("gamma is no line");
    Numbers times;
    for (size_t i = 0; i < count; ++i) {
      times.push_back(static_cast<double>(i) / static_cast<double>(count - 1));
    }
    const Schedule schedule = make_schedule("nami.seed(latent=brownian)");
    const auto rows = coefficients(schedule, times);
    check.state("gamma", column(rows, gamma_of), output["gamma"]);
    // float32's 1 - t is off by 2^-24: of the 1/199 before the end by 1.2e-5 of itself, of which
    // gamma and gamma' = gg/gamma feel half.
    check.near("gamma_dot", gamma_slopes(schedule, times), member(output, "gamma_dot"), 1e-5, 1);
    check.state("gamma_gamma_dot", column(rows, gamma_dgamma_of),
                member(output, "gamma_gamma_dot"));
  }

  void check_mirrors(Check& check, const Json& output, double eps) const {
    const Array points = points_of(inputs_);
    for (const auto& [time, recorded] : output.items()) {
      const double t = std::stod(time);
      const Schedule schedule = make_schedule("nami.seed(latent=brownian)");
      check.state(time, {coefficients(schedule, t).gamma_dgamma}, member(recorded, "gg_dot"));
      check.state(time, fields_at(t, eps, points).mirror,
                  member(recorded, "mirror_selected_points"));
    }
  }

  const Json &params_, &inputs_;
};

}  // namespace

void replay_nami_notebook(const Json& file, Cases& cases) {
  const Notebook notebook(file);
  each_case(file, cases, [&](Check& check, const SeedCase& c) { notebook.check_case(check, c); });
}

}  // namespace replay
