// SPDX-License-Identifier: Apache-2.0
// Owns the schedules of other libraries that are closed forms of ours under other names and
// defaults. Must not know how a formula is used. docs/seeds.md maps every name.
#include <cmath>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

using Options = nwr_schedule_options;

constexpr Param kAzulaParams[] = {{"alpha_min", "alpha at t = 1", 1e-3, 1e-12, 0.999},
                                  {"sigma_min", "sigma at t = 0", 1e-3, 1e-12, 0.999}};
constexpr Param kAzulaVeParams[] = {{"sigma_min", "sigma at t = 0", 1e-3, 1e-12, 1e12},
                                    {"sigma_max", "sigma at t = 1", 1e3, 1e-12, 1e12}};
constexpr Param kAzula01VeParams[] = {{"sigma_min", "sigma at t = 0", 1e-3, 1e-12, 1e12},
                                      {"sigma_max", "sigma at t = 1", 1e2, 1e-12, 1e12}};
// GenSBI's e_s is where its times begin: a grid ends there, and random times are above it.
constexpr Param kScoreVpParams[] = {
    {"beta_min", "beta at t = 0", 0.001, 0, 1e6},
    {"beta_max", "beta at t = 1", 3, 1e-6, 1e6},
    {"e_s", "least time of grids and of random times", 0.001, 0, 0.999}};
constexpr Param kScoreVeParams[] = {
    {"sigma_min", "sigma at t = 0", 0.001, 1e-12, 1e12},
    {"sigma_max", "sigma at t = 1", 15, 1e-12, 1e12},
    {"e_s", "least time of grids and of random times", 0, 0, 0.999}};
constexpr Param kFlowVpParams[] = {{"beta_min", "beta at t = 1, data", 0.1, 0, 1e6},
                                   {"beta_max", "beta at t = 0, noise", 20, 1e-6, 1e6}};
constexpr Param kEdmVeParams[] = {{"sigma_max", "sigma where sampling begins", 100, 1e-6, 1e6}};

// The second of two settings must exceed the first.
void require_order(const Settings& s, bool may_be_equal) {
  const Param &low = s.entry().param(0), &high = s.entry().param(1);
  const double from = s[low.name], to = s[high.name];
  if (to > from || (may_be_equal && to == from)) return;
  fail(NWR_ERROR_INVALID_ARGUMENT, s.entry().name, ": ", high.name, " is ", to,
       may_be_equal ? ", below " : ", not above ", low.name, ", ", from);
}

Schedule* make_ve(const Settings& s, const Options&) {
  require_order(s, false);
  return new ClosedForm<path::Ve>(s, kToNoise, {s["sigma_min"], s["sigma_max"]});
}

}  // namespace

extern const ScheduleKind kAzulaVp, kAzulaCosine, kAzulaRectified, kAzulaVe, kAzula01Ve;
const ScheduleKind kAzulaVp = {
    {1000, "azula.vp", "azula-0.1.vp", "alpha = alpha_min^(t^2), sigma above sigma_min", 0, 0, 0,
     kAzulaParams, kUnitTimeParams},
    [](const Settings& s, const Options&) -> Schedule* {
      return new ClosedForm<path::Vp>(s, kToNoise,
                                      {0, -4 * std::log(s["alpha_min"]), s["sigma_min"]});
    }};
const ScheduleKind kAzulaCosine = {
    {1001, "azula.cosine", "", "trigonometric, t = 1 is noise", 0, 0, 0, kAzulaParams,
     kUnitTimeParams},
    [](const Settings& s, const Options&) -> Schedule* {
      return new ClosedForm<path::Trigonometric>(s, kToNoise, {s["alpha_min"], s["sigma_min"]});
    }};
const ScheduleKind kAzulaRectified = {
    {1002, "azula.rectified", "", "linear, t = 1 is noise", 0, 0, 0, kAzulaParams, kUnitTimeParams},
    [](const Settings& s, const Options&) -> Schedule* {
      return new ClosedForm<path::Linear>(s, kToNoise, {s["alpha_min"], s["sigma_min"]});
    }};
const ScheduleKind kAzulaVe = {
    {1003, "azula.ve", "", "sigma geometric in t", 0, 0, 0, kAzulaVeParams, kUnitTimeParams},
    make_ve};
const ScheduleKind kAzula01Ve = {
    {1004, "azula-0.1.ve", "", "azula.ve with the default of versions before 0.3", 0, 0, 0,
     kAzula01VeParams, kUnitTimeParams},
    make_ve};

extern const ScheduleKind kDiffusionLabFlow;
const ScheduleKind kDiffusionLabFlow = {{1005,
                                         "diffusionlab.flow_matching",
                                         "",
                                         "linear, t = 1 is noise",
                                         0,
                                         0,
                                         0,
                                         {},
                                         kUnitTimeParams},
                                        [](const Settings& s, const Options&) -> Schedule* {
                                          return new ClosedForm<path::Linear>(s, kToNoise, {});
                                        }};

extern const ScheduleKind kVDenoiser;
const ScheduleKind kVDenoiser = {{1040,
                                  "k.v",
                                  "comfy.continuous-v",
                                  "trigonometric, t = 1 is noise: sigma/alpha = tan(pi/2 t)",
                                  0,
                                  0,
                                  0,
                                  {},
                                  kUnitTimeParams},
                                 [](const Settings& s, const Options&) -> Schedule* {
                                   return new ClosedForm<path::Trigonometric>(s, kToNoise, {});
                                 }};

extern const ScheduleKind kGenSbiScoreVp, kGenSbiScoreVe, kGenSbiFlowVp, kGenSbiEdmVe;
const ScheduleKind kGenSbiScoreVp = {
    {1006, "gensbi.sm_vp", "", "vp whose noise end is far from pure noise by default", 0, 0, 0,
     kScoreVpParams, kUnitTimeParams},
    [](const Settings& s, const Options&) -> Schedule* {
      require_order(s, true);
      return new ClosedForm<path::Vp>(s, {1, s["e_s"], 0, 1}, {s["beta_min"], s["beta_max"]});
    }};
const ScheduleKind kGenSbiScoreVe = {
    {1007, "gensbi.sm_ve", "", "sigma geometric in t", 0, 0, 0, kScoreVeParams, kUnitTimeParams},
    [](const Settings& s, const Options&) -> Schedule* {
      require_order(s, false);
      return new ClosedForm<path::Ve>(s, {1, s["e_s"], 0, 1}, {s["sigma_min"], s["sigma_max"]});
    }};
const ScheduleKind kGenSbiFlowVp = {
    {1008, "gensbi.fm_vp", "", "vp, t = 1 is data", 0, 0, 0, kFlowVpParams, kUnitTimeParams},
    [](const Settings& s, const Options&) -> Schedule* {
      require_order(s, true);
      return new ClosedForm<path::Vp>(s, kToData, {s["beta_min"], s["beta_max"]});
    }};
const ScheduleKind kGenSbiEdmVe = {
    {1009, "gensbi.edm_ve", "", "sigma = sqrt(t); t runs from sigma_max^2, noise, to 0, data", 0, 0,
     0, kEdmVeParams, kOwnTimeParams},
    [](const Settings& s, const Options&) -> Schedule* {
      const double most = s["sigma_max"] * s["sigma_max"];
      return new ClosedForm<path::Power>(s, {most, 0, 0, 1e12}, {0.5});
    }};

}  // namespace noisewright
