// SPDX-License-Identifier: Apache-2.0
// Owns the launches of reductions: a warp for a block of elements, as math/reduce.hpp cuts them,
// and a histogram for each digit of a quantile. Counting by atomics is exact; nothing else uses
// them. Must not know the order within a block.
#include "cuda/bodies.hpp"
#include "cuda/queue.cuh"

namespace noisewright::cuda {
namespace {

constexpr int kWarps = kThreads / kReduceLanes;

// Blocks go to warps in turn; lane(row, block, lane) is one lane's number.
template <class Lane, class Store>
__device__ __forceinline__ void run_blocks(int64_t rows, int64_t blocks, bool largest,
                                           const Lane& lane, const Store& store) {
  __shared__ double lanes[kWarps][kReduceLanes];
  const int warp = static_cast<int>(threadIdx.x) / kReduceLanes;
  const int own = static_cast<int>(threadIdx.x) % kReduceLanes;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kWarps;
  for (int64_t n = static_cast<int64_t>(blockIdx.x) * kWarps + warp; n < rows * blocks; n += step) {
    const Division at = divide(n, blocks);
    lanes[warp][own] = lane(at.quotient, at.rest, own);
    __syncwarp();
    if (own == 0) store(at.quotient, at.rest, fold_lanes(largest, lanes[warp]));
    __syncwarp();
  }
}

__global__ void __launch_bounds__(kThreads)
    reduce_blocks_of(const __grid_constant__ ReduceArguments a) {
  run_blocks(
      a.rows, a.blocks, a.largest,
      [&](int64_t row, int64_t block, int lane) { return reduce_lane(a, row, block, lane); },
      [&](int64_t row, int64_t block, double x) { *reduce_result(a, row, block) = x; });
}

// Several numbers of each block.
__global__ void __launch_bounds__(kThreads)
    reduce_blocks_of_many(const __grid_constant__ ReduceArguments a) {
  __shared__ double lanes[kWarps][kReduceLanes];
  const int warp = static_cast<int>(threadIdx.x) / kReduceLanes;
  const int own = static_cast<int>(threadIdx.x) % kReduceLanes;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kWarps;
  for (int64_t n = static_cast<int64_t>(blockIdx.x) * kWarps + warp; n < a.rows * a.blocks;
       n += step) {
    const Division at = divide(n, a.blocks);
    double sum[kMaxNumbers];
    reduce_lane_of_many(a, at.quotient, at.rest, own, sum);
    for (int number = 0; number < a.numbers; ++number) {
      lanes[warp][own] = sum[number];
      __syncwarp();
      if (own == 0) {
        *reduce_result(a, at.quotient * a.numbers + number, at.rest) =
            fold_lanes(false, lanes[warp]);
      }
      __syncwarp();
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    fold_blocks_of(const __grid_constant__ FoldArguments a) {
  run_blocks(
      a.rows, a.blocks, a.largest,
      [&](int64_t row, int64_t block, int lane) { return fold_lane(a, row, block, lane); },
      [&](int64_t row, int64_t block, double x) { a.to[row * a.to_stride + block] = x; });
}

// A row of blocks of threads for each row of elements, or several.
struct RowGrid {
  dim3 blocks;
};
RowGrid row_grid(const Queue* queue, const ReduceArguments& a) {
  const int64_t most = a.rows < 65535 ? a.rows : 65535;
  const int64_t wanted = int64_t{queue->multiprocessors} * 8 / most + 1;
  const int64_t needed = (a.count + 16 * kThreads - 1) / (16 * kThreads);
  return {
      dim3(static_cast<unsigned>(wanted < needed ? wanted : needed), static_cast<unsigned>(most))};
}

__global__ void __launch_bounds__(kThreads)
    start_select(const __grid_constant__ SelectArguments a) {
  for (int64_t row = blockIdx.x; row < a.reduce.rows; row += gridDim.x) {
    uint32_t* const bins = a.bins + row * kDigitValues;
    for (int i = static_cast<int>(threadIdx.x); i < kDigitValues; i += kThreads) bins[i] = 0;
    if (threadIdx.x == 0) a.selections[row] = start_selection(a.rank);
  }
}

__global__ void __launch_bounds__(kThreads)
    count_digit(const __grid_constant__ SelectArguments a, const int digit) {
  __shared__ uint32_t bins[kDigitValues];
  const ReduceArguments& r = a.reduce;
  for (int64_t row = blockIdx.y; row < r.rows; row += gridDim.y) {
    for (int i = static_cast<int>(threadIdx.x); i < kDigitValues; i += kThreads) bins[i] = 0;
    __syncthreads();
    const Selection s = a.selections[row];
    const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
    uint32_t nans = 0;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < r.count;
         i += step) {
      const uint64_t bits = magnitude_at(r, row, i);
      if (bits > infinity_bits(r.wide)) nans = 1;
      if (has_prefix(s, r.wide, digit, bits)) atomicAdd(&bins[digit_of(r.wide, digit, bits)], 1u);
    }
    if (nans != 0) atomicOr(&a.selections[row].has_nan, 1u);
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < kDigitValues; i += kThreads) {
      if (bins[i] != 0) atomicAdd(&a.bins[row * kDigitValues + i], bins[i]);
    }
    __syncthreads();
  }
}

__global__ void __launch_bounds__(kThreads)
    take_digit(const __grid_constant__ SelectArguments a, const int digit) {
  __shared__ uint32_t bins[kDigitValues];
  for (int64_t row = blockIdx.x; row < a.reduce.rows; row += gridDim.x) {
    uint32_t* const counted = a.bins + row * kDigitValues;
    for (int i = static_cast<int>(threadIdx.x); i < kDigitValues; i += kThreads) {
      bins[i] = counted[i];
      counted[i] = 0;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      Selection s = a.selections[row];
      select_digit(&s, a.reduce.wide, digit, bins);
      a.selections[row] = s;
    }
    __syncthreads();
  }
}

__global__ void __launch_bounds__(kThreads) find_next(const __grid_constant__ SelectArguments a) {
  const ReduceArguments& r = a.reduce;
  for (int64_t row = blockIdx.y; row < r.rows; row += gridDim.y) {
    const Selection s = a.selections[row];
    if (!needs_next(a, s)) continue;
    const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
    uint64_t above = ~uint64_t{0};
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < r.count;
         i += step) {
      const uint64_t bits = magnitude_at(r, row, i);
      if (bits > s.prefix && bits < above) above = bits;
    }
    static_assert(sizeof(unsigned long long) == sizeof(uint64_t));
    if (above != ~uint64_t{0}) {
      atomicMin(reinterpret_cast<unsigned long long*>(&a.selections[row].above),
                static_cast<unsigned long long>(above));
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    finish_select(const __grid_constant__ SelectArguments a) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t row = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; row < a.reduce.rows;
       row += step) {
    a.reduce.result[row] = finish_selection(a.selections[row], a.reduce.wide, a.fraction);
  }
}

int32_t select(Queue* queue, const ReducePlan& plan) {
  SelectArguments a;
  plan_select(plan, &a);
  const int64_t rows = a.reduce.rows;
  const unsigned one_each = static_cast<unsigned>(rows < 65535 ? rows : 65535);
  const RowGrid grid = row_grid(queue, a.reduce);
  start_select<<<one_each, kThreads, 0, queue->stream>>>(a);
  for (int digit = 0; digit < digit_count(a.reduce.wide); ++digit) {
    count_digit<<<grid.blocks, kThreads, 0, queue->stream>>>(a, digit);
    take_digit<<<one_each, kThreads, 0, queue->stream>>>(a, digit);
  }
  if (a.fraction > 0) find_next<<<grid.blocks, kThreads, 0, queue->stream>>>(a);
  finish_select<<<geometry_of(rows, queue->multiprocessors).blocks, kThreads, 0, queue->stream>>>(
      a);
  return check(cudaGetLastError(), "a quantile");
}

}  // namespace

int32_t reduce(Queue* queue, const ReducePlan& plan) {
  if (plan.shape.count() == 0) return NWR_OK;
  const DeviceScope scope(queue->options.device_id);
  if (plan.what == Reduction::quantile_abs) return select(queue, plan);
  ReduceArguments a;
  plan_reduce(plan, &a);
  const auto blocks_of = [&](int64_t tasks) {
    return geometry_of(tasks * kReduceLanes, queue->multiprocessors).blocks;
  };
  const unsigned blocks = blocks_of(a.rows * a.blocks);
  if (a.input_count == 1 && a.what != Reduction::gram) {
    reduce_blocks_of<<<blocks, kThreads, 0, queue->stream>>>(a);
  } else {
    reduce_blocks_of_many<<<blocks, kThreads, 0, queue->stream>>>(a);
  }
  FoldArguments fold = {};
  while (next_level(a, &fold)) {
    fold_blocks_of<<<blocks_of(fold.rows * fold.blocks), kThreads, 0, queue->stream>>>(fold);
  }
  return check(cudaGetLastError(), "a reduction");
}

}  // namespace noisewright::cuda
