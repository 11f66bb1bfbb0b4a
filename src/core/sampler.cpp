// SPDX-License-Identifier: Apache-2.0
#include "core/sampler.hpp"

#include <algorithm>
#include <optional>

#include "math/reduce.hpp"

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

const SamplerKind& kind_of(const Settings& settings) {
  return static_cast<const SamplerKind&>(settings.entry());
}

Settings checked_settings(const Schedule& schedule, const SamplerSetup& setup) {
  check_model(schedule, setup);
  check_times(setup, schedule.direction());
  return choose(NWR_DOMAIN_SAMPLER, setup.spec.c_str(), 0, nullptr, 0);
}

std::unique_ptr<StepControl> make_control(const Schedule& schedule, const SamplerSetup& setup,
                                          const Settings& settings) {
  if (!kind_of(settings).base().adaptive) return nullptr;
  if (setup.rows > 1) {
    fail(NWR_ERROR_UNSUPPORTED, "options.time_rows is ", setup.rows, ", but ",
         settings.entry().name, " chooses the steps of the whole batch");
  }
  for (const char* name : {"guidance_begin", "zero_init", "guidance_momentum"}) {
    if (settings[name] != 0) {
      fail(NWR_ERROR_UNSUPPORTED, name, " is ", settings[name], ", but ", settings.entry().name,
           " has no steps known in advance");
    }
  }
  if (settings["guidance_end"] != 1) {
    fail(NWR_ERROR_UNSUPPORTED, "guidance_end is ", settings["guidance_end"], ", but ",
         settings.entry().name, " has no steps known in advance");
  }
  return std::make_unique<StepControl>(schedule, settings, setup.times);
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
      noise_is_array_(noise_ || !is_philox(setup_.generator)),
      settings_(checked_settings(*schedule_, setup_)),
      control_(make_control(*schedule_, setup_, settings_)),
      table_(make_table(control_.get())),
      rngs_(setup_.rngs) {
  if (table_.draws() && !noise_ && rngs_.empty()) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "options.rngs is NULL, but ", setup_.spec, " draws noise");
  }
  if (!noise_ && has_noise_source()) {
    generator_ =
        make_generator(choose_generator(setup_.generator.c_str(), nullptr, 0), table_.levels());
    generator_->check(*context_, setup_.rngs, static_cast<size_t>(table_.rows()));
  }
}

RunTable Sampler::make_table(const StepControl* control) const {
  const std::vector<double>& times = control ? control->attempt() : setup_.times;
  return RunTable({kind_of(settings_), settings_, *schedule_, setup_.prediction, setup_.clock,
                   setup_.keep_denoised, has_noise_source(), times, setup_.rows,
                   control != nullptr});
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
  const Adaptive* const adaptive = kind_of(settings_).base().adaptive;
  const uint32_t slots = table_.slots() | (adaptive ? adaptive->slots : 0);
  for (int i = 0; i < kSlots; ++i) {
    if (slots >> i & 1) memory.slots[i] = Buffer(context_, bytes);
  }
  if (table_.limits()) {
    const size_t size = dtype == Dtype::f64 ? 8 : 4;
    memory.limited = Buffer(context_, static_cast<size_t>(shape.count()) * size);
  }
  if (table_.sums() || table_.threshold() > 0 || adaptive) {
    ReducePlan most;
    most.shape = shape;
    most.what = Reduction::gram;
    most.input_count = kMaxReduced;
    ReducePlan quantile = most;
    quantile.what = Reduction::quantile_abs;
    memory.guided = Buffer(context_, batch * kGuideScratch);
    memory.sums = Buffer(context_, batch * kMaxNumbers * sizeof(double));
    memory.bounds = Buffer(context_, batch * sizeof(double));
    memory.scratch =
        Buffer(context_, std::max({reduce_scratch(most), reduce_scratch(quantile), size_t{8}}));
  }
  if (has_noise_source() || table_.spreads()) {
    const Dtype drawn = generator_ ? generator_->drawn_as(dtype) : dtype;
    const size_t drawn_bytes = static_cast<size_t>(shape.count()) * size_of(drawn);
    memory.drawn = Buffer(context_, drawn_bytes);
    if (table_.opens()) memory.opening = Buffer(context_, drawn_bytes);
  }
  return memory;
}

Array Sampler::own(const Buffer& buffer) const { return dense(shape_, dtype_, buffer.data()); }

Array Sampler::drawn(const Buffer& buffer, const Shape& shape, Dtype dtype) const {
  return dense(shape, generator_ ? generator_->drawn_as(dtype) : dtype, buffer.data());
}

