// SPDX-License-Identifier: Apache-2.0
// Owns the C side of transforms and combinations. Must not know kernels.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "api/guard.hpp"
#include "api/handles.hpp"
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

// The factors of the inputs, or an error that says at which time they fail.
void express_quantities(const Schedule& schedule, double t, const Name& t_name, double diffusion,
                        const int32_t* inputs, size_t input_count, int32_t output,
                        double* factors) {
  const nwr_coeffs c = schedule.at(t, t_name);
  const auto place_of = [&](int32_t quantity) {
    return static_cast<size_t>(std::find(inputs, inputs + input_count, quantity) - inputs);
  };
  if (place_of(output) < input_count) {
    std::fill(factors, factors + input_count, 0.0);
    factors[place_of(output)] = 1;
    return;
  }
  // drift - velocity - share * score = 0 defines each by the others. Where velocity and score are
  // collinear (alpha constant) one of them would do by the algebra, but two models that were
  // trained apart must both be heard.
  const std::array<int32_t, 3> linked = {NWR_DRIFT, NWR_VELOCITY, NWR_SCORE};
  const std::array<double, 3> weight = {1, -1, -schedule.direction() * diffusion / 2};
  for (size_t i = 0; i < 3; ++i) {
    const size_t j = (i + 1) % 3, k = (i + 2) % 3;
    if (output != linked[i] || weight[i] == 0) continue;
    const size_t first = place_of(linked[j]), second = place_of(linked[k]);
    if (first == input_count || second == input_count) continue;
    std::fill(factors, factors + input_count, 0.0);
    factors[first] = -weight[j] / weight[i];
    factors[second] = -weight[k] / weight[i];
    return;
  }
  // An input that has no row here, such as a score without noise, says nothing.
  Row known[kMaxKnown], want;
  double found[kMaxKnown];
  size_t place[kMaxKnown];
  int count = 0;
  for (size_t i = 0; i < input_count; ++i) {
    factors[i] = 0;
    if (quantity_row(c, inputs[i], diffusion, schedule.direction(), &known[count])) {
      place[count++] = i;
    }
  }
  if (!quantity_row(c, output, diffusion, schedule.direction(), &want) ||
      !express(known, count, want, found)) {
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
    Array array = take_numbers(tensor, name, context_.device(), Use::write);
    const int index = plan_.output_count++;
    names_[index] = name;
    if (index > 0) match_shape(outputs_[0], names_[0], array, name, false);
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
    Array array = take_numbers(tensor, name, context_.device(), Use::read);
    match_shape(outputs_[0], names_[0], array, name, true);
    for (int i = 0; i < plan_.output_count; ++i)
      refuse_overlap(array, name, outputs_[i], names_[i]);
    plan_.input[plan_.input_count++] = array.view;
  }
  int64_t batch() const { return plan_.shape.batch(); }
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

}  // namespace

nwr_status nwr_transform_apply(const nwr_context* context, const nwr_schedule* schedule,
                               const nwr_tensor* t, const nwr_tensor* diffusion,
                               const nwr_operand* inputs, size_t input_count,
                               const nwr_operand* outputs, size_t output_count) {
  return guard([&] {
    require(context, "context");
    require(schedule, "schedule");
    require(t, "t");
    require(inputs, "inputs");
    require(outputs, "outputs");
    check_count("input_count", input_count, kMaxInputs);
    check_count("output_count", output_count, kMaxOutputs);
    check_operands("inputs", inputs, input_count);
    check_operands("outputs", outputs, output_count);
    Pass pass(*unwrap(context));
    for (size_t i = 0; i < output_count; ++i) {
      pass.add_output(outputs[i].tensor, {"outputs", static_cast<int64_t>(i), ".tensor"});
    }
    int32_t known[kMaxInputs];
    for (size_t i = 0; i < input_count; ++i) {
      pass.add_input(inputs[i].tensor, {"inputs", static_cast<int64_t>(i), ".tensor"});
      known[i] = inputs[i].quantity;
    }
    const int64_t batch = pass.batch();
    const std::vector<double> times = take_values(t, "t", batch);
    std::vector<double> diffusions(1, 0.0);
    if (diffusion) diffusions = take_values(diffusion, "diffusion", batch);
    const size_t rows = std::max(times.size(), diffusions.size());
    const auto value = [](const std::vector<double>& list, size_t row) {
      return list.size() == 1 ? list[0] : list[row];
    };
    const auto name = [](const char* base, const std::vector<double>& list, size_t row) {
      return Name{base, list.size() == 1 ? -1 : static_cast<int64_t>(row)};
    };
    std::vector<double> factors;
    factors.reserve(rows * output_count * (input_count + 1));
    for (size_t row = 0; row < rows; ++row) {
      const double w2 = value(diffusions, row);
      check_diffusion(w2, name("diffusion", diffusions, row));
      for (size_t j = 0; j < output_count; ++j) {
        double found[kMaxInputs];
        express_quantities(*unwrap(schedule), value(times, row), name("t", times, row), w2, known,
                           input_count, outputs[j].quantity, found);
        factors.insert(factors.end(), found, found + input_count);
        factors.push_back(0);
      }
    }
    pass.run(factors.data(), rows);
    return NWR_OK;
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
