// SPDX-License-Identifier: Apache-2.0
// Owns the CPU as a backend: the choice of kernels, the cutting of plans into runs of elements, and
// their distribution over threads. Must not know how an element is computed.

#include <cstdlib>
#include <cstring>

#include "backend/backend.hpp"
#include "backend/cpu_kernels.hpp"
#include "backend/threads.hpp"
#include "math/mix.hpp"

#if defined(__x86_64__)
#  include <cpuid.h>
#  include <immintrin.h>
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

struct Queue {
  Queue(const QueueOptions& o, const Kernels& k) : options(o), kernels(k), pool(o.threads) {}

  const QueueOptions options;
  const Kernels& kernels;
  Pool pool;
};

namespace {

using Byte = unsigned char;

constexpr int kMaxViews = kMaxInputs + kMaxOutputs;

constexpr size_t kAlign = 64;

// Below this the caller is done before a worker has begun.
constexpr double kParallelNs = 6000;
constexpr double kTaskNs = 8000;
constexpr double kLeastTaskNs = 2500;
// Tasks start on whole groups of random numbers and of cache lines.
constexpr int64_t kTaskGrain = 128;

// Gives code the default rounding, with subnormals kept and exceptions masked, whatever the host
// has set; other libraries do change it for the whole thread (-ffast-math start-up code, say).
// Every entry and every task opens one before its first floating-point operation.
class FloatScope {
 public:
#if defined(__x86_64__)
  FloatScope() : before_(_mm_getcsr()) {
    if (changed()) _mm_setcsr(kDefault);
  }
  ~FloatScope() {
    if (changed()) _mm_setcsr(before_);
  }

 private:
  static constexpr unsigned kDefault = 0x1F80u;
  static constexpr unsigned kControlBits = 0xFFC0u;  // the rest are flags of past exceptions
  bool changed() const { return (before_ & kControlBits) != kDefault; }
  const unsigned before_;
#else
  FloatScope() {}
  ~FloatScope() {}
#endif

 public:
  FloatScope(const FloatScope&) = delete;
  FloatScope& operator=(const FloatScope&) = delete;
};

// ---- element spaces -----------------------------------------------------------------------------

// A shape with as few axes as its views allow; the last one is the innermost.
struct Grid {
  bool by_sample;  // axis 0 counts samples and nothing else
  int axes;
  int64_t count;
  int64_t sample_count;  // elements of a sample
  int64_t extent[kMaxDims + 1];
  int views;
  Byte* base[kMaxViews];
  int64_t size[kMaxViews];                  // of an element, in bytes
  int64_t stride[kMaxViews][kMaxDims + 1];  // in bytes
};

void add_axis(Grid& grid, const View* const* views, int axis, int64_t extent) {
  grid.extent[grid.axes] = extent;
  for (int v = 0; v < grid.views; ++v) {
    grid.stride[v][grid.axes] = (axis < 0 ? 1 : views[v]->stride[axis]) * grid.size[v];
  }
  ++grid.axes;
}

// May the axis become one with the grid's last axis?
bool continues(const Grid& grid, const View* const* views, int axis, int64_t extent) {
  for (int v = 0; v < grid.views; ++v) {
    const int64_t step = views[v]->stride[axis] * grid.size[v];
    if (grid.stride[v][grid.axes - 1] != step * extent) return false;
  }
  return true;
}

// Row-major without gaps from the given axis on, in all views?
bool is_plain(const Shape& shape, const View* const* views, int view_count, int first) {
  int64_t step = 1;
  for (int axis = shape.ndim - 1; axis >= first; --axis) {
    const int64_t extent = shape.extent[axis];
    for (int v = 0; v < view_count && extent != 1; ++v) {
      if (views[v]->stride[axis] != step) return false;
    }
    step *= extent;
  }
  return true;
}

// The first view leads: if any_order, axes are visited in the order of its strides, so that
// channels-last arrays are one run too. Numbered elements need the order of the shape.
void make_grid(const Shape& shape, const View* const* views, int view_count, bool by_sample,
               bool any_order, Grid* out) {
  Grid& grid = *out;
  grid.by_sample = by_sample;
  grid.axes = 0;
  grid.sample_count = shape.inner();
  grid.count = shape.batch() * grid.sample_count;
  grid.views = view_count;
  for (int v = 0; v < view_count; ++v) {
    grid.base[v] = static_cast<Byte*>(views[v]->data);
    grid.size[v] = static_cast<int64_t>(size_of(views[v]->dtype));
  }
  if (grid.count == 0) return;

  const int fixed = by_sample ? 1 : 0;
  if (by_sample) add_axis(grid, views, 0, shape.extent[0]);
  if (is_plain(shape, views, view_count, fixed)) {
    add_axis(grid, views, -1, by_sample ? grid.sample_count : grid.count);
    return;
  }

  int order[kMaxDims];
  int ordered = 0;
  for (int axis = fixed; axis < shape.ndim; ++axis) {
    if (shape.extent[axis] == 1) continue;
    int place = ordered++;
    if (any_order) {
      const int64_t step = std::llabs(views[0]->stride[axis]);
      for (; place > 0 && std::llabs(views[0]->stride[order[place - 1]]) < step; --place) {
        order[place] = order[place - 1];
      }
    }
    order[place] = axis;
  }
  for (int i = 0; i < ordered; ++i) {
    const int axis = order[i];
    const int64_t extent = shape.extent[axis];
    if (grid.axes > fixed && continues(grid, views, axis, extent)) {
      const int64_t merged = grid.extent[--grid.axes] * extent;
      add_axis(grid, views, axis, merged);
    } else {
      add_axis(grid, views, axis, extent);
    }
  }
}

// Calls visit(index, sample, count, addresses) for every run along the innermost axis within
// elements [begin, end).
template <class Visit>
void walk(const Grid& grid, int64_t begin, int64_t end, const Visit& visit) {
  const int inner = grid.axes - 1;
  Byte* address[kMaxViews];
  if (inner == 0) {
    for (int v = 0; v < grid.views; ++v) address[v] = grid.base[v] + begin * grid.stride[v][0];
    visit(begin, int64_t{0}, end - begin, address);
    return;
  }
  int64_t at[kMaxDims + 1];
  for (int v = 0; v < grid.views; ++v) address[v] = grid.base[v];
  int64_t rest = begin;
  for (int axis = inner; axis >= 0; --axis) {
    at[axis] = axis == 0 ? rest : rest % grid.extent[axis];
    rest /= grid.extent[axis];
    for (int v = 0; v < grid.views; ++v) address[v] += at[axis] * grid.stride[v][axis];
  }
  for (int64_t index = begin;;) {
    const int64_t left = grid.extent[inner] - at[inner];
    const int64_t count = left < end - index ? left : end - index;
    visit(index, grid.by_sample ? at[0] : 0, count, address);
    index += count;
    if (index >= end) return;
    // Back to the start of the row, then on to the next one.
    for (int v = 0; v < grid.views; ++v) address[v] -= at[inner] * grid.stride[v][inner];
    at[inner] = 0;
    int axis = inner - 1;
    while (++at[axis] == grid.extent[axis]) {
      at[axis] = 0;
      for (int v = 0; v < grid.views; ++v) {
        address[v] -= (grid.extent[axis] - 1) * grid.stride[v][axis];
      }
      --axis;
    }
    for (int v = 0; v < grid.views; ++v) address[v] += grid.stride[v][axis];
  }
}

Lane lane_of(const Grid& grid, int view, Dtype dtype) {
  return {dtype, static_cast<int32_t>(grid.size[view]), grid.stride[view][grid.axes - 1]};
}

// ---- work on threads ----------------------------------------------------------------------------

template <class Job>
struct Tasks {
  const Job* job;
  int64_t count;
  int64_t size;

