// SPDX-License-Identifier: Apache-2.0
// Owns DiffusionLab's recorded processes: coefficients, states of data and noise, conversions, the
// targets of losses and grids. Must not know samplers or other projects.
#include <cmath>
#include <iterator>

#include "seeds.hpp"

namespace replay {
namespace {

Schedule process_of(const std::string& process, const Json& params) {
  if (process == "FlowMatching") return make_schedule("diffusionlab.flow_matching");
  if (process == "OrnsteinUhlenbeck") return make_schedule("diffusionlab.ornstein_uhlenbeck");
  // One file names it without its formula.
  const std::string sigma =
      text_or(params, "sigma", process == "VE_geometric" ? "0.01*(5000)^t" : "");
  if (!has(params, "alpha")) {
    if (sigma == "t") return make_schedule("power");
    if (sigma == "sqrt(t)") return make_schedule("power(power=0.5)");
    if (sigma == "0.01*(5000)^t") return make_schedule("ve(sigma_min=0.01,sigma_max=50)");
  } else if (text_or(params, "alpha", "") == "exp(-B/2)" && sigma == "sqrt(-expm1(-B))" &&
             text_or(params, "B", "") == "0.1 t + 9.95 t^2") {
    return make_schedule("vp(beta_min=0.1,beta_max=20)");
  }
  throw Unsupported{"process " + process + ", sigma = " + sigma + ", is not in this version"};
}

// Upstream's formulas and what automatic differentiation makes of them, step by step.
SingleRow process_at(const std::string& process, Single t) {
  const auto row = [](Single alpha, Single sigma, Single dalpha, Single dsigma) {
    return SingleRow{
        {"alpha", alpha}, {"sigma", sigma}, {"alpha_prime", dalpha}, {"sigma_prime", dsigma}};
  };
  if (process == "FlowMatching") return row(1 - t, t, -1, 1);
  if (process == "VE_sigma=t") return row(1, t, 0, 1);
  if (process == "OrnsteinUhlenbeck") {
    const Single alpha = sqrt(1 - squared(t));
    return row(alpha, t, -t / alpha, 1);
  }
  if (process == "VE_sigma=sqrt(t)") return row(1, sqrt(t), 0, 0.5 / sqrt(t));
  if (process == "VE_geometric") {
    const Single sigma = 0.01 * exp(t * log(5000));
    return row(1, sigma, 0, sigma * log(5000));
  }
  const Single integral = 0.1 * t + 9.95 * squared(t), beta = 0.1 + 2 * 9.95 * t;
  const Single alpha = exp(-0.5 * integral), sigma = sqrt(-expm1(-integral));
  return row(alpha, sigma, -0.5 * beta * alpha, beta * (expm1(-integral) + 1) / (2 * sigma));
}

// As recorded, but for derivatives that automatic differentiation makes 0 times infinity of, and
// that are infinite.
Json without_nan(const Json& output, const Table& table) {
  Json out = output;
  for (const auto& [name, ours] : table) {
    Json& recorded = out[name];
    for (size_t i = 0; i < recorded.size() && i < ours.size(); ++i) {
      if (recorded[i] == "nan" && std::isinf(ours[i])) recorded[i] = ours[i] > 0 ? "inf" : "-inf";
    }
  }
  return out;
}

// The entry of params that a case stands for: the one whose name it holds; OU is short for one.
std::string process_name(const std::string& name, const Json& params) {
  for (const auto& [key, value] : params.items()) {
    const std::string brief = key == "OrnsteinUhlenbeck" ? "OU" : key;
    if (name == key || name.find(key) != std::string::npos ||
        name.find(brief) != std::string::npos) {
      return key;
    }
  }
  throw Unsupported{"process " + name + " is not in this version"};
}

// Times aligned at the left of x: a scalar, or a time a sample. Where x has a time a number, each
// number becomes a sample.
void align(Array& times, Array& data, Array& noise) {
  if (times.shape.empty()) return;
  if (times.data.size() == data.rows()) {
    times.shape = {static_cast<int64_t>(times.data.size())};
  } else if (times.shape == data.shape) {
    times.shape = {static_cast<int64_t>(times.data.size())};
    data.shape = noise.shape = {times.shape[0], 1};
  } else {
    throw Malformed("t does not fit x");
  }
}

const Array& of_shape(const Array& array, const Array& like) {
  if (array.shape != like.shape) throw Malformed("arrays do not fit");
  return array;
}

struct Kind {
  const char* name;
  nwr_quantity quantity;
};
constexpr Kind kKinds[] = {
    {"SCORE", NWR_SCORE}, {"X0", NWR_DATA}, {"EPS", NWR_NOISE}, {"V", NWR_VELOCITY}};

// A grid from a time to the same leads nowhere: the library refuses it, and it needs no library.
Numbers grid_between(double first, double last, size_t count) {
  if (first == last) return Numbers(count, first);
  return grid(make_schedule("diffusionlab.flow_matching"), "uniform", count, first, last);
}

// The sum over coordinates of (target - noise/2)^2.
Numbers losses_of(const Numbers& target, const Array& noise) {
  Numbers out(noise.rows());
  for (size_t i = 0; i < target.size(); ++i) {
    out[i / noise.row_size()] += std::pow(target[i] - noise.data[i] / 2, 2);
  }
  return out;
}

}  // namespace

void replay_diffusionlab_schedules(const Json& file, Cases& cases) {
  const bool single = is_single(file);
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-11);
    const Numbers times = to_numbers(member(c.inputs, "t"));
    const auto rows = coefficients(process_of(c.name, c.params), times);
    const Table table = {{"alpha", column(rows, alpha_of)},
                         {"sigma", column(rows, sigma_of)},
                         {"alpha_prime", column(rows, dalpha_of)},
                         {"sigma_prime", column(rows, dsigma_of)}};
    SingleTable bounds;
    if (single) bounds = single_table(times, [&](Single t) { return process_at(c.name, t); });
    check_table(check, without_nan(c.output, table), table, bounds);
  });
}

