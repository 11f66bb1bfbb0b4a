// SPDX-License-Identifier: Apache-2.0
#include "core/sampler.hpp"

namespace noisewright {
namespace {

// Times go one way. In a run towards data they may turn, all rows at the same steps.
void check_times(const SamplerSetup& setup, double to_data) {
  const size_t rows = static_cast<size_t>(setup.rows);
  const size_t count = setup.times.size() / rows;
  if (count < 2 || count > kMostSteps + 1) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.time_count is ", count, ", outside 2 to ",
         kMostSteps + 1);
  }
  std::vector<double> ways(count, 0);
  for (size_t row = 0; row < rows; ++row) {
    const double* t = setup.times.data() + row * count;
    double direction = 0;
    for (size_t i = 0; i < count; ++i) {
      const Name name{"options.times", static_cast<int64_t>(row * count + i)};
      if (!std::isfinite(t[i])) fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", t[i]);
      const double move = i > 0 ? t[i] - t[i - 1] : 0;
      if (move == 0) continue;
      if (direction == 0) direction = move;
      if (move * direction < 0 && direction * to_data < 0) {
        fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", t[i], ", after ", t[i - 1],
             ": the times turn back to data");
      }
      if (move * ways[i] < 0) {
        fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", t[i], ", after ", t[i - 1],
             ": another row turns elsewhere");
      }
      ways[i] = move;
    }
  }
}

void check_model(const Schedule& schedule, const SamplerSetup& setup) {
  switch (setup.prediction) {
    case NWR_DATA:
    case NWR_NOISE:
    case NWR_VELOCITY:
    case NWR_ANGULAR:
    case NWR_SCORE:
    case NWR_PRECONDITIONED:
    case NWR_DRIFT:
    case NWR_FORWARD_DRIFT: break;
    default:
      fail(NWR_ERROR_INVALID_ARGUMENT, "options.prediction is ",
           name_of(NWR_DOMAIN_QUANTITY, setup.prediction),
           ", but a model predicts data, noise, velocity, angular, score, preconditioned or a "
           "drift");
  }
  if (setup.clock == NWR_CLOCK_INDEX && schedule.index_count() == 0) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.clock is index, but ", schedule.spec(),
         " is not discrete");
  }
}

RunTable make_table(const Schedule& schedule, const SamplerSetup& setup, bool noise_is_input) {
  check_model(schedule, setup);
  check_times(setup, schedule.direction());
  const Settings settings = choose(NWR_DOMAIN_SAMPLER, setup.spec.c_str(), 0, nullptr, 0);
  return RunTable({static_cast<const SamplerKind&>(settings.entry()), settings, schedule,
                   setup.prediction, setup.clock, setup.keep_denoised, noise_is_input, setup.times,
                   setup.rows});
}

}  // namespace

View dense_view(const Shape& shape, Dtype dtype, void* memory) {
  View view;
  view.data = memory;
  view.dtype = dtype;
  int64_t stride = 1;
  for (int i = shape.ndim - 1; i >= 0; --i) {
    view.stride[i] = stride;
    stride *= shape.extent[i];
  }
  return view;
}

Array dense(const Shape& shape, Dtype dtype, void* memory) {
  return {shape, dense_view(shape, dtype, memory)};
}

Sampler::Sampler(Ref<const Context> context, Ref<const Schedule> schedule, SamplerSetup setup,
                 NoiseSource noise)
    : context_(std::move(context)),
      schedule_(std::move(schedule)),
      setup_(std::move(setup)),
      noise_(std::move(noise)),
      table_(make_table(*schedule_, setup_, has_noise_source())),
      rngs_(setup_.rngs) {
  if (table_.draws() && !noise_ && rngs_.empty()) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.rngs is NULL, but ", setup_.spec, " draws noise");
  }
}

Sampler::Memory Sampler::prepare(const Shape& shape, Dtype dtype) const {
  const auto batch = static_cast<size_t>(shape.batch());
  if (table_.rows() > 1 && static_cast<size_t>(table_.rows()) != batch) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "x has a batch of ", batch, ", but the sampler has ",
         table_.rows(), " rows of times");
  }
  if (setup_.rngs.size() > 1 && setup_.rngs.size() != batch) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "x has a batch of ", batch, ", but the sampler has ",
         setup_.rngs.size(), " rngs");
  }
  const size_t bytes = static_cast<size_t>(shape.count()) * size_of(dtype);
  Memory memory;
  for (int i = 0; i <= kMaxSlots; ++i) {
    if (table_.slots() >> i & 1) memory.slots[i] = Buffer(context_, bytes);
  }
  if (noise_) memory.drawn = Buffer(context_, bytes);
  if (noise_ && table_.opens()) memory.opening = Buffer(context_, bytes);
  return memory;
}

Array Sampler::own(const Buffer& buffer) const { return dense(shape_, dtype_, buffer.data()); }

