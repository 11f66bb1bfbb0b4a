// SPDX-License-Identifier: Apache-2.0
// Owns every call of the C API: schedules, grids, transforms, random words and runs of a sampler.
// Must not know recordings or their formats.
#include "library.hpp"

#include <cmath>
#include <cstdio>
#include <limits>

namespace replay {
namespace {

void expect(nwr_status status, const char* call) {
  if (status != NWR_OK) throw LibraryError(std::string(call) + ": " + nwr_last_error());
}

template <class T>
T options() {
  T out{};
  out.struct_size = sizeof out;
  return out;
}

const nwr_context* context() {
  static const std::unique_ptr<nwr_context, void (*)(nwr_context*)> the_context = [] {
    auto how = options<nwr_context_options>();
    how.threads = 1;
    nwr_context* made = nullptr;
    expect(nwr_context_create(&how, &made), "nwr_context_create");
    return std::unique_ptr<nwr_context, void (*)(nwr_context*)>(made, nwr_context_destroy);
  }();
  return the_context.get();
}

Schedule create(const nwr_schedule_options& how) {
  nwr_schedule* made = nullptr;
  expect(nwr_schedule_create(&how, &made), "nwr_schedule_create");
  return Schedule(
      made, [](const nwr_schedule* s) { nwr_schedule_destroy(const_cast<nwr_schedule*>(s)); });
}

// Numbers in the type that the library works on.
class Tensor {
 public:
  Tensor(nwr_dtype dtype, std::vector<int64_t> shape) : dtype_(dtype), shape_(std::move(shape)) {
    size_t size = 1;
    for (const int64_t extent : shape_) size *= static_cast<size_t>(extent);
    if (dtype_ == NWR_F32) {
      singles_.resize(size);
    } else {
      doubles_.resize(size);
    }
  }
  Tensor(nwr_dtype dtype, const Array& values) : Tensor(dtype, values.shape) { write(values.data); }

  size_t size() const { return dtype_ == NWR_F32 ? singles_.size() : doubles_.size(); }

  void write(const Numbers& values) {
    if (values.size() != size()) throw Malformed("an array has another shape than the state");
    if (dtype_ == NWR_F32) {
      for (size_t i = 0; i < values.size(); ++i) singles_[i] = static_cast<float>(values[i]);
    } else {
      doubles_ = values;
    }
  }
  Numbers read() const {
    return dtype_ == NWR_F32 ? Numbers(singles_.begin(), singles_.end()) : doubles_;
  }

  nwr_tensor view() {
    nwr_tensor out{};
    out.data = dtype_ == NWR_F32 ? static_cast<void*>(singles_.data())
                                 : static_cast<void*>(doubles_.data());
    out.device = NWR_CPU;
    out.ndim = static_cast<int32_t>(shape_.size());
    out.dtype = dtype_;
    out.shape = shape_.data();
    return out;
  }

