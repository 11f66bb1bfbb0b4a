// SPDX-License-Identifier: Apache-2.0
// Owns the names by which k-diffusion, ComfyUI, A1111 and stable-diffusion.cpp call a sampler, a
// grid, or both at once: "DPM++ 2M Karras", "dpmpp_2m sgm_uniform", "sample_euler_ancestral". Must
// not know how any of them works.
#include "core/error.hpp"
#include "core/imports/import.hpp"
#include "core/schedule.hpp"

namespace noisewright {
namespace {

// Settings that such a program's method takes here: it steps x itself in sigma, for flows too, and
// its fresh noise is, for flows, that of rectified flow.
enum Takes { kNothing = 0, kLine = 1, kNoise = 2, kSpace = 4 };

struct SamplerNames {
  const char* names;  // as normal() writes them
  const char* ours;
  const char* settings;
  int takes;
};
constexpr SamplerNames kSamplers[] = {
    {"euler", "euler", "", kSpace},
    {"euler_a,euler_ancestral,k_euler_a", "euler-ancestral", "", kLine | kNoise},
    {"ddim_trailing", "euler-ancestral", "eta=0", kLine | kNoise},
    {"heun", "heun", "", kSpace},
    {"dpm2,dpm_2", "dpm-2", "", kLine},
    {"dpm2_a,dpm_2_ancestral", "dpm-2-ancestral", "", kLine | kNoise},
    {"lms", "k.lms", "", kLine},
    {"dpm_fast", "dpm-fast", "", kNothing},
    {"dpmpp_2s_a,dpmpp_2s_ancestral,dpmpp2s_a", "dpmpp-2s-ancestral", "", kNoise},
    {"dpmpp_2m,dpmpp2m", "dpmpp-2m", "", kLine},
    {"dpmpp_sde,dpmpp_sde_gpu", "dpmpp-sde", "", kNothing},
    {"dpmpp_2m_sde,dpmpp_2m_sde_gpu,dpmpp2m_sde,dpmpp2m_sde_bt", "dpmpp-2m-sde", "solver=midpoint",
     kNothing},
    {"dpmpp_2m_sde_heun,dpmpp_2m_sde_heun_gpu", "dpmpp-2m-sde", "solver=heun", kNothing},
    {"dpmpp_3m_sde,dpmpp_3m_sde_gpu", "k.dpmpp-3m-sde", "", kNothing},
    {"ddim", "ddim", "", kNothing},
    {"ddpm", "ddpm", "", kNothing},
    {"plms,pndm", "pndm", "", kNothing},
    {"unipc,uni_pc", "diffusers.unipc", "variant=bh1", kNothing},
    {"uni_pc_bh2", "diffusers.unipc", "variant=bh2", kNothing},
    {"lcm", "lcm", "", kNothing},
    {"tcd", "tcd", "", kNothing},
    {"restart", "restart", "", kNothing},
    {"heunpp2", "heunpp2", "", kLine},
    {"ipndm", "ipndm", "lower_order_final=last", kLine},
    {"ipndm_v", "k.lms", "lower_order_final=last", kLine},
    {"deis", "deis", "", kNothing},
    {"res_multistep", "res-multistep", "", kLine},
    {"res_multistep_ancestral", "res-multistep", "eta=1,noise=variance", kLine},
    {"res_2s", "res-2s", "", kLine},
    {"gradient_estimation,euler_ge", "gradient-estimation", "", kLine},
    {"er_sde", "comfy.er-sde", "", kNothing},
    {"seeds_2", "seeds-2", "", kNothing},
    {"seeds_3", "seeds-3", "", kNothing},
    {"sa_solver", "comfy.sa-solver", "", kNothing},
    {"sa_solver_pece", "comfy.sa-solver-pece", "", kNothing}};

struct GridNames {
  const char *names, *ours;
  const char* on_flow = nullptr;  // where it is another
};
constexpr GridNames kGrids[] = {
    {"normal,uniform,automatic,discrete", "normal", "comfy.flow-normal"},
    {"karras", "k.karras"},
    {"exponential", "k.exponential"},
    {"polyexponential", "polyexponential"},
    {"sgm_uniform", "sgm-uniform", "comfy.flow-sgm"},
    {"simple", "simple"},
    {"ddim_uniform,ddim", "ddim-uniform"},
    {"beta", "comfy.beta"},
    {"linear_quadratic", "linear-quadratic"},
    {"kl_optimal", "kl-optimal"},
    {"laplace", "laplace"},
    {"ays,align_your_steps", "ays"},
    {"gits,align_your_steps_gits", "gits"},
    {"lcm", "lcm"},
    {"smoothstep", "sdcpp.smoothstep"},
    {"bong_tangent", "bong-tangent"},
    {"flux", "flux"},
    {"flux2", "flux2"},
    {"ltx2", "ltx2"},
    {"logit_normal", "logit-normal"}};

struct Unported {
  const char *name, *why;
};
constexpr Unported kUnported[] = {
    {"dpm_adaptive", "its steps are adaptive"},
    {"dpmpp2mv2", "its weights are of no method: dpmpp2m"},
    {"turbo", "its levels are those of SDXL Turbo's own table"},
};

// Lower case, without "sample_", "++" as pp, one underscore between two words.
std::string normal(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+' && i + 1 < text.size() && text[i + 1] == '+') {
      out += "pp", ++i;
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      out += c;
    } else if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (c == ' ' || c == '_' || c == '-' || c == '/' || c == ',' || c == '+' || c == '\t' ||
               c == '\n' || c == '\r') {
      if (!out.empty() && out.back() != '_') out += '_';
    } else {
      fail(NWR_ERROR_INVALID_ARGUMENT, "text: byte ", i, " belongs to no name");
    }
  }
  while (!out.empty() && out.back() == '_') out.pop_back();
  if (out.rfind("sample_", 0) == 0) out.erase(0, 7);
  return out;
}

