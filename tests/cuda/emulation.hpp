// SPDX-License-Identifier: Apache-2.0
// Owns CUDA's launches on the CPU: the plans, arguments and per-thread functions of cuda/, with
// every thread run here, in an order that no result may depend on. Must not know what is tested.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cuda/bodies.hpp"

namespace noisewright::test {

// Calls f for 0 to count - 1: from the back, and the middle last.
template <class F>
void each_thread(int64_t count, F&& f) {
  for (int64_t i = count - 1; i > count / 2; --i) f(i);
  for (int64_t i = 0; i <= count / 2 && i < count; ++i) f(i);
}

struct EmulatedLaunch {
  template <class Body, class Arguments>
  void operator()(Body, const Arguments& given, int64_t items) const {
    const Arguments arguments = given;  // as a kernel has them
    each_thread(items, [&](int64_t n) { Body::run(arguments, n); });
  }
};

inline void emulated_mix(const MixPlan& plan, const double* factors = nullptr) {
  cuda::MixWork work;
  cuda::plan_mix(plan, factors != nullptr, &work);
  work.arguments.mix.factors = factors;
  std::vector<Byte> table(work.table_bytes);
  cuda::pack_mix(plan, &work, table.data(), table.data());
  cuda::launch_mix(work, EmulatedLaunch());
}

inline void emulated_rows(const RowsPlan& rows, const MixPlan& plan) {
  std::vector<double> factors(static_cast<size_t>(rows.rows * rows.row_size()));
  EmulatedLaunch()(cuda::MakeRows(), cuda::RowsArguments{rows, factors.data()}, rows.rows);
  emulated_mix(plan, factors.data());
}

inline void emulated_guide(const GuidePlan& guide, const MixPlan& given) {
  std::vector<Byte> table(cuda::guide_bytes(given));
  cuda::GuideArguments arguments;
  cuda::pack_guide(guide, given, table.data(), table.data(), &arguments);
  EmulatedLaunch()(cuda::MakeGuided(), arguments, guide.rows);
  MixPlan plan = given;
  plan.factor_rows = guide.rows;
  emulated_mix(plan, guide.scratch);
}

inline void emulated_change(const ChangePlan& plan) {
  std::vector<Byte> table(cuda::change_bytes(plan));
  cuda::ChangeArguments arguments;
  cuda::plan_change(plan, table.data(), table.data(), &arguments);
  EmulatedLaunch()(cuda::ChangeElements(), arguments, arguments.rows * arguments.count);
}

inline void emulated_fill(const FillPlan& plan) {
  cuda::FillWork work;
  cuda::plan_fill(plan, &work);
  std::vector<Byte> table(work.table_bytes);
  cuda::pack_fill(plan, &work, table.data(), table.data());
  cuda::launch_fill(work, EmulatedLaunch());
}

inline void emulated_copy(const CopyPlan& plan) {
  cuda::CopyArguments arguments;
  if (cuda::plan_copy(plan, &arguments)) {
    std::memmove(arguments.to, arguments.from,
                 static_cast<size_t>(arguments.count) * static_cast<size_t>(arguments.size));
    return;
  }
  cuda::launch_copy(arguments, EmulatedLaunch());
}

inline void emulated_select(const ReducePlan& plan) {
  cuda::SelectArguments a;
  cuda::plan_select(plan, &a);
  const cuda::ReduceArguments& r = a.reduce;
  for (int64_t row = 0; row < r.rows; ++row) {
    Selection& s = a.selections[row];
    uint32_t* const bins = a.bins + row * kDigitValues;
    s = start_selection(a.rank);
    for (int digit = 0; digit < digit_count(r.wide); ++digit) {
      std::fill(bins, bins + kDigitValues, 0u);
      each_thread(r.count, [&](int64_t i) {
        const uint64_t bits = cuda::magnitude_at(r, row, i);
        if (bits > infinity_bits(r.wide)) s.has_nan = 1;
        if (has_prefix(s, r.wide, digit, bits)) ++bins[digit_of(r.wide, digit, bits)];
      });
      select_digit(&s, r.wide, digit, bins);
    }
    if (cuda::needs_next(a, s)) {
      each_thread(r.count, [&](int64_t i) {
        const uint64_t bits = cuda::magnitude_at(r, row, i);
        if (bits > s.prefix) s.above = std::min(s.above, bits);
      });
    }
    r.result[row] = finish_selection(s, r.wide, a.fraction);
  }
}

inline void emulated_reduce(const ReducePlan& plan) {
  if (plan.what == Reduction::quantile_abs) return emulated_select(plan);
  cuda::ReduceArguments a;
  cuda::plan_reduce(plan, &a);
  double lanes[kReduceLanes];
  each_thread(a.rows * a.blocks, [&](int64_t n) {
    const int64_t row = n / a.blocks, block = n % a.blocks;
    if (a.input_count == 1 && a.what != Reduction::gram) {
      for (int lane = 0; lane < kReduceLanes; ++lane) {
        lanes[lane] = cuda::reduce_lane(a, row, block, lane);
      }
      *cuda::reduce_result(a, row, block) = fold_lanes(a.largest, lanes);
      return;
    }
    double sums[kReduceLanes][kMaxNumbers];
    for (int lane = 0; lane < kReduceLanes; ++lane) {
      cuda::reduce_lane_of_many(a, row, block, lane, sums[lane]);
    }
    for (int number = 0; number < a.numbers; ++number) {
      for (int lane = 0; lane < kReduceLanes; ++lane) lanes[lane] = sums[lane][number];
      *cuda::reduce_result(a, row * a.numbers + number, block) = fold_lanes(false, lanes);
    }
  });
  cuda::FoldArguments fold = {};
  while (cuda::next_level(a, &fold)) {
    each_thread(fold.rows * fold.blocks, [&](int64_t n) {
      const int64_t row = n / fold.blocks, block = n % fold.blocks;
      for (int lane = 0; lane < kReduceLanes; ++lane) {
        lanes[lane] = cuda::fold_lane(fold, row, block, lane);
      }
      fold.to[row * fold.to_stride + block] = fold_lanes(fold.largest, lanes);
    });
  }
}

}  // namespace noisewright::test
