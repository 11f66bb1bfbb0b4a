// SPDX-License-Identifier: Apache-2.0
// Owns the CPU's reductions: the way of math/reduce.hpp over strides and threads. Must not know how
// a block of elements is summed.
#include "math/reduce.hpp"

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

// Calls visit(bits of the magnitude) for every element of a row.
template <class Visit>
void for_each_magnitude(const Source& source, int64_t row, const Visit& visit) {
  const int64_t begin = row * source.count;
  walk(
      source.grid, begin, begin + source.count,
      [&](int64_t, int64_t, int64_t count, Byte* const* address) {
        const Byte* at = address[0];
        const int64_t stride = source.lane.stride;
        const auto each = [&](auto magnitude) {
          for (int64_t i = 0; i < count; ++i) visit(magnitude(at + i * stride));
        };
        switch (source.lane.dtype) {
          case Dtype::f16:
            each([](const Byte* p) { return magnitude_bits(load_element<float>(p, Dtype::f16)); });
            break;
          case Dtype::bf16:
            each([](const Byte* p) { return magnitude_bits(load_element<float>(p, Dtype::bf16)); });
            break;
          case Dtype::f32:
            each([](const Byte* p) { return magnitude_bits(load_element<float>(p, Dtype::f32)); });
            break;
          default:
            each([](const Byte* p) { return magnitude_bits(load_element<double>(p, Dtype::f64)); });
            break;
        }
      });
}

double select_row(const Source& source, int64_t row, double quantile) {
  const bool wide = source.lane.dtype == Dtype::f64;
  const QuantilePlace place = quantile_place(quantile, source.count);
  Selection s = start_selection(place.rank);
  const uint64_t infinity = infinity_bits(wide);
  for (int digit = 0; digit < digit_count(wide); ++digit) {
    uint32_t bins[kDigitValues] = {};
    uint32_t nans = 0;
    for_each_magnitude(source, row, [&](uint64_t bits) {
      if (has_prefix(s, wide, digit, bits)) ++bins[digit_of(wide, digit, bits)];
      nans |= bits > infinity ? 1u : 0u;
    });
    s.has_nan = nans;
    if (nans != 0) break;
    select_digit(&s, wide, digit, bins);
  }
  if (place.fraction > 0 && s.same == 1 && s.has_nan == 0) {
    for_each_magnitude(source, row, [&](uint64_t bits) {
      if (bits > s.prefix && bits < s.above) s.above = bits;
    });
  }
  return finish_selection(s, wide, place.fraction);
}

}  // namespace

int32_t cpu_reduce(Queue* queue, const ReducePlan& plan) {
  Source source;
  const View* views[kMaxReduced];
  for (int k = 0; k < plan.input_count; ++k) views[k] = &plan.input[k];
  make_grid(plan.shape, views, plan.input_count, plan.per_sample, false, &source.grid);
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
  run_tasks(queue->pool, source.rows, 2.0 * static_cast<double>(source.count),
            [&](int64_t row) { plan.result[row] = select_row(source, row, plan.quantile); });
  return NWR_OK;
}

}  // namespace noisewright
