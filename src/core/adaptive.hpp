// SPDX-License-Identifier: Apache-2.0
// Owns the choice of steps from the errors of those before: where an attempt goes, whether it is
// taken. Must not know memory, devices or methods.
#pragma once

#include <vector>

#include "core/sampler_kind.hpp"

namespace noisewright {

class StepControl {
 public:
  // times: where the run begins, points that steps must not pass, and where it ends. Where that is
  // clean data, steps are chosen down to kLeastLevel, and one goes to data.
  StepControl(const Schedule& schedule, const Settings& settings, const std::vector<double>& times);

  // The attempt's begin and end, and where the run ends.
  const std::vector<double>& attempt() const { return attempt_; }
  // Whether the attempt goes to clean data, which says nothing about errors.
  bool jumps() const { return part_ == jump_; }
  bool done() const { return part_ + 1 == times_.size(); }
  // The attempt's root mean square error on the scale of the tolerances. Whether it is taken: then
  // the next attempt begins at its end, else where it began.
  bool judge(double error);
  // Takes it, whatever its error.
  void take();

  // All that moves, as numbers.
  std::vector<double> save() const;
  bool load(const std::vector<double>& numbers);

 private:
  double clock(double t) const;
  void propose();

  static constexpr double kLeastLevel = 0.002;

  const Schedule& schedule_;
  bool in_lambda_;
  int rule_;
  double order_, p_, i_, d_, accept_;
  std::vector<double> times_;
  size_t jump_ = SIZE_MAX;  // the part that goes to clean data
  size_t part_ = 0;         // between which of the times
  double at_, length_;      // on the clock
  double inverse_[3] = {};  // errors of the attempts before
  bool any_ = false;
  std::vector<double> attempt_;
};

}  // namespace noisewright
