// SPDX-License-Identifier: Apache-2.0
// stable-diffusion.cpp's samplers and generators on its own tensors, and the library on the same
// tensors, in one process, in turn.
//
//   sdcpp ROUNDS > RESULTS.json
//
// tests/bench/report compiles it against a checkout of the peer. What it calls there is all in
// headers, so that neither the peer nor ggml has to be built or linked. First every pair must end
// on the same numbers; then each round times the peer, then the library; a round in which this
// process waited for a core more than 3 % of its time is dropped.
#include <noisewright.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include "core/rng_mt19937.hpp"
#include "core/rng_philox.hpp"
#include "runtime/denoiser.hpp"

namespace {

using Tensor = sd::Tensor<float>;
using Noise = std::shared_ptr<RNG>;

constexpr unsigned kThreads = 2;  // the library's; the peer's samplers have one
constexpr int kSteps = 5;
constexpr int64_t kShift = 16;

void check(int32_t status) {
  if (status >= 0) return;
  std::fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  std::exit(1);
}

nwr_context* context() {
  static nwr_context* made = [] {
    nwr_context_options options = {};
    options.struct_size = sizeof options;
    options.threads = kThreads;
    nwr_context* out = nullptr;
    check(nwr_context_create(&options, &out));
    return out;
  }();
  return made;
}

// Levels sigma/alpha; the last is not 0, where methods fall back on less work.
std::vector<float> levels() {
  std::vector<float> out{10};
  for (int i = 0; i < kSteps; ++i) out.push_back(out.back() * 0.7f);
  return out;
}

// A run's x and what the model will say at each step, made before the time is taken. Models hand
// tensors over by moving them, which costs nothing; the sampler, or whoever steps, frees them.
struct Run {
  Run(int64_t side, const std::vector<float>& numbers) {
    const auto piece = [&](int64_t shift) {
      const auto begin = numbers.begin() + shift * kShift;
      return Tensor({side, side, 16, 1}, std::vector<float>(begin, begin + side * side * 16));
    };
    x = piece(0);
    for (int i = 1; i <= kSteps; ++i) answers.push_back(piece(i));
  }
  Tensor x;
  std::vector<Tensor> answers;
};

struct View {
  explicit View(Tensor& tensor) : shape{1, tensor.numel()} {
    view.data = tensor.data();
    view.device = NWR_CPU;
    view.ndim = 2;
    view.dtype = NWR_F32;
    view.shape = shape;
  }
  View(const View&) = delete;
  int64_t shape[2];
  nwr_tensor view = {};
};

struct Method {
  const char* name;
  const char* spec;
  Tensor (*peer)(denoise_cb_t, Tensor, const std::vector<float>&, Noise);
};
// Noise is that of the faster of the peer's generators; philox, its default, is some
// twenty times slower.
const Method kMethods[] = {
    {"euler", "euler",
     [](denoise_cb_t model, Tensor x, const std::vector<float>& sigmas, Noise) {
       return sample_euler(model, std::move(x), sigmas);
     }},
    {"euler a", "euler-ancestral",
     [](denoise_cb_t model, Tensor x, const std::vector<float>& sigmas, Noise noise) {
       return sample_euler_ancestral(model, std::move(x), sigmas, noise, false, 1.0f);
     }},
    {"dpm++ 2m", "dpmpp-2m",
     [](denoise_cb_t model, Tensor x, const std::vector<float>& sigmas, Noise) {
       return sample_dpmpp_2m(model, std::move(x), sigmas);
     }},
    {"dpm++ 2m sde", "dpmpp-2m-sde",
     [](denoise_cb_t model, Tensor x, const std::vector<float>& sigmas, Noise noise) {
       return sample_dpmpp_2m_sde(model, std::move(x), sigmas, noise, 1.0f);
     }},
    {"res multistep", "res-multistep",
     [](denoise_cb_t model, Tensor x, const std::vector<float>& sigmas, Noise noise) {
       return sample_res_multistep(model, std::move(x), sigmas, noise, false, 0.0f);
     }},
};

void run_peer(const Method& method, Run& run, const Noise& noise) {
  const auto model = [&run](const Tensor&, float, int step) {
    sd::guidance::GuiderOutput out;
    out.pred = std::move(run.answers[static_cast<size_t>(step - 1)]);
    return out;
  };
  run.x = method.peer(model, std::move(run.x), levels(), noise);
}

nwr_sampler* sampler(const char* spec, nwr_noise_fn noise) {
  const std::vector<float> sigmas = levels();
  const std::vector<double> times(sigmas.begin(), sigmas.end());
  nwr_schedule_options edm = {};
  edm.struct_size = sizeof edm;
  edm.kind = NWR_SCHEDULE_EDM;
  nwr_schedule* schedule = nullptr;
  check(nwr_schedule_create(&edm, &schedule));
  nwr_rng rng = {};
  nwr_sampler_options options = {};
  options.struct_size = sizeof options;
  options.name = spec;
  options.prediction = NWR_DATA;
  options.times = times.data();
  options.time_count = static_cast<uint32_t>(times.size());
  options.rngs = &rng;
  options.rng_count = 1;
  options.noise = noise;
  nwr_sampler* out = nullptr;
  check(nwr_sampler_create(context(), schedule, &options, &out));
  nwr_schedule_destroy(schedule);
  return out;
}

void run_ours(nwr_sampler* sampler, Run& run) {
  const View x(run.x);
  check(nwr_sampler_start(sampler, &x.view, NWR_START_STATE));
  nwr_eval eval = {};
  eval.struct_size = sizeof eval;
  for (Tensor& answer : run.answers) {
    check(nwr_sampler_next(sampler, &eval));
    const View output(answer);
    check(nwr_sampler_step(sampler, &x.view, &output.view, 1));
    answer = {};
  }
}

// ---- the same work ------------------------------------------------------------------------------

// Noise for both, so that its factors are compared too.
struct Ones : RNG {
  void manual_seed(uint64_t) override {}
  std::vector<float> randn(uint32_t count) override { return std::vector<float>(count, 1.0f); }
};

void compare(const Method& method, const std::vector<float>& numbers) {
  const auto ones = [](void*, uint64_t, const nwr_tensor* out) -> int32_t {
    std::fill_n(static_cast<float*>(out->data), out->shape[1], 1.0f);
    return 0;
  };
  Run theirs(8, numbers), ours(8, numbers);
  run_peer(method, theirs, std::make_shared<Ones>());
  nwr_sampler* made = sampler(method.spec, ones);
  run_ours(made, ours);
  nwr_sampler_destroy(made);
  for (int64_t i = 0; i < ours.x.numel(); ++i) {
    if (std::fabs(theirs.x[i] - ours.x[i]) <= 1e-4f) continue;
    std::fprintf(stderr, "sdcpp: %s: %g there, %g here\n", method.name, theirs.x[i], ours.x[i]);
    std::exit(1);
  }
}

// ---- measuring ----------------------------------------------------------------------------------

// Seconds that this process's threads have waited for a core.
double waited() {
  double ran = 0, late = 0, total = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (std::ifstream(task.path() / "schedstat") >> ran >> late) total += late;
  }
  return total * 1e-9;
}

