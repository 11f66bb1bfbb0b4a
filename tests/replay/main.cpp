// SPDX-License-Identifier: Apache-2.0
// Owns the program: finds recordings, tells their formats by what they hold, runs their cases and
// prints their outcomes. Must not know how any of them is replayed.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "formats.hpp"

namespace replay {
namespace {

namespace fs = std::filesystem;

struct Totals {
  size_t ok = 0, differ = 0, unsupported = 0;
  size_t known_files = 0;
};

class Printer : public Cases {
 public:
  Printer(std::string file, Totals& totals) : file_(std::move(file)), totals_(totals) {}

  void run(const std::string& name, const std::function<void(Check&)>& body) override {
    Check check;
    try {
      body(check);
      if (check.differs()) {
        differs(name, check.error(), check.where());
      } else {
        ++totals_.ok;
        std::printf("%s %s: ok %.2g\n", file_.c_str(), name.c_str(), check.error());
      }
    } catch (const Unsupported& reason) {
      unsupported(name, reason.why);
    } catch (const std::exception& e) {
      // What was compared before the failure is the better hint.
      if (check.differs()) {
        differs(name, check.error(), check.where());
      } else {
        differs(name, std::numeric_limits<double>::infinity(), e.what());
      }
    }
  }

  void unsupported(const std::string& name, const std::string& why) {
    ++totals_.unsupported;
    std::printf("%s %s: unsupported %s\n", file_.c_str(), name.c_str(), why.c_str());
  }

 private:
  void differs(const std::string& name, double error, const std::string& where) {
    ++totals_.differ;
    std::printf("%s %s: differs %.2g at %s\n", file_.c_str(), name.c_str(), error, where.c_str());
  }

