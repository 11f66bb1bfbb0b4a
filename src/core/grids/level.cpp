// SPDX-License-Identifier: Apache-2.0
// Owns the grids that are made of noise levels, between two ends or out of a table. Must not know
// which schedule turns them into times.
#include <algorithm>

#include "core/grid.hpp"
#include "core/quantile.hpp"
#include "math/coeffs.hpp"

namespace noisewright {
namespace {

// Noise levels that a grid runs through: from first to last, and, where the run ends at no noise at
// all or once more at last, a time beyond them.
struct Levels {
  const GridRequest& request;
  NoiseLevel noise;
  double first, last;
  bool has_tail;
  int64_t points;

  double operator[](const char* setting) const { return request.settings[setting]; }
  // How far point i is from first to last.
  double u(int64_t i) const { return i == 0 ? 0 : between(0, 1, i, points - 1); }
  double mix(double begin, double end, int64_t i) const { return begin + (end - begin) * u(i); }
};

// first and last are sigma/alpha, or 0 for the schedule's.
Levels levels_of(const GridRequest& r, NoiseLevel noise, double first, double last) {
  const bool to_zero = r.end_at.sigma == 0, has_tail = to_zero || tail_of(r) == Tail::repeat;
  Levels levels{r, noise, first, last, has_tail, r.steps() + (has_tail ? 0 : 1)};
  if (first == 0) levels.first = std::exp(-std::max(r.begin_at.lambda, kLambdaBegin));
  if (last == 0) {
    levels.last =
        to_zero ? std::min(r.schedule.sigma_floor(), levels.first) : std::exp(-r.end_at.lambda);
  }
  return levels;
}
// The ends as sigma_min and sigma_max say, in sigma/alpha.
Levels ratio_levels(const GridRequest& r) {
  return levels_of(r, NoiseLevel(r.schedule, false), r.settings["sigma_max"],
                   r.settings["sigma_min"]);
}
// The ends as peers take them: of the schedule's table or of its leading or trailing indices.
Levels peer_levels(const GridRequest& r) {
  const NoiseLevel noise(r.schedule);
  Levels levels = levels_of(r, noise, 0, 0);
  const double begin = noise.of(r.begin_at);
  levels.first = std::isfinite(begin) ? begin : noise.of_ratio(levels.first);
  levels.last = noise.of_ratio(levels.last);
  const double how = r.settings.get("ends", 0);
  if (how != 0) {
    if (r.schedule.table_size() == 0 || !r.own_ends) {
      fail(NWR_ERROR_UNSUPPORTED, r.settings.entry().name,
           ": ends of indices are not those of a part of time or of ", r.schedule.spec());
    }
    const Span span = spaced_ends(r, static_cast<Spaced>(static_cast<int>(how)));
    levels.first = noise.of(r.schedule.at(span.first, {"t"}));
    levels.last = noise.of(r.schedule.at(span.last, {"t"}));
  }
  if (r.settings["sigma_max"] != 0) levels.first = r.settings["sigma_max"];
  if (r.settings["sigma_min"] != 0) levels.last = r.settings["sigma_min"];
  return levels;
}

// level(i) is the noise level of point i.
template <class F>
void write_levels(const Levels& levels, F&& level) {
  const GridRequest& r = levels.request;
  const NoiseLevel& noise = levels.noise;
  if (!(levels.first >= levels.last) || !std::isfinite(levels.first)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "sigma_max is ", levels.first, ", below sigma_min, ",
         levels.last);
  }
  // The ends themselves where the noise levels are theirs: the way there and back may round.
  const double begin = noise.of(r.begin_at), end = noise.of(r.end_at);
  for (int64_t i = 0; i < levels.points; ++i) {
    const double at = level(i);
    r.times[i] = at == begin ? r.begin : at == end ? r.end : noise.time(at);
  }
  if (!levels.has_tail) return;
  const bool has_table = r.schedule.table_size() > 0;
  end_grid(r, has_table ? r.schedule.table_time(0) : noise.time(levels.last));
}
// A curve from first to last, exact at both.
template <double (*kCurve)(const Levels&, int64_t)>
void write_curve(const Levels& levels) {
  write_levels(levels, [&](int64_t i) {
    if (i == 0) return levels.first;
    return i + 1 == levels.points ? levels.last : kCurve(levels, i);
  });
}
template <Levels (*kEnds)(const GridRequest&), double (*kCurve)(const Levels&, int64_t)>
void fill_curve(const GridRequest& r) {
  write_curve<kCurve>(kEnds(r));
}
// A curve of n points that stops before last.
Levels open(Levels levels) {
  levels.has_tail = true;
  levels.points = levels.request.steps();
  return levels;
}
template <double (*kCurve)(const Levels&, int64_t)>
void fill_open_curve(const GridRequest& r) {
  const Levels levels = open(peer_levels(r));
  write_levels(levels, [&](int64_t i) { return i == 0 ? levels.first : kCurve(levels, i); });
}

// Karras et al. 2206.00364, eq. 5.
double karras(const Levels& l, int64_t i) {
  const double rho = l["rho"];
  return std::pow(l.mix(std::pow(l.first, 1 / rho), std::pow(l.last, 1 / rho), i), rho);
}
double geometric(const Levels& l, int64_t i) {
  return std::exp(l.mix(std::log(l.first), std::log(l.last), i));
}
double polyexponential(const Levels& l, int64_t i) {
  const double low = std::log(l.last);
  return std::exp(std::pow(1 - l.u(i), l["rho"]) * (std::log(l.first) - low) + low);
}
// Lee et al. 2407.12173 in the level itself, as diffusers has it.
double beta(const Levels& l, int64_t i) {
  const double x = beta_quantile(1 - l.u(i), l["alpha"], l["beta"]);
  return l.last + x * (l.first - l.last);
}
// Sabour et al. 2404.14507, theorem 3.1, for data of unit variance.
double kl_optimal(const Levels& l, int64_t i) {
  return std::tan(l.mix(std::atan(l.first), std::atan(l.last), i));
}
// Hang and Gu 2407.03297.
double laplace(const Levels& l, int64_t i) {
  const double x = 0.5 - l.u(i), side = x > 0 ? 1 : x < 0 ? -1 : 0;
  const double level =
      std::exp(l["mu"] - l["scale"] * side * std::log(1 - 2 * std::fabs(x) + 1e-5));
  return std::clamp(level, l.last, l.first);
}
// Half of the steps linear, down to a share of the noise, and half along a parabola that goes on
// with the same slope (Polyak et al. 2410.13720).
double linear_quadratic(const Levels& l, int64_t i) {
  const double n = static_cast<double>(l.points), x = static_cast<double>(i);
  const double linear = std::floor(n / 2), share = l["threshold"];
  if (x < linear) return l.first * (1 - x * share / linear);
  const double rest = n - linear, far = linear - share * n;
  const double curve = far / (linear * rest * rest),
               slope = share / linear - 2 * far / (rest * rest);
  return l.first * (1 - (curve * x * x + slope * x + curve * linear * linear));
}
// RES4LYF's two arcs of a tangent, which meet in the middle after three fifths of the steps.
double bong_tangent(const Levels& l, int64_t i) {
  const int64_t all = l.points + 2, bend = 3 * all / 5, turn = bend - 1;
  const double slope = 8 / static_cast<double>(all), middle = (l.first + l.last) / 2;
  const auto arc = [&](int64_t x, int64_t count, int64_t pivot, double begin, double end) {
    const auto at = [&](int64_t place) {
      return std::atan(slope * static_cast<double>(pivot - place));
    };
    return end + (begin - end) * (at(x) - at(count - 1)) / (at(0) - at(count - 1));
  };
  return i < turn ? arc(i, bend, bend, l.first, middle)
                  : arc(i - turn, all - bend, 0, middle, l.last);
}

// Even in lambda: the same levels with other ends.
void fill_logsnr(const GridRequest& r) {
  const double begin = r.begin_at.lambda, end = r.end_at.lambda;
  const double least = std::isinf(begin) ? r.settings["lambda_min"] : begin;
  const double most = std::isinf(end) ? r.settings["lambda_max"] : end;
  if (!(least <= most)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "logsnr: lambda_min is ", least, ", above lambda_max, ", most);
  }
  write_curve<geometric>(
      levels_of(r, NoiseLevel(r.schedule, false), std::exp(-least), std::exp(-most)));
}

