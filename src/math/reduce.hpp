// SPDX-License-Identifier: Apache-2.0
// Owns the order in which a reduction takes its elements, which is what makes its bits the same
// everywhere, and the digits by which a quantile is found. Must not know memory, threads or
// devices.
#pragma once

#include "core/plan.hpp"
#include "math/hd.hpp"

namespace noisewright {

// The tree: elements, numbered in row-major order within a sample, are cut into blocks. Element i
// of a block goes to lane i % kReduceLanes, each lane takes its elements in order, and the lanes
// are folded in halves. The blocks' results are the elements of the next level, until one is left.
inline constexpr int64_t kReduceBlock = 4096;
inline constexpr int kReduceLanes = 32;

NWR_HD inline int64_t reduce_blocks(int64_t count) {
  return (count + kReduceBlock - 1) / kReduceBlock;
}

// The doubles of all levels for one sample, beside the last, which is the result.
NWR_HD inline int64_t reduce_partials(int64_t count) {
  int64_t all = 0;
  while (count > kReduceBlock) all += count = reduce_blocks(count);
  return all;
}

// The square of a float is exact in double. Real is double or a vector of doubles.
template <class Real>
NWR_HD NWR_INLINE Real square_next(Real sum, Real x) {
  return add_rn(sum, mul_rn(x, x));
}

// A NaN stays.
NWR_HD NWR_INLINE double largest_next(double largest, double x) {
  const double magnitude = x < 0 ? -x : x;
  return magnitude > largest || magnitude != magnitude ? magnitude : largest;
}

// The numbers that a reduction gives for inputs.
NWR_HD NWR_INLINE int reduced_numbers(Reduction what, int inputs) {
  return what == Reduction::gram ? inputs + inputs * (inputs + 1) / 2 : 1;
}
inline constexpr int kMaxNumbers = 9;  // of kMaxReduced inputs

// Adds an element of each input to the sums of a reduction of several. Real is double or a vector
// of doubles.
template <class Real>
NWR_HD NWR_INLINE void gram_next(int inputs, const Real* x, Real* sum) {
  int place = inputs;
  for (int i = 0; i < inputs; ++i) {
    sum[i] = add_rn(sum[i], x[i]);
    for (int j = i; j < inputs; ++j, ++place) sum[place] = add_rn(sum[place], mul_rn(x[i], x[j]));
  }
}
NWR_HD NWR_INLINE double error_next(Reduction what, double rtol, double atol, const double* x,
                                    double sum) {
  const bool largest = what == Reduction::error_largest;
  const double reach = mul_rn(rtol, largest_next(largest_next(0, x[largest ? 0 : 1]), x[2]));
  const double scale = largest ? largest_next(atol, reach) : add_rn(atol, reach);
  return square_next(sum, div_rn(add_rn(x[0], -x[1]), scale));
}

// Folds the lanes of sums, or of largest magnitudes, into lane[0].
NWR_HD inline double fold_lanes(bool largest, double* lane) {
  for (int half = kReduceLanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) {
      lane[i] = largest ? largest_next(lane[i], lane[i + half]) : add_rn(lane[i], lane[i + half]);
    }
  }
  return lane[0];
}

// A quantile is selected by the digits of |x| as bits, from the highest: magnitudes order as their
// bits do. Digit d of a pattern of 31 or 63 bits.
inline constexpr int kDigitBits = 11;
inline constexpr int kDigitValues = 1 << kDigitBits;

NWR_HD inline int digit_count(bool wide) { return wide ? 6 : 3; }
NWR_HD NWR_INLINE int digit_shift(bool wide, int digit) {
  const int shift = (wide ? 63 : 31) - kDigitBits * (digit + 1);
  return shift > 0 ? shift : 0;
}
NWR_HD NWR_INLINE uint64_t magnitude_bits(float x) { return bits_of(x) & 0x7FFFFFFFu; }
NWR_HD NWR_INLINE uint64_t magnitude_bits(double x) { return bits_of(x) & (~uint64_t{0} >> 1); }
NWR_HD inline double magnitude_of(bool wide, uint64_t bits) {
  return wide ? double_of(bits) : static_cast<double>(float_of(static_cast<uint32_t>(bits)));
}
NWR_HD inline uint64_t infinity_bits(bool wide) { return wide ? 0x7FF0000000000000u : 0x7F800000u; }

// The search for the element of a rank and for the one after it.
struct Selection {
  uint64_t prefix;   // the digits found, in their place
  uint64_t rank;     // among the elements of that prefix
  uint64_t same;     // elements that equal the one found, the one itself and those after it
  uint64_t above;    // the least pattern above; all ones where there is none
  uint32_t has_nan;  // a NaN was seen
  uint32_t reserved;
};

NWR_HD inline Selection start_selection(uint64_t rank) { return {0, rank, 0, ~uint64_t{0}, 0, 0}; }

// Whether an element has the prefix found before a digit.
NWR_HD NWR_INLINE bool has_prefix(const Selection& s, bool wide, int digit, uint64_t bits) {
  return digit == 0 || (bits ^ s.prefix) >> digit_shift(wide, digit - 1) == 0;
}
// The bin of an element that has the prefix. The last digit overlaps the one before where the bits
// do not divide.
NWR_HD NWR_INLINE int digit_of(bool wide, int digit, uint64_t bits) {
  return static_cast<int>(bits >> digit_shift(wide, digit) & (kDigitValues - 1));
}

// Takes the digit whose bin holds the rank.
NWR_HD inline void select_digit(Selection* s, bool wide, int digit, const uint32_t* bins) {
  int value = 0;
  while (s->rank >= bins[value]) s->rank -= bins[value++];
  s->prefix |= static_cast<uint64_t>(value) << digit_shift(wide, digit);
  s->same = bins[value] - s->rank;
}

// The place of a quantile among count elements, as a rank and the way to the next.
struct QuantilePlace {
  uint64_t rank;
  double fraction;
};
NWR_HD inline QuantilePlace quantile_place(double quantile, int64_t count) {
  const double place = mul_rn(quantile, static_cast<double>(count - 1));
  const uint64_t rank = static_cast<uint64_t>(place);
  return {rank, add_rn(place, -static_cast<double>(rank))};
}

NWR_HD inline double finish_selection(const Selection& s, bool wide, double fraction) {
  if (s.has_nan) return double_of(0x7FF8000000000000u);
  const double low = magnitude_of(wide, s.prefix);
  if (fraction == 0 || s.same > 1) return low;
  const double high = magnitude_of(wide, s.above);
  // Of two infinities the difference would be no number.
  return low == high ? low : add_rn(low, mul_rn(add_rn(high, -low), fraction));
}

}  // namespace noisewright
