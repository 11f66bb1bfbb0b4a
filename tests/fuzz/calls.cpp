// SPDX-License-Identifier: Apache-2.0
// Calls of the API with handles in any order, from two threads that share what may be shared: no
// order of calls harms the process. Input: calls that make handles, then a byte 255, then the calls
// of both threads, in halves.
#include <memory>
#include <thread>

#include "fuzz/fuzz.hpp"

using namespace fuzz;

namespace {

constexpr size_t kHandles = 3, kTensors = 4, kElements = 24;

struct Shared {
  nwr_context* contexts[kHandles] = {};
  nwr_schedule* schedules[kHandles] = {};
  ~Shared() {
    for (nwr_schedule* schedule : schedules) nwr_schedule_destroy(schedule);
    for (nwr_context* context : contexts) nwr_context_destroy(context);
  }
};

// What one thread has alone.
struct Own {
  nwr_sampler* samplers[kHandles] = {};
  double memory[kTensors][kElements] = {};
  void* lent = nullptr;
  nwr_context* lender = nullptr;
  std::vector<uint8_t> saved;
  ~Own() {
    for (nwr_sampler* sampler : samplers) nwr_sampler_destroy(sampler);
  }
};

constexpr const char* kSamplers[] = {"euler",
                                     "ddim(eta=0.5)",
                                     "dpmpp-2m",
                                     "heun(guidance=2)",
                                     "edm(s_churn=9)",
                                     "unipc(order=3)",
                                     "rk4",
                                     "dpmpp-sde",
                                     "ddpm(variance=learned_range)",
                                     "pc",
                                     "seeds-2",
                                     "restart(s_min=0.1,s_max=1)",
                                     "dpmpp-2m(guidance=2,guidance_rescale=0.5)",
                                     "ddim(threshold=0.9)",
                                     "zab(order=4)",
                                     "nonsense"};
constexpr const char* kSchedules[] = {"linear", "vp",     "edm",    "ddpm(count=30)",
                                      "cosine", "flux",   "custom", "sd3",
                                      "sdxl",   "mirror", "table",  "nonsense"};
constexpr const char* kGenerators[] = {nullptr,      "brownian", "torch-cpu",
                                       "torch-cuda", "philox",   "dice"};

nwr_tensor tensor_of(Input& in, Own& own, int64_t* shape) {
  static constexpr nwr_dtype kTypes[] = {NWR_F32, NWR_F64, NWR_F16, NWR_BF16, NWR_I64};
  const uint8_t how = in.byte();
  shape[0] = how < 200 ? 2 : 1 + how % 4;
  shape[1] = how < 200 ? 3 : 1 + how / 4 % 6;
  const nwr_dtype dtype = how < 150 ? NWR_F32 : kTypes[how % 5];
  return dense(own.memory[how % kTensors], dtype, how == 199 ? 0 : 2, shape);
}

void make_context(Input& in, Shared& shared) {
  auto options = sized<nwr_context_options>();
  options.threads = in.below(4);
  options.flags = in.byte() == 77;
  nwr_context* made = nullptr;
  if (checked(nwr_context_create(&options, &made)) != NWR_OK) return;
  nwr_context*& place = shared.contexts[in.below(kHandles)];
  nwr_context_destroy(place);
  place = made;
}

void make_schedule(Input& in, Shared& shared) {
  static const double table[] = {0.9, 0.5, 0.1};
  auto options = sized<nwr_schedule_options>();
  const uint8_t which = in.byte() % (sizeof kSchedules / sizeof *kSchedules);
  options.name = kSchedules[which];
  if (which == 10) options.table = table, options.table_count = 3;
  const uint8_t mood = in.byte();
  if (which == 6) {
    static int32_t bad = -1;
    options.user = mood == 9 ? &bad : nullptr;
    options.coeffs = [](void* user, double t, nwr_coeffs* out) -> int32_t {
      out->alpha = t, out->sigma = 1 - t;
      return user ? *static_cast<int32_t*>(user) : 0;
    };
  }
  nwr_schedule* made = nullptr;
  if (checked(nwr_schedule_create(&options, &made)) != NWR_OK) return;
  nwr_schedule*& place = shared.schedules[in.below(kHandles)];
  nwr_schedule_destroy(place);
  place = made;
}

void make_sampler(Input& in, Shared& shared, Own& own) {
  nwr_rng rngs[2] = {{in.byte(), 0, 0}, {2, 1, in.byte()}};
  double times[6];
  auto options = sized<nwr_sampler_options>();
  options.name = kSamplers[in.below(16)];
  options.prediction = static_cast<nwr_quantity>(in.byte() % 16);
  options.clock = static_cast<nwr_clock>(in.byte() % 7);
  options.steps = in.byte() % 12;
  options.flags = in.byte() % 3;
  options.rng_count = in.byte() % 4;
  options.rngs = options.rng_count ? rngs : nullptr;
  options.rng_count = options.rng_count > 2 ? 2 : options.rng_count;
  options.generator = kGenerators[in.byte() % 6];
  if (in.byte() % 4 == 3) {
    for (double& t : times) t = in.number();
    options.times = times, options.time_count = 3, options.time_rows = 2, options.steps = 0;
  }
  const uint8_t noise = in.byte();
  if (noise % 8 == 7) {
    options.generator = nullptr;
    options.noise = [](void*, uint64_t draw, const nwr_tensor* out) -> int32_t {
      std::memset(out->data, 0, 1);
      return draw == 3 ? -1 : 0;
    };
  }
  nwr_sampler* made = nullptr;
  if (checked(nwr_sampler_create(shared.contexts[in.below(kHandles)],
                                 shared.schedules[in.below(kHandles)], &options, &made)) !=
      NWR_OK) {
    return;
  }
  nwr_sampler*& place = own.samplers[in.below(kHandles)];
  nwr_sampler_destroy(place);
  place = made;
}

int32_t model(void* user, const nwr_eval* eval, const nwr_tensor* x, const nwr_tensor* outputs) {
  FUZZ_CHECK(eval->output_count <= 4 && x->ndim >= 0);
  for (uint32_t i = 0; i < eval->output_count; ++i) {
    std::memset(outputs[i].data, 0, 1);
  }
  const int mood = *static_cast<const int*>(user);
  return eval->index == 2 ? mood : 0;
}

// A call on what one thread may use while another does.
void one_call(Input& in, Shared& shared, Own& own) {
  int64_t shape_a[2], shape_b[2];
  nwr_context* const context = shared.contexts[in.below(kHandles)];
  nwr_schedule* const schedule = shared.schedules[in.below(kHandles)];
  nwr_sampler* const sampler = own.samplers[in.below(kHandles)];
  switch (in.byte() % 20) {
    case 0:
    case 1: make_sampler(in, shared, own); break;
    case 2: {
      const nwr_tensor x = tensor_of(in, own, shape_a);
      checked(nwr_sampler_start(sampler, &x, static_cast<nwr_start>(in.byte() % 5)));
      break;
    }
    case 3:
    case 4:
    case 5: {
      auto eval = sized<nwr_eval>();
      if (in.byte() % 4) checked(nwr_sampler_next(sampler, &eval));
      const nwr_tensor x = tensor_of(in, own, shape_a);
      const nwr_tensor y = tensor_of(in, own, shape_b);
      const nwr_tensor outputs[4] = {y, y, y, y};
      checked(
          nwr_sampler_step(sampler, &x, outputs, in.byte() % 4 ? eval.output_count : in.below(4)));
      break;
    }
    case 6: {
      const nwr_tensor x = tensor_of(in, own, shape_a);
      int mood = static_cast<int8_t>(in.byte()) / 64;
      auto callbacks = sized<nwr_callbacks>();
      callbacks.model = in.byte() == 99 ? nullptr : model;
      callbacks.user = &mood;
      if (in.byte() % 3 == 0) nwr_sampler_cancel(sampler);
      checked(nwr_sampler_run(sampler, &x, &callbacks));
      break;
    }
    case 7: {
      const nwr_tensor out = tensor_of(in, own, shape_a);
      checked(nwr_sampler_denoised(sampler, &out));
      break;
    }
    case 8: {
      size_t size = 0;
      if (checked(nwr_sampler_save(sampler, nullptr, 0, &size)) != NWR_OK) break;
      own.saved.resize(size);
      checked(nwr_sampler_save(sampler, own.saved.data(), size - in.byte() % 2, &size));
      break;
    }
    case 9: {
      if (!own.saved.empty() && in.byte() % 4 == 0)
        own.saved[in.raw<uint16_t>() % own.saved.size()] ^= in.byte();
      nwr_sampler* made = nullptr;
      checked(nwr_sampler_load(context, schedule, own.saved.data(), own.saved.size(), &made));
      if (!made) break;
      nwr_sampler*& place = own.samplers[in.below(kHandles)];
      nwr_sampler_destroy(place);
      place = made;
      break;
    }
    case 10: {
      nwr_sampler*& place = own.samplers[in.below(kHandles)];
      nwr_sampler_destroy(place);
      place = nullptr;
      break;
    }
    case 11: {
      nwr_coeffs c[3];
      const double times[] = {in.number(), in.number(), 0.5};
      checked(nwr_schedule_eval(schedule, times, in.below(4), c));
      double out[3];
      checked(nwr_schedule_invert(schedule, times, in.below(4), out));
      checked(nwr_schedule_weigh(schedule, nullptr, times, in.below(4), out));
      break;
    }
    case 12: {
      double times[8];
      auto grid = sized<nwr_grid_options>();
      grid.kind = static_cast<nwr_grid_kind>(in.byte() % 9);
      grid.t_begin = in.number(), grid.t_end = in.number();
      checked(nwr_grid_fill(schedule, in.byte() % 2 ? &grid : nullptr, times, in.below(9)));
      break;
    }
    case 13: {
      const nwr_tensor a = tensor_of(in, own, shape_a), b = tensor_of(in, own, shape_b);
      checked(nwr_tensor_copy(context, &a, &b));
      const double factors[] = {in.number(), in.number()};
      const nwr_tensor* inputs[] = {&a, &b};
      checked(nwr_tensor_combine(context, factors, inputs, in.below(4) % 3, &b));
      checked(nwr_tensor_blend(context, &b, &a, &a));
      break;
    }
    case 14: {
      const nwr_rng rngs[2] = {{in.raw<uint64_t>(), in.byte(), 0}, {1, 0, in.raw<uint64_t>()}};
      const nwr_tensor out = tensor_of(in, own, shape_a);
      checked(nwr_random_fill(context, static_cast<nwr_distribution>(in.byte() % 3), rngs,
                              in.below(3), &out));
      auto options = sized<nwr_random_options>();
      options.name = kGenerators[in.byte() % 6];
      options.what = static_cast<nwr_distribution>(in.byte() % 2);
      options.from_level = in.number(), options.to_level = in.number();
      nwr_rng own_rngs[2] = {rngs[0], rngs[1]};
      // Within its bounds torch-cpu takes time for every word before the first.
      if (own_rngs[1].offset < uint64_t{1} << 40) own_rngs[1].offset &= 0xFFFF;
      checked(nwr_random_generate(context, &options, own_rngs, in.below(3), &out));
      checked(nwr_random_times(context, schedule, nullptr, rngs, in.below(3), &out));
      break;
    }
    case 15: {
      const double at[] = {in.number(), in.number()};
      const int64_t two = 2;
      const nwr_tensor t = dense(const_cast<double*>(at), NWR_F64, in.byte() % 2, &two);
      const nwr_tensor a = tensor_of(in, own, shape_a), b = tensor_of(in, own, shape_b);
      const nwr_operand know[] = {{static_cast<nwr_quantity>(in.byte() % 16), 0, &a},
                                  {static_cast<nwr_quantity>(in.byte() % 16), 0, &a}};
      const nwr_operand want[] = {{static_cast<nwr_quantity>(in.byte() % 16), 0, &b}};
      checked(nwr_transform_apply(context, schedule, &t, in.byte() % 2 ? &t : nullptr, know,
                                  in.below(3), want, 1));
      const nwr_rng rng = {1, 2, 3};
      checked(nwr_transform_corrupt(context, schedule, &t,
                                    static_cast<nwr_quantity>(2 + in.byte() % 2), &rng, 1, know, 1,
                                    want, 1));
      break;
    }
    case 16: {
      if (own.lent) {
        nwr_memory_free(own.lender, own.lent);
        own.lent = nullptr;
      } else if (checked(nwr_memory_alloc(context, in.byte(), &own.lent)) == NWR_OK) {
        std::memset(own.lent, 1, 1);
        own.lender = context;
      }
      break;
    }
    case 17: checked(nwr_context_synchronize(context)); break;
    case 18: nwr_sampler_cancel(sampler); break;
    default: {
      auto entry = sized<nwr_entry>();
      const auto domain = static_cast<nwr_domain>(static_cast<int8_t>(in.byte()) % 16);
      checked(nwr_catalog_entry(domain, in.byte(), &entry));
      auto param = sized<nwr_param_info>();
      checked(nwr_catalog_param(domain, in.byte(), in.byte() % 20, &param));
      auto info = sized<nwr_schedule_info>();
      info.struct_size = in.byte();
      checked(nwr_schedule_get_info(schedule, info.struct_size <= sizeof info ? &info : nullptr));
    }
  }
}

void play(const uint8_t* data, size_t size, Shared& shared) {
  Input in(data, size);
  Own own;
  for (int calls = 0; in.left() > 0 && calls < 64; ++calls) one_call(in, shared, own);
  if (own.lent) nwr_memory_free(own.lender, own.lent);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Shared shared;
  size_t at = 0;
  for (int made = 0; at < size && data[at] != 255 && made < 8; ++made) {
    Input in(data + at, size - at);
    if (in.byte() % 2) {
      make_context(in, shared);
    } else {
      make_schedule(in, shared);
    }
    at = size - in.left();
  }
  if (at < size) ++at;
  const size_t half = (size - at) / 2;
  std::thread other([&] { play(data + at, half, shared); });
  play(data + at + half, size - at - half, shared);
  other.join();
  return 0;
}
