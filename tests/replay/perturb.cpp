// SPDX-License-Identifier: Apache-2.0
// Owns the test of replay in the other direction: a recording with one wrong number must differ,
// and the names of files must not matter. Must not know how anything is replayed.
//
// Usage: perturb REPLAY DIR. From every recording under DIR that replays it makes copies under
// other names, each with one number wrong: for every kind of number (a place with its indices left
// out) at one of its first, middle and last places. REPLAY must say of each that it differs.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Pointer = Json::json_pointer;

bool begins(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

// Numbers of the seeds' recordings that no case depends on: of whom, where, and why.
struct Free {
  const char *source, *what, *place, *why;
};
constexpr Free kFree[] = {
    {"GenSBI", "EDM", "/case_params/EDM/P_", "random noise levels, of which none is recorded"},
    {"GenSBI", "EDM", "/case_params/EDM-VP/e_t", "random noise levels, of which none is recorded"},
    {"GenSBI", "VPSm", "/e_s", "where random times begin, of which none is recorded"},
    {"GenSBI", "flow", "/outputs/VP/snr_inverse/0", "upstream's time before its first, refused"},
    {"GenSBI", "FMSDE", "_upstream", "upstream's defect, unsupported"},
    {"GenSBI", "SMPath", "/outputs/VPSm_default/sample_prior", "upstream's defect, unsupported"},
    {"azula", "default float32 clock", "/params/VE/", "a schedule that no case has"},
    {"azula", "default float32 clock", "/params/Rectified/", "a schedule that no case has"},
    {"azula", "default float32 clock", "/params/Cosine/", "a schedule that no case has"},
    {"azula", "default float32 clock", "/params/Decay/", "a schedule that no case has"},
    {"azula", "default float32 clock", "/init_mean_var/var", "times alpha^2, which is 1e-6"},
    {"GenSBI", "edm_sampler", "/S_churn", "beyond its ceiling, sqrt(2)-1 a step"},
    {"GenSBI", "edm_sampler", "/S_m", "bounds between noise levels"},
    {"torchebm", "FlowSampler", "_vp_default_velocity_SBDM_Mean/sample_eps", "has a last step"},
    {"torchebm", "FlowSampler", "_vp_default_noise_linear_Euler/sample_eps", "has a last step"},
    {"nami", "Interpolant", "/outputs/Gaussian", "upstream's defect, unsupported"},
    {"nami", "Interpolant", "/BrownianBridge.eps", "counts at the ends alone, where it divides 0"},
    {"nami", "notebook", "/params/seed", "of another generator, whose points are recorded"},
    {"nami", "notebook", "eps", "below gamma at the notebook's times"},
    {"nami", "notebook", "/outputs/max_errors/", "bounds, which a larger number is too"},
    {"leejet", "", "/brownian_tree/", "of another generator"},
    {"diffusers pipelines", "", "/entries/34/n", "strength 1 leaves no step out of any number"},
    {"google-research/torchsde", "", "/numpy_", "of numpy, whose seeds the trees have"},
    {"huggingface/diffusers", "", "/order_list/", "of a sampler, not of its grid"},
    {"huggingface/diffusers 58eb52c training", "", "/entries/6/sigmas/", "a weight of 1"},
    {"nami", "full x", "/inputs/x/", "any points have errors within the bounds"},
};

// Numbers of the peers' recordings that no run depends on: whose (source or class), where, and why.
struct FreeOfPeer {
  const char *whose, *place, *why;
};
constexpr FreeOfPeer kFreeOfPeers[] = {
    {"", "/noise_intervals_sigma/", "levels between which a peer drew what is recorded"},
    {"CogVideoXDPM", "/noises/9/", "drawn and not used"},
    {"sample_dpm_adaptive", "/steps/", "states after attempts: its calls are replayed"},
    {"sample_dpm_adaptive", "/native_float32/", "rounding decides about its steps"},
    {"sample_dpm_adaptive", "/info/n_", "follow from the calls"},
    {"unipc", "/steps/", "corrected before the model sees it: its calls are replayed"},
    {"UniPC", "/steps/", "corrected before the model sees it: its calls are replayed"},
    {"KDPM2", "/sigmas_", "follows from the levels"},
    {"KDPM2", "/sigmas/", "more levels than steps"},
    {"LCMScheduler", "/config/timestep_scaling", "counts at the first times alone"},
    {"LCMScheduler", "/denoised/", "what the next state is made of"},
    {"TCDScheduler", "/config/timestep_scaling", "unused"},
    {"TCDScheduler", "/pred_noised_sample", "what the next state is made of"},
    {"TCDScheduler", "/step_kwargs/eta", "cut to an index"},
    {"Helios", "/config/gamma", "of stages, of which there is one"},
    {"Helios", "/config/stage_range", "of stages, of which there is one"},
    {"Helios", "/config/shift", "of a grid that its caller gives"},
    {"UniPCMultistepScheduler", "/config/flow_shift", "unused along a curve"},
    {"SASolverScheduler", "/noises/", "drawn where tau is 0 too"},
    {"LTXEuler", "/config/eta", "above 1 is 1"},
    {"sample_dpm_2", "/sampler_kwargs/s_", "a ceiling, and bounds between levels"},
    {"sample_heun", "/sampler_kwargs/s_", "a ceiling, and bounds between levels"},
    {"edm_sampler", "/S_churn", "beyond its ceiling"},
    {"edm_sampler", "/S_m", "bounds between levels"},
    {"sample_dpm_fast", "/noises/", "drawn in the last step too, for nothing"},
    {"Sampler.sample_sde", "/steps/", "told before the noise: its calls are replayed"},
    {":er_sde", "/sigmas/0", "cut at 0.9999"},
    {"sample_dpm_fast", "/t_up", "what the next state is made of"},
    {"_order", "/config/noise_scale_func", "another is not in this version"},
    {"_order", "/config/func_eta", "unused"},
    {"restart_sampler", "/init_unit_noise/", "the start, times 80 in the same file"},
    {":tcd", "/noises/8/", "times the root of a difference that is rounding"},
    {"restart_sampler", "/sampler_kwargs/S_m", "bounds between levels"},
    {"EulerDiscreteScheduler", "/step_kwargs/s_tm", "bounds between levels"},
    {"EulerDiscreteScheduler", "/pred_original_sample/",
     "of the state with its noise; ours has none"},
    {"FlowMatchHeun", "/noises/", "drawn in second halves too, for nothing"},
    {"IPNDMScheduler", "/config/num_train_timesteps", "unused"},
    {"dpmpp2m_sde_bt", "/noises/", "of a tree that adds nothing here"},
};

// One recording and what its numbers are for.
class Recording {
 public:
  // lines: what replay says of its cases.
  Recording(Json file, std::string lines) : file_(std::move(file)), lines_(std::move(lines)) {
    collect(file_, Pointer(), "");
  }

  const Json& file() const { return file_; }
  const std::map<std::string, std::vector<Pointer>>& kinds() const { return kinds_; }

  // Whether no run depends on the number: settings of what is switched off, and noises that the
  // peer draws and multiplies by 0.
  bool is_free(const std::string& kind, const Pointer& place) const {
    if (begins(kind, "/max_abs_diff")) return true;
    if (is_tangent_of_single(kind, place)) return true;
    for (const Free& free : kFree) {
      if (begins(text("source"), free.source) &&
          text("what").find(free.what) != std::string::npos &&
          place.to_string().find(free.place) != std::string::npos) {
        return true;
      }
    }
    for (const FreeOfPeer& free : kFreeOfPeers) {
      if (text("class").find(free.whose) != std::string::npos && file_.contains("steps") &&
          place.to_string().find(free.place) != std::string::npos) {
        return true;
      }
    }
    if (begins(kind, "/config/")) return is_free_setting(kind.substr(8));
    if (kind == "/noises/*/*/*") return is_free_noise(place);
    if (begins(kind, "/inputs/noise_z/")) {
      // One more may be there than there are steps.
      const Pointer row = place.parent_pointer().parent_pointer();
      return std::stoul(row.back()) >= step_count();
    }
    for (const char* cases : {"/case_params/", "/case_inputs/", "/outputs/"}) {
      if (!begins(kind, cases)) continue;
      const std::string name = kind.substr(std::string(cases).size());
      if (lines_.find(" " + name.substr(0, name.find('/')) + ": ok") == std::string::npos)
        return true;
    }
    if (begins(kind, "/case_inputs/t_shape_(5,1)_OU/")) {
      // At the ends of time one of the two legs is all there is.
      const std::string row = place.parent_pointer().back();
      return row == (place.parent_pointer().parent_pointer().back() == "eps" ? "0" : "4");
    }
    // Another value is another method, which may be one that is not in this version.
    for (const char* method : {"/sampler_kwargs/order", "/sampler_kwargs/eta"}) {
      if (kind == method) return true;
    }
    return false;
  }

  // Well above the tolerance of the place.
  Json wrong(const std::string& kind, const Json& value) const {
    if (value.is_number_integer()) return value.get<int64_t>() + 1;
    const bool single = begins(kind, "/native_float32") ||
                        begins(kind, "/model_sampling_probes_native") ||
                        begins(text("dtype"), "float32") || begins(text("dtype"), "torch.float32");
    // azula's default clock is single whatever its states are; its REAB integrates by a trapezoid;
    // and nami's eight steps of the reverse SDE forget most of where they began.
    const bool coarse =
        begins(text("dtype"), "mixed") || begins(text("dtype"), "see cases") ||
        (begins(text("source"), "azula") && kind.find("REAB") != std::string::npos) ||
        text("class") == "REABSampler" || text("class") == "restart_sampler" ||
        kind.find("/case_params/vp_reverse_sde_em/x_init") == 0;
    const double v = value.get<double>();
    return v + (single || coarse ? 0.02 : 1e-6) * (1 + std::fabs(v));
  }

 private:
  void collect(const Json& value, const Pointer& at, const std::string& kind) {
    if (value.is_number()) {
      kinds_[kind].push_back(at);
    } else if (value.is_array()) {
      for (size_t i = 0; i < value.size(); ++i) collect(value[i], at / i, kind + "/*");
    } else if (value.is_object()) {
      for (const auto& [key, item] : value.items()) collect(item, at / key, kind + "/" + key);
    }
  }

  // Of a seed's recorded run.
  size_t step_count() const {
    const Json& inputs = file_["inputs"];
    if (inputs.contains("timesteps")) return inputs["timesteps"].size() - 1;
    for (const char* name : {"n_steps", "n_step", "n", "steps"}) {
      if (file_["params"].contains(name)) return file_["params"][name].get<size_t>();
    }
    return 0;
  }

  std::string text(const char* name) const {
    return file_.contains(name) && file_[name].is_string() ? file_[name].get<std::string>() : "";
  }
  template <class T>
  T setting(const char* name, T other) const {
    return file_["config"].value(name, other);
  }

  // float32's pi/2 is above pi/2, where the tangent is negative and clamped: of these, at the end
  // of torchebm's cosine, its arithmetic has no digit.
  bool is_tangent_of_single(const std::string& kind, const Pointer& place) const {
    const std::string cosine = "/outputs/cosine/";
    if (text("source") != "torchebm" || text("dtype") != "torch.float32") return false;
    if (!begins(kind, (cosine + "diffusion_SBDM").c_str()) &&
        !begins(kind, (cosine + "drift_mean").c_str())) {
      return false;
    }
    return std::stoul(place.back()) + 1 == file_["inputs"]["t"].size();
  }

  bool is_free_setting(const std::string& name) const {
    for (const char* unused : {"dynamic_thresholding_ratio", "sample_max_value",
                               "clip_sample_range", "base_shift", "max_shift", "base_image_seq_len",
                               "max_image_seq_len", "lambda_min_clipped", "solver_order"}) {
      if (name == unused) return true;
    }
    const bool dynamic = setting("use_dynamic_shifting", false);
    const bool flow = setting("use_flow_sigmas", false);
    if (name == "flow_shift") return !flow || dynamic;
    if (name == "shift") return dynamic;
    if (name == "steps_offset") {
      for (const char* recorded : {"LCM", "TCD", "PNDM", "DDIMInverse", "LMS"}) {
        if (text("class").find(recorded) != std::string::npos) return true;
      }
      return setting("timestep_spacing", std::string()) != "leading" ||
             setting("use_karras_sigmas", false) ||
             file_["set_timesteps_kwargs"].contains("timesteps");
    }
    if (name == "rho") return setting("sigma_schedule", std::string()) == "exponential";
    // The model's clock is log(sigma), and the grid is told by its own ends.
    const bool continuous = setting("timestep_type", std::string()) == "continuous";
    if (name == "num_train_timesteps") {
      return file_["config"].contains("sigma_data") || continuous;
    }
    if (name == "beta_start" || name == "beta_end") {
      const auto formula = setting("beta_schedule", std::string());
      return flow || continuous ||
             (formula != "linear" && formula != "scaled_linear" && formula != "sigmoid");
    }
    return false;
  }

  bool is_free_noise(const Pointer& place) const {
    const std::string source = text("source"), name = text("class");
    const Json none = Json::object();
    const Json& settings = file_.contains("sampler_kwargs") && file_["sampler_kwargs"].is_object()
                               ? file_["sampler_kwargs"]
                               : none;
    const bool ancestral = name == "DDPMSampler" || settings.value("eta", 0.0) > 0;
    if (!begins(source, "huggingface/diffusers")) return !ancestral;
    // The last step has none left.
    const std::string index = place.parent_pointer().parent_pointer().back();
    return index == std::to_string(file_["noises"].size() - 1);
  }

  Json file_;
  std::string lines_;
  std::map<std::string, std::vector<Pointer>> kinds_;
};

struct Result {
  int status;
  std::map<std::string, std::string> lines;  // of each file, one after the other
};

Result run(const std::string& replay, const fs::path& dir, const fs::path& log) {
  const std::string command = "'" + replay + "' '" + dir.string() + "' > '" + log.string() + "'";
  Result result{std::system(command.c_str()), {}};
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    const size_t end = line.find(".json ");
    if (end != std::string::npos)
      result.lines[line.substr(0, end + 5)] += line.substr(end + 5) + "\n";
  }
  return result;
}

