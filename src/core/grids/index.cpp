// SPDX-License-Identifier: Apache-2.0
// Owns the grids that are made of places in a schedule's table, in integers where the places are
// whole: no rounding of a step's width can add or lose a step. Must not know what the table holds.
#include <algorithm>

#include "core/grid.hpp"
#include "core/quantile.hpp"

namespace noisewright {
namespace {

// total: the size of the table, or what is left of it.
struct Places {
  const GridRequest& request;
  int64_t total, steps;

  double operator[](const char* setting) const { return request.settings[setting]; }
};

double whole(int64_t index) { return static_cast<double>(index); }
// a/b to the nearest integer, halves to even, as numpy rounds.
double round_ratio(int64_t a, int64_t b) {
  const int64_t quotient = a / b, rest = a % b;
  return static_cast<double>(quotient +
                             (2 * rest > b || (2 * rest == b && quotient % 2 == 1) ? 1 : 0));
}
double ratio(int64_t a, int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

void require_room(const GridRequest& r, int64_t total) {
  if (r.steps() <= total) return;
  fail(NWR_ERROR_INVALID_ARGUMENT, "count is ", r.count, ", but ", r.schedule.spec(), " has only ",
       total, " indices for its steps");
}

Places places_of(const GridRequest& r) {
  Places p{r, r.schedule.table_size(), r.steps()};
  if (p.total == 0) {
    fail(NWR_ERROR_UNSUPPORTED, "this grid is made of indices, but ", r.schedule.spec(),
         " is not discrete");
  }
  if (!r.own_ends) {
    fail(NWR_ERROR_UNSUPPORTED, "t_begin is ", r.begin, " and t_end is ", r.end,
         ", but this grid has ends of its own");
  }
  const double least = r.settings["lambda_min"];
  const auto kept = [&](int64_t count) {
    const double t = r.schedule.table_time(whole(count - 1));
    return r.schedule.at(t, {"t"}).lambda >= least;
  };
  while (least > kNoLambdaMin && p.total > 1 && !kept(p.total)) --p.total;
  require_room(r, p.total);
  return p;
}

// Place i of a grid, counted from the noisy end. Whole places that would coincide, as rounding of
// a curve makes them, move apart: peers that drop them take fewer steps than were asked for.
template <double (*kPlace)(const Places&, int64_t)>
void fill_places(const GridRequest& r) {
  const Places places = places_of(r);
  const bool fractions = r.settings.get("round", 1) == 0;
  double before = whole(places.total);
  for (int64_t i = 0; i < places.steps; ++i) {
    double place = kPlace(places, i);
    if (!fractions && place == std::floor(place)) {
      place = std::max(std::min(place, before - 1), whole(places.steps - 1 - i));
    }
    r.times[i] = r.schedule.table_time(place);
    before = place;
  }
  end_grid(r, r.schedule.table_time(0));
}

// The setting offset, where the highest index without it is highest.
int64_t offset_of(const Places& p, int64_t highest) {
  const double given = p["offset"];
  if (given != std::floor(given) || given >= whole(p.total - highest)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, p.request.settings.entry().name, ": offset is ", given,
         "; it must be whole, and ", p.steps, " steps allow at most ", p.total - 1 - highest);
  }
  return static_cast<int64_t>(given);
}

double leading(const Places& p, int64_t i) {
  const int64_t width = p.total / p.steps;
  const int64_t offset = offset_of(p, (p.steps - 1) * width);
  return whole((p.steps - 1 - i) * width + offset);
}
// Leaves out the step at index 0, as diffusers' multistep solvers do.
double multistep_leading(const Places& p, int64_t i) {
  const int64_t width = p.total / (p.steps + 1);
  const int64_t offset = offset_of(p, p.steps * width);
  return whole((p.steps - i) * width + offset);
}
double ddim_uniform(const Places& p, int64_t i) {
  const int64_t width = p.total / p.steps, highest = (p.steps - 1) * width;
  return whole((p.steps - 1 - i) * width + (highest + 1 < p.total ? 1 : 0));
}
double from_top(const Places& p, int64_t i) { return whole(p.total - 1 - i * (p.total / p.steps)); }
double trailing(const Places& p, int64_t i) {
  return round_ratio(p.total * (p.steps - i), p.steps) - 1;
}
// One step begins at the noise end, not at index 0 as numpy's linspace would have it.
double linspace(const Places& p, int64_t i) {
  if (p.steps == 1) return whole(p.total - 1);
  return round_ratio((p.total - 1) * (p.steps - 1 - i), p.steps - 1);
}
double normal(const Places& p, int64_t i) {
  if (p.steps == 1) return whole(p.total - 1);
  return ratio((p.total - 1) * (p.steps - 1 - i), p.steps - 1);
}
double multistep_linspace(const Places& p, int64_t i) {
  return round_ratio((p.total - 1) * (p.steps - i), p.steps);
}
double sgm_uniform(const Places& p, int64_t i) {
  return ratio((p.total - 1) * (p.steps - i), p.steps);
}
double simple(const Places& p, int64_t i) { return whole(p.total - 1 - i * p.total / p.steps); }

// Luo et al. 2310.04378: every (T/original)-th index, of which n.
double lcm(const Places& p, int64_t i) {
  const int64_t given = whole_setting(p.request, "original");
  const int64_t original = given == 0 ? std::max<int64_t>(50, p.steps) : given;
  // A product that is whole but for its rounding is whole: 0.58 of 50 is 29.
  const auto kept =
      static_cast<int64_t>(std::floor(static_cast<double>(original) * p["strength"] + 1e-9));
  if (original > p.total || kept < p.steps) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "lcm: original is ", original, " and strength ", p["strength"],
         ", which leave ", std::min(kept, p.total), " indices for ", p.steps, " steps");
  }
  const int64_t width = p.total / original;
  return whole((kept - i * kept / p.steps) * width - 1);
}

