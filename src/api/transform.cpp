// SPDX-License-Identifier: Apache-2.0
// Owns the C side of transforms and combinations. Must not know kernels.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "api/guard.hpp"
#include "api/handles.hpp"
#include "api/rngs.hpp"
#include "api/tensor.hpp"
#include "core/catalog.hpp"
#include "core/factors.hpp"

using namespace noisewright;

namespace {

// As the header has it.
constexpr int kMostOperands = 8;
static_assert(kMostOperands <= kMaxInputs && kMostOperands <= kMaxKnown);

void check_count(const char* name, size_t count, int most) {
  if (count == 0 || count > static_cast<size_t>(most)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", count, ", outside 1 to ", most);
  }
}

void check_operands(const char* name, const nwr_operand* operands, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const Name at{name, static_cast<int64_t>(i)};
    find_by_value(NWR_DOMAIN_QUANTITY, operands[i].quantity, at.with(".quantity"));
    if (operands[i].reserved != 0) {
      fail(NWR_ERROR_INVALID_ARGUMENT, at, ".reserved is ", operands[i].reserved, ", not 0");
    }
  }
}

// The arrays of one pass, checked. Outputs come first: they give the shape.
class Pass {
 public:
  explicit Pass(const Context& context) : context_(context) {}

  void add_output(const nwr_tensor* tensor, const Name& name) {
    Array array = take_numbers(tensor, name, context_, Use::write);
    const int index = plan_.output_count++;
    names_[index] = name;
    if (index > 0) match_shape(outputs_[0].shape, names_[0], array, name, false);
    for (int i = 0; i < index; ++i) {
      if (overlapping(outputs_[i], array)) {
        fail(NWR_ERROR_INVALID_ARGUMENT, name, " overlaps ", names_[i]);
      }
    }
    outputs_[index] = array;
    plan_.output[index] = array.view;
    plan_.shape = array.shape;
  }
  void add_input(const nwr_tensor* tensor, const Name& name) {
    Array array = take_numbers(tensor, name, context_, Use::read);
    match_shape(outputs_[0].shape, names_[0], array, name, true);
    for (int i = 0; i < plan_.output_count; ++i)
      refuse_overlap(array, name, outputs_[i], names_[i]);
    plan_.input[plan_.input_count++] = array.view;
  }
  int64_t batch() const { return plan_.shape.batch(); }
  void add_noise(const std::vector<Rng>& rngs) {
    plan_.rngs = rngs.data();
    plan_.rng_count = static_cast<int64_t>(rngs.size());
  }
  void run(const RowsPlan& rows) {
    plan_.factor_rows = rows.rows;
    context_.mix(rows, plan_);
  }
  void run(const double* factors, size_t rows) {
    plan_.factors = factors;
    plan_.factor_rows = static_cast<int64_t>(rows);
    context_.mix(plan_);
  }

 private:
  const Context& context_;
  MixPlan plan_;
  Array outputs_[kMaxOutputs];
  Name names_[kMaxOutputs] = {};
};

// A pass whose times only the device knows.
RowsPlan take_rows(const Context& context, const Schedule& schedule, const nwr_tensor* t,
                   const nwr_tensor* diffusion, int64_t batch) {
  if (schedule.has_upstream()) {
    fail(NWR_ERROR_UNSUPPORTED, "t.device is ", name_of(NWR_DOMAIN_DEVICE, t->device), ", but ",
         schedule.spec(), " has formulas of its own, which only the host evaluates");
  }
  RowsPlan rows;
  rows.times = take_device_numbers(t, "t", context, batch);
  if (is_on_device(diffusion, context)) {
    rows.diffusions = take_device_numbers(diffusion, "diffusion", context, batch);
  } else if (diffusion) {
    const std::vector<double> values = take_values(diffusion, "diffusion", context, batch);
    if (values.size() > 1) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "diffusion.device is ",
           name_of(NWR_DOMAIN_DEVICE, diffusion->device), " with ", values.size(),
           " numbers, but t is on the device: diffusion must be too, or one number");
    }
    check_diffusion(values[0], {"diffusion"});
    rows.diffusions.value = values[0];
  }
  rows.rows = rows.times.stride != 0 || rows.diffusions.stride != 0 ? batch : 1;
  rows.path = schedule.path();
  if (rows.path.table_count > 0) {
    rows.path.table = context.keep(schedule.id(), [&] { return schedule.table(); });
  }
  return rows;
}

// The body of apply and corrupt. drawn is a quantity, or -1 for none.
struct Request {
  const nwr_context* context;
  const nwr_schedule* schedule;
  const nwr_tensor* t;
  const nwr_tensor* diffusion;
  int32_t drawn;
  const nwr_rng* rngs;
  size_t rng_count;
  const nwr_operand* inputs;
  size_t input_count;
  const nwr_operand* outputs;
  size_t output_count;
};