 private:
  nwr_dtype dtype_;
  std::vector<int64_t> shape_;
  std::vector<float> singles_;
  Numbers doubles_;
};

// The noise callback's view of a run: which recorded noise the present step may use, and how often
// the sampler has asked.
struct Draws {
  const Run* run = nullptr;
  nwr_dtype dtype = NWR_F64;
  int noise = -1;
  uint64_t made = 0;
  size_t handed_out = 0;
  std::string wrong;
};

int32_t hand_out(void* user, uint64_t draw, const nwr_tensor* out) {
  auto& draws = *static_cast<Draws*>(user);
  if (const auto& order = draws.run->draws) {
    const size_t next = draws.handed_out++;
    draws.noise = next < order->size() ? static_cast<int>((*order)[next]) : -1;
  }
  if (draw != draws.made++) {
    draws.wrong = "draw number " + std::to_string(draw) + " after " +
                  std::to_string(draws.made - 1) + " draws";
  } else if (draws.noise < 0) {
    draws.wrong = "a draw where the recording has none";
  } else if (static_cast<size_t>(draws.noise) >= draws.run->noises.size()) {
    draws.wrong = "a draw beyond the recorded noises";
  } else {
    Tensor noise(draws.dtype, draws.run->noises[static_cast<size_t>(draws.noise)]);
    const nwr_tensor from = noise.view();
    if (nwr_tensor_copy(context(), &from, out) == NWR_OK) return 0;
    draws.wrong = std::string("nwr_tensor_copy: ") + nwr_last_error();
  }
  return -1;
}

std::unique_ptr<nwr_sampler, void (*)(nwr_sampler*)> make_sampler(const Run& run,
                                                                  const Numbers& times,
                                                                  Draws& draws) {
  auto how = options<nwr_sampler_options>();
  how.flags = run.keep_denoised ? NWR_SAMPLER_KEEP_DENOISED : 0;
  how.prediction = run.prediction;
  how.name = run.sampler.c_str();
  how.times = times.data();
  how.time_count = static_cast<uint32_t>(times.size());
  how.noise = hand_out;
  how.user = &draws;
  nwr_sampler* made = nullptr;
  expect(nwr_sampler_create(context(), run.schedule.get(), &how, &made), "nwr_sampler_create");
  return {made, nwr_sampler_destroy};
}

}  // namespace

double first_step(const std::string& rule, double steps, double strength) {
  int32_t value = 0;
  expect(nwr_catalog_find(NWR_DOMAIN_STRENGTH, rule.c_str(), &value), "nwr_catalog_find");
  uint32_t first = 0;
  expect(nwr_grid_skip(static_cast<nwr_strength>(value), static_cast<uint32_t>(steps), strength,
                       &first),
         "nwr_grid_skip");
  return first;
}

Imported import_config(const std::string& text, size_t steps,
                       const std::vector<std::pair<std::string, double>>& arguments) {
  std::vector<nwr_param> params;
  for (const auto& [name, value] : arguments) params.push_back({name.c_str(), value});
  auto how = options<nwr_import_options>();
  how.steps = static_cast<uint32_t>(steps);
  how.params = params.data();
  how.param_count = static_cast<uint32_t>(params.size());
  nwr_schedule* made = nullptr;
  expect(nwr_schedule_import(text.c_str(), &how, &made), "nwr_schedule_import");
  const Schedule schedule(
      made, [](const nwr_schedule* s) { nwr_schedule_destroy(const_cast<nwr_schedule*>(s)); });
  auto info = options<nwr_import>();
  expect(nwr_schedule_get_import(made, &info), "nwr_schedule_get_import");
  return {schedule,     info.grid,
          info.sampler, info.prediction,
          info.clock,   info.clock_scale,
          info.start,   {info.warnings, info.warnings + info.warning_count}};
}

Schedule make_schedule(const std::string& name) {
  auto how = options<nwr_schedule_options>();
  how.name = name.c_str();
  return create(how);
}

Schedule make_table(const Numbers& alpha_bars) {
  auto how = options<nwr_schedule_options>();
  how.name = "table";
  how.table = alpha_bars.data();
  how.table_count = alpha_bars.size();
  return create(how);
}

Schedule make_custom(double t_noise, double t_data, Coefficients coefficients) {
  auto how = options<nwr_schedule_options>();
  how.name = "custom";
  how.t_noise = t_noise;
  how.t_data = t_data;
  how.coeffs = [](void* user, double t, nwr_coeffs* out) -> int32_t {
    (*static_cast<const Coefficients*>(user))(t, *out);
    return 0;
  };
  how.release = [](void* user) { delete static_cast<const Coefficients*>(user); };
  auto owned = std::make_unique<Coefficients>(std::move(coefficients));
  how.user = owned.get();
  Schedule made = create(how);
  owned.release();
  return made;
}

std::string spec(const std::string& name,
                 const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string out = name + "(";
  for (const auto& [key, value] : settings) {
    out += (out.back() == '(' ? "" : ",") + key + "=" + value;
  }
  return out + ")";
}

std::string text(double value) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.17g", value);
  return digits;
}

std::vector<nwr_coeffs> coefficients(const Schedule& schedule, const Numbers& times) {
  std::vector<nwr_coeffs> out(times.size());
  expect(nwr_schedule_eval(schedule.get(), times.data(), times.size(), out.data()),
         "nwr_schedule_eval");
  return out;
}

nwr_coeffs coefficients(const Schedule& schedule, double t) {
  return coefficients(schedule, Numbers{t}).front();
}

Ends ends_of(const Schedule& schedule) {
  auto info = options<nwr_schedule_info>();
  expect(nwr_schedule_get_info(schedule.get(), &info), "nwr_schedule_get_info");
  return {info.t_noise, info.t_data};
}

std::vector<std::string> settings_of(const std::string& schedule) {
  std::vector<std::string> out;
  int32_t value = 0;
  if (nwr_catalog_find(NWR_DOMAIN_SCHEDULE, schedule.c_str(), &value) != NWR_OK) return out;
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SCHEDULE); ++i) {
    auto entry = options<nwr_entry>();
    expect(nwr_catalog_entry(NWR_DOMAIN_SCHEDULE, i, &entry), "nwr_catalog_entry");
    if (entry.value != value) continue;
    for (size_t k = 0; k < entry.param_count; ++k) {
      auto param = options<nwr_param_info>();
      expect(nwr_catalog_param(NWR_DOMAIN_SCHEDULE, i, k, &param), "nwr_catalog_param");
      out.push_back(param.name);
    }
  }
  return out;
}