// The first n of n+1 levels that are even in the places of a table and log-linear between them.
void fill_table(const GridRequest& r, const double* table, size_t count) {
  const Levels levels =
      open(levels_of(r, NoiseLevel(r.schedule, false), table[0], table[count - 1]));
  const int64_t n = r.steps(), m = static_cast<int64_t>(count) - 1;
  write_levels(levels, [&](int64_t i) {
    const int64_t low = i * m / n;
    const double part = static_cast<double>(i * m - low * n) / static_cast<double>(n);
    return part == 0 ? table[low] : std::pow(table[low], 1 - part) * std::pow(table[low + 1], part);
  });
}

// Sabour et al. 2404.14507: levels for ten steps.
void fill_ays(const GridRequest& r) {
  static constexpr double kTables[3][11] = {
      {14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092,
       0.9642583904, 0.6523686016, 0.3977456272, 0.1515232662, 0.0291671582},
      {14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141,
       0.5550693289, 0.3798540708, 0.2332364134, 0.1114188177, 0.0291671582},
      {700, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002}};
  fill_table(r, kTables[whole_setting(r, "model")], 11);
}

// Chen et al. 2405.11326, coefficient 1.2: for n from 2 to 20 the levels between the first and the
// last, as places among all of them.
void fill_gits(const GridRequest& r) {
  static constexpr double kLevels[] = {
      14.61464119, 7.49001646, 6.77309084, 5.85520077, 4.65472794, 3.46139455, 3.07277966,
      2.95596409,  2.84484982, 2.45070267, 2.36326075, 2.19988537, 2.12350607, 2.05039096,
      1.98035145,  1.84880662, 1.67050016, 1.61558151, 1.56271636, 1.51179266, 1.36964464,
      1.24153244,  1.20157266, 1.162866,   1.08895338, 0.95350921, 0.92192322, 0.86115354,
      0.83188516,  0.803307,   0.74807048, 0.72133851, 0.69515091, 0.64427125, 0.59516323,
      0.57119018,  0.52423614, 0.50118381, 0.4783645,  0.45573691, 0.41087446, 0.38853383,
      0.36617002,  0.34370604, 0.32104823, 0.29807833, 0.27464288, 0.25053367, 0.22545385,
      0.19894916,  0.17026083, 0.13792117, 0.09824532, 0.02916753};
  // clang-format off
  static constexpr uint8_t kPlaces[] = {
      29,
      18, 36,
      10, 26, 42,
      8, 21, 34, 47,
      3, 13, 25, 39, 50,
      3, 9, 21, 33, 45, 52,
      3, 9, 20, 29, 39, 47, 52,
      3, 8, 17, 25, 34, 42, 49, 52,
      3, 8, 16, 24, 30, 37, 44, 49, 52,
      3, 7, 15, 21, 28, 34, 40, 46, 50, 52,
      3, 6, 14, 20, 25, 32, 37, 42, 47, 50, 52,
      2, 5, 10, 18, 24, 29, 34, 39, 43, 47, 50, 52,
      2, 5, 9, 17, 23, 27, 33, 37, 41, 45, 48, 50, 52,
      1, 4, 6, 12, 19, 24, 28, 33, 37, 41, 45, 48, 50, 52,
      1, 4, 6, 12, 19, 24, 28, 33, 37, 40, 44, 47, 49, 51, 52,
      1, 4, 6, 12, 19, 24, 28, 33, 37, 40, 43, 46, 48, 50, 51, 52,
      1, 4, 6, 11, 17, 22, 26, 31, 35, 39, 42, 45, 47, 49, 50, 51, 52,
      1, 4, 6, 11, 17, 21, 25, 30, 34, 38, 41, 44, 46, 48, 49, 50, 51, 52,
      1, 4, 6, 11, 17, 21, 25, 30, 34, 37, 40, 43, 45, 47, 48, 49, 50, 51, 52};
  // clang-format on
  const int64_t n = std::clamp<int64_t>(r.steps(), 2, 20);
  double table[21] = {kLevels[0]};
  for (int64_t i = 1; i < n; ++i) table[i] = kLevels[kPlaces[(n - 1) * (n - 2) / 2 + i - 1]];
  table[n] = kLevels[53];
  fill_table(r, table, static_cast<size_t>(n) + 1);
}

