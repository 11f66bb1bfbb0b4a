// SPDX-License-Identifier: Apache-2.0
// Owns the CPU as a backend: the choice of kernels, and the cutting of plans into runs of elements.
// Must not know how an element is computed.

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "backend/backend.hpp"
#include "backend/cpu_queue.hpp"
#include "core/error.hpp"
#include "math/change.hpp"
#include "math/guidance.hpp"
#include "math/mix.hpp"

#if defined(__x86_64__)
#  include <cpuid.h>
#endif

namespace noisewright {

namespace baseline {
const Kernels& kernels();
}
#if defined(__x86_64__)
namespace avx2 {
const Kernels& kernels();
}
namespace avx512 {
const Kernels& kernels();
}
#endif

namespace {

constexpr size_t kAlign = 64;

int32_t out_of_memory() {
  set_last_error("out of memory");
  return NWR_ERROR_OUT_OF_MEMORY;
}

// ---- mix ----------------------------------------------------------------------------------------

struct MixJob {
  const Kernels* kernels;
  const MixPlan* plan;
  bool aliased;                  // an output may spoil what another output reads
  uint32_t spoils[kMaxOutputs];  // bit k: output j is input k
  Grid grid;                     // outputs, then inputs
  MixLayout layout;
  bool short_samples;  // of factors or generators of their own, side by side