double ratio(const Schedule& schedule, double t) {
  const nwr_coeffs c = coefficients(schedule, t);
  return c.sigma / c.alpha;
}

Numbers times_of_ratios(const Schedule& schedule, const Numbers& ratios) {
  Numbers out;
  for (const double ratio : ratios) out.push_back(-std::log(ratio));
  expect(nwr_schedule_invert(schedule.get(), out.data(), out.size(), out.data()),
         "nwr_schedule_invert");
  return out;
}

double time_of_ratio(const Schedule& schedule, double ratio) {
  return times_of_ratios(schedule, Numbers{ratio}).front();
}

Numbers weigh(const Schedule& schedule, const std::string& name, const Numbers& times) {
  auto how = options<nwr_weight_options>();
  how.name = name.c_str();
  Numbers out(times);
  for (double& value : out) {
    const double t = value;
    const nwr_status status = nwr_schedule_weigh(schedule.get(), &how, &t, 1, &value);
    if (status == NWR_ERROR_SINGULAR) {
      value = std::numeric_limits<double>::infinity();
    } else {
      expect(status, "nwr_schedule_weigh");
    }
  }
  return out;
}

Numbers grid(const Schedule& schedule, const std::string& name, size_t count, double begin,
             double end) {
  auto how = options<nwr_grid_options>();
  how.name = name.c_str();
  how.t_begin = begin;
  how.t_end = end;
  Numbers out(count);
  expect(nwr_grid_fill(schedule.get(), &how, out.data(), count), "nwr_grid_fill");
  return out;
}

std::vector<Numbers> transform(const Schedule& schedule, const Array& times,
                               const std::vector<Quantity>& inputs,
                               const std::vector<nwr_quantity>& outputs,
                               const TransformSettings& settings) {
  Tensor t(NWR_F64, times);
  std::vector<Tensor> in, out;
  for (const Quantity& q : inputs) in.emplace_back(settings.dtype, *q.array);
  for (size_t i = 0; i < outputs.size(); ++i) {
    out.emplace_back(settings.dtype, inputs.at(0).array->shape);
  }
  std::vector<nwr_tensor> views;
  for (Tensor& tensor : in) views.push_back(tensor.view());
  for (Tensor& tensor : out) views.push_back(tensor.view());
  std::vector<nwr_operand> operands;
  for (size_t i = 0; i < views.size(); ++i) {
    nwr_operand operand{};
    operand.quantity = i < in.size() ? inputs[i].quantity : outputs[i - in.size()];
    operand.tensor = &views[i];
    operands.push_back(operand);
  }
  const nwr_tensor when = t.view();
  Tensor diffusion(NWR_F64, settings.diffusion ? *settings.diffusion : Array{{}, {0}});
  const nwr_tensor diffusion_view = diffusion.view();
  expect(nwr_transform_apply(context(), schedule.get(), &when,
                             settings.diffusion ? &diffusion_view : nullptr, operands.data(),
                             in.size(), operands.data() + in.size(), out.size()),
         "nwr_transform_apply");
  std::vector<Numbers> results;
  for (const Tensor& tensor : out) results.push_back(tensor.read());
  return results;
}

Numbers factors(const Schedule& schedule, double t, const std::vector<nwr_quantity>& inputs,
                nwr_quantity output) {
  Numbers out(inputs.size());
  expect(
      nwr_transform_coeffs(schedule.get(), t, 0, inputs.data(), inputs.size(), output, out.data()),
      "nwr_transform_coeffs");
  return out;
}

Numbers random_times(const Schedule& schedule, const nwr_rng& rng, size_t count) {
  auto how = options<nwr_density_options>();
  Tensor out(NWR_F64, {static_cast<int64_t>(count)});
  const nwr_tensor view = out.view();
  expect(nwr_random_times(context(), schedule.get(), &how, &rng, 1, &view), "nwr_random_times");
  return out.read();
}

Numbers random_uniforms(const nwr_rng& rng, size_t count) {
  Tensor out(NWR_F64, {static_cast<int64_t>(count)});
  const nwr_tensor view = out.view();
  expect(nwr_random_fill(context(), NWR_UNIFORM, &rng, 1, &view), "nwr_random_fill");
  return out.read();
}