class Test {
 public:
  Test(std::string replay, fs::path root, fs::path temp)
      : replay_(std::move(replay)), root_(std::move(root)), temp_(std::move(temp)) {}

  int run_all() {
    const Result truth = run(replay_, root_, temp_ / "log");
    for (const auto& [name, lines] : truth.lines) {
      if (lines.find(": ok") == std::string::npos) continue;
      std::ifstream in(name);
      const Recording recording(Json::parse(in), lines);
      make_copies(recording, lines);
      judge(name, lines);
    }
    std::printf("%zu copies, %zu kinds of number, %zu wrong answers\n", copies_, kinds_.size(),
                failures_);
    return copies_ > 0 && failures_ == 0 ? 0 : 1;
  }

 private:
  void write(const Json& file, const std::string& what) {
    const fs::path path = dir_ / (std::to_string(copies_++) + ".json");
    std::ofstream(path) << file;
    what_[path.string()] = what;
  }

  void make_copies(const Recording& recording, const std::string& lines) {
    dir_ = temp_ / ("copies" + std::to_string(copies_));
    fs::create_directories(dir_);
    what_.clear();
    for (const auto& [kind, places] : recording.kinds()) {
      // Known answers are hexadecimal text; of numbers they hold only which generator they are of.
      if (begins(kind, "/entries/")) continue;
      // First, middle and last take turns from file to file.
      size_t& turn = kinds_[kind];
      const size_t which = turn++ % 3;
      const size_t index = which == 0 ? 0 : which == 1 ? places.size() / 2 : places.size() - 1;
      const Pointer& place = places[index];
      if (recording.is_free(kind, place)) continue;
      Json copy = recording.file();
      copy[place] = recording.wrong(kind, copy[place]);
      write(copy, place.to_string());
    }
    if (recording.file().contains("entries")) {
      make_word_copies(recording.file(), lines);
      make_entry_copies(recording, lines);
    }
    // The same numbers under another name.
    write(recording.file(), "");
  }

