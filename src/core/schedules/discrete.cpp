// SPDX-License-Identifier: Apache-2.0
// Owns the discrete schedules: a table of alpha_bar, given or made from a formula for beta. Must
// not know how the table is used.
#include <algorithm>
#include <vector>

#include "core/schedule.hpp"

namespace noisewright {
namespace {

class Discrete : public Schedule {
 public:
  Discrete(const Settings& settings, std::vector<double> log_alpha_bars)
      : Schedule(settings, ends_of(log_alpha_bars)),
        log_alpha_bars_(std::move(log_alpha_bars)),
        even_levels_(settings["between"] == 1) {
    lambdas_.reserve(log_alpha_bars_.size());
    for (const double value : log_alpha_bars_) {
      lambdas_.push_back((value - std::log(-std::expm1(value))) / 2);
    }
  }

  Spacing spacing() const override { return Spacing::index; }
  int64_t index_count() const override { return static_cast<int64_t>(lambdas_.size()); }
  double sigma_floor() const override { return std::exp(-lambdas_.front()); }
  bool plain() const override { return true; }
  PathPlan path() const override {
    PathPlan plan = Schedule::path();
    plan.form = PathForm::discrete;
    plan.setting[0] = even_levels_ ? 1 : 0;
    plan.table_count = index_count();
    return plan;
  }
  std::vector<double> table() const override {
    std::vector<double> all = lambdas_;
    all.insert(all.end(), log_alpha_bars_.begin(), log_alpha_bars_.end());
    return all;
  }

 protected:
  nwr_coeffs coeffs(double t) const override { return to_coeffs(view().at(t)); }

  double solve(double lambda) const override {
    // lambdas_ falls with the index.
    const auto after = std::partition_point(lambdas_.begin(), lambdas_.end(),
                                            [=](double value) { return value > lambda; });
    return view().time_of(lambda, after - lambdas_.begin());
  }

 private:
  static Ends ends_of(const std::vector<double>& table) {
    const double last = static_cast<double>(table.size()) - 1;
    return {last, -1, -1, last};
  }
  path::DiscreteTable view() const {
    return {lambdas_.data(), log_alpha_bars_.data(), index_count(), even_levels_};
  }

