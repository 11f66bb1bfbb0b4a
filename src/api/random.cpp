// SPDX-License-Identifier: Apache-2.0
// Owns the C side of random numbers. Must not know how they are made.
#include "api/guard.hpp"
#include "api/handles.hpp"
#include "api/rngs.hpp"
#include "api/tensor.hpp"
#include "core/catalog.hpp"

using namespace noisewright;

nwr_status nwr_random_fill(const nwr_context* context, nwr_distribution what, const nwr_rng* rngs,
                           size_t rng_count, const nwr_tensor* out) {
  return guard([&] {
    require(context, "context");
    require(rngs, "rngs");
    const Context& c = *unwrap(context);
    find_by_value(NWR_DOMAIN_DISTRIBUTION, what, {"what"});
    const Array target = take_numbers(out, {"out"}, c.device(), Use::write);
    const auto batch = static_cast<size_t>(target.shape.batch());
    if (rng_count != 1 && rng_count != batch) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "rng_count is ", rng_count, ", neither 1 nor the batch, ",
           batch);
    }
    const std::vector<Rng> generators = take_rngs(rngs, rng_count);
    FillPlan plan;
    plan.shape = target.shape;
    plan.output = target.view;
    plan.what = static_cast<Distribution>(what);
    plan.rngs = generators.data();
    plan.rng_count = static_cast<int64_t>(rng_count);
    c.fill(plan);
    return NWR_OK;
  });
}