constexpr Param kSigmaMin = {"sigma_min", "last noise level, sigma/alpha; 0 is the schedule's", 0,
                             0, 1e12};
constexpr Param kSigmaMax = {"sigma_max", "first noise level, sigma/alpha; 0 is the schedule's", 0,
                             0, 1e12};
constexpr Param rho_param(double by_default) {
  return {"rho", "exponent: the larger, the more steps at low noise", by_default, 1e-3, 1e3};
}
constexpr Param kLevelParams[] = {kSigmaMin, kSigmaMax, rho_param(7)};
constexpr Param kLogsnrParams[] = {
    {"lambda_min", "log(alpha/sigma) to begin at where the schedule's is -infinity", kLambdaBegin,
     -700, 700},
    {"lambda_max", "log(alpha/sigma) of the last time but one where the schedule's is infinity",
     6.2146080984221914, -700, 700}};

// Ends in sigma where the schedule is a flow, else in sigma/alpha.
constexpr Param kPeerMin = {"sigma_min", "last noise level, on a flow of sigma; 0 is the ends'", 0,
                            0, 1e12};
constexpr Param kPeerMax = {"sigma_max", "first noise level, on a flow of sigma; 0 is the ends'", 0,
                            0, 1e12};
constexpr Param kEnds =
    choice("ends", "of the table, or of leading or trailing indices", "table,leading,trailing");