  static void run(void* context, int64_t task) {
    const Tasks& tasks = *static_cast<const Tasks*>(context);
    const int64_t begin = task * tasks.size;
    const int64_t left = tasks.count - begin;
    const FloatScope scope;
    tasks.job->run(begin, left < tasks.size ? tasks.count : begin + tasks.size);
  }
};

// Runs elements [0, count) of the job, in parallel where that pays. element_ns may be rough: it
// decides about time only, since no element depends on how the elements are divided.
template <class Job>
void run_job(Pool& pool, const Job& job, int64_t count, double element_ns) {
  const double total_ns = static_cast<double>(count) * element_ns;
  if (total_ns < kParallelNs || pool.threads() == 1) {
    job.run(0, count);
    return;
  }
  double task_ns = total_ns / pool.threads();
  if (task_ns > kTaskNs) task_ns = kTaskNs;
  if (task_ns < kLeastTaskNs) task_ns = kLeastTaskNs;
  const int64_t wanted = static_cast<int64_t>(task_ns / element_ns);
  Tasks<Job> tasks = {&job, count, (wanted / kTaskGrain + 1) * kTaskGrain};
  pool.run((count + tasks.size - 1) / tasks.size, Tasks<Job>::run, &tasks);
}

// Bytes that pass through the caches cost this much each; elements that do not lie side by side
// are moved one by one.
double view_ns(const Lane& lane) { return 0.01 * lane.size + (lane.stride == lane.size ? 0 : 1.0); }

// ---- mix ----------------------------------------------------------------------------------------

struct MixJob {
  const Kernels* kernels;
  const MixPlan* plan;
  bool aliased;                  // an output may spoil what another output reads
  uint32_t spoils[kMaxOutputs];  // bit k: output j is input k
  Grid grid;                     // outputs, then inputs
  MixLayout layout;

  void run(int64_t begin, int64_t end) const;
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

  uint32_t reads[kMaxOutputs];
  uint32_t all_reads = 0;
  for (int j = 0; j < outputs; ++j) {
    reads[j] = 0;
    for (int k = 0; k < terms; ++k) {
      const double factor = factors[j * (inputs + 1) + k];
      const bool uses = layout.wide ? mix_uses(factor) : mix_uses(static_cast<float>(factor));
      if (uses) reads[j] |= 1u << k;
    }
    all_reads |= reads[j];
    recipe->order[j] = j;
  }
  recipe->staged = false;
  if (aliased) order_outputs(*this, reads, recipe);