void Sampler::draw(uint64_t number, const Stretch* stretches, std::vector<Rng>& rngs,
                   const Array& out) {
  if (noise_) return noise_(number, out);
  generator_->draw(*context_, {Distribution::normal, stretches, static_cast<size_t>(table_.rows())},
                   rngs, out);
}

void Sampler::add_noise(MixPlan& plan, const Buffer& noise) const {
  if (has_noise_source()) {
    plan.input[plan.input_count++] = drawn(noise, shape_, dtype_).view;
  } else {
    plan.rngs = rngs_.data();
    plan.rng_count = static_cast<int64_t>(rngs_.size());
  }
}

template <class Draws>
void Sampler::advance_noise(Draws&& draws) {
  ++draw_;
  if (generator_) return;  // which has moved them
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
  // An adaptive run has gone on to other attempts than its first.
  std::unique_ptr<StepControl> control;
  std::optional<RunTable> first;
  if (control_ && evaluations_ > 0) {
    control = make_control(*schedule_, setup_, settings_);
    first = make_table(control.get());
  }
  std::vector<double> factors;
  for (const nwr_coeffs& c : (first ? *first : table_).begin()) {
    if (start == NWR_START_DATA) factors.push_back(c.alpha);
    const double spread = c.gamma > 0 ? std::hypot(c.sigma, c.gamma) : c.sigma;
    factors.push_back(start == NWR_START_UNIT ? 1 : spread);
    if (has_noise_source()) factors.push_back(0);
  }
  const Dtype dtype = x.view.dtype;
  const bool fits = x.shape == shape_ && dtype == dtype_ && fitted_;
  Memory memory = fits ? Memory() : prepare(x.shape, dtype);
  ahead_ = setup_.rngs;
  if (has_noise_source()) {
    const Memory& m = fits ? memory_ : memory;
    const std::vector<Stretch> nowhere(static_cast<size_t>(table_.rows()));
    if (noisy) draw(0, nowhere.data(), ahead_, drawn(m.drawn, x.shape, dtype));
    if (table_.opens()) {
      draw(noisy ? 1 : 0, table_.opening_stretches(), ahead_, drawn(m.opening, x.shape, dtype));
    }
  }
  // Nothing of the run before is lost until here.
  if (!fits) memory_ = std::move(memory);
  fitted_ = true;
  shape_ = x.shape;
  dtype_ = dtype;
  started_ = true;
  if (control) {
    control_ = std::move(control);
    table_ = std::move(*first);
  }
  evaluation_ = evaluations_ = 0;
  draw_ = 0;
  rngs_ = generator_ ? ahead_ : setup_.rngs;
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
  const Adaptive* const adaptive = kind_of(settings_).base().adaptive;
  if (adaptive && adaptive->before != adaptive->base) {
    copy(x.view, own(memory_.slots[adaptive->before]).view);
  }
}

void Sampler::add_sums(const RunTable::Line& line, const Array* outputs) {
  ReducePlan plan;
  plan.shape = shape_;
  plan.what = Reduction::gram;
  plan.input_count = 0;
  for (int i = 0; i < line.outputs; ++i) plan.input[plan.input_count++] = outputs[i].view;
  if (line.reads >> kDifferences & 1) {
    plan.input[plan.input_count++] = own(memory_.slots[kDifferences]).view;
  }
  plan.result = static_cast<double*>(memory_.sums.data());
  plan.scratch = memory_.scratch.data();
  context_->reduce(plan);
}

void Sampler::mix(const RunTable::Line& line, const MixPlan& plan, size_t guided, int differences) {
  if (!line.by_sums) {
    context_->mix(plan);
    return;
  }
  const GuidanceSettings& settings = table_.guidance();
  GuidePlan guide;
  guide.method = static_cast<int32_t>(settings.method);
  guide.from_conditional = settings.from_conditional;
  guide.output_count = line.outputs;
  guide.first_output = 1;
  guide.momentum = differences;
  guide.rescale = settings.rescale;
  guide.parallel = settings.parallel;
  guide.norm = settings.norm;
  guide.inertia = settings.inertia;
  guide.decay = settings.decay;
  guide.image = settings.image;
  guide.rows = shape_.batch();
  guide.count = shape_.inner();
  guide.gram = static_cast<const double*>(memory_.sums.data());
  guide.guided = table_.guided(guided);
  guide.scratch = static_cast<double*>(memory_.guided.data());
  context_->guide(guide, plan);
}

