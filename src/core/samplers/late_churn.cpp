// SPDX-License-Identifier: Apache-2.0
// Owns diffusers' Euler and Heun, whose fresh noise (Karras et al. 2206.00364, algorithm 2) comes
// after the model has been asked: at the level before, and of the state without it.
#include "core/samplers/churn.hpp"

namespace noisewright {
namespace {

constexpr int kBase = 0;

// The slope at a level of what the model said of x; own is where it was asked.
Combo slope(const Stage& s, Line line, const Combo& x, const Stage::Point& own, double level) {
  // Noise itself is the slope, at whatever level.
  const Combo noise = s.noise();
  if (s.setting("space") == 0 && noise.state == 0) return noise.output * s.output();
  const Combo data = s.at_point(own).data();
  return 1 / level * (x - (data.state * line.scale(place(own.at)) * x + data.output * s.output()));
}

void plan(Stage& s) {
  const Line line(s.setting("space"));
  const Place from = place(s.from()), to = place(s.to());
  const double begin = line.level(from), end = line.level(to), scale = line.scale(to);
  double hat = begin * (1 + churn_growth(s, begin));
  Stage::Point read = s.at();
  if (s.setting("read") == 1 && hat > begin) {
    // No noisier than the schedule gets.
    read = line.point(s, hat);
    hat = line.level(place(read.at));
  }
  if (s.stage() == 1) {
    const Combo x = 1 / scale * s.state();
    s.next(scale * (s.kept(kBase) + (end - hat) / 2 * slope(s, line, x, s.end(), end)));
    return;
  }
  const Combo x = 1 / line.scale(from) * s.state() +
                  s.setting("s_noise") * missing_noise(hat, begin) * s.fresh_noise();
  const Combo rise = (end - hat) * slope(s, line, x, read, hat);
  if (s.setting("solver") == 0 || s.to_data()) return s.next(scale * (x + rise));
  s.keep(kBase, x + 0.5 * rise);
  s.again(scale * (x + rise), s.to_time());
}

constexpr Param kParams[] = {
    choice("solver", "the step after the noise", "euler,heun"),
    choice("read",
           "whether an output is read by the level at which it was asked, or by the noisier one",
           "asked,noisier"),
    kChurnParam,
    kChurnMinParam,
    kChurnMaxParam,
    kChurnNoiseParam,
    kLineParam};

}  // namespace

extern const SamplerKind kLateChurn =
    sampler_kind(1040, "diffusers.euler", "diffusers.edm-euler",
                 "edm whose noise comes after the model", NWR_ENTRY_STOCHASTIC, 1, 1, kParams, plan,
                 nullptr, [](const Settings& settings) { return settings["space"] == 0; });

}  // namespace noisewright
