// SPDX-License-Identifier: Apache-2.0
#include "core/adaptive.hpp"

#include <algorithm>

namespace noisewright {

StepControl::StepControl(const Schedule& schedule, const Settings& settings,
                         const std::vector<double>& times)
    : schedule_(schedule),
      rule_(static_cast<int>(settings["controller"])),
      p_(settings["p"]),
      i_(settings["i"]),
      d_(settings["d"]),
      accept_(settings["accept"]),
      times_(times),
      length_(settings["first"]) {
  const auto& kind = static_cast<const SamplerKind&>(settings.entry()).base();
  in_lambda_ = kind.adaptive->in_lambda;
  order_ = settings.get("order", kind.adaptive->order);
  // With noise the error falls no faster than that of the noise.
  if (rule_ == 0 && settings.get("eta", 0) > 0) order_ = 1.5;
  const nwr_coeffs end = schedule.at(times.back(), {"options.times"});
  if (end.sigma == 0 && end.gamma == 0) {
    const double least = schedule.time_at(-std::log(kLeastLevel), {"log(alpha/sigma)"});
    const double before = times[times.size() - 2];
    if ((least - before) * schedule.direction() > 0) times_.insert(times_.end() - 1, least);
    jump_ = times_.size() - 2;
  }
  for (size_t i = 0; i + 1 < times_.size(); ++i) {
    if (!((times_[i + 1] - times_[i]) * (times_[1] - times_[0]) > 0)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.times[", i + 1, "] is ", times_[i + 1], ", after ",
           times_[i], ": times of an adaptive run go one way");
    }
    if (i != jump_ && !std::isfinite(clock(times_[i]))) {
      fail(NWR_ERROR_SINGULAR, "options.times[", i, "] is ", times_[i],
           ", where log(alpha/sigma) is infinite: let the times begin later");
    }
  }
  at_ = clock(times_[0]);
  propose();
}

// Grows along the run.
double StepControl::clock(double t) const {
  const double way = times_[1] > times_[0] ? 1 : -1;
  if (!in_lambda_) return way * t;
  return way * schedule_.direction() * schedule_.at(t, {"options.times"}).lambda;
}

void StepControl::propose() {
  attempt_ = {0, 0, times_.back()};
  const double way = times_[1] > times_[0] ? 1 : -1;
  const auto time_at = [&](double place) {
    if (done() || place == clock(times_[part_])) return times_[part_];
    if (!in_lambda_) return way * place;
    return schedule_.time_at(way * schedule_.direction() * place, {"log(alpha/sigma)"});
  };
  attempt_[0] = time_at(at_);
  if (done()) return;
  const double end = jumps() ? HUGE_VAL : clock(times_[part_ + 1]);
  // What would be left beside a step is part of it.
  const double left = end - at_, least = 1e-9 * (1 + std::fabs(end));
  attempt_[1] = jumps() || length_ >= left - least ? times_[part_ + 1] : time_at(at_ + length_);
}

void StepControl::take() {
  if (attempt_[1] == times_[part_ + 1]) {
    ++part_;
    at_ = done() ? 0 : clock(times_[part_]);
  } else {
    at_ += length_;
  }
  propose();
}

bool StepControl::judge(double error) {
  bool taken;
  double factor;
  // The attempt may have been cut short.
  const double length = attempt_[1] == times_[part_ + 1] ? clock(attempt_[1]) - at_ : length_;
  if (rule_ == 0) {
    // A PID controller on 1/error, limited by arctan (Soderlind 2003).
    const double inverse = 1 / (error + 1e-8);
    if (!any_) std::fill(inverse_, inverse_ + 3, inverse);
    any_ = true;
    inverse_[0] = inverse;
    const double raw = std::pow(inverse_[0], (p_ + i_ + d_) / order_) *
                       std::pow(inverse_[1], -(p_ + 2 * d_) / order_) *
                       std::pow(inverse_[2], d_ / order_);
    factor = 1 + std::atan(raw - 1);
    taken = factor >= accept_;
    if (taken) inverse_[2] = inverse_[1], inverse_[1] = inverse_[0];
  } else {
    taken = error <= 1;
    const double ideal = std::pow(error, -1 / order_);
    if (rule_ == 1) {
      factor = 0.9 * ideal;  // Lu et al. 2206.00927, algorithm 3
    } else {
      // Hairer, Norsett and Wanner 1993, eq. II.4.13, as torchdiffeq bounds it.
      factor = std::fmin(10, std::fmax(0.9 * ideal, taken ? 1 : 0.2));
    }
  }
  if (taken) take();
  length_ = factor * (rule_ == 0 ? length_ : length);
  propose();
  return taken;
}

std::vector<double> StepControl::save() const {
  return {static_cast<double>(part_),
          at_,
          length_,
          inverse_[0],
          inverse_[1],
          inverse_[2],
          any_ ? 1.0 : 0.0};
}

bool StepControl::load(const std::vector<double>& numbers) {
  if (numbers.size() != 7 || !(numbers[0] >= 0) ||
      !(numbers[0] < static_cast<double>(times_.size())) || !(numbers[2] > 0)) {
    return false;
  }
  part_ = static_cast<size_t>(numbers[0]);
  at_ = numbers[1], length_ = numbers[2];
  std::copy(numbers.begin() + 3, numbers.begin() + 6, inverse_);
  any_ = numbers[6] != 0;
  // Where it stands must lie in its part.
  if (!done() && !jumps() && !(at_ >= clock(times_[part_]) && at_ <= clock(times_[part_ + 1]))) {
    return false;
  }
  propose();
  return true;
}

}  // namespace noisewright
