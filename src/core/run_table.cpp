// SPDX-License-Identifier: Apache-2.0
#include "core/run_table.hpp"

#include <algorithm>

#include "core/diffusion.hpp"

namespace noisewright {
namespace {

int bits(uint32_t set) {
  int count = 0;
  for (; set != 0; set &= set - 1) ++count;
  return count;
}

bool same(const Combo& a, const Combo& b) {
  return a.state == b.state && a.output == b.output && a.noise == b.noise && a.kept == b.kept &&
         a.unlimited == b.unlimited && a.unconditional == b.unconditional;
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

// What noise between two levels covers, in a run between two others. Against the run's direction it
// is no part of a path that the run has gone along.
Stretch stretch_of(const nwr_coeffs& from, const nwr_coeffs& to, const nwr_coeffs& begin,
                   const nwr_coeffs& end) {
  const auto falls = [](const nwr_coeffs& a, const nwr_coeffs& b) {
    return a.sigma * b.alpha > b.sigma * a.alpha;
  };
  const bool along = falls(begin, end) ? falls(from, to) : falls(to, from);
  return {{from.alpha, from.sigma}, {to.alpha, to.sigma}, true, along};
}

}  // namespace

bool Stage::find(nwr_quantity known, const Row& want, double* factors) const {
  // What a drift says depends on the diffusion that whoever made it had in mind.
  if (known == NWR_DRIFT || known == NWR_FORWARD_DRIFT) return false;
  Row rows[2];
  return schedule_.row(at_.at, NWR_STATE, 0, &rows[0]) &&
         schedule_.row(at_.at, known, 0, &rows[1]) && express(rows, 2, want, factors);
}

Combo Stage::express_row(const Row& want, const char* what) const {
  double factors[2];
  const bool apart = limited() && reading_.keeps_noise && want.noise != 0;
  const Row sought = apart ? Row{0, want.noise, 0} : want;
  const nwr_quantity known = apart ? reading_.prediction : read_as();
  if (!find(known, sought, factors)) {
    fail(NWR_ERROR_SINGULAR, "at t = ", at_.t, " (step ", step_, ") the state and the model's ",
         name_of(NWR_DOMAIN_QUANTITY, known), " do not determine ", what, ": alpha is ",
         at_.at.alpha, ", sigma ", at_.at.sigma);
  }
  if (apart) return {factors[0], want.data, 0, {}, factors[1], 0};
  return made(factors[0], factors[1]);
}

bool Stage::knows_data() const {
  double factors[2];
  return find(read_as(), {1, 0, 0}, factors);
}

Combo Stage::guided_data() const {
  if (!reading_.plus_plus) return data();
  if (reading_.limited) return {0, 1, 0, {}};
  Reading guided = reading_;
  guided.plus_plus = false;
  return Stage(schedule_, settings_, guided, points_, steps_, step_, stage_, begin_, at_).data();
}

Combo Stage::quantity(nwr_quantity what, double diffusion2) const {
  if (read_as() == what) return made(0, 1);
  const int32_t inputs[] = {NWR_STATE, read_as()};
  double factors[2];
  if (schedule_.upstream_factors(at_.t, inputs, 2, what, factors)) {
    return made(factors[0], factors[1]);
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
  if (read_as() == what) return made(0, 1);
  if (diffusion2 == 0) return velocity();
  const int32_t inputs[] = {NWR_STATE, read_as()};
  double factors[2];
  if (read_as() == NWR_SCORE || schedule_.upstream_factors(at_.t, inputs, 2, NWR_SCORE, factors)) {
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
struct Way {
  int begin, end;
  bool noised;  // away from data, in a run that began towards it
};

std::vector<Way> ways_of(const RunRequest& request, int steps) {
  const size_t count = static_cast<size_t>(steps) + 1;
  std::vector<Way> out = {{0, steps, false}};
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

RunTable::RunTable(const RunRequest& request) : rows_(request.rows), guidance_(request.settings) {
  const Settings& settings = request.settings;
  clip_ = settings["clip"];
  threshold_ = settings["threshold"];
  threshold_max_ = settings["threshold_max"];
  if (clip_ > 0 && threshold_ > 0) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "clip is ", clip_, " and threshold ", threshold_,
         ", but data are limited one way");
  }
  const Reading reading = {request.prediction, clip_ > 0 || threshold_ > 0,
                           settings["limited_noise"] == 1, settings["cfg_pp"] != 0};
  limits_ = reading.limited;
  const size_t rows = static_cast<size_t>(rows_);
  const size_t count = request.times.size() / rows;
  const int steps = request.attempt ? 1 : static_cast<int>(count) - 1;
  std::vector<Stage::Point> grid(request.times.size());
  for (size_t i = 0; i < grid.size(); ++i) {
    grid[i].t = request.times[i];
    grid[i].at = request.schedule.at(grid[i].t, {"options.times", static_cast<int64_t>(i)});
  }
  for (size_t row = 0; row < rows; ++row) begin_.push_back(grid[row * count].at);
  for (const Stage::Point& p : grid) {
    const auto take = [](double level, double* least, double* most) {
      if (level > 0 && std::isfinite(level) && (*least == 0 || level < *least)) *least = level;
      *most = std::fmax(*most, level);
    };
    take(p.at.sigma / p.at.alpha, &levels_.least_ratio, &levels_.most_ratio);
    take(p.at.sigma, &levels_.least_sigma, &levels_.most_sigma);
  }

  // Where each row is evaluated next, and where its step begins and the next one will.
  std::vector<Stage::Point> at(rows), begin(rows), next(rows);
  std::vector<Combo> openings(rows, {1, 0, 0, {}});
  const std::vector<Way> ways = ways_of(request, steps);
  opening_stretches_.resize(rows);
  for (size_t row = 0; row < rows; ++row) {
    next[row] = open(request, reading, &grid[row * count], ways[0].end, 0, &openings[row],
                     &opening_stretches_[row]);
  }
  add_opening(request, openings);
  std::vector<Emission> emissions(rows);
  for (size_t part = 0; part < ways.size(); ++part) {
    // Each way towards data is a run of its own.
    const Way& way = ways[part];
    const int length = way.end - way.begin;
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
          const Stage::Point* const points = &grid[row * count + static_cast<size_t>(way.begin)];
          const Stage::Point& end = points[step + 1];
          double again_at = 0;
          nwr_coeffs from = begin[row].at, to = end.at;
          const auto point_at = [&](double t) {
            return t == end.t ? end : Stage::Point{t, request.schedule.at(t, {"t"})};
          };
          if (way.noised) {
            out.x = noised(request, begin[row], end);
            waits[row] = true;
          } else {
            out.weight = guidance_.at(way.begin + step, steps, at[row].at);
            Stage s(request.schedule, request.settings, reading, points, length, step, stage,
                    begin[row], at[row]);
            request.kind.base().plan(s);
            out.x = s.x();
            out.spreads = s.spreads();
            out.spread = s.spread();
            if (reading.limited) {
              const Reading before = {request.prediction};
              out.data = Stage(request.schedule, request.settings, before, points, length, step,
                               stage, begin[row], at[row])
                             .data();
            }
            for (int slot = 0; slot < kMaxSlots; ++slot) {
              out.writes[slot] = s.keeps(slot);
              out.slot[slot] = s.kept_value(slot);
            }
            if (request.keep_denoised) {
              out.writes[kDenoised] = true;
              out.slot[kDenoised] = s.guided_data();
            }
            waits[row] = !s.needs_again();
            again = again || s.needs_again();
            again_at = s.again_time();
            from = s.covered_from();
            to = s.covered_to(waits[row] ? end : point_at(again_at));
          }
          const bool draws = out.x.noise != 0;
          if (!waits[row]) {
            at[row] = point_at(again_at);
          } else if (step + 1 < length) {
            at[row] = next[row] =
                way.noised ? end
                           : open(request, reading, points, length, step + 1, &out.x, &out.stretch);
          } else if (part + 1 < ways.size() && !ways[part + 1].noised) {
            const Way& after = ways[part + 1];
            at[row] = next[row] = open(request, reading, points + length, after.end - after.begin,
                                       0, &out.x, &out.stretch);
          } else {
            at[row] = next[row] = end;
          }
          if (draws || out.x.noise == 0) {
            out.stretch = stretch_of(from, to, points[0].at, points[length].at);
          }
        }
        if (request.attempt && !again) {
          late_noise_ = emissions[0].x.noise;
          emissions[0].x.noise = 0;
        }
        add_line(request, emissions, way.begin + step, way.noised,
                 way.end == steps && step + 1 == length && !again && !request.attempt);
      }
    }
  }
  for (size_t row = 0; row < rows; ++row) at[row] = grid[row * count + static_cast<size_t>(steps)];
  add_times(request, at);
}

Stage::Point RunTable::open(const RunRequest& request, const Reading& reading,
                            const Stage::Point* points, int steps, int step, Combo* value,
                            Stretch* stretch) {
  const Stage::Point& from = points[step];
  if (!request.kind.base().open) return from;
  Stage s(request.schedule, request.settings, reading, points, steps, step, 0, from, from);
  request.kind.base().open(s);
  if (!s.needs_again()) return from;
  *value = s.x().state * *value;
  // Of a pass that draws already this is a part of its one draw.
  value->noise = std::hypot(value->noise, s.x().noise);
  const Stage::Point to = s.point(s.again_time());
  *stretch = stretch_of(s.covered_from(), s.covered_to(to), points[0].at, points[steps].at);
  return to;
}

void RunTable::add_opening(const RunRequest& request, const std::vector<Combo>& values) {
  for (size_t row = 0; row < values.size(); ++row) {
    opening_stretches_[row].draws = values[row].noise != 0;
    opens_ = opens_ || values[row].noise != 0;
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

void RunTable::add_line(const RunRequest& request, const std::vector<Emission>& emissions, int step,
                        bool noised, bool final) {
  Line line;
  line.asks = !noised;
  line.factors = factors_.size();
  // How many outputs the model has to give: a row that needs fewer leaves out the others.
  bool guided = false;
  for (const Emission& e : emissions) {
    line.outputs = std::max(line.outputs, guidance_.outputs(e.weight));
    guided = guided || guidance_.needs_sums(e.weight);
    line.spreads = line.spreads || e.spreads;
  }
  const bool zero = step < guidance_.zero_init;
  if (zero) line.outputs = 1, guided = false;
  line.given = line.outputs + (line.spreads ? 1 : 0);
  line.limited = limits_ && !noised;
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
  // The differences of guidance are kept from one evaluation that has them to the next.
  const bool inertia = guided && guidance_.inertia != 0;
  const bool has_differences = slots_ >> kDifferences & 1;
  if (inertia && !final) line.writes |= 1u << kDifferences;
  if (inertia && has_differences) line.reads |= 1u << kDifferences;
  const auto for_each_output = [&](const Emission& e, auto&& f) {
    for (int slot = 0; slot <= kMaxSlots; ++slot) {
      if (line.writes >> slot & 1) f(e.slot[slot], e.writes[slot] ? -1 : slot);
    }
    if (line.writes >> kDifferences & 1) f(Combo(), kDifferences);
    f(e.x, -1);
  };
  line.reads_outputs = !line.limited || inertia;
  for (const Emission& e : emissions) {
    bool draws = false;
    for_each_output(e, [&](const Combo& c, int unwritten) {
      for (int slot = 0; slot < kMaxSlots; ++slot) {
        if (c.kept[slot] != 0) line.reads |= 1u << slot;
      }
      if (unwritten >= 0 && unwritten != kDifferences) line.reads |= 1u << unwritten;
      draws = draws || c.noise != 0;
      if (c.unlimited != 0 || c.unconditional != 0) line.reads_outputs = true;
    });
    stretches_.push_back(e.stretch);
    stretches_.back().draws = draws;
    line.draws = line.draws || draws;
  }
  line.spreads = line.spreads && line.draws;
  row_slots_.resize(emissions.size());
  const bool noise_is_input = request.noise_is_input || line.spreads;
  const auto add_guided = [&](double factor) {
    if (guided) guided_.push_back(factor);
  };
  // The guided output's factor goes to the outputs, now or when their sums are known.
  const auto add_outputs = [&](const Emission& e, double output, double unconditional) {
    const bool by_sums = guided && guidance_.needs_sums(e.weight);
    double f[kMaxGuided] = {};
    if (!zero) guidance_.factors(e.weight, f);
    const size_t at = factors_.size();
    for (int k = 0; k < line.outputs; ++k) factors_.push_back(by_sums ? 0 : output * f[k]);
    const auto other = static_cast<size_t>(guidance_.outputs(e.weight)) - 1;
    if (!zero) factors_[at + other] += unconditional;
    add_guided(by_sums ? output : 0);
  };
  line.guided = guided_.size();
  for (size_t row = 0; row < emissions.size(); ++row) {
    const Emission& e = emissions[row];
    const bool by_sums = guided && guidance_.needs_sums(e.weight);
    add_guided(e.weight);
    for_each_output(e, [&](const Combo& c, int unwritten) {
      const bool differences = unwritten == kDifferences;
      factors_.push_back(c.state);
      if (differences) {
        factors_.push_back(by_sums ? 1 : 0);
        factors_.push_back(by_sums ? -1 : 0);
        add_guided(0);
      } else if (line.reads_outputs) {
        add_outputs(e, line.limited ? c.unlimited : c.output, c.unconditional);
      } else {
        add_guided(0);
      }
      if (line.limited) factors_.push_back(c.output);
      for (int slot = 0; slot < kSlots; ++slot) {
        if (!(line.reads >> slot & 1)) continue;
        // A row that does not write this slot leaves it as it is, or empty if it never has.
        const double held = row_slots_[row] >> slot & 1;
        if (slot == kDifferences) {
          factors_.push_back(differences ? held * (by_sums ? guidance_.inertia : 1) : 0);
        } else if (unwritten == slot) {
          factors_.push_back(held);
        } else {
          factors_.push_back(slot < kMaxSlots ? c.kept[slot] : 0);
        }
      }
      factors_.push_back(c.noise);
      if (noise_is_input && line.draws) factors_.push_back(0);
    });
  }
  // What the data are, before they are limited.
  if (line.limited) {
    line.limit = factors_.size();
    line.limit_guided = guided_.size();
    for (const Emission& e : emissions) {
      add_guided(e.weight);
      factors_.push_back(e.data.state);
      add_outputs(e, e.data.output, 0);
      if (line.reads >> kDifferences & 1) factors_.push_back(0);
      factors_.push_back(0);
    }
  }
  if (line.spreads) {
    line.spread = factors_.size();
    for (const Emission& e : emissions) {
      factors_.insert(factors_.end(), e.spread.begin(), e.spread.end());
    }
  }
  line.by_sums = guided;
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
    if ((line.writes >> kDifferences & 1) && guidance_.needs_sums(emissions[row].weight)) {
      row_slots_[row] |= 1u << kDifferences;
    }
  }
  const int inputs = 1 + (line.reads_outputs ? line.outputs : 0) + (line.limited ? 1 : 0) +
                     bits(line.reads) + (noise_is_input && line.draws ? 1 : 0);
  if (inputs > kMaxInputs) {
    fail(NWR_ERROR_UNSUPPORTED, request.kind.name, " with these settings reads ", inputs,
         " arrays at once, but a step takes ", kMaxInputs);
  }
  slots_ |= line.writes;
  draws_ = draws_ || line.draws || late_noise_ != 0;
  spreads_ = spreads_ || line.spreads;
  sums_ = sums_ || guided;
  lines_.push_back(line);
}

GuidanceSettings::GuidanceSettings(const Settings& s)
    : method(static_cast<Guidance>(s["guidance_method"])),
      from_conditional(s["guidance_from"] == 1),
      plus_plus(s["cfg_pp"] != 0),
      weight(s["guidance"]),
      image(s["guidance_image"]),
      rescale(s["guidance_rescale"]),
      parallel(s["guidance_parallel"]),
      norm(s["guidance_norm"]),
      inertia(method == Guidance::projected ? s["guidance_momentum"] : 0),
      decay(s["guidance_decay"]),
      begin(s["guidance_begin"]),
      end(s["guidance_end"]),
      low(s["guidance_low"]),
      high(s["guidance_high"]),
      zero_init(static_cast<int>(s["zero_init"])) {
  if (image != 0 && method != Guidance::plain) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "guidance_image is ", image,
         ", but guidance_method is not plain");
  }
  if (image != 0 && plus_plus) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "guidance_image is ", image, ", but CFG++ takes two outputs");
  }
}

double GuidanceSettings::at(int step, int steps, const nwr_coeffs& c) const {
  const auto part = [&](double share) { return static_cast<int>(share * steps); };
  const double level = std::fmin(c.sigma / c.alpha, kEveryLevel);
  const bool inside =
      step >= part(begin) && (end == 1 || step < part(end)) && level >= low && level <= high;
  return inside ? weight : kNoGuidance;
}

int RunTable::most_outputs() const {
  int most = 1;
  for (const Line& line : lines_) most = std::max(most, line.given);
  return most;
}

int GuidanceSettings::outputs(double w) const {
  if (std::isnan(w)) return 1;
  if (image != 0) return 3;
  const bool one = method == Guidance::plain && !plus_plus && w + from_conditional == 1;
  return one ? 1 : 2;
}

bool GuidanceSettings::needs_sums(double w) const {
  return outputs(w) > 1 && (method != Guidance::plain || rescale != 0);
}

void GuidanceSettings::factors(double w, double* f) const {
  plain_guidance(outputs(w), std::isnan(w) ? 1 : w + from_conditional, image, f);
}

}  // namespace noisewright
