// SPDX-License-Identifier: Apache-2.0
// Owns the C side of samplers. Must not know any one sampler.
#include "core/sampler.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>

#include "api/guard.hpp"
#include "api/handles.hpp"
#include "api/options.hpp"
#include "api/rngs.hpp"
#include "api/tensor.hpp"
#include "core/grid.hpp"
#include "core/plan_text.hpp"
#include "core/state.hpp"

using namespace noisewright;

namespace {

// The tensors of the last step, which most loops give again: what has been checked need not be
// checked twice.
class LastTensors {
 public:
  void forget() { count_ = 0; }
  bool hold(const nwr_tensor& x, const nwr_tensor* outputs, size_t output_count) const {
    if (count_ != output_count + 1 || !tensors_[0].is(x)) return false;
    for (size_t i = 0; i < output_count; ++i) {
      if (!tensors_[i + 1].is(outputs[i])) return false;
    }
    return true;
  }
  void keep(const nwr_tensor& x, const nwr_tensor* outputs, size_t output_count) {
    tensors_[0].take(x);
    for (size_t i = 0; i < output_count; ++i) tensors_[i + 1].take(outputs[i]);
    count_ = output_count + 1;
  }
  // Of x, and behind it the outputs; for who checks them.
  Array* arrays() { return arrays_; }

 private:
  struct Tensor {
    nwr_tensor view;
    int64_t shape[kMaxDims], strides[kMaxDims];
    bool is(const nwr_tensor& t) const {
      const auto axes = static_cast<size_t>(t.ndim);
      return t.data == view.data && t.device == view.device && t.device_id == view.device_id &&
             t.ndim == view.ndim && t.dtype == view.dtype && t.byte_offset == view.byte_offset &&
             !t.strides == !view.strides && (axes == 0 || t.shape) &&
             std::equal(shape, shape + axes, t.shape) &&
             (!t.strides || std::equal(strides, strides + axes, t.strides));
    }
    void take(const nwr_tensor& t) {
      view = t;
      std::copy(t.shape, t.shape + t.ndim, shape);
      if (t.strides) std::copy(t.strides, t.strides + t.ndim, strides);
    }
  };
  size_t count_ = 0;
  Tensor tensors_[kMostOutputs + 1];
  Array arrays_[kMostOutputs + 1];
};

// What the handle of a sampler stands for.
struct Run {
  explicit Run(std::unique_ptr<Sampler> s) : sampler(std::move(s)) {}
  const std::unique_ptr<Sampler> sampler;
  LastTensors last;
  mutable std::mutex planning;
  mutable std::string plan;  // as JSON, once asked for
};

Run* unwrap(nwr_sampler* handle) { return reinterpret_cast<Run*>(handle); }
Sampler& sampler_of(nwr_sampler* handle) { return *unwrap(handle)->sampler; }
const Sampler& sampler_of(const nwr_sampler* handle) {
  return *reinterpret_cast<const Run*>(handle)->sampler;
}
nwr_sampler* wrap(std::unique_ptr<Sampler> sampler) {
  return reinterpret_cast<nwr_sampler*>(new Run(std::move(sampler)));
}

constexpr uint32_t kDefaultSteps = 50;
constexpr uint32_t kMostRows = 1u << 20;

// Calls release(user) once, when the last sampler that holds it is gone.
struct Released {
  nwr_release_fn release;
  void* user;
  ~Released() {
    if (release) call_host(release, user);
  }
};

std::vector<double> take_times(const nwr_sampler_options& o, const Schedule& schedule, int rows,
                               const Settings& settings) {
  if (o.times) {
    if (o.steps != 0) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.steps is ", o.steps,
           ", but options.times gives the grid");
    }
    if (o.time_count < 2 || o.time_count > kMostSteps + 1) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.time_count is ", o.time_count, ", outside 2 to ",
           kMostSteps + 1);
    }
    return {o.times, o.times + size_t{o.time_count} * static_cast<size_t>(rows)};
  }
  if (o.time_count != 0 || o.time_rows > 1) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.times is NULL, but options.time_count is ",
         o.time_count, " and options.time_rows ", o.time_rows);
  }
  if (o.steps > kMostSteps) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.steps is ", o.steps, ", above ", kMostSteps);
  }
  const auto& kind = static_cast<const SamplerKind&>(settings.entry());
  const uint32_t by_default = kind.base().adaptive ? 1 : kDefaultSteps;
  std::vector<double> times((o.steps == 0 ? by_default : o.steps) + size_t{1});
  const bool blind = o.prediction == NWR_NOISE || o.prediction == NWR_SCORE ||
                     (kind.base().needs_alpha && kind.base().needs_alpha(settings));
  fill_default_grid(schedule, blind, times.data(), times.size());
  return times;
}