  std::vector<double> log_alpha_bars_;
  std::vector<double> lambdas_;
  bool even_levels_;
};

enum Formula { kLinearBeta, kScaledLinear, kSquaredCosine, kLaplaceBeta, kExpBeta, kSigmoidBeta };

// Nichol and Dhariwal 2102.09672, eq. 17 (squaredcos_cap_v2); Hang and Gu 2407.03297 as diffusers
// has it, with the root (laplace); exp(-12 u). The logarithm of a cosine from the end that is near.
double log_alpha_bar_of(Formula formula, double u) {
  if (formula == kExpBeta) return -12 * u;
  if (formula == kLaplaceBeta) {
    const double side = u <= 0.5 ? -0.5 : 0.5;
    const double log_snr = side * std::log(1 - 2 * std::fabs(0.5 - u) + 1e-6);
    return -std::log1p(std::exp(-log_snr)) / 2;
  }
  const double angle = (u + 0.008) / 1.008 * path::kHalfPi, half = std::sin(angle / 2);
  return 2 * (u < 0.5 ? std::log1p(-2 * half * half)
                      : std::log(std::sin((1 - u) / 1.008 * path::kHalfPi)));
}

// log(1 - beta) of an index. Ho et al. 2006.11239 (linear), Rombach et al. 2112.10752
// (scaled_linear), Xu et al. 2203.02923 (sigmoid); the others from their alpha_bar, with betas of
// at most 0.999. Not through such a beta: it would have a few digits only.
double log_step(Formula formula, double start, double end, double index, double count) {
  const double u = index / (count - 1);
  switch (formula) {
    case kLinearBeta: return std::log1p(-(start + (end - start) * u));
    case kScaledLinear: {
      const double root = std::sqrt(start) + (std::sqrt(end) - std::sqrt(start)) * u;
      return std::log1p(-root * root);
    }
    case kSigmoidBeta: return std::log1p(-(start + (end - start) / (1 + std::exp(6 - 12 * u))));
    default:
      return std::max(
          log_alpha_bar_of(formula, (index + 1) / count) - log_alpha_bar_of(formula, index / count),
          std::log(0.001));
  }
}

// Rescalings of a table of log(alpha_bar), written so that no digit is lost near the clean end.
void rescale(const Settings& s, std::vector<double>& table) {
  const double shift = s["snr_shift"], terminal = s["terminal"];
  for (double& value : table) value -= std::log1p((shift - 1) * -std::expm1(value));
  if (s["zero_snr"] == 0) return;
  // sqrt(alpha_bar) is moved and scaled to end at 0 (Lin et al. 2305.08891, algorithm 1).
  const double first = table.front(), last = table.back();
  for (double& value : table) {
    value +=
        2 * (std::log1p(-std::exp((last - value) / 2)) - std::log1p(-std::exp((last - first) / 2)));
  }
  if (terminal == 0) return;
  table.back() = std::log(terminal);
  if (table.back() >= table[table.size() - 2]) {
    fail(NWR_ERROR_INVALID_ARGUMENT, s.entry().name, ": terminal is ", terminal,
         ", not below alpha_bar of the index before, ", std::exp(table[table.size() - 2]));
  }
}

constexpr Param kDdpmParams[] = {
    choice("beta", "formula of beta", "linear,scaled_linear,squaredcos_cap_v2,laplace,exp,sigmoid",
           kLinearBeta),
    {"beta_start", "beta of index 0 (linear, scaled_linear, sigmoid)", 1e-4, 1e-12, 0.999999},
    {"beta_end", "beta of the last index (linear, scaled_linear, sigmoid)", 0.02, 1e-12, 0.999999},
    {"count", "number of indices", 1000, 2, 1e6}};
// Settings of every table, written out only where they differ.
constexpr Param kShared[] = {
    {"snr_shift", "divides (alpha/sigma)^2", 1, 1e-6, 1e6},
    choice("zero_snr", "whether the last index is made pure noise", "no,yes"),
    {"terminal", "with zero_snr=yes: alpha_bar of the last index in place of 0", 0, 0, 0.01},
    choice("between", "what is linear between two indices", "log-sigma,sigma"),
    kSigmaData};

constexpr Param kTableParams[] = {
    choice("betas", "whether options.table holds betas in place of alpha_bar", "no,yes")};

Schedule* make_ddpm(const Settings& settings, const nwr_schedule_options&) {
  const double count = settings["count"];
  if (count != std::floor(count)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, settings.entry().name, ": count is ", count,
         ", which is not whole");
  }
  const auto formula = static_cast<Formula>(static_cast<int>(settings["beta"]));
  std::vector<double> table;
  double sum = 0;
  for (double index = 0; index < count; ++index) {
    sum += log_step(formula, settings["beta_start"], settings["beta_end"], index, count);
    table.push_back(sum);
  }
  rescale(settings, table);
  return new Discrete(settings, std::move(table));
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
  table.reserve(values.size());
  double sum = 0;
  for (const double value : values) {
    table.push_back(betas ? sum += std::log1p(-value) : std::log(value));
  }
  rescale(settings, table);
  return new Discrete(settings, std::move(table));
}

}  // namespace

extern const ScheduleKind kDdpm = schedule_kind(
    NWR_SCHEDULE_DDPM, "ddpm", "diffusers.ddpm,dit,pixart",
    "discrete, from a formula for beta; t is the index, from count-1, noise, to -1, data",
    kDdpmParams, make_ddpm, kShared);
extern const ScheduleKind kTable = schedule_kind(
    NWR_SCHEDULE_TABLE, "table", "",
    "discrete, from options.table; t is the index, from table_count-1, noise, to -1, data",
    kTableParams, make_table, kShared);

}  // namespace noisewright
