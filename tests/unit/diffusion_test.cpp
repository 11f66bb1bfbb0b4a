// SPDX-License-Identifier: Apache-2.0
// Owns the proof that each form of diffusion is the one that its name stands for. Must not know
// samplers.
#include "core/diffusion.hpp"

#include <gtest/gtest.h>

namespace noisewright {
namespace {

TEST(Diffusion, FormsAreThoseOfTheirSources) {
  const double pi = std::acos(-1.0);
  for (const char* name : {"linear", "cosine"}) {
    nwr_schedule_options options{};
    options.name = name;
    const Ref<Schedule> schedule = make_schedule(options);
    const double t = 0.3, u = schedule->direction() > 0 ? 1 - t : t, norm = 0.7;
    const nwr_coeffs c = schedule->at(t, {"t"});
    const double h = c.sigma * std::fabs(c.alpha * c.dsigma - c.dalpha * c.sigma) / c.alpha;
    const std::pair<Diffusion, double> forms[] = {
        {Diffusion::none, 0},
        {Diffusion::reverse, 2 * norm * h},
        {Diffusion::constant, 2 * norm},
        {Diffusion::sbdm, 2 * norm * h / (c.sigma + 1e-8)},
        {Diffusion::sigma, 2 * norm * c.sigma},
        {Diffusion::linear, 2 * norm * u},
        {Diffusion::decreasing, 2 * norm * u * u},
        {Diffusion::increasing_decreasing, 8 * norm * u * (1 - u)},
        {Diffusion::sit_decreasing, std::pow(norm * std::cos(pi * (1 - u)) + 1, 2) / 2},
        {Diffusion::sit_increasing_decreasing, 2 * norm * std::pow(std::sin(pi * (1 - u)), 2)},
        {Diffusion::zero_ends, norm * norm * u * (1 - u)},
        {Diffusion::non_singular, norm * norm * u}};
    int count = 0;
    for (const auto& [form, expected] : forms) {
      EXPECT_NEAR(expected, diffusion2(form, norm, *schedule, t, c), 1e-14) << name << count;
      ++count;
    }
    EXPECT_EQ(kLastDiffusion + 1, count);
    int words = 0;
    for_each_name(kDiffusionForms, [&](std::string_view) { ++words; });
    EXPECT_EQ(count, words);
  }
}

}  // namespace
}  // namespace noisewright