double of_curve(const Places& p, double curve) {
  const double place = curve * static_cast<double>(p.total - 1);
  return p["round"] == 1 ? std::nearbyint(place) : place;
}
// Lee et al. 2407.12173.
double beta(const Places& p, int64_t i) {
  return of_curve(p, beta_quantile(ratio(p.steps - i, p.steps), p["alpha"], p["beta"]));
}
double smoothstep(const Places& p, int64_t i) {
  const double u = ratio(p.steps - i, p.steps);
  return of_curve(p, u * u * (3 - 2 * u));
}

constexpr Param kLeadingParams[] = {
    {"offset", "added to each index (Stable Diffusion has 1)", 0, 0, 1e6}};
constexpr Param kLcmParams[] = {
    {"original", "steps of the distilled model; 0 is 50, or n if more", 0, 0, 1e6, nullptr, true},
    {"strength", "share of those steps that is used", 1, 1e-6, 1}};
constexpr Param kRound = choice("round", "to whole indices", "no,yes");
constexpr Param kBetaParams[] = {{"alpha", "first exponent", 0.6, 0.01, 1e3},
                                 {"beta", "second exponent", 0.6, 0.01, 1e3},
                                 kRound};
constexpr Param kCurveParams[] = {kRound};
constexpr Param kPlaceParams[] = {
    kTail,
    {"lambda_min", "indices whose log(alpha/sigma) is below are left out", kNoLambdaMin,
     kNoLambdaMin, 700}};

template <double (*kPlace)(const Places&, int64_t)>
constexpr GridKind places(int32_t value, const char* name, const char* aliases, const char* summary,
                          Params params = {}) {
  return grid_kind(value, name, aliases, summary, fill_places<kPlace>, params, kPlaceParams);
}

}  // namespace

Span spaced_ends(const GridRequest& r, Spaced how) {
  const Places p{r, r.schedule.table_size(), r.steps()};
  require_room(r, p.total);
  const auto place = how == Spaced::leading ? leading : trailing;
  return {r.schedule.table_time(place(p, 0)), r.schedule.table_time(place(p, p.steps - 1))};
}

extern const GridKind kLeading =
    places<leading>(NWR_GRID_LEADING, "leading", "diffusers.leading",
                    "discrete: every (T/n)-th index from 0 up", kLeadingParams);
extern const GridKind kTrailing =
    places<trailing>(NWR_GRID_TRAILING, "trailing", "diffusers.trailing",
                     "discrete: every (T/n)-th index from T-1 down");
extern const GridKind kLinspace =
    places<linspace>(NWR_GRID_LINSPACE, "linspace", "diffusers.linspace,diffusers.unclip",
                     "discrete: n indices from T-1 to 0");
extern const GridKind kMultistepLeading = places<multistep_leading>(
    1000, "multistep-leading", "diffusers.multistep-leading",
    "discrete: every (T/(n+1))-th index but the one at 0", kLeadingParams);
extern const GridKind kMultistepLinspace =
    places<multistep_linspace>(1001, "multistep-linspace", "diffusers.multistep-linspace",
                               "discrete: n+1 indices from T-1 to 0 but the one at 0");
extern const GridKind kNormal = places<normal>(
    1002, "normal", "comfy.normal,k.discrete,sdcpp.discrete", "linspace without rounding");
extern const GridKind kSgmUniform =
    places<sgm_uniform>(1003, "sgm-uniform", "sgm_uniform,comfy.sgm_uniform,sdcpp.sgm_uniform",
                        "multistep-linspace without rounding");
extern const GridKind kSimple = places<simple>(1004, "simple", "comfy.simple,sdcpp.simple",
                                               "discrete: T-1 less the whole part of iT/n");
extern const GridKind kFromTop =
    places<from_top>(1005, "from-top", "diffusers.cm,openai.cm",
                     "discrete: every (T/n)-th index from T-1 down, T/n cut to an integer");
extern const GridKind kDdimUniform =
    places<ddim_uniform>(1006, "ddim-uniform", "ddim_uniform,comfy.ddim_uniform",
                         "leading with offset 1 where there is room for it");
extern const GridKind kLcm =
    places<lcm>(1007, "lcm", "diffusers.lcm,diffusers.tcd,sdcpp.lcm",
                "n of the indices that a distilled model has seen", kLcmParams);
extern const GridKind kBetaGrid = places<beta>(
    1008, "beta", "", "places in the table as quantiles of a Beta distribution", kBetaParams);
extern const GridKind kSmoothstep = places<smoothstep>(
    1010, "smoothstep", "", "places in the table along 3u^2 - 2u^3", kCurveParams);

}  // namespace noisewright