double median(std::vector<double> of) {
  std::nth_element(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2), of.end());
  return of[of.size() / 2];
}

const char* comma = "";  // before a result

struct Size {
  const char* name;
  int64_t side;
  int repeats;  // short runs are timed by several
};
constexpr Size kSizes[] = {{"64Ki", 64, 20}, {"4Mi", 512, 1}};

template <class Peer, class Ours>
void measure(const char* name, const Size& size, int rounds, const std::vector<float>& numbers,
             const Peer& peer, const Ours& ours) {
  double late = 0;
  const auto seconds = [&](const auto& work) {
    std::chrono::duration<double> spent{};
    for (int i = 0; i < size.repeats; ++i) {
      Run run(size.side, numbers);
      const double before = waited();
      const auto begin = std::chrono::steady_clock::now();
      work(run);
      spent += std::chrono::steady_clock::now() - begin;
      late += waited() - before;
    }
    return spent.count();
  };
  seconds(ours);
  std::vector<double> theirs, own, ratios;
  int taken = 0;
  // On a busy machine more rounds are taken, up to a bound.
  while (taken < 4 * rounds && static_cast<int>(ratios.size()) < rounds) {
    ++taken;
    late = 0;
    const double there = seconds(peer), here = seconds(ours);
    if (late > 0.03 * (there + here)) continue;
    theirs.push_back(there / size.repeats);
    own.push_back(here / size.repeats);
    ratios.push_back(there / here);
  }
  std::printf("%s\n {\"work\": \"%s\", \"size\": \"%s\", \"dtype\": \"f32\", \"rounds\": %d, ",
              comma, name, size.name, taken);
  if (!ratios.empty()) {
    std::printf("\"peer\": %.9g, \"ours\": %.9g, \"ratio\": %.9g, ", median(theirs), median(own),
                median(ratios));
  }
  std::printf("\"quiet\": %zu}", ratios.size());
  comma = ",";
}

void measure_all(const Size& size, int rounds) {
  std::vector<float> numbers(static_cast<size_t>(size.side * size.side * 16 + kSteps * kShift));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(static_cast<float>(i % 65521));
  const Noise fast = std::make_shared<MT19937RNG>(1), usual = std::make_shared<PhiloxRNG>(1);
  for (const Method& method : kMethods) {
    compare(method, numbers);
    nwr_sampler* made = sampler(method.spec, nullptr);
    measure(
        method.name, size, rounds, numbers, [&](Run& run) { run_peer(method, run, fast); },
        [&](Run& run) { run_ours(made, run); });
    nwr_sampler_destroy(made);
  }
  const auto fill = [](Run& run) {
    const View out(run.x);
    const nwr_rng rng = {};
    check(nwr_random_fill(context(), NWR_NORMAL, &rng, 1, &out.view));
  };
  measure(
      "normals, mt19937", size, rounds, numbers,
      [&](Run& run) { run.x = Tensor::randn_like(run.x, fast); }, fill);
  measure(
      "normals, philox", size, rounds, numbers,
      [&](Run& run) { run.x = Tensor::randn_like(run.x, usual); }, fill);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  std::printf("{\"threads\": %u, \"results\": [", kThreads);
  for (const Size& size : kSizes) measure_all(size, rounds);
  std::printf("]}\n");
}
