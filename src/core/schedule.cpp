// SPDX-License-Identifier: Apache-2.0
#include "core/schedule.hpp"

#include <algorithm>
#include <atomic>

namespace noisewright {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

Schedule::Schedule(const Settings& settings, Ends ends)
    : id_(next_id()),
      kind_(settings.entry().value),
      spec_(settings.spec()),
      ends_(ends),
      latent_(static_cast<path::Latent>(static_cast<int>(settings.get("latent", 0)))),
      latent_scale_(settings.get("latent_scale", 1)),
      sigma_data_(settings["sigma_data"]) {}

void Schedule::add_latent(double t, nwr_coeffs& c) const {
  noisewright::add_latent(latent_, latent_scale_, t, direction(), &c);
}

PathPlan Schedule::path() const {
  PathPlan plan;
  plan.form = PathForm::tabulated;
  plan.latent = latent_;
  plan.latent_scale = latent_scale_;
  plan.low = ends_.low;
  plan.high = ends_.high;
  plan.direction = direction();
  plan.sigma_data = sigma_data_;
  plan.table_count = kTableTimes;
  return plan;
}

std::vector<double> Schedule::table() const {
  std::vector<double> all;
  const double step = (ends_.high - ends_.low) / static_cast<double>(kTableTimes - 1);
  for (int64_t i = 0; i < kTableTimes; ++i) {
    const bool last = i + 1 == kTableTimes;
    const double t = last ? ends_.high : ends_.low + static_cast<double>(i) * step;
    const nwr_coeffs c = at(t, {"t"});
    const double row[kTableWidth] = {c.alpha,  c.dalpha,          c.sigma,
                                     c.dsigma, c.gamma * c.gamma, 2 * c.gamma_dgamma};
    for (const double value : row) {
      if (std::isfinite(value)) continue;
      fail(NWR_ERROR_UNSUPPORTED, spec_, " has no table for times on a device: at t = ", t,
           " a slope is infinite");
    }
    all.insert(all.end(), row, row + kTableWidth);
  }
  return all;
}

bool Schedule::upstream_factors(double, const int32_t*, size_t, int32_t, double*) const {
  return false;
}

nwr_coeffs Schedule::at(double t, const Name& argument) const {
  if (!(t >= ends_.low && t <= ends_.high)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, argument, " is ", t, ", outside ", ends_.low, " to ",
         ends_.high, ", the times of ", spec_);
  }
  nwr_coeffs c = coeffs(t);
  add_latent(t, c);
  return c;
}

void Schedule::row_coeffs(const double* t, int count, nwr_coeffs* c) const {
  for (int i = 0; i < count; ++i) {
    c[i] = coeffs(t[i]);
    add_latent(t[i], c[i]);
  }
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
  const auto& kind = static_cast<const ScheduleKind&>(settings.entry().base());
  const auto refuse = [&](bool given, const char* what, int32_t owner) {
    if (given && settings.entry().value != owner) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.", what, " is given, but ", settings.entry().name,
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