constexpr Param kOffset = {"offset", "of leading indices", 0, 0, 1e6, nullptr, true};
constexpr Param kPeerParams[] = {kPeerMin, kPeerMax, kEnds, kOffset};
constexpr Param kPeerKarras[] = {kPeerMin, kPeerMax, kEnds, kOffset, rho_param(7)};
constexpr Param kPolyParams[] = {kPeerMin, kPeerMax, rho_param(1)};
constexpr Param kBetaSigmaParams[] = {kPeerMin,
                                      kPeerMax,
                                      kEnds,
                                      kOffset,
                                      {"alpha", "first exponent", 0.6, 0.01, 1e3},
                                      {"beta", "second exponent", 0.6, 0.01, 1e3}};
constexpr Param kLaplaceParams[] = {kSigmaMin,
                                    kSigmaMax,
                                    {"mu", "of log(sigma)", 0, -100, 100},
                                    {"scale", "of log(sigma)", 0.5, 1e-6, 100}};
constexpr Param kQuadraticParams[] = {
    kPeerMin,
    kPeerMax,
    {"threshold", "share of the noise that the first half of the steps removes", 0.025, 1e-6, 0.5}};
constexpr Param kAysParams[] = {choice("model", "whose table", "sd15,sdxl,svd")};

}  // namespace

extern const GridKind kLogsnr = grid_kind(NWR_GRID_LOGSNR, "logsnr", "dpm-solver.logSNR",
                                          "even in log(alpha/sigma)", fill_logsnr, kLogsnrParams);
extern const GridKind kKarras =
    grid_kind(NWR_GRID_KARRAS, "karras", "", "even in (sigma/alpha)^(1/rho)",
              fill_curve<ratio_levels, karras>, kLevelParams);
extern const GridKind kExponential = grid_kind(
    NWR_GRID_EXPONENTIAL, "exponential", "", "even in log(sigma/alpha) between two noise levels",
    fill_curve<ratio_levels, geometric>, {kLevelParams, 2});
extern const GridKind kPeerKarrasGrid =
    grid_kind(1012, "k.karras", "diffusers.karras,comfy.karras,sdcpp.karras",
              "karras between the levels of a table, on a flow in sigma",
              fill_curve<peer_levels, karras>, kPeerKarras);
extern const GridKind kPeerExponential = grid_kind(
    1013, "k.exponential", "diffusers.exponential,diffusers.lu,comfy.exponential,sdcpp.exponential",
    "exponential between the levels of a table, on a flow in sigma",
    fill_curve<peer_levels, geometric>, kPeerParams);
extern const GridKind kPolyexponential =
    grid_kind(1014, "polyexponential", "k.polyexponential,comfy.polyexponential",
              "log(noise level) along a power of the place",
              fill_curve<peer_levels, polyexponential>, kPolyParams);
extern const GridKind kBetaSigma = grid_kind(1015, "beta-sigma", "diffusers.beta",
                                             "noise levels as quantiles of a Beta distribution",
                                             fill_curve<peer_levels, beta>, kBetaSigmaParams);
extern const GridKind kKlOptimal =
    grid_kind(1016, "kl-optimal", "kl_optimal,comfy.kl_optimal,sdcpp.kl_optimal",
              "even in the arc tangent of the noise level", fill_curve<peer_levels, kl_optimal>,
              {kPeerParams, 2});
extern const GridKind kLaplaceGrid = grid_kind(
    1017, "laplace", "comfy.laplace", "log(noise level) as quantiles of a Laplace distribution",
    fill_curve<ratio_levels, laplace>, kLaplaceParams);
extern const GridKind kLinearQuadratic =
    grid_kind(1018, "linear-quadratic", "linear_quadratic,comfy.linear_quadratic,mochi",
              "half of the steps linear at high noise, half along a parabola",
              fill_open_curve<linear_quadratic>, kQuadraticParams);
extern const GridKind kBongTangent =
    grid_kind(1019, "bong-tangent", "bong_tangent,sdcpp.bong_tangent,res4lyf.bong_tangent",
              "two arcs of a tangent that meet in the middle", fill_open_curve<bong_tangent>,
              {kPeerParams, 2});
extern const GridKind kAys =
    grid_kind(1020, "ays", "align-your-steps,diffusers.ays,sdcpp.ays",
              "a model's optimised levels for ten steps, or between them", fill_ays, kAysParams);
extern const GridKind kGits =
    grid_kind(1021, "gits", "sdcpp.gits",
              "Stable Diffusion's levels by the geometry of its trajectories", fill_gits);

}  // namespace noisewright
