// SPDX-License-Identifier: Apache-2.0
// Owns the comparison of one case with its recording: tolerances, the worst error, where it
// differs. Must not know formats or the library.
#include "check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace replay {
namespace {

double error_of(double ours, double recorded, double floor) {
  if (ours == recorded || (std::isnan(ours) && std::isnan(recorded))) return 0;
  const double error = std::fabs(ours - recorded) / (floor + std::fabs(recorded));
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

}  // namespace

void Check::record(const std::string& where, double error, double tolerance) {
  if (prefix_.empty()) worst_ = std::max(worst_, error);
  if (error <= tolerance || differs_) return;
  differs_ = true;
  first_error_ = error;
  where_ = prefix_ + where;
}

void Check::compare(const std::string& where, const Numbers& ours, const Json& recorded,
                    double floor, double tolerance) {
  const Numbers theirs = to_numbers(recorded);
  if (theirs.size() != ours.size()) {
    record(where + " (" + std::to_string(theirs.size()) + " numbers, not " +
               std::to_string(ours.size()) + ")",
           std::numeric_limits<double>::infinity(), tolerance);
    return;
  }
  double worst = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    worst = std::max(worst, error_of(ours[i], theirs[i], floor));
  }
  record(where, worst, tolerance);
}

void Check::state(const std::string& where, const Numbers& ours, const Json& recorded) {
  compare(where, ours, recorded, 1, single_ ? kTolerance32 * single_scale_ : tolerance_);
}

void Check::level(const std::string& where, const Numbers& ours, const Json& recorded) {
  // Below this no level is told from 0.
  compare(where, ours, recorded, 1e-12, single_ ? kLevelTolerance32 : tolerance_);
}

void Check::level(const std::string& where, double ours, const Json& recorded) {
  level(where, Numbers{ours}, recorded);
}

void Check::near(const std::string& where, const Numbers& ours, const Json& recorded,
                 double tolerance, double floor) {
  compare(where, ours, recorded, floor, tolerance);
}

void Check::within(const std::string& where, const Numbers& ours, const Json& recorded,
                   const std::vector<Single>& bounds) {
  const Numbers theirs = to_numbers(recorded);
  require(ours.size() == theirs.size() && bounds.size() == theirs.size(), where + " in number");
  for (size_t i = 0; i < std::min({ours.size(), theirs.size(), bounds.size()}); ++i) {
    const double error = error_of(ours[i], theirs[i], 1);
    const auto holds = [&](double x) { return x >= bounds[i].low && x <= bounds[i].high; };
    const bool fits = holds(ours[i]) && holds(theirs[i]);
    record(indexed(where.c_str(), i), error, fits ? std::numeric_limits<double>::infinity() : 0);
  }
}

void Check::equal(const std::string& where, double ours, const Json& recorded) {
  record(where, error_of(ours, to_number(recorded), 1), 0);
}

void Check::require(bool holds, const std::string& where) {
  if (!holds) record(where, std::numeric_limits<double>::infinity(), 0);
}

void Check::in_single(const std::string& prefix, const std::function<void()>& body) {
  prefix_ = prefix;
  single_ = true;
  body();
  prefix_.clear();
  single_ = false;
}

void Check::set_single_scale(double largest) { single_scale_ = std::max(1.0, largest / 40); }

std::string indexed(const char* name, size_t index) {
  return std::string(name) + "[" + std::to_string(index) + "]";
}

}  // namespace replay
