// SPDX-License-Identifier: Apache-2.0
// Owns the C side of transforms and combinations. Must not know kernels.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "api/guard.hpp"
#include "api/handles.hpp"
#include "api/rngs.hpp"
#include "api/tensor.hpp"
#include "core/catalog.hpp"
#include "math/rows.hpp"

using namespace noisewright;

namespace {

static_assert(kMaxInputs <= kMaxKnown);

void check_count(const char* name, size_t count, int most) {
  if (count == 0 || count > static_cast<size_t>(most)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", count, ", outside 1 to ", most);
  }
}

// Identities that define quantities by each other whatever the rows are. Where the rows of two are
// collinear (velocity and score where alpha is constant) one would do by the algebra, but two
// models that were trained apart must both be heard; and they hold at ends where a score has no
// row.
struct Identity {
  std::array<int32_t, 3> quantity;
  std::array<double, 3> weight;  // sum of weight * quantity = 0
};

std::array<Identity, 6> identities(const Schedule& schedule, const nwr_coeffs& c,
                                   double diffusion) {
  const double share = schedule.direction() * diffusion / 2;
  return {{{{NWR_DRIFT, NWR_VELOCITY, NWR_SCORE}, {1, -1, -share}},
           {{NWR_FORWARD_DRIFT, NWR_VELOCITY, NWR_SCORE}, {1, -1, share}},
           {{NWR_VELOCITY, NWR_PATH_VELOCITY, NWR_SCORE}, {1, -1, c.gamma_dgamma}},
           {{NWR_DRIFT, NWR_PATH_VELOCITY, NWR_SCORE}, {1, -1, c.gamma_dgamma - share}},
           {{NWR_FORWARD_DRIFT, NWR_PATH_VELOCITY, NWR_SCORE}, {1, -1, c.gamma_dgamma + share}},
           {{NWR_NAMI_DRIFT, NWR_PATH_VELOCITY, NWR_SCORE}, {1, -1, -c.gamma_dgamma}}}};
}

// The factors of the inputs, or an error that says at which time they fail.
void express_quantities(const Schedule& schedule, double t, const Name& t_name, double diffusion,
                        const int32_t* inputs, size_t input_count, int32_t output,
                        double* factors) {
  const nwr_coeffs c = schedule.at(t, t_name);
  const auto place_of = [&](int32_t quantity) {
    return static_cast<size_t>(std::find(inputs, inputs + input_count, quantity) - inputs);
  };
  std::fill(factors, factors + input_count, 0.0);
  if (place_of(output) < input_count) {
    factors[place_of(output)] = 1;
    return;
  }
  if (schedule.upstream_factors(t, inputs, input_count, output, factors)) return;
  const bool latent = c.gamma > 0 || c.gamma_dgamma != 0;
  for (const Identity& identity : identities(schedule, c, diffusion)) {
    for (size_t i = 0; i < 3; ++i) {
      const size_t j = (i + 1) % 3, k = (i + 2) % 3;
      if (output != identity.quantity[i] || identity.weight[i] == 0) continue;
      const size_t first = place_of(identity.quantity[j]), second = place_of(identity.quantity[k]);
      if (first == input_count || second == input_count) continue;
      factors[first] = -identity.weight[j] / identity.weight[i];
      factors[second] = -identity.weight[k] / identity.weight[i];
      return;
    }
  }
  // Of the third leg alone: the score says it even where both ends hide the latent.
  const size_t score = place_of(NWR_SCORE);
  if (latent && score < input_count &&
      (output == NWR_MIRROR_VELOCITY || output == NWR_NAMI_MIRROR)) {
    factors[score] = output == NWR_NAMI_MIRROR ? c.gamma_dgamma : -c.gamma_dgamma;
    return;
  }
  // An input that has no row here, such as a score without noise, says nothing.
  Row known[kMaxKnown], want;
  double found[kMaxKnown];
  size_t place[kMaxKnown];
  int count = 0;
  for (size_t i = 0; i < input_count; ++i) {
    if (schedule.row(c, inputs[i], diffusion, &known[count])) place[count++] = i;
  }
  if (!schedule.row(c, output, diffusion, &want) || !express(known, count, want, found)) {
    fail(NWR_ERROR_SINGULAR, "the inputs do not determine ", name_of(NWR_DOMAIN_QUANTITY, output),
         " at ", t_name, " = ", t, ", where alpha is ", c.alpha, ", sigma ", c.sigma, " and gamma ",
         c.gamma);
  }
  for (int k = 0; k < count; ++k) factors[place[k]] = found[k];
}

void check_diffusion(double value, const Name& name) {
  if (!(value >= 0) || !std::isfinite(value)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", value, "; it must be finite and not negative");
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
  check_count("input_count", r.input_count, draws ? kMaxInputs - 1 : kMaxInputs);
  check_count("output_count", r.output_count, kMaxOutputs);
  check_operands("inputs", r.inputs, r.input_count);
  check_operands("outputs", r.outputs, r.output_count);
  Pass pass(*unwrap(r.context));
  for (size_t i = 0; i < r.output_count; ++i) {
    pass.add_output(r.outputs[i].tensor, {"outputs", static_cast<int64_t>(i), ".tensor"});
  }
  int32_t known[kMaxInputs];
  for (size_t i = 0; i < r.input_count; ++i) {
    pass.add_input(r.inputs[i].tensor, {"inputs", static_cast<int64_t>(i), ".tensor"});
    known[i] = r.inputs[i].quantity;
    if (known[i] == r.drawn) {
      fail(NWR_ERROR_INVALID_ARGUMENT, Name{"inputs", static_cast<int64_t>(i)}, ".quantity is ",
           name_of(NWR_DOMAIN_QUANTITY, r.drawn), ", but drawn is that too");
    }
  }
  const size_t known_count = r.input_count + (draws ? 1 : 0);
  if (draws) known[r.input_count] = r.drawn;
  const int64_t batch = pass.batch();
  std::vector<Rng> generators;
  if (draws) {
    generators = take_rngs(r.rngs, r.rng_count, batch);
    pass.add_noise(generators);
  }
  const std::vector<double> times = take_values(r.t, "t", *unwrap(r.context), batch);
  std::vector<double> diffusions(1, 0.0);
  if (r.diffusion) diffusions = take_values(r.diffusion, "diffusion", *unwrap(r.context), batch);
  const size_t rows = std::max(times.size(), diffusions.size());
  const auto value = [](const std::vector<double>& list, size_t row) {
    return list.size() == 1 ? list[0] : list[row];
  };
  const auto name = [](const char* base, const std::vector<double>& list, size_t row) {
    return Name{base, list.size() == 1 ? -1 : static_cast<int64_t>(row)};
  };
  std::vector<double> factors;
  factors.reserve(rows * r.output_count * (r.input_count + 1));
  for (size_t row = 0; row < rows; ++row) {
    const double w2 = value(diffusions, row);
    check_diffusion(w2, name("diffusion", diffusions, row));
    for (size_t j = 0; j < r.output_count; ++j) {
      double found[kMaxInputs];
      express_quantities(*unwrap(r.schedule), value(times, row), name("t", times, row), w2, known,
                         known_count, r.outputs[j].quantity, found);
      factors.insert(factors.end(), found, found + known_count);
      if (!draws) factors.push_back(0);
    }
  }
  pass.run(factors.data(), rows);
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
    check_count("input_count", input_count, kMaxInputs);
    check_diffusion(diffusion, {"diffusion"});
    find_by_value(NWR_DOMAIN_QUANTITY, output, {"output"});
    int32_t known[kMaxInputs];
    for (size_t i = 0; i < input_count; ++i) {
      known[i] = inputs[i];
      find_by_value(NWR_DOMAIN_QUANTITY, known[i], {"inputs", static_cast<int64_t>(i)});
    }
    double factors[kMaxInputs];
    express_quantities(*unwrap(schedule), t, {"t"}, diffusion, known, input_count, output, factors);
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
    check_count("input_count", input_count, kMaxInputs);
    Pass pass(*unwrap(context));
    pass.add_output(out, {"out"});
    double row[kMaxInputs + 1] = {};
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