bool is_named(const char* names, std::string_view name) {
  bool found = false;
  for_each_name(names, [&](std::string_view one) { found = found || one == name; });
  return found;
}

template <class T, size_t kSize>
const T* find(const T (&table)[kSize], std::string_view name) {
  for (const T& one : table) {
    if (is_named(one.names, name)) return &one;
  }
  return nullptr;
}

template <class T, size_t kSize>
std::string listed(const T (&table)[kSize]) {
  std::string out;
  for (const T& one : table) {
    const std::string_view names = one.names;
    (out += out.empty() ? "" : ", ") += names.substr(0, names.find(','));
  }
  return out;
}

std::string with_settings(const SamplerNames& sampler, bool flow) {
  std::string settings = sampler.settings;
  const auto add = [&](int what, const char* setting) {
    if (!(sampler.takes & what)) return;
    (settings += settings.empty() ? "" : ",") += setting;
  };
  add(kLine, flow ? "space=flow" : "space=sigma");
  add(kNoise, flow ? "noise=flow" : "noise=variance");
  // On a flow time is the level.
  add(kSpace, flow ? "space=t" : "space=sigma");
  return settings.empty() ? sampler.ours : concat(sampler.ours, "(", settings, ")");
}

}  // namespace

Import import_names(std::string_view text, const nwr_import_options& options) {
  if (text.size() > 200) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "text is no JSON object, and too long for names: it has ",
         text.size(), " bytes");
  }
  const std::string name = normal(text);
  for (const Unported& one : kUnported) {
    if (name.find(one.name) != std::string::npos) {
      fail(NWR_ERROR_UNSUPPORTED, "text: ", one.name, " cannot be imported: ", one.why);
    }
  }
  if (name.find("cfg_pp") != std::string::npos || name.find("cfgpp") != std::string::npos) {
    fail(NWR_ERROR_UNSUPPORTED, "text: '", name, "' has its guidance inside the step");
  }
  if (options.param_count > 0) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.param_count is ", options.param_count,
         ", but names take no arguments");
  }
  // The longest name of a sampler of which the rest names a grid.
  const SamplerNames* sampler = nullptr;
  const GridNames* grid = &kGrids[0];
  for (size_t end = name.size(); end > 0 && !sampler; --end) {
    if (end < name.size() && name[end] != '_') continue;
    const SamplerNames* one = find(kSamplers, std::string_view(name).substr(0, end));
    const GridNames* rest =
        end == name.size() ? &kGrids[0] : find(kGrids, std::string_view(name).substr(end + 1));
    if (one && rest) sampler = one, grid = rest;
  }
  if (!sampler) {
    fail(NWR_ERROR_NOT_FOUND, "text: '", name, "' names no sampler (", listed(kSamplers),
         "), nor one and a grid (", listed(kGrids), ")");
  }
  Import out;
  out.source = name;
  out.steps = options.steps;
  out.schedule = options.schedule ? options.schedule : "sd15";
  const Ref<Schedule> schedule = schedule_of(out);
  const bool flow = schedule->spacing() == Schedule::Spacing::flow;
  const bool edm = schedule->spacing() == Schedule::Spacing::noise_level;
  if (!flow && !edm && schedule->index_count() == 0) out.clock = NWR_CLOCK_T;
  if (flow) {
    out.prediction = NWR_VELOCITY;
    out.clock = NWR_CLOCK_T;
    out.clock_scale = 1000;
  } else if (edm) {
    out.prediction = NWR_PRECONDITIONED;
    out.clock = NWR_CLOCK_EDM;
  }
  out.grid = flow && grid->on_flow ? grid->on_flow : grid->ours;
  out.sampler = with_settings(*sampler, flow);
  if (!options.schedule) {
    out.warnings.push_back(
        "schedule: names say nothing of the model; that of Stable Diffusion 1, 2 and XL is taken");
  }
  if (sampler->ours == std::string_view("dpm-fast")) {
    out.warnings.push_back("dpm_fast: its authors count evaluations; here three make a step");
  }
  return out;
}

}  // namespace noisewright