void Sampler::limit(const RunTable::Line& line, const Array& x, const Array* outputs) {
  const View data = dense_view(shape_, wide_dtype(), memory_.limited.data());
  MixPlan plan;
  plan.shape = shape_;
  plan.input[plan.input_count++] = x.view;
  for (int i = 0; i < line.outputs; ++i) plan.input[plan.input_count++] = outputs[i].view;
  int differences = -1;
  if (line.reads >> kDifferences & 1) {
    differences = plan.input_count;
    plan.input[plan.input_count++] = own(memory_.slots[kDifferences]).view;
  }
  plan.output[plan.output_count++] = data;
  plan.factors = table_.factors(line.limit);
  plan.factor_rows = table_.rows();
  mix(line, plan, line.limit_guided, differences);
  ChangePlan change;
  change.shape = shape_;
  change.array = data;
  change.bound = table_.clip();
  if (table_.threshold() > 0) {
    ReducePlan quantile;
    quantile.shape = shape_;
    quantile.input[0] = data;
    quantile.what = Reduction::quantile_abs;
    quantile.quantile = table_.threshold();
    // Sums are still needed where the step itself reads the outputs.
    quantile.result = static_cast<double*>(memory_.bounds.data());
    quantile.scratch = memory_.scratch.data();
    context_->reduce(quantile);
    change.what = Change::scale;
    change.bound = table_.threshold_max();
    change.numbers = quantile.result;
  }
  context_->change(change);
}

void Sampler::spread_noise(const RunTable::Line& line, const Array& amount) {
  const View noise = drawn(memory_.drawn, shape_, dtype_).view;
  if (!has_noise_source()) {
    FillPlan fill;
    fill.shape = shape_;
    fill.output = noise;
    fill.rngs = rngs_.data();
    fill.rng_count = static_cast<int64_t>(rngs_.size());
    context_->fill(fill);
  }
  ChangePlan spread;
  spread.shape = shape_;
  spread.array = noise;
  spread.other = amount.view;
  spread.what = Change::spread;
  spread.rows = table_.factors(line.spread);
  spread.row_count = table_.rows();
  context_->change(spread);
}

void Sampler::copy(const View& from, const View& to) const {
  constexpr double kAsItIs[] = {1, 0};
  MixPlan plan;
  plan.shape = shape_;
  plan.input[plan.input_count++] = from;
  plan.output[plan.output_count++] = to;
  plan.factors = kAsItIs;
  context_->mix(plan);
}

double Sampler::attempt_error(const Array& x) {
  const Adaptive& adaptive = *kind_of(settings_).base().adaptive;
  ReducePlan plan;
  plan.shape = shape_;
  plan.what = adaptive.error;
  plan.per_sample = settings_["error"] == 1;
  plan.rtol = settings_["rtol"];
  plan.atol = settings_["atol"];
  plan.input_count = 0;
  plan.input[plan.input_count++] = own(memory_.slots[adaptive.low]).view;
  plan.input[plan.input_count++] = x.view;
  plan.input[plan.input_count++] = own(memory_.slots[adaptive.before]).view;
  plan.result = static_cast<double*>(memory_.sums.data());
  plan.scratch = memory_.scratch.data();
  context_->reduce(plan);
  const auto rows = static_cast<size_t>(plan.per_sample ? shape_.batch() : 1);
  std::vector<double> sums(rows);
  context_->transfer(sums.data(), plan.result, rows * sizeof(double));
  double largest = 0;
  for (const double sum : sums) largest = largest_next(largest, sum);
  const int64_t count = plan.per_sample ? shape_.inner() : shape_.count();
  return std::sqrt(largest / static_cast<double>(count));
}

