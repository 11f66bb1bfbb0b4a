// SPDX-License-Identifier: Apache-2.0
#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

constexpr int kCarry = 4;

// One run's view of a method: a point, a target and a ring of values for each step.
struct Run {
  const Stage& s;
  const Multistep& m;
  const int depth;

  Place at(int back) const { return place(back < 0 ? s.to() : s.before(back)); }
  Combo value(int back) const { return s.kept((s.step() - back) % depth); }
  Target target(int back) const {
    const Place from = at(back), to = at(back - 1);
    const double level = m.solver.line.level(m.by_end ? to : from);
    const bool draws = level >= m.low && level <= m.high;
    return split(m.solver.line, m.noise, draws ? m.eta : 0, from, to);
  }
  // The order of the step some steps back.
  int order(int back) const {
    const int step = s.step() - back;
    int order = std::min(m.order, step + 1);
    if (m.final == 1) order = std::min(order, s.steps() - step);
    if (m.final == 2 && step + 1 == s.steps()) order = 1;
    if (m.final == 3) order = std::min(order, s.steps() - step - 1);
    return std::max(order, 1);
  }
  double length(int back) const {
    const Place end = m.spacing == Multistep::Spacing::stretched ? target(back).down : at(back - 1);
    return m.solver.clock(end) - m.solver.clock(at(back));
  }
  // Adds the values before the one some steps back, as far as they are different and, unless they
  // stand evenly wherever they are, finite.
  void add_history(Nodes& nodes, int back, int count) const {
    double node = 0;
    for (int j = 1; nodes.count < count; ++j) {
      const double before = length(back + j) / length(back);
      const bool even = m.spacing == Multistep::Spacing::even;
      node -= even ? 1 : before;
      if (before == 0 || !(std::isfinite(before) || (even && std::isinf(before)))) break;
      nodes.add(node, value(back + j));
    }
  }
  // Whether the step some steps back is corrected at its end.
  bool corrects(int back) const {
    const int step = s.step() - back;
    const bool skipped = std::fmod(std::floor(m.corrector_skip / std::exp2(step)), 2) == 1;
    return m.corrector > 0 && step >= m.corrector_begin && !skipped &&
           !(m.only_start && step > 0) && m.solver.open(at(back), target(back).down);
  }
};

}  // namespace

void multistep(Stage& s, const Multistep& m) {
  const Run run{s, m, std::max({m.order - 1, m.corrector, 1})};
  const auto rate = [&](const Stage& at) { return m.raw ? m.solver.value(at).of_model() : 1; };
  const Combo now = m.raw ? s.output() : m.solver.value(s);
  Base base{run.at(0), s.state(), now, &s};
  if (s.stage() == 0 && s.step() > 0 && run.corrects(1)) {
    // The step before once more, with the value at its end; what it kept is its x and its noise.
    Solver corrector = m.solver;
    corrector.pair = m.corrector_pair;
    const Base before{run.at(1), {}, run.value(1)};
    const Target target = run.target(1);
    const int most = m.final == 3 ? s.steps() - s.step() : kMostNodes;
    Nodes nodes;
    nodes.add(1, now);
    run.add_history(nodes, 1, std::min({m.corrector + 1, run.order(1) + 1, most}));
    const Stage begin = s.before_step();
    const double share = m.raw ? begin.blend(target.down.alpha, target.down.sigma).of_model()
                               : corrector.keep_value(before, target.down);
    base.x = s.kept(kCarry) + share * (most == 1 ? now : before.value);
    if (most > 1) base.x = base.x + rate(begin) * corrector.correction(before, target, nodes);
    base.fresh = nullptr;
    if (m.evaluates_again) {
      s.keep(s.step() % run.depth, now);
      s.again(base.x, s.from_time());
      return;
    }
  }
  Target target = run.target(0);
  Nodes nodes;
  if (m.solver.open(base.at, target.down))
    run.add_history(nodes, 0, std::min(run.order(0), m.predictor));
  const Combo fresh = m.s_noise * target.up * s.fresh_noise();
  const Combo constant = m.solver.constant(base, target.down);
  const bool moved = m.older == Multistep::Older::moved && nodes.count > 1;
  s.guide_by(moved ? m.solver.keep_x(base, target.down) : m.solver.line.scale(place(s.to())));
  if (m.older == Multistep::Older::guided) base.value = s.guided_data();
  s.next(constant + rate(s) * m.solver.correction(base, target, nodes) + fresh);
  if (m.order > 1 || m.corrector > 0) s.keep(s.step() % run.depth, now);
  if (!s.last() && run.corrects(0)) {
    const double share = m.raw ? constant.state : m.solver.keep_x(base, target.down);
    s.keep(kCarry, share * base.x + fresh);
  }
}

}  // namespace noisewright
