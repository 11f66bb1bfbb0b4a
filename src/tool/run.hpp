// SPDX-License-Identifier: Apache-2.0
// Owns runs of a sampler on numbers that tell what it does: a sampler is linear in its start, the
// model's outputs and its draws, so each of them may be a unit vector, and the state then is its
// own coefficients. Must not know what is asked of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "analytic.hpp"
#include "nwr.hpp"

namespace tool {

struct RunSetup {
  std::string sampler;
  nwr_quantity prediction = NWR_NOISE;
  std::vector<double> times;
  nwr_clock clock = NWR_CLOCK_T;
};

// A row of doubles through a sampler whose draws are unit vectors: draw d is 1 in place base+d.
class UnitRun {
 public:
  UnitRun(const nwr_context* context, const nwr_schedule* schedule, const RunSetup& setup,
          std::vector<double> x, std::size_t base);

  // model(eval, x, outputs) fills eval.output_count rows.
  using Model = std::function<void(const nwr_eval&, const std::vector<double>&,
                                   std::vector<std::vector<double>>&)>;
  void go(const Model& model);

  const std::vector<double>& x() const { return x_.values(); }
  std::uint64_t draws() const { return draws_; }
  std::uint32_t evaluations() const { return evaluations_; }

 private:
  static std::int32_t draw(void* user, std::uint64_t number, const nwr_tensor* out);

  demo::Batch<double> x_;
  std::size_t base_;
  std::uint64_t draws_ = 0;
  std::uint32_t evaluations_ = 0;
  demo::Sampler sampler_;
};

// How many evaluations a run has, asked of a sampler that is not run.
std::uint32_t evaluations_of(const nwr_context* context, const nwr_schedule* schedule,
                             const RunSetup& setup);
// At a time of the schedule. Refuses a third leg.
Level level_at(const nwr_schedule* schedule, double t);

}  // namespace tool