SamplerSetup take_setup(const nwr_sampler_options& o, const Schedule& schedule) {
  if ((o.flags & ~uint32_t{NWR_SAMPLER_KEEP_DENOISED}) != 0) {
    fail(NWR_ERROR_UNSUPPORTED, "options.flags is ", o.flags,
         ", but only NWR_SAMPLER_KEEP_DENOISED is defined");
  }
  SamplerSetup setup;
  const Settings settings = choose(NWR_DOMAIN_SAMPLER, o.name, o.kind, o.params, o.param_count);
  setup.spec = settings.spec();
  setup.prediction = o.prediction == 0 ? NWR_VELOCITY : o.prediction;
  find_by_value(NWR_DOMAIN_QUANTITY, setup.prediction, {"options.prediction"});
  setup.clock = o.clock;
  find_by_value(NWR_DOMAIN_CLOCK, setup.clock, {"options.clock"});
  setup.keep_denoised = (o.flags & NWR_SAMPLER_KEEP_DENOISED) != 0;
  if (o.time_rows > kMostRows) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.time_rows is ", o.time_rows, ", above ", kMostRows);
  }
  setup.rows = o.time_rows == 0 ? 1 : static_cast<int>(o.time_rows);
  setup.times = take_times(o, schedule, setup.rows, settings);
  if (o.rng_count > 0) {
    require(o.rngs, "options.rngs");
    setup.rngs = take_rngs(o.rngs, o.rng_count);
  } else if (o.rngs) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.rngs is given, but options.rng_count is 0");
  }
  setup.generator = choose_generator(o.generator, nullptr, 0).spec();
  if (o.generator && o.noise) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.generator is ", setup.generator,
         ", but options.noise draws the noise");
  }
  return setup;
}

// At the end of the run, as before it.
int outputs_of(const Sampler& s, size_t evaluation) {
  const size_t last = s.table().size() - 1;
  return s.table().line(evaluation < last ? evaluation : last).given;
}

nwr_eval describe(const Sampler& s, size_t evaluation) {
  const RunTable& table = s.table();
  nwr_eval e{};
  e.index = static_cast<uint32_t>(s.evaluations());
  e.count = s.adapts() ? 0 : static_cast<uint32_t>(table.size());
  e.row_count = static_cast<uint32_t>(table.rows());
  e.t_rows = table.t(evaluation);
  e.clock_rows = table.clock(evaluation);
  e.input_scale_rows = table.input_scale(evaluation);
  e.t = e.t_rows[0];
  e.clock = e.clock_rows[0];
  e.input_scale = e.input_scale_rows[0];
  e.output_count = static_cast<uint32_t>(outputs_of(s, evaluation));
  e.noises = !s.done() && evaluation < table.size() && !table.line(evaluation).asks;
  return e;
}

void require_started(const Sampler& s) {
  if (!s.started()) fail(NWR_ERROR_INVALID_STATE, "the sampler has not been started");
}

// x as this run knows it.
Array take_state(const Sampler& s, const nwr_tensor* x) {
  Array array = take_numbers(x, {"x"}, s.context(), Use::write);
  if (array.view.dtype != s.dtype()) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "x.dtype is ",
         name_of(NWR_DOMAIN_DTYPE, static_cast<int32_t>(array.view.dtype)), ", but the run has ",
         name_of(NWR_DOMAIN_DTYPE, static_cast<int32_t>(s.dtype())));
  }
  match_shape(s.shape(), {"the run"}, array, {"x"}, false);
  return array;
}

void check_outputs(const Sampler& s, const Array& x, const nwr_tensor* outputs, size_t output_count,
                   Array* taken) {
  for (size_t i = 0; i < output_count; ++i) {
    const Name name{"outputs", static_cast<int64_t>(i)};
    taken[i] = take_numbers(&outputs[i], name, s.context(), Use::read);
    match_shape(x.shape, {"x"}, taken[i], name, false);
    refuse_overlap(taken[i], name, x, {"x"});
  }
}

