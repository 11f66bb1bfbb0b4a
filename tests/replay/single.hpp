// SPDX-License-Identifier: Apache-2.0
// Owns what arithmetic in float32 may give: intervals that hold every result that a formula can
// have when each of its steps is rounded to float32. Must not know formulas or recordings.
//
// So a recording made in float32 is told right from wrong by upstream's own formula: where that
// cancels, as 1 - alpha^2 near data, the interval is wide, and nowhere else.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace replay {

struct Single {
  double low, high;

  // A number that float32 holds; what it does not hold is rounded to it.
  Single(double value) : Single(static_cast<float>(value), static_cast<float>(value), 0) {}
  // Bounds of the true result, and by how many units in the last place the rounded may differ.
  Single(double least, double most, double ulps)
      : low(least - ulps * kUlp * std::fabs(least)), high(most + ulps * kUlp * std::fabs(most)) {
    if (std::isnan(low)) low = -std::numeric_limits<double>::infinity();
    if (std::isnan(high)) high = std::numeric_limits<double>::infinity();
  }

  static constexpr double kUlp = 1.0 / (1 << 23);
};

inline Single hull(std::initializer_list<double> ends) {
  for (const double end : ends) {
    if (std::isnan(end)) return {end, end, 0};
  }
  return {std::min(ends), std::max(ends), 0.5};
}
inline Single operator-(Single a) { return {-a.high, -a.low, 0}; }
inline Single operator+(Single a, Single b) { return {a.low + b.low, a.high + b.high, 0.5}; }
inline Single operator-(Single a, Single b) { return a + -b; }
inline Single operator*(Single a, Single b) {
  return hull({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
}
inline Single operator/(Single a, Single b) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (b.low <= 0 && b.high >= 0) return {nan, nan, 0};
  return hull({a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high});
}
inline Single squared(Single a) {
  const Single product = a * a;
  return {std::max(product.low, 0.0), product.high, 0};
}
inline Single at_least(Single a, Single floor) {
  return {std::max(a.low, floor.low), std::max(a.high, floor.high), 0};
}

// The functions of mathematical libraries err by less than 2 units; exp(0) and its like by none.
inline Single rising(Single a, double (*f)(double)) {
  const bool exact = a.low == 0 && a.high == 0;
  return {f(a.low), f(a.high), exact ? 0.0 : 2.0};
}
inline Single exp(Single a) { return rising(a, std::exp); }
inline Single expm1(Single a) { return rising(a, std::expm1); }
inline Single log(Single a) { return rising(a, std::log); }
inline Single sqrt(Single a) {
  return {std::sqrt(std::max(a.low, 0.0)), std::sqrt(std::max(a.high, 0.0)), 0.5};
}
// Of angles from 0 to a little above pi/2.
inline Single sin(Single a) {
  constexpr double kHalfPi = 1.57079632679489661923;
  const double most =
      a.low <= kHalfPi && a.high >= kHalfPi ? 1 : std::max(std::sin(a.low), std::sin(a.high));
  return {std::min(std::sin(a.low), std::sin(a.high)), most, 2};
}
inline Single cos(Single a) {
  const bool exact = a.low == 0 && a.high == 0;
  return {std::cos(a.high), std::cos(a.low), exact ? 0.0 : 2.0};
}
inline Single tan(Single a) { return sin(a) / cos(a); }

// What a recording calls the numbers of one time, in float32.
using SingleRow = std::vector<std::pair<std::string, Single>>;
using SingleTable = std::map<std::string, std::vector<Single>>;

template <class F>
SingleTable single_table(const std::vector<double>& times, F&& row_at) {
  SingleTable table;
  for (const double t : times) {
    for (auto& [name, value] : row_at(Single(t))) table[name].push_back(value);
  }
  return table;
}

}  // namespace replay
