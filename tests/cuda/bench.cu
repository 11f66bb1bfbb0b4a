// SPDX-License-Identifier: Apache-2.0
// Owns times on a GPU: a sampler's step beside the device's own pass over arrays of the same shape,
// and what a step costs where the arrays are small. Prints rows of a table. Status 77: no GPU.
#include <noisewright.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

void check_cuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::fprintf(stderr, "cuda: %s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

void check(int status) {
  if (status >= 0) return;
  std::fprintf(stderr, "noisewright: %s\n", nwr_last_error());
  std::exit(1);
}

struct Arrays {
  const uint4* in[3];
  uint4* out[2];
};

// Reads and writes what a step does, and computes next to nothing.
template <int kIn, int kOut>
__global__ void __launch_bounds__(256) pass(const Arrays arrays, size_t vectors) {
  const size_t step = static_cast<size_t>(gridDim.x) * 256;
  for (size_t i = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x; i < vectors; i += step) {
    uint4 v[kIn];
    for (int k = 0; k < kIn; ++k) v[k] = arrays.in[k][i];
    for (int k = 1; k < kIn; ++k) {
      v[0].x ^= v[k].x;
      v[0].y ^= v[k].y;
      v[0].z ^= v[k].z;
      v[0].w ^= v[k].w;
    }
    for (int j = 0; j < kOut; ++j) arrays.out[j][i] = v[0];
  }
}

class Bench {
 public:
  Bench() {
    check_cuda(cudaStreamCreate(&stream_), "stream");
    check_cuda(cudaEventCreate(&begin_), "event");
    check_cuda(cudaEventCreate(&end_), "event");
    cudaDeviceGetAttribute(&multiprocessors_, cudaDevAttrMultiProcessorCount, 0);
    auto options = nwr_context_options{};
    options.struct_size = sizeof options;
    options.device = NWR_CUDA;
    options.stream = stream_;
    check(nwr_context_create(&options, &context_));
    auto path = nwr_schedule_options{};
    path.struct_size = sizeof path;
    path.name = "cosine";
    check(nwr_schedule_create(&path, &schedule_));
  }

  // Milliseconds of work that is queued several times: the median of several.
  template <class Work>
  double median(int repeats, const Work& work) {
    std::vector<double> times;
    for (int i = 0; i < 7; ++i) {
      check_cuda(cudaEventRecord(begin_, stream_), "record");
      for (int r = 0; r < repeats; ++r) work();
      check_cuda(cudaEventRecord(end_, stream_), "record");
      check_cuda(cudaEventSynchronize(end_), "wait");
      float ms = 0;
      check_cuda(cudaEventElapsedTime(&ms, begin_, end_), "time");
      times.push_back(static_cast<double>(ms) / repeats);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }

  void* memory(size_t bytes) {
    void* p = nullptr;
    check(nwr_memory_alloc(context_, bytes, &p));
    check_cuda(cudaMemsetAsync(p, 0, bytes, stream_), "memset");
    return p;
  }

  template <int kIn, int kOut>
  double same_shape(size_t bytes) {
    Arrays a = {};
    void* all[kIn + kOut];
    for (void*& p : all) p = memory(bytes);
    for (int k = 0; k < kIn; ++k) a.in[k] = static_cast<const uint4*>(all[k]);
    for (int j = 0; j < kOut; ++j) a.out[j] = static_cast<uint4*>(all[kIn + j]);
    const unsigned blocks = static_cast<unsigned>(multiprocessors_) * 32;
    const double ms =
        median(20, [&] { pass<kIn, kOut><<<blocks, 256, 0, stream_>>>(a, bytes / 16); });
    for (void* p : all) nwr_memory_free(context_, p);
    return ms;
  }

  struct Run {
    nwr_sampler* sampler;
    nwr_tensor x, output;
    int64_t shape[2];
  };

  bool start(const char* name, nwr_dtype dtype, int64_t elements, Run* run) {
    const nwr_rng rng = {1, 0, 0};
    auto o = nwr_sampler_options{};
    o.struct_size = sizeof o;
    o.name = name;
    o.prediction = NWR_NOISE;
    o.steps = 40;
    o.rngs = &rng;
    o.rng_count = 1;
    const int status = nwr_sampler_create(context_, schedule_, &o, &run->sampler);
    if (status == NWR_ERROR_NOT_FOUND) return false;
    check(status);
    const size_t bytes = static_cast<size_t>(elements) * (dtype == NWR_F32 ? 4 : 2);
    run->shape[0] = 16;
    run->shape[1] = elements / 16;
    run->x = {memory(bytes), NWR_CUDA, 0, 2, dtype, run->shape, nullptr, 0};
    run->output = run->x;
    run->output.data = memory(bytes);
    check(nwr_sampler_start(run->sampler, &run->x, NWR_START_PRIOR));
    return true;
  }
  void steps(const Run& run, int count) {
    for (int i = 0; i < count; ++i) {
      check(nwr_sampler_step(run.sampler, &run.x, &run.output, 1));
    }
  }
  void finish(const Run& run) {
    nwr_memory_free(context_, run.x.data);
    nwr_memory_free(context_, run.output.data);
    nwr_sampler_destroy(run.sampler);
  }

  // Steps in mid-run, so that history is there.
  double step(const char* name, nwr_dtype dtype, int64_t elements) {
    Run run;
    if (!start(name, dtype, elements, &run)) return 0;
    const double ms = median(1, [&] {
      check(nwr_sampler_start(run.sampler, &run.x, NWR_START_STATE));
      steps(run, 40);
    });
    finish(run);
    return ms / 40;
  }

  void small(const char* name) {
    Run run;
    if (!start(name, NWR_F32, 16384, &run)) return;
    const auto loop = [&] {
      check(nwr_sampler_start(run.sampler, &run.x, NWR_START_STATE));
      steps(run, 40);
    };
    loop();
    check(nwr_context_synchronize(context_));
    const auto from = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) loop();
    const std::chrono::duration<double, std::micro> host = std::chrono::steady_clock::now() - from;
    check(nwr_context_synchronize(context_));
    const double queued = median(5, loop) * 1000 / 40;
    cudaGraph_t graph;
    cudaGraphExec_t replay;
    check_cuda(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capture");
    loop();
    check_cuda(cudaStreamEndCapture(stream_, &graph), "capture");
    check_cuda(cudaGraphInstantiateWithFlags(&replay, graph, 0), "instantiate");
    const double captured =
        median(5, [&] { check_cuda(cudaGraphLaunch(replay, stream_), "launch"); }) * 1000 / 40;
    cudaGraphExecDestroy(replay);
    cudaGraphDestroy(graph);
    std::printf("| %s | %.2f | %.2f | %.2f |\n", name, host.count() / 20 / 40, queued, captured);
    finish(run);
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_, end_;
  int multiprocessors_ = 1;
  nwr_context* context_ = nullptr;
  nwr_schedule* schedule_ = nullptr;
};

void row(const char* name, const char* dtype, double ours, double theirs, double bytes) {
  if (ours == 0) return;
  std::printf("| %s | %s | %.4f | %.0f | %.4f | %.0f %% |\n", name, dtype, ours, bytes / ours / 1e6,
              theirs, 100 * theirs / ours);
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("there is no CUDA device here\n");
    return 77;
  }
  Bench bench;
  constexpr int64_t kElements = int64_t{64} << 20;
  std::printf(
      "| step, 64 Mi elements | dtype | ms | GB/s | same-shape pass, ms | of its speed |\n");
  std::printf("|---|---|---|---|---|---|\n");
  for (const nwr_dtype dtype : {NWR_F32, NWR_BF16, NWR_F16}) {
    const char* const name = dtype == NWR_F32 ? "f32" : dtype == NWR_BF16 ? "bf16" : "f16";
    const size_t bytes = static_cast<size_t>(kElements) * (dtype == NWR_F32 ? 4 : 2);
    const double all = static_cast<double>(bytes);
    const double three = bench.same_shape<2, 1>(bytes), five = bench.same_shape<3, 2>(bytes);
    row("ddim", name, bench.step("ddim", dtype, kElements), three, 3 * all);
    row("ddim(eta=1), noise made in the pass", name, bench.step("ddim(eta=1)", dtype, kElements),
        three, 3 * all);
    row("dpmpp-2m", name, bench.step("dpmpp-2m", dtype, kElements), five, 5 * all);
  }
  std::printf("\n| step, 16 Ki elements | host, us | queued, us | in a graph, us |\n");
  std::printf("|---|---|---|---|\n");
  for (const char* name : {"ddim", "ddim(eta=1)", "dpmpp-2m"}) bench.small(name);
  return 0;
}