void replay_diffusionlab_conversions(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const Array f = to_array(member(c.inputs, "fx"));
    const Schedule process = process_of(c.name, c.params);
    std::vector<std::string> names;
    std::vector<Conversion> conversions;
    names.reserve(std::size(kKinds) * std::size(kKinds));
    for (const Kind& from : kKinds) {
      for (const Kind& to : kKinds) {
        names.push_back(std::string(from.name) + "->" + to.name);
        conversions.push_back({names.back().c_str(), from.quantity, to.quantity});
      }
    }
    check_conversions(check, c.output, process, to_array(member(c.inputs, "t")),
                      to_array(member(c.inputs, "x")), f, conversions);
  });
}

void replay_diffusionlab_loss(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const Schedule process = make_schedule("diffusionlab.ornstein_uhlenbeck");
    const Array data = to_array(member(c.inputs, "x0")), noise = to_array(member(c.inputs, "eps"));
    for (const Kind& kind : kKinds) {
      if (c.name != kind.name) continue;
      const Numbers target =
          transform(process, to_array(member(c.inputs, "t")),
                    {{NWR_DATA, &data}, {NWR_NOISE, &of_shape(noise, data)}}, {kind.quantity})[0];
      check.state("target", target, member(c.output, "target"));
      return check.state("loss", losses_of(target, noise), member(c.output, "loss"));
    }
    throw Unsupported{"target " + c.name + " is not in this version"};
  });
}

void replay_diffusionlab_grids(const Json& file, Cases& cases) {
  each_case(file, cases, [](Check& check, const SeedCase& c) {
    const double first = to_number(member(c.params, "t_max"));
    const double last = to_number(member(c.params, "t_min"));
    const double count = to_number(member(c.params, "L"));
    if (!(count >= 2 && count <= 1e6)) throw Malformed("L is not a count");
    const auto size = static_cast<size_t>(count);
    check.state("ts", grid_between(first, last, size), member(c.output, "ts"));
  });
}

void replay_diffusionlab_forward(const Json& file, Cases& cases) {
  each_case(file, cases, [&](Check& check, const SeedCase& c) {
    check.set_tolerance(1e-12);
    const Json& params = member(file, "params");
    const std::string process = process_name(c.name, params);
    Array data = to_array(member(c.inputs, "x")), noise = to_array(member(c.inputs, "eps"));
    Array times = to_array(member(c.inputs, "t"));
    of_shape(noise, data);
    align(times, data, noise);
    const auto results = transform(process_of(process, params[process]), times,
                                   {{NWR_DATA, &data}, {NWR_NOISE, &noise}}, {NWR_STATE});
    check.state("x_t", results[0], member(c.output, "x_t"));
  });
}

}  // namespace replay
