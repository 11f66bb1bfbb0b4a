// SPDX-License-Identifier: Apache-2.0
// Owns the launches of mix. Must not know what an element is.
#include "cuda/bodies.hpp"
#include "cuda/queue.cuh"

namespace noisewright::cuda {
namespace {

// made: what makes the factors on the device, if the plan has none.
int32_t mix_by(Queue* queue, const MixPlan& plan, const RowsPlan* made) {
  if (plan.output_count == 0 || plan.shape.count() == 0) return NWR_OK;
  const DeviceScope scope(queue->options.device_id);
  MixWork work;
  plan_mix(plan, made != nullptr, &work);
  // One table for all: the factors that are made on the device, then what is sent there.
  const size_t made_bytes =
      made == nullptr ? 0 : static_cast<size_t>(made->rows * made->row_size()) * sizeof(double);
  TableScope table(queue, made_bytes + work.table_bytes);
  if (table.status() != NWR_OK) return table.status();
  if (made != nullptr) {
    auto* const factors = reinterpret_cast<double*>(table.there());
    const int32_t status = make_rows(queue, *made, factors);
    if (status != NWR_OK) return status;
    work.arguments.mix.factors = factors;
  }
  pack_mix(plan, &work, table.here() + made_bytes, table.there() + made_bytes);
  const int32_t status = table.send(made_bytes);
  if (status != NWR_OK) return status;
  Launcher launcher{queue, "a mix"};
  launch_mix(work, launcher);
  return launcher.status;
}

}  // namespace

int32_t mix(Queue* queue, const MixPlan& plan) { return mix_by(queue, plan, nullptr); }

int32_t rows(Queue* queue, const RowsPlan& made, const MixPlan& plan) {
  return mix_by(queue, plan, &made);
}

int32_t guide(Queue* queue, const GuidePlan& made, const MixPlan& given) {
  if (given.output_count == 0 || given.shape.count() == 0) return NWR_OK;
  const DeviceScope scope(queue->options.device_id);
  MixPlan plan = given;
  plan.factor_rows = made.rows;
  MixWork work;
  plan_mix(plan, true, &work);
  const size_t bytes = guide_bytes(given);
  TableScope table(queue, bytes + work.table_bytes);
  if (table.status() != NWR_OK) return table.status();
  GuideArguments arguments;
  pack_guide(made, given, table.here(), table.there(), &arguments);
  work.arguments.mix.factors = made.scratch;
  pack_mix(plan, &work, table.here() + bytes, table.there() + bytes);
  const int32_t status = table.send();
  if (status != NWR_OK) return status;
  Launcher launcher{queue, "a guided mix"};
  launcher(MakeGuided(), arguments, made.rows);
  launch_mix(work, launcher);
  return launcher.status;
}

}  // namespace noisewright::cuda