Numbers together(const Numbers& first, const Numbers& second, const std::optional<double>& share,
                 size_t row_size) {
  Numbers out;
  for (size_t row = 0; row < first.size(); row += row_size) {
    for (size_t i = row; i < row + row_size; ++i) {
      out.push_back(share ? *share * first[i] + (1 - *share) * second[i] : first[i]);
    }
    for (size_t i = row; i < row + row_size && !share; ++i) out.push_back(second[i]);
  }
  return out;
}

Numbers random_numbers(const Source& source, nwr_rng& rng, size_t count) {
  auto how = options<nwr_random_options>();
  how.what = source.what;
  how.name = source.generator.c_str();
  how.from_level = source.from_level;
  how.to_level = source.to_level;
  const auto extent = static_cast<int64_t>(count);
  Tensor out(NWR_F64, {extent});
  const nwr_tensor view = out.view();
  std::vector<double> numbers(count);
  nwr_tensor made = view;
  made.data = numbers.data();
  made.dtype = source.dtype;
  expect(nwr_random_generate(context(), &how, &rng, 1, &made), "nwr_random_generate");
  expect(nwr_tensor_copy(context(), &made, &view), "nwr_tensor_copy");
  return out.read();
}

std::vector<Event> execute(const Run& run, nwr_dtype dtype) {
  std::vector<Event> events;
  Draws draws;
  draws.run = &run;
  draws.dtype = dtype;
  Tensor x(dtype, run.start), output(dtype, run.start.shape), denoised(dtype, run.start.shape);
  Tensor second(dtype, run.start.shape);
  const nwr_tensor x_view = x.view(), output_view = output.view(), denoised_view = denoised.view();
  for (const Numbers& times : run.times) {
    draws.made = 0;
    const auto sampler = make_sampler(run, times, draws);
    const nwr_status started = nwr_sampler_start(sampler.get(), &x_view, NWR_START_STATE);
    if (!draws.wrong.empty()) throw LibraryError(draws.wrong);
    expect(started, "nwr_sampler_start");
    const size_t first = events.size();
    size_t noised = 0;
    auto eval = options<nwr_eval>();
    nwr_status status;
    while ((status = nwr_sampler_next(sampler.get(), &eval)) == NWR_OK) {
      const size_t here = events.size();
      if (eval.noises == 1) {
        status = nwr_sampler_step(sampler.get(), &x_view, nullptr, 0);
        if (!draws.wrong.empty()) throw LibraryError(draws.wrong);
        expect(status, "nwr_sampler_step");
        // Where the caller has a say, the state before the noise is what was recorded.
        if (!run.edit) events.back().after = x.read();
        ++noised;
        continue;
      }
      if (here == run.requests.size()) throw LibraryError("more evaluations than were recorded");
      const Request& request = run.requests[here];
      const double off = std::fabs(eval.t - request.time);
      if (off > request.time_tolerance || eval.index != here - first + noised ||
          eval.row_count != 1) {
        throw LibraryError("evaluation " + std::to_string(here) + " is at t = " +
                           std::to_string(eval.t) + ", not " + std::to_string(request.time));
      }
      Event event;
      event.before = scaled(request.scale, x.read());
      if (run.prepare) {
        event.before = run.prepare(here, event.before);
        x.write(scaled(1 / request.scale, event.before));
      }
      event.input_scale = eval.input_scale;
      output.write(run.model(here, event.before));
      event.output = output.read();
      if (request.feed_state != 0 || request.feed_output != 1) {
        const double factors[] = {request.feed_state, request.feed_output};
        const nwr_tensor* terms[] = {&x_view, &output_view};
        expect(nwr_tensor_combine(context(), factors, terms, 2, &output_view),
               "nwr_tensor_combine");
      }
      if (!run.draws) draws.noise = request.noise;
      const nwr_tensor outputs[] = {output_view, second.view()};
      if (run.second) {
        second.write(run.second(here, event.before));
        event.second = second.read();
        event.output = together(event.output, event.second, run.share, run.start.row_size());
      }
      if (eval.output_count != (run.second ? 2u : 1u)) {
        throw LibraryError("eval.output_count is " + std::to_string(eval.output_count));
      }
      status = nwr_sampler_step(sampler.get(), &x_view, outputs, eval.output_count);
      if (!draws.wrong.empty()) throw LibraryError(draws.wrong);
      expect(status, "nwr_sampler_step");
      const double scale_after =
          here + 1 < run.requests.size() ? run.requests[here + 1].scale : run.final_scale;
      event.after = scaled(scale_after, x.read());
      if (run.edit) {
        event.after = run.edit(here, event.after);
        x.write(scaled(1 / scale_after, event.after));
      }
      if (run.keep_denoised) {
        expect(nwr_sampler_denoised(sampler.get(), &denoised_view), "nwr_sampler_denoised");
        event.denoised = denoised.read();
      }
      events.push_back(std::move(event));
    }
    if (status != NWR_DONE) expect(status, "nwr_sampler_next");
    if (eval.t != times.back()) throw LibraryError("the run did not end at its last time");
    if (eval.count != 0 && eval.count != events.size() - first + noised)
      throw LibraryError("eval.count is not the count");
  }
  if (events.size() != run.requests.size()) {
    throw LibraryError("fewer evaluations than were recorded");
  }
  if (run.draws && draws.handed_out != run.draws->size()) {
    throw LibraryError(std::to_string(draws.handed_out) + " draws, not " +
                       std::to_string(run.draws->size()));
  }
  return events;
}

