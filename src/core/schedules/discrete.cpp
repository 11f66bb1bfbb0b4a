// SPDX-License-Identifier: Apache-2.0
// Owns the discrete schedules: a table of alpha_bar, given or made from a formula for beta.
// Must not know how the table is used.
#include <algorithm>
#include <vector>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

class Discrete : public Schedule {
 public:
  Discrete(const Settings& settings, std::vector<double> log_alpha_bars)
      : Schedule(settings, ends_of(log_alpha_bars)), log_alpha_bars_(std::move(log_alpha_bars)) {
    lambdas_.reserve(log_alpha_bars_.size());
    for (const double value : log_alpha_bars_) {
      lambdas_.push_back((value - std::log(-std::expm1(value))) / 2);
    }
  }

  Spacing spacing() const override { return Spacing::index; }
  int64_t index_count() const override { return static_cast<int64_t>(lambdas_.size()); }
  double sigma_floor() const override { return std::exp(-lambdas_.front()); }
  PathPlan path() const override {
    PathPlan plan = Schedule::path();
    plan.form = PathForm::discrete;
    plan.table_count = index_count();
    return plan;
  }
  std::vector<double> table() const override {
    std::vector<double> all = lambdas_;
    all.insert(all.end(), log_alpha_bars_.begin(), log_alpha_bars_.end());
    return all;
  }

 protected:
  nwr_coeffs coeffs(double t) const override {
    return to_coeffs(
        path::DiscreteTable{lambdas_.data(), log_alpha_bars_.data(), index_count()}.at(t));
  }

  double solve(double lambda) const override {
    // lambdas_ falls with the index.
    const auto after = std::partition_point(lambdas_.begin(), lambdas_.end(),
                                            [=](double value) { return value > lambda; });
    const auto index = static_cast<size_t>(after - lambdas_.begin());
    const double variance = path::variance_at(lambda);
    if (index == 0) return -1 + variance / -std::expm1(log_alpha_bars_.front());
    const double low = lambdas_[index - 1], high = lambdas_[index];
    const double base = static_cast<double>(index - 1);
    if (std::isfinite(high)) return base + (lambda - low) / (high - low);
    return base + 1 - (1 - variance) / std::exp(log_alpha_bars_[index - 1]);
  }

 private:
  static Ends ends_of(const std::vector<double>& table) {
    const double last = static_cast<double>(table.size()) - 1;
    return {last, -1, -1, last};
  }

  std::vector<double> log_alpha_bars_;
  std::vector<double> lambdas_;
};

std::vector<double> accumulate_betas(const std::vector<double>& betas) {
  std::vector<double> table;
  table.reserve(betas.size());
  double sum = 0;
  for (const double beta : betas) table.push_back(sum += std::log1p(-beta));
  return table;
}

// Ho et al. 2006.11239 (linear), Rombach et al. 2112.10752 (scaled_linear), Nichol and Dhariwal
// 2102.09672 (squaredcos_cap_v2, whose betas are capped at 0.999).
std::vector<double> make_betas(int formula, double start, double end, size_t count) {
  const auto cosine = [](double u) {
    const double c = std::cos((u + 0.008) / 1.008 * path::kHalfPi);
    return c * c;
  };
  std::vector<double> betas(count);
  const double steps = static_cast<double>(count);
  for (size_t i = 0; i < count; ++i) {
    const double place = static_cast<double>(i);
    const double u = count > 1 ? place / (steps - 1) : 0;
    if (formula == 0) {
      betas[i] = start + (end - start) * u;
    } else if (formula == 1) {
      const double root = std::sqrt(start) + (std::sqrt(end) - std::sqrt(start)) * u;
      betas[i] = root * root;
    } else {
      betas[i] = std::min(1 - cosine((place + 1) / steps) / cosine(place / steps), 0.999);
    }
  }
  return betas;
}

constexpr Param kDdpmParams[] = {
    {"beta", "formula of beta", 0, 0, 2, "linear,scaled_linear,squaredcos_cap_v2"},
    {"beta_start", "beta of index 0 (linear, scaled_linear)", 1e-4, 1e-12, 0.999999},
    {"beta_end", "beta of the last index (linear, scaled_linear)", 0.02, 1e-12, 0.999999},
    {"count", "number of indices", 1000, 2, 1e6}};

constexpr Param kTableParams[] = {
    {"betas", "whether options.table holds betas in place of alpha_bar", 0, 0, 1, "no,yes"}};

Schedule* make_ddpm(const Settings& settings, const nwr_schedule_options&) {
  const double count = settings["count"];
  if (count != std::floor(count)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "ddpm: count is ", count, ", which is not whole");
  }
  const auto betas = make_betas(static_cast<int>(settings["beta"]), settings["beta_start"],
                                settings["beta_end"], static_cast<size_t>(count));
  return new Discrete(settings, accumulate_betas(betas));
}

Schedule* make_table(const Settings& settings, const nwr_schedule_options& options) {
  if (!options.table) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.table is NULL, but a table schedule needs values");
  }
  if (options.table_count < 2 || options.table_count > 1000000) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.table_count is ", options.table_count,
         ", outside 2 to 1000000");
  }
  const std::vector<double> values(options.table, options.table + options.table_count);
  const bool betas = settings["betas"] == 1;
  double before = 1;
  for (size_t i = 0; i < values.size(); ++i) {
    const Name name{"options.table", static_cast<int64_t>(i)};
    const bool last = i + 1 == values.size();
    if (betas ? !(values[i] > 0 && (values[i] < 1 || (last && values[i] == 1)))
              : !(values[i] < before && (values[i] > 0 || (last && values[i] == 0)))) {
      fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", values[i],
           betas ? ", not a beta between 0 and 1"
                 : ", not an alpha_bar between 0 and the one before");
    }
    before = values[i];
  }
  std::vector<double> table;
  if (betas) {
    table = accumulate_betas(values);
  } else {
    for (const double value : values) table.push_back(std::log(value));
  }
  return new Discrete(settings, std::move(table));
}

}  // namespace

extern const ScheduleKind kDdpm;
const ScheduleKind kDdpm = {
    {NWR_SCHEDULE_DDPM, "ddpm", "",
     "discrete, from a formula for beta; t is the index, from count-1, noise, to -1, data", 0, 0, 0,
     kDdpmParams, kOwnTimeParams},
    make_ddpm};

extern const ScheduleKind kTable;
const ScheduleKind kTable = {
    {NWR_SCHEDULE_TABLE, "table", "",
     "discrete, from options.table; t is the index, from table_count-1, noise, to -1, data", 0, 0,
     0, kTableParams, kOwnTimeParams},
    make_table};

}  // namespace noisewright
