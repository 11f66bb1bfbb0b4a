// SPDX-License-Identifier: Apache-2.0
// Owns the schedules of other libraries and models that are ours under other names: closed forms,
// and those that differ by defaults alone. Must not know how a formula is used. docs/seeds.md maps
// every name.
#include <cmath>
#include <iterator>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

using Options = nwr_schedule_options;

constexpr Param kAzulaParams[] = {{"alpha_min", "alpha at t = 1", 1e-3, 1e-12, 0.999},
                                  {"sigma_min", "sigma at t = 0", 1e-3, 1e-12, 0.999}};
constexpr Param kAzulaVeParams[] = {{"sigma_min", "sigma at t = 0", 1e-3, 1e-12, 1e12},
                                    {"sigma_max", "sigma at t = 1", 1e3, 1e-12, 1e12}};
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

Schedule* make_ve(const Settings& s, const Options&) {
  require_order(s, "sigma_min", "sigma_max");
  return closed_form(s, kToNoise, path::Ve{s["sigma_min"], s["sigma_max"]});
}

}  // namespace

extern const ScheduleKind kAzulaVp = schedule_kind(
    1000, "azula.vp", "azula-0.1.vp", "alpha = alpha_min^(t^2), sigma above sigma_min",
    kAzulaParams, [](const Settings& s, const Options&) {
      return closed_form(s, kToNoise, path::Vp{0, -4 * std::log(s["alpha_min"]), s["sigma_min"]});
    });
extern const ScheduleKind kAzulaCosine = schedule_kind(
    1001, "azula.cosine", "", "trigonometric, t = 1 is noise", kAzulaParams,
    [](const Settings& s, const Options&) {
      return closed_form(s, kToNoise, path::Trigonometric{s["alpha_min"], s["sigma_min"]});
    });
extern const ScheduleKind kAzulaRectified =
    schedule_kind(1002, "azula.rectified", "", "linear, t = 1 is noise", kAzulaParams,
                  [](const Settings& s, const Options&) {
                    return closed_form(s, kToNoise, path::Linear{s["alpha_min"], s["sigma_min"]});
                  });
extern const ScheduleKind kAzulaVe =
    schedule_kind(1003, "azula.ve", "", "sigma geometric in t", kAzulaVeParams, make_ve);
extern const ScheduleKind kDiffusionLabFlow = schedule_kind(
    1005, "diffusionlab.flow_matching", "", "linear, t = 1 is noise", {},
    [](const Settings& s, const Options&) { return closed_form(s, kToNoise, path::Linear{}); });
extern const ScheduleKind kVDenoiser = schedule_kind(
    1040, "k.v", "comfy.continuous-v", "trigonometric, t = 1 is noise: sigma/alpha = tan(pi/2 t)",
    {}, [](const Settings& s, const Options&) {
      return closed_form(s, kToNoise, path::Trigonometric{});
    });
extern const ScheduleKind kGenSbiScoreVp = schedule_kind(
    1006, "gensbi.sm_vp", "", "vp whose noise end is far from pure noise by default",
    kScoreVpParams, [](const Settings& s, const Options&) {
      require_order(s, "beta_min", "beta_max", true);
      return closed_form(s, {1, s["e_s"], 0, 1}, path::Vp{s["beta_min"], s["beta_max"]});
    });
extern const ScheduleKind kGenSbiScoreVe = schedule_kind(
    1007, "gensbi.sm_ve", "", "sigma geometric in t", kScoreVeParams,
    [](const Settings& s, const Options&) {
      require_order(s, "sigma_min", "sigma_max");
      return closed_form(s, {1, s["e_s"], 0, 1}, path::Ve{s["sigma_min"], s["sigma_max"]});
    });
extern const ScheduleKind kGenSbiFlowVp =
    schedule_kind(1008, "gensbi.fm_vp", "", "vp, t = 1 is data", kFlowVpParams,
                  [](const Settings& s, const Options&) {
                    require_order(s, "beta_min", "beta_max", true);
                    return closed_form(s, kToData, path::Vp{s["beta_min"], s["beta_max"]});
                  });