void Sampler::end_attempt(const Array& x, const Array* outputs) {
  const Adaptive& adaptive = *kind_of(settings_).base().adaptive;
  bool taken = true;
  if (control_->jumps()) {
    control_->take();
  } else {
    const double error = attempt_error(x);
    const double most = settings_["most_evaluations"];
    if (!std::isfinite(error) || static_cast<double>(evaluations_) >= most) {
      fail(NWR_ERROR_INVALID_STATE, setup_.spec, " ends at t = ", control_->attempt()[0], " after ",
           evaluations_, " evaluations, ",
           std::isfinite(error) ? "the most that it takes" : "as its error is not finite",
           ": start it again");
    }
    taken = control_->judge(error);
  }
  if (!taken) {
    copy(own(memory_.slots[adaptive.base]).view, x.view);
  } else {
    if (adaptive.before != adaptive.base) {
      std::swap(memory_.slots[adaptive.before], memory_.slots[adaptive.low]);
    }
    if (table_.late_noise() != 0) {
      const double factors[] = {1, table_.late_noise(), 0};
      MixPlan plan;
      plan.shape = shape_;
      plan.input[plan.input_count++] = x.view;
      plan.output[plan.output_count++] = x.view;
      plan.factors = factors;
      if (has_noise_source()) {
        ahead_ = rngs_;
        draw(draw_, table_.stretches(table_.size() - 1), ahead_,
             drawn(memory_.drawn, shape_, dtype_));
      }
      add_noise(plan, memory_.drawn);
      context_->mix(plan);
      if (generator_) rngs_.swap(ahead_);
      advance_noise([](size_t) { return true; });
    }
  }
  if (control_->done()) return;
  table_ = make_table(control_.get());
  evaluation_ = 0;
  if (!taken || !adaptive.first_same) return;
  take_line(x, outputs);
  // A step to clean data is one evaluation.
  if (evaluation_ == table_.size()) end_attempt(x, outputs);
}

void Sampler::step(const Array& x, const Array* outputs) {
  ++evaluations_;
  take_line(x, outputs);
  if (!control_ || evaluation_ < table_.size()) return;
  try {
    end_attempt(x, outputs);
  } catch (...) {
    // x has moved on, and there is no attempt to go on with.
    started_ = false;
    throw;
  }
}

void Sampler::take_line(const Array& x, const Array* outputs) {
  const RunTable::Line& line = table_.line(evaluation_);
  if (line.by_sums) add_sums(line, outputs);
  if (line.limited) limit(line, x, outputs);
  MixPlan plan;
  plan.shape = shape_;
  plan.input[plan.input_count++] = x.view;
  for (int i = 0; i < line.outputs && line.reads_outputs; ++i) {
    plan.input[plan.input_count++] = outputs[i].view;
  }
  if (line.limited) {
    plan.input[plan.input_count++] = dense_view(shape_, wide_dtype(), memory_.limited.data());
  }
  int differences = -1;
  for (int i = 0; i < kSlots; ++i) {
    if (!((line.reads | line.writes) >> i & 1)) continue;
    const View slot = dense_view(shape_, dtype_, memory_.slots[i].data());
    if (i == kDifferences && (line.reads >> i & 1)) differences = plan.input_count;
    if (line.reads >> i & 1) plan.input[plan.input_count++] = slot;
    if (line.writes >> i & 1) plan.output[plan.output_count++] = slot;
  }
  plan.output[plan.output_count++] = x.view;
  plan.factors = table_.factors(line);
  plan.factor_rows = table_.rows();
  if (line.draws) {
    if (has_noise_source()) {
      ahead_ = rngs_;
      draw(draw_, table_.stretches(evaluation_), ahead_, drawn(memory_.drawn, shape_, dtype_));
    }
    if (line.spreads) {
      spread_noise(line, outputs[line.outputs]);
      plan.input[plan.input_count++] = drawn(memory_.drawn, shape_, dtype_).view;
    } else {
      add_noise(plan, memory_.drawn);
    }
  }
  mix(line, plan, line.guided, differences);
  if (line.draws && generator_) rngs_.swap(ahead_);
  if (line.draws) advance_noise([&](size_t row) { return table_.draws(evaluation_, row); });
  denoised_slot_ = line.denoised_slot;
  ++evaluation_;
}

uint32_t Sampler::written() const {
  const Adaptive* const adaptive = kind_of(settings_).base().adaptive;
  uint32_t slots = table_.written(evaluation_);
  if (adaptive && adaptive->before != adaptive->base) slots |= 1u << adaptive->before;
  // The estimate of an attempt before.
  if (adaptive && denoised_slot_ >= 0) slots |= 1u << denoised_slot_;
  return slots;
}

Array Sampler::denoised() const {
  if (!setup_.keep_denoised) {
    fail(NWR_ERROR_INVALID_STATE,
         "the sampler was made without NWR_SAMPLER_KEEP_DENOISED and has no estimate");
  }
  if (!started_ || evaluations_ == 0) {
    fail(NWR_ERROR_INVALID_STATE, "the sampler has taken no evaluation yet");
  }
  return own(memory_.slots[denoised_slot_]);
}

Array Sampler::scratch_output(int index) {
  Buffer& buffer = memory_.outputs[index];
  if (!buffer.data()) {
    buffer = Buffer(context_, static_cast<size_t>(shape_.count()) * size_of(dtype_));
  }
  return own(buffer);
}

}  // namespace noisewright