  void run(int64_t begin, int64_t end) const;
  void run_samples(int64_t begin, int64_t end) const;
  void prepare(int64_t sample, MixRecipe* recipe) const;
};

// Orders the outputs such that each is stored after everyone else has read the inputs that it
// overwrites; staged if that is impossible. reads has a bit for each input that an output reads.
void order_outputs(const MixJob& job, const uint32_t* reads, MixRecipe* recipe) {
  const int outputs = job.layout.output_count;
  recipe->staged = false;
  uint32_t waiting = (1u << outputs) - 1u;
  for (int place = 0; place < outputs; ++place) {
    int chosen = -1;
    for (int j = 0; j < outputs && chosen < 0; ++j) {
      if ((waiting >> j & 1u) == 0) continue;
      uint32_t others = 0;
      for (int i = 0; i < outputs; ++i) {
        if (i != j && (waiting >> i & 1u) != 0) others |= reads[i];
      }
      if ((others & job.spoils[j]) == 0) chosen = j;
    }
    for (int j = 0; chosen < 0; ++j) {
      if ((waiting >> j & 1u) == 0) continue;
      recipe->staged = true;
      chosen = j;
    }
    recipe->order[place] = chosen;
    waiting &= ~(1u << chosen);
  }
}

void MixJob::prepare(int64_t sample, MixRecipe* recipe) const {
  const int inputs = layout.input_count;
  const int outputs = layout.output_count;
  const int64_t row = plan->factor_rows > 1 ? sample : 0;
  const double* const factors = plan->factors + row * outputs * (inputs + 1);
  const int terms = plan->rng_count > 0 ? inputs + 1 : inputs;

  const auto uses = [&](double x) {
    return layout.wide ? mix_uses(x) : mix_uses(static_cast<float>(x));
  };
  recipe->staged = false;
  for (int j = 0; j < outputs; ++j) recipe->order[j] = j;
  if (aliased) {
    uint32_t reads[kMaxOutputs] = {};
    for (int j = 0; j < outputs; ++j) {
      for (int k = 0; k < terms; ++k) {
        if (uses(factors[j * (inputs + 1) + k])) reads[j] |= 1u << k;
      }
    }
    order_outputs(*this, reads, recipe);
  }
  uint32_t read = 0;
  MixTerm* term = recipe->term;
  for (int place = 0; place < outputs; ++place) {
    const double* const factor = factors + recipe->order[place] * (inputs + 1);
    for (int k = 0; k < terms; ++k) {
      if (!uses(factor[k])) continue;
      read |= 1u << k;
      const bool noise = k == inputs;
      *term++ = {factor[k], static_cast<float>(factor[k]), noise ? kNoiseOperand : k,
                 noise ? Dtype::f32 : layout.input[k].dtype};
    }
    recipe->end[place] = static_cast<int32_t>(term - recipe->term);
  }
  recipe->used_count = 0;
  for (int k = 0; k < inputs; ++k) {
    if ((read >> k & 1u) != 0) recipe->used[recipe->used_count++] = k;
  }
  recipe->noise = (read >> inputs & 1u) != 0;
  if (recipe->noise) {
    const Rng& rng = plan->rngs[plan->rng_count > 1 ? sample : 0];
    recipe->seed = rng.seed;
    recipe->stream = rng.stream;
  }
}

void MixJob::run_samples(int64_t begin, int64_t end) const {
  MixSamples samples;
  samples.size = grid.sample_count;
  samples.factors = plan->factors;
  samples.factor_step =
      plan->factor_rows > 1 ? layout.output_count * int64_t{layout.input_count + 1} : 0;
  samples.rngs = plan->rng_count > 0 ? plan->rngs : nullptr;
  samples.own_rngs = plan->rng_count > 1;
  for (int j = 0; j < layout.output_count; ++j) samples.output[j] = grid.base[j];
  for (int k = 0; k < layout.input_count; ++k) {
    samples.input[k] = grid.base[layout.output_count + k];
  }
  kernels->mix_samples(layout, samples, begin, end);
}

void MixJob::run(int64_t begin, int64_t end) const {
  if (short_samples) return run_samples(begin, end);
  MixRecipe recipe;
  int64_t prepared = -1;
  const int outputs = layout.output_count;
  walk(grid, begin, end, [&](int64_t index, int64_t sample, int64_t count, Byte* const* address) {
    if (sample != prepared) {
      prepare(sample, &recipe);
      prepared = sample;
    }
    MixRun now;
    now.count = count;
    now.position = 0;
    if (recipe.noise) {
      const bool own = plan->rng_count > 1;
      const int64_t first = own ? sample * grid.sample_count : 0;
      now.position = plan->rngs[own ? sample : 0].offset + static_cast<uint64_t>(index - first);
    }
    for (int j = 0; j < outputs; ++j) now.output[j] = address[j];
    for (int k = 0; k < layout.input_count; ++k) now.input[k] = address[outputs + k];
    kernels->mix(layout, recipe, now);
  });
}

// Below this many elements what a sample costs by itself is more than what its elements do.
constexpr int64_t kShortSample = 32;

bool are_short_samples(const Grid& grid) {
  if (!grid.by_sample || grid.axes != 2 || grid.sample_count > kShortSample) return false;
  for (int v = 0; v < grid.views; ++v) {
    if (grid.stride[v][1] != grid.size[v] || grid.stride[v][0] != grid.extent[1] * grid.size[v]) {
      return false;
    }
  }
  return true;
}

int32_t mix(Queue* queue, const MixPlan& plan) {
  const View* views[kMaxViews];
  int view_count = 0;
  for (int j = 0; j < plan.output_count; ++j) views[view_count++] = &plan.output[j];
  for (int k = 0; k < plan.input_count; ++k) views[view_count++] = &plan.input[k];

  MixJob job;
  job.kernels = &queue->kernels;
  job.plan = &plan;
  const bool by_sample = plan.factor_rows > 1 || plan.rng_count > 1;
  make_grid(plan.shape, views, view_count, by_sample, plan.rng_count == 0, &job.grid);
  if (job.grid.count == 0 || plan.output_count == 0) return NWR_OK;

  double element_ns = plan.rng_count > 0 ? queue->kernels.normal_ns : 0;
  int64_t element_bytes = 0;
  job.layout.input_count = plan.input_count;
  job.layout.output_count = plan.output_count;
  job.layout.wide = false;
  for (int v = 0; v < view_count; ++v) {
    const Lane lane = lane_of(job.grid, v, views[v]->dtype);
    (v < plan.output_count ? job.layout.output[v] : job.layout.input[v - plan.output_count]) = lane;
    if (lane.dtype == Dtype::f64) job.layout.wide = true;
    element_ns += view_ns(lane);
    element_bytes += lane.size;
  }
  const bool large = plan.output_count <= kStreamedOutputs &&
                     element_bytes * job.grid.count >= queue->streaming_bytes;
  bool spoiled = false;
  for (int j = 0; j < plan.output_count && (plan.output_count > 1 || large); ++j) {
    job.spoils[j] = 0;
    for (int k = 0; k < plan.input_count; ++k) {
      if (plan.input[k].data == plan.output[j].data) job.spoils[j] |= 1u << k;
    }
    spoiled = spoiled || job.spoils[j] != 0;
  }
  job.aliased = spoiled && plan.output_count > 1;
  job.layout.streaming = large && !spoiled;
  job.short_samples = are_short_samples(job.grid);
  if (job.short_samples) element_ns += plan.rng_count > 1 ? 20 : 3;
  run_job(queue->pool, job, job.grid.count, element_ns);
  return NWR_OK;
}

// ---- rows ---------------------------------------------------------------------------------------

int32_t rows(Queue* queue, const RowsPlan& made, const MixPlan& plan) {
  const auto count = static_cast<size_t>(made.rows * made.row_size());
  const std::unique_ptr<double[]> factors(new (std::nothrow) double[count]);
  if (!factors) return out_of_memory();
  for (int64_t row = 0; row < made.rows; ++row) {
    make_row(made, row, factors.get() + row * made.row_size());
  }
  MixPlan whole = plan;
  whole.factors = factors.get();
  return mix(queue, whole);
}

// ---- guide --------------------------------------------------------------------------------------

int32_t guide(Queue* queue, const GuidePlan& made, const MixPlan& plan) {
  const int64_t size = int64_t{plan.output_count} * (plan.input_count + 1);
  double* const factors = made.scratch;
  for (int64_t row = 0; row < made.rows; ++row) {
    const int64_t given = plan.factor_rows > 1 ? row : 0;
    double* const own = factors + row * size;
    std::memcpy(own, plan.factors + given * size, static_cast<size_t>(size) * sizeof(double));
    guide_row(made, plan.input_count, plan.output_count, row,
              made.guided + given * (1 + plan.output_count), own);
  }
  MixPlan whole = plan;
  whole.factors = factors;
  whole.factor_rows = made.rows;
  return mix(queue, whole);
}

// ---- change -------------------------------------------------------------------------------------

struct ChangeJob {
  const Kernels* kernels;
  const ChangePlan* plan;
  Grid grid;  // array, other, mask
  ChangeRun base;