  void make_word_copies(const Json& file, const std::string& lines) {
    std::vector<size_t> made;
    for (size_t i = 0; i < file["entries"].size(); ++i) {
      const std::string name = "entries[" + std::to_string(i) + "]: ok";
      if (lines.find(name) == std::string::npos) continue;
      if (!file["entries"][i].contains("ctr")) {
        made.push_back(i);
        continue;
      }
      for (const char* words : {"key", "ctr", "expected"}) {
        for (size_t k = 0; k < file["entries"][i][words].size(); ++k) {
          Json copy = file;
          auto& digits = copy["entries"][i][words][k].get_ref<std::string&>();
          digits.back() = digits.back() == '0' ? '1' : '0';
          write(copy, std::string(words) + " of entry " + std::to_string(i));
        }
      }
    }
    if (made.empty()) return;
    // Of draws of a generator the first, middle and last, each with one number of a kind wrong.
    for (const size_t i : {made.front(), made[made.size() / 2], made.back()}) {
      const Recording entry(file["entries"][i], "");
      for (const auto& [kind, places] : entry.kinds()) {
        const Pointer place = Pointer() / "entries" / i / places[places.size() / 2];
        Json copy = file;
        const bool whole = copy[place].is_number_integer();
        const double v = copy[place].get<double>();
        if (whole) {
          copy[place] = copy[place].get<uint64_t>() ^ 1;
        } else {
          copy[place] = v + 0.02 * (1 + std::fabs(v));
        }
        write(copy, place.to_string());
      }
    }
  }

