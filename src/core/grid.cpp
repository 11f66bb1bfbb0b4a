// SPDX-License-Identifier: Apache-2.0
#include "core/grid.hpp"

#include <algorithm>

namespace noisewright {
namespace {

// t at place i of n even intervals; exact at both ends.
double between(double begin, double end, size_t i, size_t n) {
  const double u = static_cast<double>(i) / static_cast<double>(n);
  return i == n ? end : begin + (end - begin) * u;
}

void fill_uniform(const GridRequest& r) {
  for (size_t i = 0; i < r.count; ++i) r.times[i] = between(r.begin, r.end, i, r.count - 1);
}

// Noise levels that a grid runs through: from first to last (sigma/alpha), and, where the run ends
// at no noise at all, a last time beyond them.
struct Levels {
  double first, last;
  bool to_zero;
};

Levels levels_of(const GridRequest& r, double first, double last) {
  Levels levels{first, last, r.end_at.sigma == 0};
  if (first == 0) levels.first = std::exp(-std::max(r.begin_at.lambda, kLambdaBegin));
  if (last == 0) {
    levels.last = levels.to_zero ? std::min(r.schedule.sigma_floor(), levels.first)
                                 : std::exp(-r.end_at.lambda);
  }
  if (!(levels.first >= levels.last)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "sigma_max is ", levels.first, ", below sigma_min, ",
         levels.last);
  }
  return levels;
}

// level(u) is the noise level at u in [0, 1].
template <class F>
void fill_levels(const GridRequest& r, const Levels& levels, F&& level) {
  const size_t points = r.count - (levels.to_zero ? 1 : 0);
  for (size_t i = 0; i < points; ++i) {
    const double sigma = i == 0 ? levels.first
                         : i + 1 == points
                             ? levels.last
                             : level(static_cast<double>(i) / static_cast<double>(points - 1));
    r.times[i] = r.schedule.time_at(-std::log(sigma), {"log(alpha/sigma) of the grid"});
  }
  r.times[r.count - 1] = levels.to_zero ? r.end : r.times[r.count - 1];
  // The ends themselves where the noise levels are theirs: the way there and back may round.
  if (levels.first == std::exp(-r.begin_at.lambda)) r.times[0] = r.begin;
  if (!levels.to_zero && levels.last == std::exp(-r.end_at.lambda)) {
    r.times[r.count - 1] = r.end;
  }
}

void fill_geometric(const GridRequest& r, const Levels& levels) {
  const double begin = std::log(levels.first), end = std::log(levels.last);
  fill_levels(r, levels, [=](double u) { return std::exp(begin + (end - begin) * u); });
}

constexpr Param kLevelParams[] = {
    {"sigma_min", "last noise level, sigma/alpha; 0 is the schedule's", 0, 0, 1e12},
    {"sigma_max", "first noise level, sigma/alpha; 0 is the schedule's", 0, 0, 1e12},
    {"rho", "exponent: the larger, the more steps at low noise", 7, 1e-3, 1e3}};

// Karras et al. 2206.00364, eq. 5.
void fill_karras(const GridRequest& r) {
  const Levels levels = levels_of(r, r.settings["sigma_max"], r.settings["sigma_min"]);
  const double rho = r.settings["rho"];
  const double begin = std::pow(levels.first, 1 / rho), end = std::pow(levels.last, 1 / rho);
  fill_levels(r, levels, [=](double u) { return std::pow(begin + (end - begin) * u, rho); });
}

void fill_exponential(const GridRequest& r) {
  fill_geometric(r, levels_of(r, r.settings["sigma_max"], r.settings["sigma_min"]));
}

constexpr Param kLogsnrParams[] = {
    {"lambda_min", "log(alpha/sigma) to begin at where the schedule's is -infinity", kLambdaBegin,
     -700, 700},
    {"lambda_max", "log(alpha/sigma) of the last time but one where the schedule's is infinity",
     6.2146080984221914, -700, 700}};

void fill_logsnr(const GridRequest& r) {
  const double begin = r.begin_at.lambda, end = r.end_at.lambda;
  const double least = std::isinf(begin) ? r.settings["lambda_min"] : begin;
  const double most = std::isinf(end) ? r.settings["lambda_max"] : end;
  if (!(least <= most)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "logsnr: lambda_min is ", least, ", above lambda_max, ", most);
  }
  fill_geometric(r, levels_of(r, std::exp(-least), std::exp(-most)));
}

// Indices are made in integers: no rounding of a step width can add or lose a step.
struct Indices {
  int64_t total, steps;
};
Indices indices_of(const GridRequest& r) {
  const Indices n{r.schedule.index_count(), static_cast<int64_t>(r.count) - 1};
  if (n.total == 0) {
    fail(NWR_ERROR_UNSUPPORTED, "this grid is made of indices, but ", r.schedule.spec(),
         " is not discrete");
  }
  if (!r.own_ends) {
    fail(NWR_ERROR_UNSUPPORTED, "t_begin is ", r.begin, " and t_end is ", r.end,
         ", but this grid has ends of its own");
  }
  if (n.steps > n.total) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "count is ", r.count, ", but ", r.schedule.spec(),
         " has only ", n.total, " indices for its steps");
  }
  return n;
}
// a/b to the nearest integer, halves to even, as numpy rounds.
int64_t round_ratio(int64_t a, int64_t b) {
  const int64_t quotient = a / b, rest = a % b;
  return quotient + (2 * rest > b || (2 * rest == b && quotient % 2 == 1) ? 1 : 0);
}

