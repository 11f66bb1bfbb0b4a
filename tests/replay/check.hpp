// SPDX-License-Identifier: Apache-2.0
// Owns the comparison of one case with its recording: tolerances, the worst error, where it
// differs. Must not know formats or the library.
#pragma once

#include <functional>
#include <string>

#include "json.hpp"
#include "single.hpp"

namespace replay {

// A case that this version cannot replay, with the reason.
struct Unsupported {
  std::string why;
};

inline constexpr double kTolerance64 = 1e-10;
inline constexpr double kTolerance32 = 1e-5;
// Noise levels of schedules that were computed in single precision: products of a thousand factors.
inline constexpr double kLevelTolerance32 = 1e-3;

class Check {
 public:
  // |ours - recorded| / (1 + |recorded|): for states and model outputs.
  void state(const std::string& where, const Numbers& ours, const Json& recorded);
  // |ours - recorded| / |recorded|: for noise levels and times, which may be small.
  void level(const std::string& where, const Numbers& ours, const Json& recorded);
  void level(const std::string& where, double ours, const Json& recorded);
  // |ours - recorded| <= tolerance (floor + |recorded|).
  void near(const std::string& where, const Numbers& ours, const Json& recorded, double tolerance,
            double floor = 0);
  // Both within what float32 may give, number by number.
  void within(const std::string& where, const Numbers& ours, const Json& recorded,
              const std::vector<Single>& bounds);
  // A count or a choice that must be equal.
  void equal(const std::string& where, double ours, const Json& recorded);
  void require(bool holds, const std::string& where);

  // For arrays of double precision.
  void set_tolerance(double tolerance) { tolerance_ = tolerance; }

  // Runs body with arrays of single precision: another tolerance, and a prefix to every place. With
  // a prefix its errors are judged but not reported among those of double precision.
  void in_single(const std::string& prefix, const std::function<void()>& body);
  // The largest number that the arrays of single precision were computed from: where it is large,
  // its rounding is what they may differ by.
  void set_single_scale(double largest);

  bool differs() const { return differs_; }
  double error() const { return differs_ ? first_error_ : worst_; }
  const std::string& where() const { return where_; }

 private:
  void record(const std::string& where, double error, double tolerance);
  void compare(const std::string& where, const Numbers& ours, const Json& recorded, double floor,
               double tolerance);

  double tolerance_ = kTolerance64;
  double worst_ = 0;
  double first_error_ = 0;
  bool differs_ = false;
  bool single_ = false;
  double single_scale_ = 1;
  std::string prefix_;
  std::string where_;
};

// "name[index]"
std::string indexed(const char* name, size_t index);

}  // namespace replay