  void run(int64_t begin, int64_t end) const {
    walk(grid, begin, end, [&](int64_t, int64_t sample, int64_t count, Byte* const* address) {
      ChangeRun now = base;
      now.count = count;
      now.at = address[0];
      now.beside = arrays_of(now.what) > 1 ? address[1] : nullptr;
      now.over = arrays_of(now.what) > 2 ? address[2] : nullptr;
      if (now.what == Change::scale) {
        now.first = dynamic_bound(plan->numbers[sample], plan->bound);
      } else if (now.what == Change::spread) {
        const double* const row = plan->rows + 2 * (plan->row_count > 1 ? sample : 0);
        now.first = row[0];
        now.second = row[1];
      }
      kernels->change(now);
    });
  }
};

int32_t change(Queue* queue, const ChangePlan& plan) {
  ChangeJob job;
  job.kernels = &queue->kernels;
  job.plan = &plan;
  const View* const views[] = {&plan.array, &plan.other, &plan.mask};
  const int count = arrays_of(plan.what);
  make_grid(plan.shape, views, count, by_sample(plan.what), true, &job.grid);
  if (job.grid.count == 0) return NWR_OK;
  job.base = {};
  job.base.what = plan.what;
  job.base.array = lane_of(job.grid, 0, plan.array.dtype);
  if (count > 1) job.base.other = lane_of(job.grid, 1, plan.other.dtype);
  if (count > 2) job.base.mask = lane_of(job.grid, 2, plan.mask.dtype);
  job.base.wide =
      std::any_of(views, views + count, [](const View* view) { return view->dtype == Dtype::f64; });
  job.base.first = plan.bound;
  const double formula_ns = plan.what == Change::spread ? 20 : 0.2;
  run_job(queue->pool, job, job.grid.count, formula_ns + count * view_ns(job.base.array));
  return NWR_OK;
}

// ---- fill ---------------------------------------------------------------------------------------

struct FillJob {
  const Kernels* kernels;
  const FillPlan* plan;
  Grid grid;
  Lane lane;

  void run(int64_t begin, int64_t end) const {
    walk(grid, begin, end, [&](int64_t index, int64_t sample, int64_t count, Byte* const* address) {
      const bool own = plan->rng_count > 1;
      const Rng& rng = plan->rngs[own ? sample : 0];
      const int64_t first = own ? sample * grid.sample_count : 0;
      kernels->fill(lane, plan->what,
                    {count, rng.seed, rng.stream, rng.offset + static_cast<uint64_t>(index - first),
                     address[0]});
    });
  }
};

int32_t fill(Queue* queue, const FillPlan& plan) {
  FillJob job;
  job.kernels = &queue->kernels;
  job.plan = &plan;
  const View* const view = &plan.output;
  make_grid(plan.shape, &view, 1, plan.rng_count > 1, false, &job.grid);
  if (job.grid.count == 0) return NWR_OK;
  job.lane = lane_of(job.grid, 0, view->dtype);
  run_job(queue->pool, job, job.grid.count, queue->kernels.normal_ns + view_ns(job.lane));
  return NWR_OK;
}

// ---- copy ---------------------------------------------------------------------------------------

template <int kSize>
void copy_elements(Byte* to, int64_t to_stride, const Byte* from, int64_t from_stride,
                   int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * to_stride, from + i * from_stride, kSize);
  }
}

struct CopyJob {
  Grid grid;  // to, from
  Lane to;
  Lane from;

