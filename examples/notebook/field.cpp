// SPDX-License-Identifier: Apache-2.0
// A model gives eta, minus the expected latent, another the path velocity; the rest is three calls
// of nwr_transform_apply. Must not know pictures.
#include "field.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace notebook {

using demo::check;

const char* const kSchedule = "nami.seed(latent=brownian,score_eps=1e-6)";

Setting make_setting() { return {demo::make_context(1), demo::make_schedule(kSchedule)}; }

nwr_coeffs Setting::at(double t) const {
  nwr_coeffs c;
  check(nwr_schedule_eval(schedule.get(), &t, 1, &c));
  return c;
}

namespace {

struct Named {
  nwr_quantity quantity;
  Points* points;
};

void transform(const Setting& setting, float t, const std::vector<Named>& from,
               const std::vector<Named>& to) {
  nwr_tensor time{};
  time.data = &t;
  time.device = NWR_CPU;
  time.dtype = NWR_F32;
  std::vector<nwr_tensor> tensors;
  for (const auto* list : {&from, &to}) {
    for (const Named& n : *list) tensors.push_back(n.points->tensor());
  }
  std::vector<nwr_operand> operands;
  for (const auto* list : {&from, &to}) {
    for (const Named& n : *list) {
      operands.push_back({n.quantity, 0, &tensors[operands.size()]});
    }
  }
  check(nwr_transform_apply(setting.context.get(), setting.schedule.get(), &time, nullptr,
                            operands.data(), from.size(), operands.data() + from.size(),
                            to.size()));
}

// The model of -E[latent | x]: gamma times the true score.
Points eta_model(float gamma, const Points& x) {
  Points eta = x;
  for (float& v : eta.values()) v = gamma * -v;
  return eta;
}

// The model of the path velocity: a rotation.
Points rotation(const Points& x) {
  constexpr float kRate = 0.35f;
  Points out = x;
  for (std::size_t i = 0; i < x.values().size(); i += 2) {
    out.values()[i] = -kRate * x.values()[i + 1];
    out.values()[i + 1] = kRate * x.values()[i];
  }
  return out;
}

}  // namespace

Fields fields_at(const Setting& setting, float t, Points& x) {
  Points eta = eta_model(static_cast<float>(setting.at(t).gamma), x);
  Fields f{x, rotation(x), x, x, x};
  transform(setting, t, {{NWR_NEGATIVE_LATENT, &eta}}, {{NWR_SCORE, &f.score}});
  transform(setting, t, {{NWR_PATH_VELOCITY, &f.path_velocity}, {NWR_SCORE, &f.score}},
            {{NWR_NAMI_DRIFT, &f.drift}, {NWR_VELOCITY, &f.velocity}});
  transform(setting, t, {{NWR_SCORE, &f.score}}, {{NWR_NAMI_MIRROR, &f.mirror}});
  return f;
}

Errors errors_of(const Setting& setting, float t, Points& x, const Fields& f) {
  const auto rate = static_cast<float>(setting.at(t).gamma_dgamma);
  Errors worst{0, 0, 0};
  for (std::size_t i = 0; i < x.values().size(); ++i) {
    const auto differ = [i](const Points& got, float want) {
      return std::fabs(double{got.values()[i]} - want);
    };
    const float score = -x.values()[i], mirror = rate * score;
    const float drift = f.path_velocity.values()[i] + mirror;
    worst.score = std::max(worst.score, differ(f.score, score));
    worst.drift = std::max(worst.drift, differ(f.drift, drift));
    worst.mirror = std::max(worst.mirror, differ(f.mirror, mirror));
  }
  return worst;
}

Points square(std::size_t side, float half_width) {
  Points x(side * side, 2);
  const auto place = [&](std::size_t i) {
    return half_width * (2 * static_cast<float>(i) / static_cast<float>(side - 1) - 1);
  };
  for (std::size_t i = 0; i < side * side; ++i) {
    x.sample(i)[0] = place(i % side);
    x.sample(i)[1] = place(i / side);
  }
  return x;
}

}  // namespace notebook