void step(Run& run, const nwr_tensor* x, const nwr_tensor* outputs, size_t output_count) {
  Sampler& s = *run.sampler;
  Array* const arrays = run.last.arrays();
  if (!s.done() && !s.table().line(s.evaluation()).asks) {
    run.last.forget();
    // Their factor is 0: any array stands for them.
    for (int i = 0; i <= kMostOutputs; ++i) arrays[i] = i == 0 ? take_state(s, x) : arrays[0];
    s.step(arrays[0], arrays + 1);
    return;
  }
  const auto wanted = static_cast<size_t>(outputs_of(s, s.evaluation()));
  const bool known = !s.done() && x && outputs && output_count == wanted &&
                     run.last.hold(*x, outputs, output_count);
  if (!known) {
    run.last.forget();
    arrays[0] = take_state(s, x);
    if (s.done()) fail(NWR_ERROR_INVALID_STATE, "the run is over");
    if (output_count != wanted) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "output_count is ", output_count,
           ", but this evaluation takes ", wanted);
    }
    require(outputs, "outputs");
    check_outputs(s, arrays[0], outputs, output_count, arrays + 1);
    run.last.keep(*x, outputs, output_count);
  }
  s.step(arrays[0], arrays + 1);
}

// The answer of a callback: true to go on, false to cancel.
bool goes_on(const char* name, int32_t result) {
  if (result < 0) fail(NWR_ERROR_CALLBACK, name, " returned ", result);
  return result == 0;
}

}  // namespace

nwr_status nwr_sampler_create(const nwr_context* context, const nwr_schedule* schedule,
                              const nwr_sampler_options* options, nwr_sampler** out) {
  return guard([&] {
    require(context, "context");
    require(schedule, "schedule");
    require(out, "out");
    const nwr_sampler_options given = take(options, "options");
    const Schedule& path = *unwrap(schedule);
    SamplerSetup setup = take_setup(given, path);
    // Released only once the sampler exists: a refused user stays with the caller.
    auto owner = std::make_shared<Released>(Released{nullptr, given.user});
    Sampler::NoiseSource noise;
    if (given.noise) {
      const nwr_noise_fn call = given.noise;
      const Context* const where = unwrap(context);  // which the sampler keeps
      noise = [owner, call, where](uint64_t draw, const Array& array) {
        const nwr_tensor tensor = to_tensor(array, *where);
        const int32_t result = call_host(call, owner->user, draw, &tensor);
        if (result < 0) {
          fail(NWR_ERROR_CALLBACK, "options.noise returned ", result, " for draw ", draw);
        }
      };
    }
    auto sampler = std::make_unique<Sampler>(Ref<const Context>::share(unwrap(context)),
                                             Ref<const Schedule>::share(&path), std::move(setup),
                                             std::move(noise));
    sampler->hold(owner);
    nwr_sampler* const handle = wrap(std::move(sampler));
    owner->release = given.release;
    *out = handle;
    return NWR_OK;
  });
}

void nwr_sampler_destroy(nwr_sampler* sampler) {
  const FloatScope scope;
  delete unwrap(sampler);
}

nwr_status nwr_sampler_start(nwr_sampler* sampler, const nwr_tensor* x, nwr_start start) {
  return guard([&] {
    require(sampler, "sampler");
    Sampler& s = sampler_of(sampler);
    find_by_value(NWR_DOMAIN_START, start, {"start"});
    unwrap(sampler)->last.forget();
    s.start(take_numbers(x, {"x"}, s.context(), Use::write), start);
    return NWR_OK;
  });
}

nwr_status nwr_sampler_next(const nwr_sampler* sampler, nwr_eval* out) {
  return guard([&] {
    require(sampler, "sampler");
    require(out, "out");
    check_struct_size(out, "out");
    const Sampler& s = sampler_of(sampler);
    require_started(s);
    give(out, describe(s, s.evaluation()));
    return s.done() ? NWR_DONE : NWR_OK;
  });
}

nwr_status nwr_sampler_step(nwr_sampler* sampler, const nwr_tensor* x, const nwr_tensor* outputs,
                            size_t output_count) {
  return guard([&] {
    require(sampler, "sampler");
    Run& run = *unwrap(sampler);
    require_started(*run.sampler);
    step(run, x, outputs, output_count);
    return NWR_OK;
  });
}

nwr_status nwr_sampler_denoised(const nwr_sampler* sampler, const nwr_tensor* out) {
  return guard([&] {
    require(sampler, "sampler");
    const Sampler& s = sampler_of(sampler);
    copy_array(s.context(), s.denoised(), {"the run"}, out, {"out"});
    return NWR_OK;
  });
}

