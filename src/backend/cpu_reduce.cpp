// SPDX-License-Identifier: Apache-2.0
// Owns the CPU's reductions: the way of math/reduce.hpp over strides and threads. Must not know how
// a block of elements is summed.
#include "math/reduce.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu_queue.hpp"
#include "math/element.hpp"

namespace noisewright {
namespace {

// Calls work(task) for each of count tasks, several at a time where one is short.
template <class Work>
void run_tasks(Pool& pool, int64_t count, double task_ns, const Work& work) {
  struct Job {
    const Work* work;
    void run(int64_t begin, int64_t end) const {
      for (int64_t task = begin; task < end; ++task) (*work)(task);
    }
  };
  const Job job = {&work};
  if (static_cast<double>(count) * task_ns < kParallelNs) {
    job.run(0, count);
    return;
  }
  const auto together = static_cast<int64_t>(kTaskNs / task_ns) + 1;
  Tasks<Job> tasks = {&job, count, together};
  pool.run((count + together - 1) / together, Tasks<Job>::run, &tasks);
}

struct Source {
  Grid grid;
  Lane lane;  // of the first array
  int64_t rows;
  int64_t count;    // elements of a row
  int numbers = 1;  // of a row
  ReduceTogether together;
};

// Element [0, blocks) of a level becomes element block of the next.
double fold_level(bool largest, const double* from, int64_t count) {
  double lanes[kReduceLanes] = {};
  for (int64_t i = 0; i < count; ++i) {
    double& lane = lanes[i % kReduceLanes];
    lane = largest ? largest_next(lane, from[i]) : add_rn(lane, from[i]);
  }
  return fold_lanes(largest, lanes);
}

void reduce_rows(Queue* queue, const Source& source, const ReducePlan& plan) {
  const bool largest = plan.what == Reduction::max_abs;
  const int64_t blocks = reduce_blocks(source.count);
  const int64_t partials = reduce_partials(source.count);
  auto* const scratch = static_cast<double*>(plan.scratch);
  // Each number of a row is folded by itself.
  const auto place = [&](int64_t number) {
    return partials > 0 ? scratch + number * partials : plan.result + number;
  };
  double element_ns = 0.1 * source.numbers;
  for (int k = 0; k < plan.input_count; ++k) element_ns += view_ns(source.together.input[k]);
  const int64_t longest = source.count < kReduceBlock ? source.count : kReduceBlock;
  run_tasks(
      queue->pool, source.rows * blocks, static_cast<double>(longest) * element_ns,
      [&](int64_t task) {
        const int64_t row = task / blocks, block = task % blocks;
        const int64_t begin = row * source.count + block * kReduceBlock;
        const int64_t left = source.count - block * kReduceBlock;
        const int64_t count = left < kReduceBlock ? left : kReduceBlock;
        alignas(64) double lanes[kMaxNumbers * kReduceLanes] = {};
        walk(source.grid, begin, begin + count,
             [&](int64_t index, int64_t, int64_t run, Byte* const* address) {
               if (plan.input_count == 1 && plan.what != Reduction::gram) {
                 queue->kernels.reduce(source.lane, largest, index - begin, run, address[0], lanes);
               } else {
                 queue->kernels.reduce_many(source.together, index - begin, run, address, lanes);
               }
             });
        for (int n = 0; n < source.numbers; ++n) {
          place(row * source.numbers + n)[block] = fold_lanes(largest, lanes + n * kReduceLanes);
        }
      });
  for (int64_t number = 0; number < source.rows * source.numbers && partials > 0; ++number) {
    double* level = place(number);
    for (int64_t count = blocks; count > 1;) {
      const int64_t next = reduce_blocks(count);
      double* const to = next > 1 ? level + count : plan.result + number;
      for (int64_t b = 0; b < next; ++b) {
        const int64_t left = count - b * kReduceBlock;
        to[b] = fold_level(largest, level + b * kReduceBlock,
                           left < kReduceBlock ? left : kReduceBlock);
      }
      level = to;
      count = next;
    }
  }
}

// A row is searched for an element by its rank. A few of its elements tell where to look, so that
// most rows take two passes; what is found does not depend on them.
constexpr int64_t kSampled = 4096;
constexpr uint64_t kRoom = 1024;

uint64_t magnitude_at(const Byte* at, Dtype dtype) {
  return dtype == Dtype::f64 ? magnitude_bits(load_element<double>(at, dtype))
                             : magnitude_bits(load_element<float>(at, dtype));
}

// Sets the range between two elements of a sample that are likely to enclose the rank.
void guess_range(const Source& source, int64_t row, uint64_t rank, uint64_t* low, uint64_t* high) {
  const int64_t wanted = std::min(kSampled, source.count / 32);
  if (wanted < 128) return;  // a range of most of the row
  const int64_t begin = row * source.count;
  const int64_t step = source.count / wanted | 1;  // odd, since rows of pictures seldom are
  uint64_t sample[kSampled + 1];
  int64_t count = 0, next = begin;
  walk(source.grid, begin, begin + source.count,
       [&](int64_t index, int64_t, int64_t run, Byte* const* address) {
         for (; next < index + run && count < kSampled; next += step) {
           sample[count++] =
               magnitude_at(address[0] + (next - index) * source.lane.stride, source.lane.dtype);
         }
       });
  const double part = static_cast<double>(rank) / static_cast<double>(source.count);
  const double size = static_cast<double>(count);
  const auto place = static_cast<int64_t>(part * size);
  const auto reach = static_cast<int64_t>(4 * std::sqrt(part * (1 - part) * size)) + 3;
  if (place - reach > 0) {
    std::nth_element(sample, sample + (place - reach), sample + count);
    *low = std::min(sample[place - reach], *high);
  }
  if (place + reach < count) {
    std::nth_element(sample, sample + (place + reach), sample + count);
    *high = std::min(sample[place + reach], *high);
  }
}

double select_row(Queue* queue, const Source& source, int64_t row, double quantile) {
  const bool wide = source.lane.dtype == Dtype::f64;
  const QuantilePlace place = quantile_place(quantile, source.count);
  const int64_t begin = row * source.count;
  const uint64_t infinity = infinity_bits(wide);
  uint64_t low = 0, high = infinity;
  guess_range(source, row, place.rank, &low, &high);
  Selection selection = start_selection(place.rank);
  uint64_t found[kRoom];
  for (;;) {
    int shift = 0;
    while ((high - low) >> shift >= kDigitValues) ++shift;
    uint32_t bins[kDigitValues] = {};
    Search search = {low, high, shift, bins, found, kRoom, 0, 0, ~uint64_t{0}, 0};
    walk(source.grid, begin, begin + source.count,
         [&](int64_t, int64_t, int64_t run, Byte* const* address) {
           queue->kernels.search(source.lane, run, address[0], &search);
         });
    if (search.largest > infinity) {
      selection.has_nan = 1;
      break;
    }
    if (place.rank < search.below) {  // the guess was wrong
      high = low - 1;
      low = 0;
      continue;
    }
    uint64_t left = place.rank - search.below;
    if (left >= search.inside) {
      low = high + 1;
      high = infinity;
      continue;
    }
    selection.above = search.above;
    if (search.inside <= kRoom) {
      uint64_t* const at = found + left;
      uint64_t* const end = found + search.inside;
      std::nth_element(found, at, end);
      selection.prefix = *at;
      if (at + 1 != end) selection.above = *std::min_element(at + 1, end);
      break;
    }
    int bin = 0;
    while (left >= bins[bin]) left -= bins[bin++];
    low += static_cast<uint64_t>(bin) << shift;
    if (shift == 0) {
      selection.prefix = low;
      int next = left + 1 < bins[bin] ? bin : bin + 1;
      while (next < kDigitValues && bins[next] == 0) ++next;
      if (next < kDigitValues) selection.above = low + static_cast<uint64_t>(next - bin);
      break;
    }
    high = std::min(high, low + ((uint64_t{1} << shift) - 1));
  }
  selection.same = 1;
  return finish_selection(selection, wide, place.fraction);
}

}  // namespace

int32_t cpu_reduce(Queue* queue, const ReducePlan& plan) {
  Source source;
  const View* views[kMaxReduced];
  for (int k = 0; k < plan.input_count; ++k) views[k] = &plan.input[k];
  const bool any_order = plan.what == Reduction::quantile_abs;
  make_grid(plan.shape, views, plan.input_count, plan.per_sample, any_order, &source.grid);
  if (source.grid.count == 0) return NWR_OK;
  source.lane = lane_of(source.grid, 0, plan.input[0].dtype);
  source.rows = plan.per_sample ? plan.shape.batch() : 1;
  source.count = source.grid.count / source.rows;
  source.numbers = reduced_numbers(plan.what, plan.input_count);
  source.together = {plan.what, plan.input_count, plan.rtol, plan.atol, {}};
  for (int k = 0; k < plan.input_count; ++k) {
    source.together.input[k] = lane_of(source.grid, k, plan.input[k].dtype);
  }
  if (plan.what != Reduction::quantile_abs) {
    reduce_rows(queue, source, plan);
    return NWR_OK;
  }
  run_tasks(queue->pool, source.rows, 0.4 * static_cast<double>(source.count),
            [&](int64_t row) { plan.result[row] = select_row(queue, source, row, plan.quantile); });
  return NWR_OK;
}

}  // namespace noisewright