constexpr Param kLeadingParams[] = {
    {"offset", "added to each index (Stable Diffusion has 1)", 0, 0, 1e6}};

void fill_leading(const GridRequest& r) {
  const Indices n = indices_of(r);
  const double given = r.settings["offset"];
  const auto offset = static_cast<int64_t>(given);
  const int64_t width = n.total / n.steps;
  const int64_t first = (n.steps - 1) * width + offset;
  if (given != std::floor(given) || first >= n.total) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "leading: offset is ", given, "; it must be whole, and ",
         n.steps, " steps allow at most ", n.total - 1 - (n.steps - 1) * width);
  }
  for (int64_t i = 0; i < n.steps; ++i) {
    r.times[i] = static_cast<double>((n.steps - 1 - i) * width + offset);
  }
  r.times[n.steps] = r.end;
}

void fill_trailing(const GridRequest& r) {
  const Indices n = indices_of(r);
  for (int64_t i = 0; i < n.steps; ++i) {
    r.times[i] = static_cast<double>(round_ratio(n.total * (n.steps - i), n.steps) - 1);
  }
  r.times[n.steps] = r.end;
}

void fill_linspace(const GridRequest& r) {
  const Indices n = indices_of(r);
  for (int64_t i = 0; i < n.steps; ++i) {
    // One step begins at the noise end, not at index 0 as numpy's linspace would have it.
    const int64_t index =
        n.steps == 1 ? n.total - 1 : round_ratio((n.total - 1) * (n.steps - 1 - i), n.steps - 1);
    r.times[i] = static_cast<double>(index);
  }
  r.times[n.steps] = r.end;
}

}  // namespace

extern const GridKind kUniform, kLogsnr, kKarras, kExponential, kLeading, kTrailing, kLinspace;
const GridKind kUniform = {{NWR_GRID_UNIFORM, "uniform", "", "even in t"}, fill_uniform};
const GridKind kLogsnr = {
    {NWR_GRID_LOGSNR, "logsnr", "", "even in log(alpha/sigma)", 0, 0, 0, kLogsnrParams},
    fill_logsnr};
const GridKind kKarras = {
    {NWR_GRID_KARRAS, "karras", "", "even in (sigma/alpha)^(1/rho)", 0, 0, 0, kLevelParams},
    fill_karras};
const GridKind kExponential = {{NWR_GRID_EXPONENTIAL,
                                "exponential",
                                "",
                                "even in log(sigma/alpha) between two noise levels",
                                0,
                                0,
                                0,
                                {kLevelParams, 2}},
                               fill_exponential};
const GridKind kLeading = {{NWR_GRID_LEADING, "leading", "",
                            "discrete: every (T/n)-th index from 0 up", 0, 0, 0, kLeadingParams},
                           fill_leading};
const GridKind kTrailing = {
    {NWR_GRID_TRAILING, "trailing", "", "discrete: every (T/n)-th index from T-1 down"},
    fill_trailing};
const GridKind kLinspace = {
    {NWR_GRID_LINSPACE, "linspace", "", "discrete: n indices from T-1 to 0"}, fill_linspace};

namespace {

void check_count(size_t count) {
  if (count < 2 || count > 10000000) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "count is ", count, ", outside 2 to 10000000");
  }
}

}  // namespace

void fill_grid(const Schedule& schedule, const nwr_grid_options& options, double* times,
               size_t count) {
  check_count(count);
  const Settings settings =
      choose(NWR_DOMAIN_GRID, options.name, options.kind, options.params, options.param_count);
  const auto& kind = static_cast<const GridKind&>(settings.entry());
  const bool own_ends = options.t_begin == 0 && options.t_end == 0;
  const double begin = own_ends ? schedule.ends().noise : options.t_begin;
  const double end = own_ends ? schedule.ends().data : options.t_end;
  const nwr_coeffs begin_at = schedule.at(begin, {"options.t_begin"});
  const nwr_coeffs end_at = schedule.at(end, {"options.t_end"});
  if (!((end - begin) * schedule.direction() > 0)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.t_begin is ", begin, " and options.t_end is ", end,
         ", but ", schedule.spec(), " runs from ", schedule.ends().noise, " to ",
         schedule.ends().data);
  }
  // Filled beside the caller's array, so that a failure writes nothing.
  std::vector<double> filled(count);
  kind.fill({schedule, settings, own_ends, begin, end, begin_at, end_at, filled.data(), count});
  std::copy(filled.begin(), filled.end(), times);
}

void fill_default_grid(const Schedule& schedule, bool skip_pure_noise, double* times,
                       size_t count) {
  nwr_grid_options options{};
  switch (schedule.spacing()) {
    case Schedule::Spacing::time: options.kind = NWR_GRID_UNIFORM; break;
    case Schedule::Spacing::noise_level: options.kind = NWR_GRID_KARRAS; break;
    case Schedule::Spacing::index: options.kind = NWR_GRID_TRAILING; break;
  }
  const Schedule::Ends& ends = schedule.ends();
  if (skip_pure_noise && options.kind == NWR_GRID_UNIFORM &&
      schedule.at(ends.noise, {"t"}).alpha == 0) {
    options.t_begin = schedule.time_at(kLambdaBegin, {"lambda"});
    options.t_end = ends.data;
  }
  fill_grid(schedule, options, times, count);
}

}  // namespace noisewright