  recipe->used_count = 0;
  for (int k = 0; k < inputs; ++k) {
    if ((all_reads >> k & 1u) != 0) recipe->used[recipe->used_count++] = k;
  }
  recipe->noise = (all_reads >> inputs & 1u) != 0;
  int32_t used_terms = 0;
  for (int place = 0; place < outputs; ++place) {
    const int j = recipe->order[place];
    for (int k = 0; k < terms; ++k) {
      if ((reads[j] >> k & 1u) == 0) continue;
      const double factor = factors[j * (inputs + 1) + k];
      const bool noise = k == inputs;
      recipe->term[used_terms++] = {factor, static_cast<float>(factor), noise ? kNoiseOperand : k,
                                    noise ? Dtype::f32 : layout.input[k].dtype};
    }
    recipe->end[place] = used_terms;
  }
  if (recipe->noise) {
    const Rng& rng = plan->rngs[plan->rng_count > 1 ? sample : 0];
    recipe->seed = rng.seed;
    recipe->stream = rng.stream;
  }
}

void MixJob::run(int64_t begin, int64_t end) const {
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

void mix(Queue* queue, const MixPlan& plan) {
  const FloatScope scope;
  const View* views[kMaxViews];
  int view_count = 0;
  for (int j = 0; j < plan.output_count; ++j) views[view_count++] = &plan.output[j];
  for (int k = 0; k < plan.input_count; ++k) views[view_count++] = &plan.input[k];

  MixJob job;
  job.kernels = &queue->kernels;
  job.plan = &plan;
  const bool by_sample = plan.factor_rows > 1 || plan.rng_count > 1;
  make_grid(plan.shape, views, view_count, by_sample, plan.rng_count == 0, &job.grid);
  if (job.grid.count == 0 || plan.output_count == 0) return;

  double element_ns = plan.rng_count > 0 ? queue->kernels.normal_ns : 0;
  job.layout.input_count = plan.input_count;
  job.layout.output_count = plan.output_count;
  job.layout.wide = false;
  for (int v = 0; v < view_count; ++v) {
    const Lane lane = lane_of(job.grid, v, views[v]->dtype);
    (v < plan.output_count ? job.layout.output[v] : job.layout.input[v - plan.output_count]) = lane;
    if (lane.dtype == Dtype::f64) job.layout.wide = true;
    element_ns += view_ns(lane);
  }
  job.aliased = false;
  for (int j = 0; j < plan.output_count && plan.output_count > 1; ++j) {
    job.spoils[j] = 0;
    for (int k = 0; k < plan.input_count; ++k) {
      if (plan.input[k].data == plan.output[j].data) job.spoils[j] |= 1u << k;
    }
    if (job.spoils[j] != 0) job.aliased = true;
  }
  run_job(queue->pool, job, job.grid.count, element_ns);
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

void fill(Queue* queue, const FillPlan& plan) {
  const FloatScope scope;
  FillJob job;
  job.kernels = &queue->kernels;
  job.plan = &plan;
  const View* const view = &plan.output;
  make_grid(plan.shape, &view, 1, plan.rng_count > 1, false, &job.grid);
  if (job.grid.count == 0) return;
  job.lane = lane_of(job.grid, 0, view->dtype);
  run_job(queue->pool, job, job.grid.count, queue->kernels.normal_ns + view_ns(job.lane));
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

void copy(Queue* queue, const CopyPlan& plan) {
  const FloatScope scope;
  CopyJob job;
  const View* const views[] = {&plan.to, &plan.from};
  make_grid(plan.shape, views, 2, false, true, &job.grid);
  if (job.grid.count == 0) return;
  job.to = lane_of(job.grid, 0, plan.to.dtype);
  job.from = lane_of(job.grid, 1, plan.from.dtype);
  run_job(queue->pool, job, job.grid.count, view_ns(job.to) + view_ns(job.from));
}

// ---- queue --------------------------------------------------------------------------------------

Queue* open(const QueueOptions& options) { return open_cpu_queue(options, best_kernels()); }

void close(Queue* queue) { delete queue; }

void* alloc(Queue* queue, size_t bytes) {
  const QueueOptions& options = queue->options;
  if (options.alloc != nullptr) {
    return options.alloc(options.user, bytes, kAlign, NWR_CPU, options.stream);
  }
  if (bytes > SIZE_MAX - kAlign) return nullptr;
  const size_t whole = (bytes + kAlign - 1) / kAlign * kAlign;
  return std::aligned_alloc(kAlign, whole > 0 ? whole : kAlign);
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
void synchronize(Queue*) {}

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

Queue* open_cpu_queue(const QueueOptions& options, const Kernels& kernels) {
  return new Queue(options, kernels);
}

const Backend& cpu_backend() {
  static constexpr Backend table = {open, close, alloc, free, synchronize, mix, fill, copy};
  return table;
}

}  // namespace noisewright