  // Of the grids or operations in a file the first, middle and last that replay, each with one
  // number wrong.
  void make_entry_copies(const Recording& recording, const std::string& lines) {
    const Json& entries = recording.file()["entries"];
    std::vector<size_t> told;
    for (size_t i = 0; i < entries.size(); ++i) {
      const std::string place = "[" + std::to_string(i) + "]";
      const size_t at = std::min(lines.find(" grid" + place), lines.find(" op" + place));
      if (at == std::string::npos) continue;
      const std::string line = lines.substr(at, lines.find('\n', at) - at);
      if (line.find(": ok") != std::string::npos) told.push_back(i);
    }
    if (told.empty()) return;
    for (const size_t i : {told.front(), told[told.size() / 2], told.back()}) {
      for (const auto& [key, value] : entries[i].items()) {
        const bool counts = key == "init_noise_sigma" || key == "n" || key == "steps";
        if (!value.is_array() && !counts) continue;
        if (value.is_null() || (value.is_array() && value.empty())) continue;
        Pointer place = Pointer() / "entries" / i / key;
        const bool list = entries[i][key].is_array();
        if (list) place /= entries[i][key].size() / 2;
        if (recording.is_free("/entries", place)) continue;
        Json copy = recording.file();
        const double v = copy[place].get<double>();
        if (list) {
          copy[place] = v + 0.02 * (1 + std::fabs(v));
        } else {
          copy[place] = v + 1;
        }
        write(copy, place.to_string());
      }
    }
  }