void Sampler::add_noise(MixPlan& plan, const Buffer& drawn) const {
  if (noise_) {
    plan.input[plan.input_count++] = own(drawn).view;
  } else {
    plan.rngs = rngs_.data();
    plan.rng_count = static_cast<int64_t>(rngs_.size());
  }
}

template <class Draws>
void Sampler::advance_noise(Draws&& draws) {
  ++draw_;
  if (rngs_.size() == 1) {
    rngs_[0].offset += static_cast<uint64_t>(shape_.count());
    return;
  }
  for (size_t i = 0; i < rngs_.size(); ++i) {
    const size_t row = table_.rows() > 1 ? i : 0;
    if (draws(row)) {
      rngs_[i].offset += static_cast<uint64_t>(shape_.inner());
    }
  }
}

void Sampler::start(const Array& x, nwr_start start) {
  const bool noisy = start != NWR_START_STATE;
  if (noisy && !noise_ && setup_.rngs.empty()) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.rngs is NULL, but this start draws noise");
  }
  std::vector<double> factors;
  for (const nwr_coeffs& c : table_.begin()) {
    if (start == NWR_START_DATA) factors.push_back(c.alpha);
    const double spread = c.gamma > 0 ? std::hypot(c.sigma, c.gamma) : c.sigma;
    factors.push_back(start == NWR_START_UNIT ? 1 : spread);
    if (noise_) factors.push_back(0);
  }
  const Dtype dtype = x.view.dtype;
  const bool fits = x.shape == shape_ && dtype == dtype_ && fitted_;
  Memory memory = fits ? Memory() : prepare(x.shape, dtype);
  if (noise_) {
    const Memory& m = fits ? memory_ : memory;
    if (noisy) noise_(0, dense(x.shape, dtype, m.drawn.data()));
    if (table_.opens()) noise_(noisy ? 1 : 0, dense(x.shape, dtype, m.opening.data()));
  }
  // Nothing of the run before is lost until here.
  if (!fits) memory_ = std::move(memory);
  fitted_ = true;
  shape_ = x.shape;
  dtype_ = dtype;
  started_ = true;
  evaluation_ = 0;
  draw_ = 0;
  rngs_ = setup_.rngs;
  cancel_.store(false, std::memory_order_relaxed);
  const auto pass = [&](bool reads, const Buffer& drawn, const double* with) {
    MixPlan plan;
    plan.shape = x.shape;
    plan.output[plan.output_count++] = x.view;
    if (reads) plan.input[plan.input_count++] = x.view;
    add_noise(plan, drawn);
    plan.factors = with;
    plan.factor_rows = table_.rows();
    context_->mix(plan);
  };
  if (noisy) {
    pass(start == NWR_START_DATA, memory_.drawn, factors.data());
    advance_noise([](size_t) { return true; });
  }
  if (table_.opens()) {
    pass(true, memory_.opening, table_.opening());
    advance_noise([&](size_t row) { return table_.opening_draws(row); });
  }
}

void Sampler::step(const Array& x, const Array* outputs) {
  const RunTable::Line& line = table_.line(evaluation_);
  MixPlan plan;
  plan.shape = shape_;
  plan.input[plan.input_count++] = x.view;
  for (int i = 0; i < table_.model_outputs(); ++i) plan.input[plan.input_count++] = outputs[i].view;
  for (int i = 0; i <= kMaxSlots; ++i) {
    if (!((line.reads | line.writes) >> i & 1)) continue;
    const View slot = dense_view(shape_, dtype_, memory_.slots[i].data());
    if (line.reads >> i & 1) plan.input[plan.input_count++] = slot;
    if (line.writes >> i & 1) plan.output[plan.output_count++] = slot;
  }
  plan.output[plan.output_count++] = x.view;
  plan.factors = table_.factors(line);
  plan.factor_rows = table_.rows();
  if (line.draws) {
    if (noise_) noise_(draw_, own(memory_.drawn));
    add_noise(plan, memory_.drawn);
  }
  context_->mix(plan);
  if (line.draws) advance_noise([&](size_t row) { return table_.draws(evaluation_, row); });
  ++evaluation_;
}

Array Sampler::denoised() const {
  if (!setup_.keep_denoised) {
    fail(NWR_ERROR_INVALID_STATE,
         "the sampler was made without NWR_SAMPLER_KEEP_DENOISED and has no estimate");
  }
  if (!started_ || evaluation_ == 0) {
    fail(NWR_ERROR_INVALID_STATE, "the sampler has taken no evaluation yet");
  }
  return own(memory_.slots[table_.line(evaluation_ - 1).denoised_slot]);
}

Array Sampler::scratch_output(int index) {
  Buffer& buffer = memory_.outputs[index];
  if (!buffer.data()) {
    buffer = Buffer(context_, static_cast<size_t>(shape_.count()) * size_of(dtype_));
  }
  return own(buffer);
}

}  // namespace noisewright
