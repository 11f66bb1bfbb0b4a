// SPDX-License-Identifier: Apache-2.0
// Owns our Brownian path over noise levels: a draw is the path's increment between two levels,
// divided by the root of its length. Sums of normals by the backend's one pass, so that bits do not
// depend on the device.
#include <cmath>

#include "core/generator.hpp"
#include "math/brownian.hpp"

namespace noisewright {
namespace {

// Where a level stands: the angle of (alpha, sigma), which has ends for all noise and for none.
uint32_t place_of(const Level& level) {
  constexpr double kHalfPi = 1.57079632679489661923;
  const double angle = std::atan2(level.sigma, level.alpha) / kHalfPi;
  return static_cast<uint32_t>(std::lround(std::fmin(angle, 1) * kPathEnd));
}

class Brownian : public Generator {
 public:
  void draw(const Context& context, const Draw& draw, std::vector<Rng>& rngs,
            const Array& out) override {
    if (draw.what != Distribution::normal) {
      fail(NWR_ERROR_UNSUPPORTED, "brownian draws normals alone");
    }
    bool loose = false;  // whether some row's numbers are of no path
    size_t most = 1;
    rows_.resize(draw.rows);
    for (size_t row = 0; row < draw.rows; ++row) {
      const Stretch& stretch = draw.stretches[row];
      const uint32_t from = place_of(stretch.from), to = place_of(stretch.to);
      Row& now = rows_[row];
      now.path = stretch.follows && from != to;
      now.count = now.path ? static_cast<size_t>(path_increment(from, to, now.terms)) : 1;
      if (now.count > most) most = now.count;
      loose = loose || (!now.path && stretch.draws);
    }
    for (size_t term = 0; term < most; ++term) add(context, term, rngs, out);
    if (!loose) return;
    const bool alone = rngs.size() > 1;
    for (size_t i = 0; i < rngs.size(); ++i) {
      const size_t row = draw.rows > 1 ? i : 0;
      if (alone && (rows_[row].path || !draw.stretches[row].draws)) continue;
      rngs[i].offset += static_cast<uint64_t>(alone ? out.shape.inner() : out.shape.count());
    }
  }

 private:
  struct Row {
    bool path = false;
    size_t count = 0;
    PathTerm terms[kMostPathTerms];
  };

  // out becomes out plus a normal of each row's, or that alone.
  void add(const Context& context, size_t term, const std::vector<Rng>& rngs, const Array& out) {
    const bool by_row = rows_.size() > 1;
    const size_t count = by_row ? rows_.size() : rngs.size();
    nodes_.resize(count);
    factors_.clear();
    for (size_t i = 0; i < count; ++i) {
      const Row& row = rows_[by_row ? i : 0];
      const bool here = term < row.count;
      Rng rng = rngs[rngs.size() > 1 ? i : 0];
      const uint64_t first =
          by_row && rngs.size() == 1
              ? static_cast<uint64_t>(i) * static_cast<uint64_t>(out.shape.inner())
              : 0;
      if (!row.path) {
        rng.offset += first;
      } else if (here) {
        path_key(rng.seed, rng.stream, row.terms[term].node, &rng.seed, &rng.stream);
        rng.offset = first;
      }
      nodes_[i] = rng;
      if (!by_row && i > 0) continue;
      if (term > 0) factors_.push_back(1);
      factors_.push_back(!here ? 0 : row.path ? row.terms[term].factor : 1);
    }
    MixPlan plan;
    plan.shape = out.shape;
    plan.output[plan.output_count++] = out.view;
    if (term > 0) plan.input[plan.input_count++] = out.view;
    plan.factors = factors_.data();
    plan.factor_rows = static_cast<int64_t>(rows_.size());
    plan.rngs = nodes_.data();
    plan.rng_count = static_cast<int64_t>(nodes_.size());
    context.mix(plan);
  }

  std::vector<Row> rows_;
  std::vector<Rng> nodes_;
  std::vector<double> factors_;
};

}  // namespace

extern const GeneratorKind kBrownian;
const GeneratorKind kBrownian = {
    {1003, "brownian", "", "ours: increments of one path over noise levels, however it is divided",
     NWR_ENTRY_STOCHASTIC},
    [](const Settings&, const LevelRange&) -> std::unique_ptr<Generator> {
      return std::make_unique<Brownian>();
    }};

}  // namespace noisewright
