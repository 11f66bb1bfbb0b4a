// SPDX-License-Identifier: Apache-2.0
// Owns multistep methods, with or without a corrector: which values a step takes, and what it
// keeps. Must not know weights or names.
#pragma once

#include "core/samplers/solver.hpp"

namespace noisewright {

inline constexpr Param kFinalParam =
    choice("lower_order_final",
           "no step's order exceeds the number of steps left; or the last step alone is of order 1",
           "no,yes,last");
constexpr Param order_param(double by_default, double most) {
  return {"order",    "how many values the polynomial goes through; fewer at the start",
          by_default, 1,
          most,       nullptr,
          true};
}
constexpr Param eta_param(double by_default) {
  return {"eta", "share of fresh noise; 0 is deterministic", by_default, 0, 1e6};
}
inline constexpr Param kNoiseScaleParam = {"s_noise", "scale of the fresh noise", 1, 0, 1e6};

inline constexpr Param kAncestralParam = choice(
    "noise", "the posterior's, or linear in sigma/(alpha+sigma) as for flows", "variance,flow");
inline Split ancestral_split(const Stage& s) {
  return s.setting("noise") == 0 ? Split::variance : Split::flow;
}
inline constexpr Param kPredictParam = choice("predict", "what is extrapolated", "data,noise");
inline Form predicted_form(const Stage& s) {
  return s.setting("predict") == 0 ? Form::data : Form::slope;
}
inline constexpr Param kStartParam =
    choice("start", "the first step: of order 1, or corrected with the value at its end",
           "euler,corrected", 1);

struct Multistep {
  Solver solver;
  int order;
  // Where nodes stand: at their times, evenly, or, in steps that noise lengthens, as far back as
  // those steps were long.
  enum class Spacing { exact, even, stretched } spacing = Spacing::exact;
  Split noise = Split::sde;
  double eta = 0, s_noise = 1;
  // Levels between which noise is drawn, and whether the step's end decides.
  double low = 0, high = HUGE_VAL;
  bool by_end = false;
  int final = 0;  // as kFinalParam; 3: one step earlier, corrector included
  // A corrector takes the point's own value and up to order of those before; 0 is none. Only after
  // the first step it repairs the start: a multistep method then reaches its order.
  int corrector = 0;
  bool only_start = false;
  int corrector_begin = 0;     // the first step that is corrected
  double corrector_skip = 0;   // the sum of 2^step of those that are not
  int predictor = kMostNodes;  // the most values of the predictor, where the corrector has more
  Pair corrector_pair = Pair::exact;
  // Whether the corrected point is evaluated again.
  bool evaluates_again = false;
  // Whether values are the model's outputs as they are, which each step reads with its own begin's
  // alpha and sigma.
  bool raw = false;
  // CFG++ as ComfyUI has it in steps with history: older values are compared with guided data; or
  // the guided difference goes the way of the state.
  enum class Older { unconditional, guided, moved } older = Older::unconditional;
};

inline bool cfg_pp_as_in_comfy(const Stage& s) { return s.setting("cfg_pp") == 2; }

void multistep(Stage& s, const Multistep& method);

}  // namespace noisewright
