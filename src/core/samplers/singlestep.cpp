// SPDX-License-Identifier: Apache-2.0
#include "core/samplers/singlestep.hpp"

namespace noisewright {
namespace {

constexpr int kX = 0, kFirst = 1, kSecond = 2, kNoise = 3;

// The last stage's nodes: the newest value, before it the other one where both count.
Nodes nodes_of(const Stage& s, const Singlestep& m, int count, double second, double third,
               const Combo& now) {
  Nodes nodes;
  if (count == 2) nodes.add(second, now);
  if (count == 3 && m.three) nodes.add(second, s.kept(kSecond));
  if (count == 3) nodes.add(third, now);
  return nodes;
}

}  // namespace

void singlestep(Stage& s, const Singlestep& m) {
  const Line& line = m.solver.line;
  const Place from = place(s.begin().at), to = place(s.to());
  Target end = split(line, m.noise, m.eta, from, to);
  if (m.eta > 0 && line.level(end.down) < m.floor) {
    end.down = end.end = line.at_level(to, m.floor);
    end.up = missing_noise(to.sigma, end.down.sigma);
  }
  const Place reach = m.when == Singlestep::at_end ? end.down : to;
  const double begin = line.lambda(from), length = line.lambda(reach) - begin;
  const bool open = std::isfinite(m.root > 0 ? line.level(from) : length) && length != 0;
  const int count = open ? m.count : 1, stage = s.stage();
  const Combo now = m.solver.value(s);
  if (from.alpha == 0 && to.sigma > 0 && m.first_inner < 1) {
    // Lambda is infinite: the inner value takes the place of the first.
    const Base first{from, s.kept(kX), now};
    if (stage == 0) {
      const Stage::Point inner = s.point_of_level(m.first_inner / (1 - m.first_inner));
      s.keep(kX, s.state());
      s.again(s.blend(inner.at.alpha, inner.at.sigma), inner.t);
    } else {
      s.next(m.solver.constant(first, end.down) + m.s_noise * end.up * s.fresh_noise());
    }
    return;
  }
  const Base base =
      stage == 0 ? Base{from, s.state(), now, &s} : Base{from, s.kept(kX), s.kept(kFirst)};
  const bool is_last = stage + 1 == count;

  Stage::Point at = s.end();
  Target target = end;
  Nodes nodes;
  if (is_last) {
    nodes = nodes_of(s, m, count, m.at[0], m.at[1], now);
  } else {
    double level = std::exp(-(begin + m.at[stage] * length));
    if (m.root > 0) {
      const double a = line.level(from), b = line.level(reach);
      level = std::pow((std::pow(a, 1 / m.root) + std::pow(b, 1 / m.root)) / 2, m.root);
    }
    at = line.point(s, level);
    const bool draws = m.when != Singlestep::at_end;
    target = split(line, m.noise, draws ? m.eta : 0, from, place(at.at));
    if (stage == 1) nodes.add(m.at[0] / m.at[1], now);
  }
  Combo fresh = target.up * s.fresh_noise();
  if (m.when == Singlestep::along_path && m.eta > 0 && open) {
    // The Brownian path's part since the inner point before, on what that path has been so far.
    const double part = (is_last ? 1 : m.at[stage]) - (stage == 0 ? 0 : m.at[stage - 1]);
    const Combo path = std::sqrt(-std::expm1(-2 * m.eta * part * length)) * s.fresh_noise();
    fresh = stage == 0 ? path : std::exp(-m.eta * part * length) * s.kept(kNoise) + path;
    if (!is_last) s.keep(kNoise, fresh);
    fresh = (is_last ? to.sigma : at.at.sigma) * fresh;
    s.covers(s.at().at, at.at);
  }
  // An inner value serves the next inner point by its exact integral, however the last is weighed.
  Solver solver = m.solver;
  if (!is_last || count == 3) solver.pair = Pair::exact;
  const Combo x = solver.constant(base, target.down) + solver.correction(base, target, nodes) +
                  m.s_noise * fresh;
  if (m.low >= 0 && stage + 2 == count) {
    // Of the values before the last one.
    Nodes fewer;
    if (count == 3) fewer.add(m.at[0], now);
    s.keep(m.low, m.solver.constant(base, end.down) + m.solver.correction(base, end, fewer));
  }
  s.guide_by(line.scale(place(at.at)));
  const bool guided = s.plus_plus() && s.setting("cfg_pp") == 2 && count == 2;
  if (is_last) {
    const Combo before = guided ? s.kept(kSecond) - s.guided_data() : Combo();
    s.next(x + (guided ? m.solver.keep_x(base, target.down) : 0) * before);
    return;
  }
  if (guided) s.keep(kSecond, s.guided_data());
  if (stage == 0) s.keep(kX, base.x), s.keep(kFirst, now);
  if (stage == 1 && m.three) s.keep(kSecond, now);
  s.again(x, at.t);
}

void blockwise(Stage& s, const Singlestep& m, int order, int next_order) {
  const Line& line = m.solver.line;
  const Combo now = m.solver.value(s);
  const Place from = place(s.before(order - 1)), to = place(s.to());
  const Base base =
      order == 1 ? Base{from, s.state(), now, &s} : Base{from, s.kept(kX), s.kept(kFirst)};
  const Target target = split(line, m.noise, m.eta, from, to);
  const double begin = line.lambda(from), length = line.lambda(to) - begin;
  const auto part = [&](int back) { return (line.lambda(place(s.before(back))) - begin) / length; };
  Solver solver = m.solver;
  if (order == 3) solver.pair = Pair::exact;
  Nodes nodes;
  if (order > 1 && solver.open(from, target.down)) {
    // Where time stands still within a block, values of one point count once.
    const double second = part(order - 2), third = part(0);
    Singlestep distinct = m;
    distinct.three = m.three && second != 0 && second != third;
    if (third != 0) nodes = nodes_of(s, distinct, order, second, third, now);
  }
  s.covers(s.before(order - 1), s.to());
  s.next(solver.constant(base, target.down) + solver.correction(base, target, nodes) +
         m.s_noise * target.up * s.fresh_noise());
  if (order == 1 && next_order > 1) s.keep(kX, base.x), s.keep(kFirst, now);
  if (order == 2 && next_order > 2 && m.three) s.keep(kSecond, now);
}

}  // namespace noisewright
