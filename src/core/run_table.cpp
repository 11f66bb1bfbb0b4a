// SPDX-License-Identifier: Apache-2.0
#include "core/run_table.hpp"

#include <algorithm>

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
    default: return p.t;  // the index of a discrete schedule is its t
  }
}

}  // namespace

Combo Stage::express_row(const Row& want, const char* what) const {
  Row known[2];
  double factors[2];
  const bool defined = quantity_row(at_.at, NWR_STATE, 0, schedule_.direction(), &known[0]) &&
                       quantity_row(at_.at, prediction_, 0, schedule_.direction(), &known[1]);
  if (!defined || !express(known, 2, want, factors)) {
    fail(NWR_ERROR_SINGULAR, "at t = ", at_.t, " (step ", step_, ") the state and the model's ",
         name_of(NWR_DOMAIN_QUANTITY, prediction_), " do not determine ", what, ": alpha is ",
         at_.at.alpha, ", sigma ", at_.at.sigma);
  }
  return {factors[0], factors[1], 0, {}};
}

Combo Stage::velocity() const {
  if (prediction_ == NWR_VELOCITY) return {0, 1, 0, {}};
  Row row;
  if (!quantity_row(at_.at, NWR_VELOCITY, 0, schedule_.direction(), &row)) {
    fail(NWR_ERROR_SINGULAR, "at t = ", at_.t, " (step ", step_, ") the velocity of ",
         schedule_.spec(), " is infinite");
  }
  return express_row(row, "the velocity");
}

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

  std::vector<Stage::Point> at(rows);
  std::vector<Emission> emissions(rows);
  for (int step = 0; step < steps; ++step) {
    for (size_t row = 0; row < rows; ++row) at[row] = grid[row * count + static_cast<size_t>(step)];
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
        Stage s(request.schedule, request.settings, request.prediction, &grid[row * count], steps,
                step, stage, at[row]);
        request.kind.plan(s);
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
        at[row] = grid[row * count + static_cast<size_t>(step) + 1];
        if (s.needs_again() && s.again_time() != at[row].t) {
          at[row] = {s.again_time(), request.schedule.at(s.again_time(), {"t"})};
        }
      }
      add_line(request, emissions, step + 1 == steps && !again);
    }
  }
  for (size_t row = 0; row < rows; ++row) at[row] = grid[(row + 1) * count - 1];
  add_times(request, at);
}

void RunTable::add_times(const RunRequest& request, const std::vector<Stage::Point>& points) {
  const bool unit_input = request.settings["unit_input"] == 1;
  for (const Stage::Point& p : points) {
    t_.push_back(p.t);
    clock_.push_back(on_clock(request.clock, p));
    scale_.push_back(unit_input ? 1 / std::hypot(p.at.alpha, p.at.sigma) : 1);
  }
}

void RunTable::add_line(const RunRequest& request, const std::vector<Emission>& emissions,
                        bool final) {
  Line line;
  line.factors = factors_.size();
  // A slot is written where any row writes it.
  for (int slot = 0; slot <= kMaxSlots; ++slot) {
    const bool written = std::any_of(emissions.begin(), emissions.end(),
                                     [=](const Emission& e) { return e.writes[slot]; });
    if (written) line.writes |= 1u << slot;
  }
  // A sampler that keeps the estimate anyway needs no second copy of it.
  if (request.keep_denoised) {
    int slot = 0;
    const auto holds = [&](const Emission& e) {
      return e.writes[slot] && same(e.slot[slot], e.slot[kDenoised]);
    };
    while (slot < kDenoised && !std::all_of(emissions.begin(), emissions.end(), holds)) ++slot;
    line.denoised_slot = slot;
    if (slot != kDenoised) line.writes &= ~(1u << kDenoised);
  }
  // Nobody reads what else the last evaluation would keep.
  if (final) line.writes &= request.keep_denoised ? 1u << line.denoised_slot : 0u;
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
  for (const Emission& e : emissions) {
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
        // A row that does not write this slot leaves it as it is.
        const double kept = slot < kMaxSlots ? c.kept[slot] : 0;
        factors_.push_back(unwritten == slot ? 1 : kept);
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
  slots_ |= line.writes;
  draws_ = draws_ || line.draws;
  lines_.push_back(line);
}

}  // namespace noisewright