  void run(int64_t begin, int64_t end) const {
    walk(grid, begin, end, [&](int64_t, int64_t, int64_t count, Byte* const* address) {
      if (to.stride == to.size && from.stride == to.size) {
        std::memmove(address[0], address[1], static_cast<size_t>(count * to.size));
      } else if (to.size == 2) {
        copy_elements<2>(address[0], to.stride, address[1], from.stride, count);
      } else if (to.size == 4) {
        copy_elements<4>(address[0], to.stride, address[1], from.stride, count);
      } else {
        copy_elements<8>(address[0], to.stride, address[1], from.stride, count);
      }
    });
  }
};

int32_t copy(Queue* queue, const CopyPlan& plan) {
  CopyJob job;
  const View* const views[] = {&plan.to, &plan.from};
  make_grid(plan.shape, views, 2, false, true, &job.grid);
  if (job.grid.count == 0) return NWR_OK;
  job.to = lane_of(job.grid, 0, plan.to.dtype);
  job.from = lane_of(job.grid, 1, plan.from.dtype);
  run_job(queue->pool, job, job.grid.count, view_ns(job.to) + view_ns(job.from));
  return NWR_OK;
}

// ---- queue --------------------------------------------------------------------------------------

int32_t device_count(int32_t* count, const char**) {
  *count = 1;
  return NWR_OK;
}

int32_t open(const QueueOptions& options, Queue** queue) {
  *queue = new (std::nothrow) Queue(options, best_kernels(), default_streaming_bytes());
  return *queue != nullptr ? NWR_OK : out_of_memory();
}

void close(Queue* queue) { delete queue; }

int32_t alloc(Queue* queue, size_t bytes, void** memory) {
  const QueueOptions& options = queue->options;
  *memory = nullptr;
  if (options.alloc != nullptr) {
    *memory = options.alloc(options.user, bytes, kAlign, NWR_CPU, options.stream);
  } else if (bytes <= PTRDIFF_MAX - kAlign) {  // the most that any object has
    const size_t whole = (bytes + kAlign - 1) / kAlign * kAlign;
    *memory = std::aligned_alloc(kAlign, whole > 0 ? whole : kAlign);
  }
  return *memory != nullptr ? NWR_OK : out_of_memory();
}

void free(Queue* queue, void* memory, size_t bytes) {
  if (memory == nullptr) return;
  const QueueOptions& options = queue->options;
  if (options.free != nullptr) {
    options.free(options.user, memory, bytes, NWR_CPU, options.stream);
  } else {
    std::free(memory);
  }
}

// Work is done when the call that ordered it returns.
int32_t synchronize(Queue*) { return NWR_OK; }

int32_t transfer(Queue*, void* to, const void* from, size_t bytes) {
  std::memcpy(to, from, bytes);
  return NWR_OK;
}

#if defined(__x86_64__)
bool has_avx2() {
  // Not every compiler that we support knows the name "f16c"; see CPUID leaf 1, ECX.
  unsigned a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_F16C) == 0) return false;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

const Kernels& choose_kernels() {
  const char* const forced = std::getenv("NWR_ISA");
  const Kernels* chosen = forced != nullptr ? kernels_for(forced) : nullptr;
  if (chosen == nullptr) chosen = kernels_for("avx512");
  if (chosen == nullptr) chosen = kernels_for("avx2");
  return chosen != nullptr ? *chosen : baseline::kernels();
}

}  // namespace

const Kernels* kernels_for(const char* isa) {
#if defined(__x86_64__)
  if (std::strcmp(isa, "avx512") == 0) return has_avx512() ? &avx512::kernels() : nullptr;
  if (std::strcmp(isa, "avx2") == 0) return has_avx2() ? &avx2::kernels() : nullptr;
#endif
  return std::strcmp(isa, "baseline") == 0 ? &baseline::kernels() : nullptr;
}

const Kernels& best_kernels() {
  static const Kernels& best = choose_kernels();
  return best;
}

int64_t default_streaming_bytes() {
  constexpr int64_t kUsual = 32 << 20;  // where the machine does not tell, or tells too little
  int64_t cache = 0;
#if defined(_SC_LEVEL3_CACHE_SIZE)
  cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  return (cache > kUsual ? cache : kUsual) / 4 * 3;
}

Queue* open_cpu_queue(const QueueOptions& options, const Kernels& kernels,
                      int64_t streaming_bytes) {
  return new Queue(options, kernels, streaming_bytes);
}

void cpu_run(Queue* queue, const HostWork& work, int64_t count, double part_ns) noexcept {
  run_job(queue->pool, work, count, part_ns);
}

const Backend& cpu_backend() {
  static constexpr Backend table = {
      kBackendAbi, kVersion,   sizeof(Backend), kPlans,   device_count, open, close,
      alloc,       free,       synchronize,     transfer, mix,          rows, fill,
      copy,        cpu_reduce, change,          guide,    nullptr};
  return table;
}

}  // namespace noisewright
