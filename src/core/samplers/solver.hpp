// SPDX-License-Identifier: Apache-2.0
// Owns the one formula of all exponential and Adams methods: a step from a base along the
// polynomial through some values, integrated exactly. Must not know where the values come from.
#pragma once

#include "core/samplers/line.hpp"
#include "core/samplers/weights.hpp"

namespace noisewright {

// What is a polynomial, and in what: the data in lambda (DPM-Solver++), the slope in lambda
// (DPM-Solver, DEIS), the slope in the level (Adams-Bashforth).
enum class Form { data, slope, level };

// How two values are weighed: by the exact integral; the slope at half a step, which is a share of
// the value's own weight; or by that share of the step's length (bh1 of 2302.04867).
enum class Pair { exact, share, length };

// Where a step begins.
struct Base {
  Place at;
  Combo x, value;
  // Set while x and value are of the present evaluation, whose state needs no division.
  const Stage* fresh = nullptr;
};

// Further values, on the scale of the step; number 0 is the base's own.
struct Nodes {
  int count = 1;
  double at[kMostNodes] = {0};
  Combo value[kMostNodes] = {};

  void add(double place, const Combo& v) {
    at[count] = place;
    value[count++] = v;
  }
};

struct Solver {
  Line line;
  Form form;
  Pair pair = Pair::exact;
  double share = 0.5;
  // Of the second derivative's weight: peers take half of it.
  double curvature = 1;

  Combo value(const Stage& s) const { return form == Form::data ? s.data() : line.slope(s); }
  double clock(Place p) const { return form == Form::level ? line.level(p) : line.lambda(p); }
  // Whether anything can be extrapolated between the two.
  bool open(Place from, Place to) const {
    const double length = clock(to) - clock(from);
    return std::isfinite(length) && length != 0;
  }
  // x at the target if the value stays as it is: keep x + share value.
  double keep_x(const Base& base, Place to) const {
    return form == Form::data ? to.sigma / base.at.sigma : line.scale(to) / line.scale(base.at);
  }
  double keep_value(const Base& base, Place to) const {
    return form == Form::data ? to.alpha - base.at.alpha * to.sigma / base.at.sigma
                              : line.scale(to) * (line.level(to) - line.level(base.at));
  }
  Combo constant(const Base& base, Place to) const {
    if (base.fresh) return base.fresh->blend(to.alpha, to.sigma);
    return keep_x(base, to) * base.x + keep_value(base, to) * base.value;
  }
  // What the nodes add to it.
  Combo correction(const Base& base, const Target& target, const Nodes& nodes) const;
};

}  // namespace noisewright