Walked walk(const Walk& walk) {
  struct Hand {
    const Walk& walk;
    size_t made;
  } hand{walk, 0};
  auto how = options<nwr_sampler_options>();
  how.prediction = walk.prediction;
  how.name = walk.sampler.c_str();
  how.times = walk.times.data();
  how.time_count = static_cast<uint32_t>(walk.times.size());
  how.noise = [](void* user, uint64_t draw, const nwr_tensor* out) -> int32_t {
    auto& h = *static_cast<Hand*>(user);
    if (draw != h.made || draw >= h.walk.noises.size()) return -1;
    ++h.made;
    Tensor noise(NWR_F64, h.walk.noises[draw]);
    const nwr_tensor from = noise.view();
    return nwr_tensor_copy(context(), &from, out);
  };
  how.user = &hand;
  nwr_sampler* made = nullptr;
  expect(nwr_sampler_create(context(), walk.schedule.get(), &how, &made), "nwr_sampler_create");
  const std::unique_ptr<nwr_sampler, void (*)(nwr_sampler*)> sampler{made, nwr_sampler_destroy};
  Tensor x(NWR_F64, walk.start), output(NWR_F64, walk.start.shape);
  const nwr_tensor x_view = x.view(), output_view = output.view();
  expect(nwr_sampler_start(made, &x_view, NWR_START_STATE), "nwr_sampler_start");
  Walked out;
  auto eval = options<nwr_eval>();
  nwr_status status;
  while ((status = nwr_sampler_next(made, &eval)) == NWR_OK) {
    out.times.push_back(eval.t);
    output.write(walk.model(out.states.size(), eval.t, x.read()));
    expect(nwr_sampler_step(made, &x_view, &output_view, 1), "nwr_sampler_step");
    out.states.push_back(x.read());
  }
  if (status != NWR_DONE) expect(status, "nwr_sampler_next");
  out.times.push_back(eval.t);
  out.draws = hand.made;
  return out;
}

std::vector<Numbers> estimates(const std::string& sampler, const std::vector<int64_t>& shape,
                               const std::vector<std::vector<Numbers>>& outputs) {
  const Schedule schedule = make_schedule("edm");
  Numbers times;
  for (size_t i = outputs.size(); i > 0; --i) times.push_back(static_cast<double>(i));
  times.push_back(0.5);
  auto how = options<nwr_sampler_options>();
  how.flags = NWR_SAMPLER_KEEP_DENOISED;
  how.prediction = NWR_DATA;
  how.name = sampler.c_str();
  how.times = times.data();
  how.time_count = static_cast<uint32_t>(times.size());
  nwr_sampler* made = nullptr;
  expect(nwr_sampler_create(context(), schedule.get(), &how, &made), "nwr_sampler_create");
  const std::unique_ptr<nwr_sampler, void (*)(nwr_sampler*)> run{made, nwr_sampler_destroy};
  Tensor x(NWR_F64, shape), estimate(NWR_F64, shape);
  x.write(Numbers(outputs[0][0].size(), 0));
  const nwr_tensor x_view = x.view(), estimate_view = estimate.view();
  expect(nwr_sampler_start(made, &x_view, NWR_START_STATE), "nwr_sampler_start");
  std::vector<Numbers> out;
  for (const std::vector<Numbers>& given : outputs) {
    std::vector<Tensor> tensors;
    std::vector<nwr_tensor> views;
    for (const Numbers& numbers : given) tensors.emplace_back(NWR_F64, shape).write(numbers);
    for (Tensor& tensor : tensors) views.push_back(tensor.view());
    auto eval = options<nwr_eval>();
    expect(nwr_sampler_next(made, &eval), "nwr_sampler_next");
    expect(nwr_sampler_step(made, &x_view, views.data(), eval.output_count), "nwr_sampler_step");
    expect(nwr_sampler_denoised(made, &estimate_view), "nwr_sampler_denoised");
    out.push_back(estimate.read());
  }
  return out;
}

}  // namespace replay