nwr_status transform(const Request& r) {
  require(r.context, "context");
  require(r.schedule, "schedule");
  require(r.t, "t");
  require(r.inputs, "inputs");
  require(r.outputs, "outputs");
  const bool draws = r.drawn >= 0;
  check_count("input_count", r.input_count, draws ? kMostOperands - 1 : kMostOperands);
  check_count("output_count", r.output_count, kMaxOutputs);
  check_operands("inputs", r.inputs, r.input_count);
  check_operands("outputs", r.outputs, r.output_count);
  Pass pass(*unwrap(r.context));
  for (size_t i = 0; i < r.output_count; ++i) {
    pass.add_output(r.outputs[i].tensor, {"outputs", static_cast<int64_t>(i), ".tensor"});
  }
  Conversion conversion;
  conversion.draws = draws;
  for (size_t i = 0; i < r.input_count; ++i) {
    pass.add_input(r.inputs[i].tensor, {"inputs", static_cast<int64_t>(i), ".tensor"});
    const int32_t quantity = r.inputs[i].quantity;
    conversion.known[conversion.known_count++] = quantity;
    if (quantity == r.drawn) {
      fail(NWR_ERROR_INVALID_ARGUMENT, Name{"inputs", static_cast<int64_t>(i)}, ".quantity is ",
           name_of(NWR_DOMAIN_QUANTITY, r.drawn), ", but drawn is that too");
    }
  }
  if (draws) conversion.known[conversion.known_count++] = r.drawn;
  for (size_t j = 0; j < r.output_count; ++j) {
    conversion.output[conversion.output_count++] = r.outputs[j].quantity;
  }
  const int64_t batch = pass.batch();
  std::vector<Rng> generators;
  if (draws) {
    generators = take_rngs(r.rngs, r.rng_count, batch);
    pass.add_noise(generators);
  }
  if (is_on_device(r.t, *unwrap(r.context))) {
    RowsPlan rows = take_rows(*unwrap(r.context), *unwrap(r.schedule), r.t, r.diffusion, batch);
    static_cast<Conversion&>(rows) = conversion;
    pass.run(rows);
    return NWR_OK;
  }
  const std::vector<double> times = take_values(r.t, "t", *unwrap(r.context), batch);
  std::vector<double> diffusions(1, 0.0);
  if (r.diffusion) diffusions = take_values(r.diffusion, "diffusion", *unwrap(r.context), batch);
  const std::unique_ptr<double[]> factors =
      make_factors(*unwrap(r.context), *unwrap(r.schedule), conversion, times, diffusions);
  pass.run(factors.get(), std::max(times.size(), diffusions.size()));
  return NWR_OK;
}

}  // namespace

nwr_status nwr_transform_apply(const nwr_context* context, const nwr_schedule* schedule,
                               const nwr_tensor* t, const nwr_tensor* diffusion,
                               const nwr_operand* inputs, size_t input_count,
                               const nwr_operand* outputs, size_t output_count) {
  return guard([&] {
    return transform({context, schedule, t, diffusion, -1, nullptr, 0, inputs, input_count, outputs,
                      output_count});
  });
}

nwr_status nwr_transform_corrupt(const nwr_context* context, const nwr_schedule* schedule,
                                 const nwr_tensor* t, nwr_quantity drawn, const nwr_rng* rngs,
                                 size_t rng_count, const nwr_operand* inputs, size_t input_count,
                                 const nwr_operand* outputs, size_t output_count) {
  return guard([&] {
    require(rngs, "rngs");
    if (drawn != NWR_NOISE && drawn != NWR_LATENT) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "drawn is ", static_cast<int32_t>(drawn),
           ", neither NWR_NOISE nor NWR_LATENT");
    }
    return transform({context, schedule, t, nullptr, drawn, rngs, rng_count, inputs, input_count,
                      outputs, output_count});
  });
}

nwr_status nwr_transform_coeffs(const nwr_schedule* schedule, double t, double diffusion,
                                const nwr_quantity* inputs, size_t input_count, nwr_quantity output,
                                double* out) {
  return guard([&] {
    require(schedule, "schedule");
    require(inputs, "inputs");
    require(out, "out");
    check_count("input_count", input_count, kMostOperands);
    check_diffusion(diffusion, {"diffusion"});
    find_by_value(NWR_DOMAIN_QUANTITY, output, {"output"});
    int32_t known[kMostOperands];
    for (size_t i = 0; i < input_count; ++i) {
      known[i] = inputs[i];
      find_by_value(NWR_DOMAIN_QUANTITY, known[i], {"inputs", static_cast<int64_t>(i)});
    }
    double factors[kMostOperands];
    express_quantity(*unwrap(schedule), unwrap(schedule)->at(t, {"t"}), t, {"t"}, diffusion, known,
                     static_cast<int>(input_count), output, factors);
    std::copy(factors, factors + input_count, out);
    return NWR_OK;
  });
}

nwr_status nwr_tensor_combine(const nwr_context* context, const double* factors,
                              const nwr_tensor* const* inputs, size_t input_count,
                              const nwr_tensor* out) {
  return guard([&] {
    require(context, "context");
    require(factors, "factors");
    require(inputs, "inputs");
    check_count("input_count", input_count, kMostOperands);
    Pass pass(*unwrap(context));
    pass.add_output(out, {"out"});
    double row[kMostOperands + 1] = {};
    for (size_t i = 0; i < input_count; ++i) {
      const auto index = static_cast<int64_t>(i);
      pass.add_input(inputs[i], {"inputs", index});
      row[i] = factors[i];
      if (!std::isfinite(row[i])) {
        fail(NWR_ERROR_INVALID_ARGUMENT, Name{"factors", index}, " is ", row[i]);
      }
    }
    pass.run(row, 1);
    return NWR_OK;
  });
}

nwr_status nwr_tensor_blend(const nwr_context* context, const nwr_tensor* x,
                            const nwr_tensor* other, const nwr_tensor* mask) {
  return guard([&] {
    require(context, "context");
    const Context& c = *unwrap(context);
    const Array array = take_numbers(x, {"x"}, c, Use::write, Place::device);
    const auto beside = [&](const nwr_tensor* tensor, const Name& name) {
      Array taken = take_numbers(tensor, name, c, Use::read, Place::device);
      match_shape(array.shape, {"x"}, taken, name, true);
      refuse_overlap(taken, name, array, {"x"});
      return taken.view;
    };
    ChangePlan plan;
    plan.what = Change::blend;
    plan.shape = array.shape;
    plan.array = array.view;
    plan.other = beside(other, {"other"});
    plan.mask = beside(mask, {"mask"});
    c.change(plan);
    return NWR_OK;
  });
}
