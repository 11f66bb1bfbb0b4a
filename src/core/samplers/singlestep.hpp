// SPDX-License-Identifier: Apache-2.0
// Owns methods of one to three evaluations inside a step, and those that take the grid's own points
// as their inner ones. Must not know weights or names.
#pragma once

#include "core/samplers/multistep.hpp"

namespace noisewright {

struct Singlestep {
  Solver solver;
  int count;
  // Inner points, as parts of the step in lambda; with root, the mean of both ends' root-th roots.
  double at[2] = {0.5, 2.0 / 3};
  double root = 0;
  Split noise = Split::sde;
  double eta = 0, s_noise = 1;
  // Fresh noise comes in at the end alone; at inner points too; or there as one path's.
  enum When { at_end, at_points, along_path } when = at_end;
  // Whether the third value is joined by the second.
  bool three = false;
  // sigma/(alpha+sigma) of the one inner point of a step from alpha = 0; at 1 there is none.
  double first_inner = 1;
  // The level below which the deterministic part does not go.
  double floor = 0;
  // Where the result of one order less is kept, by which an adaptive method knows its error.
  int low = -1;
};

void singlestep(Stage& s, const Singlestep& method);

// The same weights with one evaluation a step: a step goes from the beginning of its block, through
// the values since; order tells how far that is behind.
void blockwise(Stage& s, const Singlestep& method, int order, int next_order);

}  // namespace noisewright