  void judge(const std::string& name, const std::string& lines) {
    const Result result = run(replay_, dir_, temp_ / "log");
    if (result.status == 0) fail(name, "status 0 with copies that differ");
    for (const auto& [path, what] : what_) {
      const auto found = result.lines.find(path);
      const std::string said = found == result.lines.end() ? "" : found->second;
      if (what.empty()) {
        if (said != lines) fail(name, "another name, another outcome: " + said);
      } else if (said.find(": differs ") == std::string::npos) {
        fail(name, "a wrong " + what + " was not seen");
      }
    }
    fs::remove_all(dir_);
  }

  void fail(const std::string& name, const std::string& why) {
    ++failures_;
    std::printf("%s: %s\n", name.c_str(), why.c_str());
  }

  std::string replay_;
  fs::path root_, temp_, dir_;
  std::map<std::string, std::string> what_;  // wrong in each copy; empty if nothing
  std::map<std::string, size_t> kinds_;
  size_t copies_ = 0, failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: perturb REPLAY DIR\n");
    return 2;
  }
  const fs::path temp =
      fs::temp_directory_path() / ("nwr-replay-" + std::to_string(std::random_device{}()));
  fs::create_directories(temp);
  const int status = Test(argv[1], argv[2], temp).run_all();
  fs::remove_all(temp);
  return status;
}
