// SPDX-License-Identifier: Apache-2.0
#include "core/run_table.hpp"

#include <algorithm>

#include "core/diffusion.hpp"

namespace noisewright {
namespace {

// The extra slot that holds the data prediction when it is to be kept.
constexpr int kDenoised = kMaxSlots;

bool same(const Combo& a, const Combo& b) {
  return a.state == b.state && a.output == b.output && a.noise == b.noise && a.kept == b.kept;
}

double on_clock(nwr_clock clock, const Stage::Point& p) {
  switch (clock) {
    case NWR_CLOCK_SIGMA: return p.at.sigma / p.at.alpha;
    case NWR_CLOCK_LOGSNR: return 2 * p.at.lambda;
    case NWR_CLOCK_LOG_SIGMA: return -p.at.lambda;
    case NWR_CLOCK_EDM: return -p.at.lambda / 4;
    default: return p.t;  // the index of a discrete schedule is its t
  }
}

}  // namespace

bool Stage::find(const Row& want, double* factors) const {
  // What a drift says depends on the diffusion that whoever made it had in mind.
  if (prediction_ == NWR_DRIFT || prediction_ == NWR_FORWARD_DRIFT) return false;
  Row known[2];
  return schedule_.row(at_.at, NWR_STATE, 0, &known[0]) &&
         schedule_.row(at_.at, prediction_, 0, &known[1]) && express(known, 2, want, factors);
}

Combo Stage::express_row(const Row& want, const char* what) const {
  double factors[2];
  if (!find(want, factors)) {
    fail(NWR_ERROR_SINGULAR, "at t = ", at_.t, " (step ", step_, ") the state and the model's ",
         name_of(NWR_DOMAIN_QUANTITY, prediction_), " do not determine ", what, ": alpha is ",
         at_.at.alpha, ", sigma ", at_.at.sigma);
  }
  return {factors[0], factors[1], 0, {}};
}

bool Stage::knows_data() const {
  double factors[2];
  return find({1, 0, 0}, factors);
}

Combo Stage::quantity(nwr_quantity what, double diffusion2) const {
  if (prediction_ == what) return {0, 1, 0, {}};
  const int32_t inputs[] = {NWR_STATE, prediction_};
  double factors[2];
  if (schedule_.upstream_factors(at_.t, inputs, 2, what, factors)) {
    return {factors[0], factors[1], 0, {}};
  }
  const char* name = name_of(NWR_DOMAIN_QUANTITY, what);
  Row row;
  if (!schedule_.row(at_.at, what, diffusion2, &row)) {
    fail(NWR_ERROR_SINGULAR, "at t = ", at_.t, " (step ", step_, ") the ", name, " of ",
         schedule_.spec(), " is infinite");
  }
  return express_row(row, name);
}

Combo Stage::drift(double diffusion2) const {
  // Noise is drawn whichever way time runs: away from data this is the forward process.
  const bool to_data = dt() * schedule_.direction() >= 0;
  const nwr_quantity what = to_data ? NWR_DRIFT : NWR_FORWARD_DRIFT;
  if (prediction_ == what) return {0, 1, 0, {}};
  if (diffusion2 == 0) return velocity();
  const int32_t inputs[] = {NWR_STATE, prediction_};
  double factors[2];
  if (prediction_ == NWR_SCORE ||
      schedule_.upstream_factors(at_.t, inputs, 2, NWR_SCORE, factors)) {
    return velocity() + (dt() < 0 ? -1 : 1) * diffusion2 / 2 * quantity(NWR_SCORE, 0);
  }
  return quantity(what, diffusion2);
}

double Stage::diffusion2(const Point& point) const {
  const double w2 = noisewright::diffusion2(static_cast<Diffusion>(setting("diffusion")),
                                            setting("norm"), schedule_, point.t, point.at);
  if (!std::isfinite(w2)) {
    fail(NWR_ERROR_SINGULAR, "at t = ", point.t, " (step ", step_, ") the diffusion of ",
         schedule_.spec(), " is infinite: let the times begin later");
  }
  return w2;
}

Stage::Point Stage::point_of_level(double sigma_over_alpha) const {
  const Schedule::Ends& ends = schedule_.ends();
  const double noisiest = std::min(point(ends.low).at.lambda, point(ends.high).at.lambda);
  return point(
      schedule_.time_at(std::max(-std::log(sigma_over_alpha), noisiest), {"log(alpha/sigma)"}));
}

namespace {

// Steps that go one way. A row that stands still goes with the others.
struct Stretch {
  int begin, end;
  bool noised;  // away from data, in a run that began towards it
};

std::vector<Stretch> stretches_of(const RunRequest& request, int steps) {
  const size_t count = static_cast<size_t>(steps) + 1;
  std::vector<Stretch> out = {{0, steps, false}};
  double first = 0, way = 0;
  for (int step = 0; step < steps; ++step) {
    double move = 0;
    for (size_t i = static_cast<size_t>(step); i + 1 < request.times.size() && move == 0;
         i += count) {
      move = request.times[i + 1] - request.times[i];
    }
    if (first == 0) first = way = move;
    if (move * way < 0) {
      way = move;
      out.back().end = step;
      out.push_back({step, steps, way * first < 0});
    }
  }
  return out;
}

// The forward process from one point to a noisier one.
Combo noised(const RunRequest& request, const Stage::Point& from, const Stage::Point& to) {
  if (from.at.gamma > 0 || to.at.gamma > 0) {
    fail(NWR_ERROR_UNSUPPORTED, "options.times turn back to t = ", to.t, ", but ",
         request.schedule.spec(), " has a third leg, whose forward process is not known");
  }
  const double keep = from.at.alpha > 0 ? to.at.alpha / from.at.alpha : 1;
  const double kept = keep * from.at.sigma, whole = to.at.sigma;
  return {keep, 0, std::sqrt(std::fmax((whole - kept) * (whole + kept), 0)), {}};
}

}  // namespace

RunTable::RunTable(const RunRequest& request)
    : rows_(request.rows), guidance_(request.settings["guidance"]) {
  model_outputs_ = guidance_ == 1 ? 1 : 2;
  const size_t rows = static_cast<size_t>(rows_);
  const size_t count = request.times.size() / rows;
  const int steps = static_cast<int>(count) - 1;
  std::vector<Stage::Point> grid(request.times.size());
  for (size_t i = 0; i < grid.size(); ++i) {
    grid[i].t = request.times[i];
    grid[i].at = request.schedule.at(grid[i].t, {"options.times", static_cast<int64_t>(i)});
  }
  for (size_t row = 0; row < rows; ++row) begin_.push_back(grid[row * count].at);

  // Where each row is evaluated next, and where its step begins and the next one will.
  std::vector<Stage::Point> at(rows), begin(rows), next(rows);
  std::vector<Combo> openings(rows, {1, 0, 0, {}});
  const std::vector<Stretch> stretches = stretches_of(request, steps);
  for (size_t row = 0; row < rows; ++row) {
    next[row] = open(request, &grid[row * count], stretches[0].end, 0, &openings[row]);
  }
  add_opening(request, openings);
  std::vector<Emission> emissions(rows);
  for (size_t part = 0; part < stretches.size(); ++part) {
    // Each stretch towards data is a run of its own.
    const Stretch& stretch = stretches[part];
    const int length = stretch.end - stretch.begin;
    for (int step = 0; step < length; ++step) {
      at = begin = next;
      // Rows may differ in whether they need another stage; one that does not just waits.
      std::vector<bool> waits(rows, false);
      bool again = true;
      for (int stage = 0; again; ++stage) {
        again = false;
        add_times(request, at);
        for (size_t row = 0; row < rows; ++row) {
          Emission& out = emissions[row] = {};
          out.x = {1, 0, 0, {}};
          if (waits[row]) continue;
          const Stage::Point* const points =
              &grid[row * count + static_cast<size_t>(stretch.begin)];
          const Stage::Point& end = points[step + 1];
          double again_at = 0;
          if (stretch.noised) {
            out.x = noised(request, begin[row], end);
            waits[row] = true;
          } else {
            Stage s(request.schedule, request.settings, request.prediction, points, length, step,
                    stage, begin[row], at[row]);
            request.kind.base().plan(s);
            out.x = s.x();
            for (int slot = 0; slot < kMaxSlots; ++slot) {
              out.writes[slot] = s.keeps(slot);
              out.slot[slot] = s.kept_value(slot);
            }
            if (request.keep_denoised) {
              out.writes[kDenoised] = true;
              out.slot[kDenoised] = s.data();
            }
            waits[row] = !s.needs_again();
            again = again || s.needs_again();
            again_at = s.again_time();
          }
          if (!waits[row]) {
            at[row] = again_at == end.t
                          ? end
                          : Stage::Point{again_at, request.schedule.at(again_at, {"t"})};
          } else if (step + 1 < length) {
            at[row] = next[row] =
                stretch.noised ? end : open(request, points, length, step + 1, &out.x);
          } else if (part + 1 < stretches.size() && !stretches[part + 1].noised) {
            const Stretch& after = stretches[part + 1];
            at[row] = next[row] =
                open(request, points + length, after.end - after.begin, 0, &out.x);
          } else {
            at[row] = next[row] = end;
          }
        }
        add_line(request, emissions, stretch.noised,
                 stretch.end == steps && step + 1 == length && !again);
      }
    }
  }
  for (size_t row = 0; row < rows; ++row) at[row] = grid[(row + 1) * count - 1];
  add_times(request, at);
}

Stage::Point RunTable::open(const RunRequest& request, const Stage::Point* points, int steps,
                            int step, Combo* value) {
  const Stage::Point& from = points[step];
  if (!request.kind.base().open) return from;
  Stage s(request.schedule, request.settings, request.prediction, points, steps, step, 0, from,
          from);
  request.kind.base().open(s);
  if (!s.needs_again()) return from;
  *value = s.x().state * *value;
  // Of a pass that draws already this is a part of its one draw.
  value->noise = std::hypot(value->noise, s.x().noise);
  return s.point(s.again_time());
}

void RunTable::add_opening(const RunRequest& request, const std::vector<Combo>& values) {
  for (const Combo& c : values) {
    opening_draws_.push_back(c.noise != 0);
    opens_ = opens_ || c.noise != 0;
  }
  for (const Combo& c : values) {
    opening_.push_back(c.state);
    opening_.push_back(c.noise);
    if (request.noise_is_input) opening_.push_back(0);
  }
  draws_ = opens_;
}

uint32_t RunTable::written(size_t evaluation) const {
  uint32_t slots = 0;
  for (size_t i = 0; i < evaluation; ++i) slots |= lines_[i].writes;
  return slots;
}

void RunTable::add_times(const RunRequest& request, const std::vector<Stage::Point>& points) {
  const bool unit_input = request.settings["unit_input"] == 1;
  for (const Stage::Point& p : points) {
    t_.push_back(p.t);
    clock_.push_back(on_clock(request.clock, p));
    scale_.push_back(
        unit_input ? 1 / std::hypot(p.at.alpha * request.schedule.sigma_data(), p.at.sigma) : 1);
  }
}

void RunTable::add_line(const RunRequest& request, const std::vector<Emission>& emissions,
                        bool noised, bool final) {
  Line line;
  line.asks = !noised;
  line.factors = factors_.size();
  // A slot is written where any row writes it.
  for (int slot = 0; slot <= kMaxSlots; ++slot) {
    const bool written = std::any_of(emissions.begin(), emissions.end(),
                                     [=](const Emission& e) { return e.writes[slot]; });
    if (written) line.writes |= 1u << slot;
  }
  // A sampler that keeps the estimate anyway needs no second copy of it.
  if (noised) {
    if (request.keep_denoised) line.denoised_slot = lines_.back().denoised_slot;
  } else if (request.keep_denoised) {
    int slot = 0;
    const auto holds = [&](const Emission& e) {
      return e.writes[slot] && same(e.slot[slot], e.slot[kDenoised]);
    };
    while (slot < kDenoised && !std::all_of(emissions.begin(), emissions.end(), holds)) ++slot;
    line.denoised_slot = slot;
    if (slot != kDenoised) line.writes &= ~(1u << kDenoised);
  }
  // Nobody reads what else the last evaluation would keep.
  if (final && !noised) line.writes &= request.keep_denoised ? 1u << line.denoised_slot : 0u;
  const auto for_each_output = [&](const Emission& e, auto&& f) {
    for (int slot = 0; slot <= kMaxSlots; ++slot) {
      if (line.writes >> slot & 1) f(e.slot[slot], e.writes[slot] ? -1 : slot);
    }
    f(e.x, -1);
  };
  for (const Emission& e : emissions) {
    bool draws = false;
    for_each_output(e, [&](const Combo& c, int unwritten) {
      for (int slot = 0; slot < kMaxSlots; ++slot) {
        if (c.kept[slot] != 0) line.reads |= 1u << slot;
      }
      if (unwritten >= 0) line.reads |= 1u << unwritten;
      draws = draws || c.noise != 0;
    });
    row_draws_.push_back(draws);
    line.draws = line.draws || draws;
  }
  row_slots_.resize(emissions.size());
  for (size_t row = 0; row < emissions.size(); ++row) {
    const Emission& e = emissions[row];
    for_each_output(e, [&](const Combo& c, int unwritten) {
      factors_.push_back(c.state);
      if (model_outputs_ == 1) {
        factors_.push_back(c.output);
      } else {
        factors_.push_back(c.output * guidance_);
        factors_.push_back(c.output * (1 - guidance_));
      }
      for (int slot = 0; slot <= kMaxSlots; ++slot) {
        if (!(line.reads >> slot & 1)) continue;
        // A row that does not write this slot leaves it as it is, or empty if it never has.
        const double kept = slot < kMaxSlots ? c.kept[slot] : 0;
        const double held = row_slots_[row] >> slot & 1;
        factors_.push_back(unwritten == slot ? held : kept);
      }
      factors_.push_back(c.noise);
      if (request.noise_is_input && line.draws) factors_.push_back(0);
    });
  }
  for (size_t i = line.factors; i < factors_.size(); ++i) {
    if (!std::isfinite(factors_[i])) {
      fail(NWR_ERROR_SINGULAR, "evaluation ", lines_.size(), " of ", request.kind.name, " on ",
           request.schedule.spec(), " has the factor ", factors_[i],
           " at t = ", t_[lines_.size() * static_cast<size_t>(rows_)]);
    }
  }
  for (size_t row = 0; row < emissions.size(); ++row) {
    for (int slot = 0; slot <= kMaxSlots; ++slot) {
      if (emissions[row].writes[slot] && (line.writes >> slot & 1)) row_slots_[row] |= 1u << slot;
    }
  }
  slots_ |= line.writes;
  draws_ = draws_ || line.draws;
  lines_.push_back(line);
}

}  // namespace noisewright