extern const ScheduleKind kGenSbiEdmVe = schedule_kind(
    1009, "gensbi.edm_ve", "", "sigma = sqrt(t); t runs from sigma_max^2, noise, to 0, data",
    kEdmVeParams,
    [](const Settings& s, const Options&) {
      const double most = s["sigma_max"] * s["sigma_max"];
      return closed_form(s, {most, 0, 0, 1e12}, path::Power{0.5});
    },
    kOwnTimeParams);

extern const ScheduleKind kDdpm, kEdmLevels, kFlow;

namespace {

// The betas of Stable Diffusion (Rombach et al. 2112.10752).
#define NWR_SD "beta=scaled_linear,beta_start=0.00085,beta_end=0.012"
constexpr Entry kPresets[] = {
    preset(1004, "azula-0.1.ve", "", "azula.ve with the default of versions before 0.3", kAzulaVe,
           "sigma_max=100"),
    preset(1016, "sd15", "sd1,sd2,sdxl,stable-diffusion,comfy.eps,sdcpp.eps",
           "ddpm with the betas of Stable Diffusion 1, 2 and XL", kDdpm, NWR_SD),
    preset(1017, "sd-zero-snr", "sdxl-zero-snr", "sd15 with its last index made pure noise", kDdpm,
           NWR_SD ",zero_snr=yes"),
    preset(1018, "comfy.sd-zero-snr", "comfy.zsnr",
           "sd-zero-snr whose last index keeps a little data", kDdpm,
           NWR_SD ",zero_snr=yes,terminal=4.8973451890853435e-08"),
    preset(1019, "cogvideox", "cogvideox-2b", "CogVideoX 2B: sd-zero-snr with a third of the SNR",
           kDdpm, NWR_SD ",zero_snr=yes,snr_shift=3"),
    preset(1020, "cogvideox-5b", "", "CogVideoX 5B: sd-zero-snr", kDdpm, NWR_SD ",zero_snr=yes"),
    preset(1021, "iddpm", "diffusers.squaredcos_cap_v2,deepfloyd-if,unclip",
           "ddpm with squared cosine alpha_bar, betas capped", kDdpm, "beta=squaredcos_cap_v2"),
    preset(1022, "kandinsky", "kandinsky-2", "ddpm with the linear betas of Kandinsky 2", kDdpm,
           "beta_start=0.00085,beta_end=0.012"),
    preset(1023, "shap-e", "", "ddpm with alpha_bar = exp(-12 u), 1024 indices", kDdpm,
           "beta=exp,count=1024"),
    preset(1025, "sd3", "sana,sdcpp.flow", "flow with shift 3", kFlow, "shift=3"),
    preset(1026, "flux", "flux-dev,flux1", "flow with mu 1.15", kFlow, "mu=1.15"),
    preset(1027, "auraflow", "", "flow with shift 1.73", kFlow, "shift=1.73"),
    preset(1028, "wan", "wan21", "flow with shift 5", kFlow, "shift=5"),
    preset(1029, "lumina2", "lumina", "flow with shift 6", kFlow, "shift=6"),
    preset(1030, "hunyuan-video", "", "flow with shift 7", kFlow, "shift=7"),
    preset(1031, "minimax-h3", "", "flow with shift 12", kFlow, "shift=12"),
    preset(1032, "comfy.flux", "", "flux with a table of 10000 levels", kFlow,
           "mu=1.15,count=10000"),
    preset(1034, "comfy.edm", "", "edm-levels from 0.002 to 120", kEdmLevels),
    preset(1035, "svd", "", "edm-levels from 0.002 to 700: Stable Video Diffusion", kEdmLevels,
           "sigma_max=700"),
    preset(1036, "diffusers.edm", "playground-v2.5", "edm-levels from 0.002 to 80, sigma_data 0.5",
           kEdmLevels, "sigma_max=80,rho=7,count=40,sigma_data=0.5"),
    preset(1037, "diffusers.cm", "openai.cm", "the 40 levels of consistency models", kEdmLevels,
           "sigma_max=80,rho=7,count=40,sigma_data=0.5"),
    preset(1038, "diffusers.cosine-dpm", "stable-audio", "edm-levels from 0.3 to 500", kEdmLevels,
           "sigma_min=0.3,sigma_max=500")};
#undef NWR_SD

}  // namespace

Presets schedule_presets() {
  return {[](size_t index) -> const Entry& { return kPresets[index]; }, std::size(kPresets)};
}

}  // namespace noisewright
