// SPDX-License-Identifier: Apache-2.0
#include "core/schedule.hpp"

#include <algorithm>

namespace noisewright {

nwr_coeffs to_coeffs(const path::Point<double>& p) {
  nwr_coeffs c{};
  c.alpha = p.alpha;
  c.sigma = p.sigma;
  c.dalpha = p.dalpha;
  c.dsigma = p.dsigma;
  c.log_alpha = p.log_alpha;
  c.dlog_alpha = p.dlog_alpha;
  c.lambda = p.lambda;
  c.diffusion2 = p.diffusion2;
  return c;
}

nwr_coeffs Schedule::at(double t, const Name& argument) const {
  if (!(t >= ends_.low && t <= ends_.high)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, argument, " is ", t, ", outside ", ends_.low, " to ",
         ends_.high, ", the times of ", spec_);
  }
  return coeffs(t);
}

double Schedule::time_at(double lambda, const Name& argument) const {
  // The range runs over every time that may be asked for, which for edm is more than its ends.
  const double a = coeffs(ends_.low).lambda, b = coeffs(ends_.high).lambda;
  const double least = std::min(a, b), most = std::max(a, b);
  if (!(lambda >= least && lambda <= most)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, argument, " is ", lambda, ", outside ", least, " to ", most,
         ", the values of log(alpha/sigma) of ", spec_);
  }
  if (lambda == a) return ends_.low;
  if (lambda == b) return ends_.high;
  return std::clamp(solve(lambda), ends_.low, ends_.high);
}

double Schedule::solve(double lambda) const {
  double low = ends_.low, high = ends_.high;
  const bool rising = coeffs(low).lambda < coeffs(high).lambda;
  // Halving stops when no number lies between: at most 1075 times.
  for (;;) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    ((coeffs(middle).lambda < lambda) == rising ? low : high) = middle;
  }
}

Ref<Schedule> make_schedule(const nwr_schedule_options& options) {
  const Settings settings =
      choose(NWR_DOMAIN_SCHEDULE, options.name, options.kind, options.params, options.param_count);
  const auto& kind = static_cast<const ScheduleKind&>(settings.entry());
  const auto refuse = [&](bool given, const char* what, int32_t owner) {
    if (given && kind.value != owner) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.", what, " is given, but ", kind.name,
           " takes none");
    }
  };
  refuse(options.coeffs != nullptr, "coeffs", NWR_SCHEDULE_CUSTOM);
  refuse(options.table != nullptr, "table", NWR_SCHEDULE_TABLE);
  refuse(options.t_noise != 0 || options.t_data != 0, "t_noise or t_data", NWR_SCHEDULE_CUSTOM);
  Ref<Schedule> schedule = Ref<Schedule>::adopt(kind.make(settings, options));
  schedule->hold(options.release, options.user);
  return schedule;
}

}  // namespace noisewright
