// SPDX-License-Identifier: Apache-2.0
// The loop that a user writes, with a callback for the noise.
#include "run.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tool {
namespace {

demo::Sampler make(const nwr_context* context, const nwr_schedule* schedule, const RunSetup& setup,
                   nwr_noise_fn noise, void* user) {
  nwr_sampler_options options{};
  options.struct_size = sizeof options;
  options.name = setup.sampler.c_str();
  options.prediction = setup.prediction;
  options.times = setup.times.data();
  options.time_count = static_cast<std::uint32_t>(setup.times.size());
  options.clock = setup.clock;
  options.noise = noise;
  options.user = user;
  nwr_sampler* out = nullptr;
  demo::check(nwr_sampler_create(context, schedule, &options, &out));
  return demo::Sampler(out);
}

}  // namespace

UnitRun::UnitRun(const nwr_context* context, const nwr_schedule* schedule, const RunSetup& setup,
                 std::vector<double> x, std::size_t base)
    : x_(1, x.size()), base_(base), sampler_(make(context, schedule, setup, &UnitRun::draw, this)) {
  x_.values() = std::move(x);
}

std::int32_t UnitRun::draw(void* user, std::uint64_t, const nwr_tensor* out) {
  auto* self = static_cast<UnitRun*>(user);
  if (out->dtype != NWR_F64 || out->strides != nullptr) return -1;
  auto* values = reinterpret_cast<double*>(static_cast<char*>(out->data) + out->byte_offset);
  const std::size_t size = self->x_.values().size(), place = self->base_ + self->draws_++;
  std::fill(values, values + size, 0.0);
  if (place >= size) return -1;
  values[place] = 1;
  return 0;
}

void UnitRun::go(const Model& model) {
  const nwr_tensor state = x_.tensor();
  demo::check(nwr_sampler_start(sampler_.get(), &state, NWR_START_STATE));
  nwr_eval eval{};
  eval.struct_size = sizeof eval;
  while (demo::check(nwr_sampler_next(sampler_.get(), &eval)) != NWR_DONE) {
    if (demo::interrupted()) throw std::runtime_error("interrupted");
    std::vector<std::vector<double>> outputs(eval.output_count,
                                             std::vector<double>(x_.values().size()));
    if (eval.noises == 0) model(eval, x_.values(), outputs);
    std::vector<nwr_tensor> tensors(outputs.size(), state);
    for (std::size_t i = 0; i < outputs.size(); ++i) tensors[i].data = outputs[i].data();
    demo::check(nwr_sampler_step(sampler_.get(), &state, tensors.data(), tensors.size()));
    evaluations_ += eval.noises == 0 ? 1 : 0;
  }
}

std::uint32_t evaluations_of(const nwr_context* context, const nwr_schedule* schedule,
                             const RunSetup& setup) {
  const demo::Sampler sampler = make(
      context, schedule, setup, [](void*, std::uint64_t, const nwr_tensor*) { return 0; }, nullptr);
  demo::Batch<double> x(1, 1);
  const nwr_tensor state = x.tensor();
  demo::check(nwr_sampler_start(sampler.get(), &state, NWR_START_STATE));
  nwr_eval eval{};
  eval.struct_size = sizeof eval;
  demo::check(nwr_sampler_next(sampler.get(), &eval));
  return eval.count;
}

Level level_at(const nwr_schedule* schedule, double t) {
  nwr_coeffs c;
  demo::check(nwr_schedule_eval(schedule, &t, 1, &c));
  if (c.gamma != 0)
    throw std::runtime_error("the schedule has a third leg, for which there is no target");
  return {c.alpha, c.sigma, c.dalpha, c.dsigma};
}

}  // namespace tool