nwr_status nwr_sampler_run(nwr_sampler* sampler, const nwr_tensor* x,
                           const nwr_callbacks* callbacks) {
  return guard([&] {
    require(sampler, "sampler");
    require(callbacks, "callbacks");
    Run& run = *unwrap(sampler);
    Sampler& s = *run.sampler;
    const nwr_callbacks given = take(callbacks, "callbacks");
    refuse_flags(given.flags, "callbacks");
    if (!given.model) fail(NWR_ERROR_INVALID_ARGUMENT, "callbacks.model is NULL");
    require_started(s);
    take_state(s, x);
    nwr_tensor outputs[kMostOutputs];
    Array arrays[kMostOutputs];
    for (int i = 0; i < s.table().most_outputs(); ++i) {
      arrays[i] = s.scratch_output(i);
      outputs[i] = to_tensor(arrays[i], s.context());
    }
    while (!s.done()) {
      if (s.take_cancel()) return NWR_CANCELLED;
      nwr_eval eval = describe(s, s.evaluation());
      eval.struct_size = sizeof eval;
      if (!eval.noises &&
          !goes_on("callbacks.model", call_host(given.model, given.user, &eval, x, outputs))) {
        return NWR_CANCELLED;
      }
      step(run, x, outputs, eval.output_count);
      if (given.progress &&
          !goes_on("callbacks.progress", call_host(given.progress, given.user, &eval, x))) {
        return NWR_CANCELLED;
      }
    }
    return NWR_OK;
  });
}

nwr_status nwr_sampler_plan(const nwr_sampler* sampler, size_t index, nwr_plan* out) {
  return guard([&] {
    require(sampler, "sampler");
    require(out, "out");
    check_struct_size(out, "out");
    const Sampler& s = sampler_of(sampler);
    require_table(s);
    const RunTable& table = s.table();
    if (index > table.size()) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "index is ", index, ", above ", table.size());
    }
    nwr_plan plan{};
    plan.count = static_cast<uint32_t>(table.size());
    plan.row_count = static_cast<uint32_t>(table.rows());
    for (uint32_t slots = table.slots(); slots != 0; slots >>= 1) ++plan.slot_count;
    plan.t_rows = table.t(index);
    plan.clock_rows = table.clock(index);
    plan.input_scale_rows = table.input_scale(index);
    if (index < table.size()) {
      const RunTable::Line& line = table.line(index);
      plan.input_count = static_cast<uint32_t>(line.input_count);
      plan.output_count = static_cast<uint32_t>(line.output_count);
      plan.inputs = table.arrays(line);
      plan.outputs = plan.inputs + plan.input_count;
      plan.factors = table.factors(line);
    }
    if (index == 0 && table.opens()) plan.opening = table.plan_opening();
    give(out, plan);
    return NWR_OK;
  });
}

nwr_status nwr_sampler_plan_json(const nwr_sampler* sampler, const char** out) {
  return guard([&] {
    require(sampler, "sampler");
    require(out, "out");
    const Run& run = *reinterpret_cast<const Run*>(sampler);
    require_table(*run.sampler);
    // Not std::call_once, which need not survive an exception (gcc bug 66146).
    const std::lock_guard<std::mutex> lock(run.planning);
    if (run.plan.empty()) run.plan = plan_json(*run.sampler);
    *out = run.plan.c_str();
    return NWR_OK;
  });
}

void nwr_sampler_cancel(const nwr_sampler* sampler) {
  if (sampler) sampler_of(sampler).cancel();
}

nwr_status nwr_sampler_save(const nwr_sampler* sampler, void* buffer, size_t capacity,
                            size_t* size) {
  return guard([&] {
    require(sampler, "sampler");
    require(size, "size");
    if (capacity > 0) require(buffer, "buffer");
    const std::string bytes = SavedState::write(sampler_of(sampler));
    *size = bytes.size();
    if (capacity == 0) return NWR_OK;
    if (capacity < bytes.size()) {
      fail(NWR_ERROR_BUFFER_TOO_SMALL, "capacity is ", capacity, ", but the sampler needs ",
           bytes.size());
    }
    std::memcpy(buffer, bytes.data(), bytes.size());
    return NWR_OK;
  });
}

nwr_status nwr_sampler_load(const nwr_context* context, const nwr_schedule* schedule,
                            const void* buffer, size_t size, nwr_sampler** out) {
  return guard([&] {
    require(context, "context");
    require(schedule, "schedule");
    require(buffer, "buffer");
    require(out, "out");
    *out = wrap(SavedState::read(Ref<const Context>::share(unwrap(context)),
                                 Ref<const Schedule>::share(unwrap(schedule)), buffer, size));
    return NWR_OK;
  });
}