  std::string file_;
  Totals& totals_;
};

Planner find_planner(const Json& file) {
  struct Peer {
    const char* source;
    Planner (*plan)(const Json& file);
  };
  constexpr Peer kPeers[] = {{"huggingface/diffusers", plan_of_diffusers},
                             {"crowsonkb/k-diffusion", plan_of_sigma_space},
                             {"comfyanonymous/ComfyUI", plan_of_sigma_space},
                             {"leejet/stable-diffusion.cpp", plan_of_sigma_space},
                             {"NVlabs/edm", plan_of_sigma_space},
                             {"openai/consistency_models", plan_of_sigma_space},
                             {"Newbeeer/diffusion_restart_sampling", plan_of_sigma_space},
                             {"willisma/SiT", plan_of_flow_ode},
                             {"facebookresearch/flow_matching", plan_of_flow_ode},
                             {"LuChengTHU/dpm-solver", plan_of_official},
                             {"wl-zhao/UniPC", plan_of_official},
                             {"QinpengCui/ER-SDE-Solver", plan_of_official},
                             {"probabilists/azula", plan_of_azula}};
  const std::string source = text_or(file, "source", "");
  for (const Peer& peer : kPeers) {
    if (source.rfind(peer.source, 0) == 0) return peer.plan(file);
  }
  throw Unsupported{"sampler " + text_or(file, "class", "") + " of " + source +
                    " is not in this version"};
}

// One word or more that tell what a seed's file holds, for a reason.
std::string subject(const Json& file) {
  const std::string what = text_or(file, "what", "");
  return text_or(file, "source", "") + ": " + what.substr(0, what.find_first_of(":,("));
}

// The formats of the seeds: whose, and what every case or, where starred, some case holds.
struct SeedFormat {
  const char* source;
  const char* field;
  void (*replay)(const Json& file, Cases& cases);
};
constexpr SeedFormat kSeedFormats[] = {
    {"mpmath", "half_g2", replay_reference_schedules},
    {"mpmath", "gamma_gamma_dot", replay_reference_gamma},
    {"torchebm", "d_alpha_alpha_ratio", replay_torchebm_schedules},
    {"torchebm", "velocity_to_score", replay_torchebm_conversions},
    {"torchebm", "u_t", replay_torchebm_interpolate},
    {"SiT", "*ratio", replay_sit_paths},
    {"GenSBI", "marginal_std", replay_gensbi_score_sde},
    {"GenSBI", "std_t", replay_gensbi_score_path},
    {"GenSBI", "time_schedule(u)", replay_gensbi_edm},
    {"GenSBI", "snr_inverse", replay_gensbi_flow_schedulers},
    {"GenSBI", "*target_to_velocity", replay_gensbi_flow_conversions},
    {"GenSBI", "get_score_upstream", replay_gensbi_flow_sde},
    {"DiffusionLab", "alpha_prime", replay_diffusionlab_schedules},
    {"DiffusionLab", "SCORE->V", replay_diffusionlab_conversions},
    {"DiffusionLab", "loss", replay_diffusionlab_loss},
    {"DiffusionLab", "ts", replay_diffusionlab_grids},
    {"DiffusionLab", "x_t", replay_diffusionlab_forward},
    {"azula", "*timesteps", replay_azula_clocks},
    {"azula", "*trajectory", replay_azula_runs},
    {"spec.md", "*trajectory", replay_azula_runs},
    {"torchebm", "trajectory_after_each_step", replay_torchebm_runs},
    {"GenSBI", "trajectory_after_each_step", replay_gensbi_edm_runs},
    {"GenSBI", "reverse_sde_em_trajectory", replay_gensbi_score_runs},
    {"DiffusionLab", "trajectory", replay_diffusionlab_runs},
    {"nami", "x_final", replay_nami_runs},
    {"stochastic-interpolants", "*xs_saved", replay_albergo_runs},
    {"azula", "sigma", replay_azula_schedules},
    {"azula", "karras_c_in", replay_azula_preconditioning},
    {"nami", "gamma_times_gamma_dot_generic", replay_nami_gamma},
    {"nami", "drift_plus", replay_nami_transforms},
    {"nami", "drift_minus", replay_nami_transforms},
    {"nami", "*score_from_noise", replay_nami_notebook},
    {"nami", "mirror", replay_nami_broadcast},
    {"nami", "snr", replay_nami_schedules},
    {"nami", "xt", replay_nami_interpolants},
    {"stochastic-interpolants", "*gg_dot", replay_albergo_fabrics},
    {"stochastic-interpolants", "SFromEta", replay_albergo_transforms},
};

void replay_seeds(const Json& file, Printer& cases) {
  const std::string source = text_or(file, "source", "");
  const Json& outputs = member(file, "outputs");
  const auto begins = [](const std::string& text, const char* start) {
    return text.rfind(start, 0) == 0;
  };
  const auto some = [&](const char* field) {
    return std::any_of(outputs.begin(), outputs.end(),
                       [=](const Json& output) { return has(output, field); });
  };
  const auto every = [&](const char* field) {
    return !outputs.empty() && std::all_of(outputs.begin(), outputs.end(),
                                           [=](const Json& output) { return has(output, field); });
  };
  if (source == "nami" && outputs.contains("eps_to_score")) {
    return replay_nami_conversions(file, cases);
  }
  for (const SeedFormat& format : kSeedFormats) {
    const bool any = *format.field == '*';
    if (begins(source, format.source) && (any ? some(format.field + 1) : every(format.field))) {
      return format.replay(file, cases);
    }
  }
  for (const auto& [name, output] : outputs.items()) {
    cases.unsupported(name, "recording (" + subject(file) + ") is not in this version");
  }
}

// False for a format that is none of the known.
bool replay_file(const Json& file, Printer& cases) {
  if (!file.is_object()) return false;
  const auto is = [&](const char* name) { return file.contains(name); };
  if (is("per_token_base")) {
    replay_tokens(file, cases);
  } else if (is("class") && is("model_doc") && is("steps")) {
    cases.run(text_or(file, "class", ""),
              [&](Check& check) { replay_trajectory(check, file, find_planner(file)); });
  } else if (is("source") && is("outputs") && file["outputs"].is_object()) {
    replay_seeds(file, cases);
  } else if (is("entries") && file["entries"].is_array() && !file["entries"].empty()) {
    const Json& first = file["entries"][0];
    const bool random = has(first, "ctr") || has(first, "rng") || has(first, "kind") ||
                        text_or(file, "source", "").rfind("pytorch", 0) == 0;
    if (random) {
      replay_random_words(file, cases);
    } else if (has(first, "timesteps") || has(first, "sigmas") || has(first, "discrete_sigmas")) {
      replay_grids(file, cases);
    } else if (has(first, "op") &&
               text_or(file, "source", "").find("training_utils") != std::string::npos) {
      replay_training(file, cases);
    } else if (has(first, "op") && is("pred_cond")) {
      replay_guidance(file, cases);
    } else if (text_or(first, "op", "").find("calculate_shift") != std::string::npos) {
      replay_helpers(file, cases);
    } else if (has(first, "op")) {
      cases.unsupported("operators", "a list of operators is not in this version");
    } else {
      return false;
    }
  } else if (is("alphas_cumprod")) {
    replay_table(file, cases);
  } else if (is("flow_matching") && is("azula")) {
    replay_schedule_probes(file, cases);
  } else {
    return false;
  }
  return true;
}

void replay_path(const fs::path& path, Totals& totals) {
  Printer cases(path.string(), totals);
  std::ifstream in(path);
  const Json file = Json::parse(in, nullptr, false);
  if (file.is_discarded()) {
    cases.unsupported("-", "unknown format: not JSON");
    return;
  }
  try {
    if (replay_file(file, cases)) {
      ++totals.known_files;
    } else {
      cases.unsupported("-", "unknown format");
    }
  } catch (const std::exception& e) {
    ++totals.known_files;
    cases.run("-", [&](Check&) { throw Malformed(e.what()); });
  }
}

std::vector<fs::path> find_recordings(int count, char** roots) {
  std::vector<fs::path> out;
  for (int i = 0; i < count; ++i) {
    if (!fs::is_directory(roots[i])) {
      out.push_back(roots[i]);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(roots[i])) {
      if (entry.is_regular_file() && entry.path().extension() == ".json") {
        out.push_back(entry.path());
      }
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

int run(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: replay DIR...\n");
    return 2;
  }
  Totals totals;
  try {
    for (const fs::path& path : find_recordings(argc - 1, argv + 1)) replay_path(path, totals);
  } catch (const fs::filesystem_error& e) {
    std::fprintf(stderr, "replay: %s\n", e.what());
    return 2;
  }
  std::printf("%zu ok, %zu differ, %zu unsupported\n", totals.ok, totals.differ,
              totals.unsupported);
  if (totals.known_files == 0) {
    std::fprintf(stderr, "replay: nothing was readable\n");
    return 2;
  }
  return totals.differ == 0 ? 0 : 1;
}

}  // namespace
}  // namespace replay

int main(int argc, char** argv) { return replay::run(argc, argv); }
