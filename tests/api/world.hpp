// SPDX-License-Identifier: Apache-2.0
// Owns a world in which every call of the API can be made, and in which any change that it makes
// shows. Must not know how calls are made to fail.
#pragma once

#include <stdlib.h>

#include <functional>
#include <map>
#include <mutex>
#include <new>

#include "api/support.hpp"

namespace nwr_test {

// ---- an allocator that keeps books --------------------------------------------------------------

class Books {
 public:
  Context context(uint32_t threads = 1) {
    auto options = sized<nwr_context_options>();
    options.threads = threads;
    options.alloc = alloc;
    options.free = free;
    options.user = this;
    options.stream = this;  // handed through, on a CPU
    nwr_context* context = nullptr;
    EXPECT_EQ(NWR_OK, nwr_context_create(&options, &context)) << nwr_last_error();
    return Context(context);
  }
  size_t live() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return live_.size();
  }
  int64_t calls() const { return calls_; }
  // The n-th call from now on fails, and with forever all after it.
  void fail_at(int64_t n, bool forever = false) {
    calls_ = 0;
    fail_from_ = n;
    fail_to_ = forever ? INT64_MAX : n;
  }
  ~Books() { EXPECT_EQ(0u, live()) << "memory is left"; }

 private:
  static void* alloc(void* user, size_t bytes, size_t align, nwr_device device, void* stream) {
    Books& books = *static_cast<Books*>(user);
    EXPECT_EQ(user, stream);
    EXPECT_EQ(NWR_CPU, device);
    EXPECT_EQ(0u, align & (align - 1));
    EXPECT_GE(align, 64u);
    EXPECT_GT(bytes, 0u);
    const std::lock_guard<std::mutex> lock(books.mutex_);
    const int64_t call = ++books.calls_;
    if (call >= books.fail_from_ && call <= books.fail_to_) return nullptr;
    void* memory = nullptr;
    if (posix_memalign(&memory, align, bytes) != 0) return nullptr;
    std::memset(memory, 0xFF, bytes);  // NaNs: whoever reads before writing shows it
    try {
      books.live_[memory] = bytes;
    } catch (const std::bad_alloc&) {  // the book itself may be what has no memory
      ::free(memory);
      return nullptr;
    }
    return memory;
  }
  static void free(void* user, void* memory, size_t bytes, nwr_device device, void* stream) {
    Books& books = *static_cast<Books*>(user);
    EXPECT_EQ(user, stream);
    EXPECT_EQ(NWR_CPU, device);
    const std::lock_guard<std::mutex> lock(books.mutex_);
    const auto found = books.live_.find(memory);
    ASSERT_NE(books.live_.end(), found) << "freed what it did not allocate, or twice";
    EXPECT_EQ(found->second, bytes);
    books.live_.erase(found);
    ::free(memory);
  }

  mutable std::mutex mutex_;
  std::map<void*, size_t> live_;
  int64_t calls_ = 0, fail_from_ = 0, fail_to_ = -1;
};

inline const nwr_rng kRngs[4] = {{1, 0, 0}, {1, 1, 0}, {1, 2, 0}, {1, 3, 0}};

inline nwr_sampler_options options_for(const char* sampler, const char* generator = nullptr) {
  auto options = sized<nwr_sampler_options>();
  options.generator = generator;
  options.name = sampler;
  options.steps = 6;
  options.flags = NWR_SAMPLER_KEEP_DENOISED;
  options.rngs = kRngs;
  options.rng_count = 1;
  return options;
}

// One of each call, on a world that shows any change.
struct World {
  explicit World(const char* kind = "dpmpp-2m", const char* generator = "brownian")
      : context(books.context()),
        schedule(make_schedule("ddpm(count=20)")),
        fresh(make_sampler(context, schedule, options_for(kind))),
        run(make_sampler(context, schedule, options_for(kind))),
        drawing(make_sampler(context, schedule, options_for("ddpm", generator))) {
    NWR_EXPECT_OK(nwr_schedule_import("DPM++ 2M Karras", nullptr, &imported_));
    imported.reset(imported_);
    NWR_EXPECT_OK(nwr_sampler_start(drawing.get(), v, NWR_START_PRIOR));
    NWR_EXPECT_OK(nwr_sampler_step(drawing.get(), v, y, 1));
    NWR_EXPECT_OK(nwr_sampler_start(run.get(), x, NWR_START_PRIOR));
    for (int i = 0; i < 3; ++i) NWR_EXPECT_OK(nwr_sampler_step(run.get(), x, y, 1));
    saved = save(run);
  }
  static std::vector<unsigned char> save(const Sampler& sampler) {
    size_t size = 0;
    NWR_EXPECT_OK(nwr_sampler_save(sampler.get(), nullptr, 0, &size));
    std::vector<unsigned char> bytes(size);
    NWR_EXPECT_OK(nwr_sampler_save(sampler.get(), bytes.data(), size, &size));
    return bytes;
  }
  // Everything that a call may change, as bytes.
  std::vector<unsigned char> state() const {
    std::vector<unsigned char> all = save(run);
    const std::vector<unsigned char> more = save(drawing);
    all.insert(all.end(), more.begin(), more.end());
    for (const Tensor* tensor : {&x, &y, &z, &v, &half}) {
      all.insert(all.end(), tensor->bytes().begin(), tensor->bytes().end());
    }
    const auto* raw = reinterpret_cast<const unsigned char*>(numbers);
    all.insert(all.end(), raw, raw + sizeof numbers);
    raw = reinterpret_cast<const unsigned char*>(rngs);
    all.insert(all.end(), raw, raw + sizeof rngs);
    raw = reinterpret_cast<const unsigned char*>(coeffs);
    all.insert(all.end(), raw, raw + sizeof coeffs);
    all.insert(all.end(), buffer.begin(), buffer.end());
    return all;
  }

  Books books;
  Context context;
  Schedule schedule;
  Tensor x = Tensor(NWR_F32, {4, 3}).fill({1}), y = Tensor(NWR_F32, {4, 3}).fill({0.5});
  Tensor z = Tensor(NWR_F32, {4, 3}).fill({2}), v = z, half = Tensor(NWR_F16, {4, 3}).fill({3});
  Tensor times = Tensor(NWR_F64, {4}).fill({10});
  double numbers[8] = {};
  nwr_coeffs coeffs[8] = {};
  nwr_rng rngs[4] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0}, {4, 0, 0}};
  Sampler fresh, run, drawing;
  Schedule imported;
  std::vector<unsigned char> saved, buffer = std::vector<unsigned char>(4096);
  nwr_context* new_context = nullptr;
  nwr_schedule* new_schedule = nullptr;
  nwr_sampler* new_sampler = nullptr;
  void* memory = nullptr;

 private:
  nwr_schedule* imported_ = nullptr;
};

struct Call {
  const char* what;
  std::function<nwr_status(World&)> make;
};

inline int32_t flat(void*, const nwr_eval*, const nwr_tensor*, const nwr_tensor* out) {
  for (int i = 0; i < 12; ++i) static_cast<float*>(out->data)[i] = 0.25f;
  return 0;
}

inline nwr_status create_schedule(World& w, const char* name) {
  static const double table[] = {0.9, 0.5, 0.1};
  auto o = sized<nwr_schedule_options>();
  o.name = name;
  if (std::strncmp(name, "table", 5) == 0) o.table = table, o.table_count = 3;
  if (std::strcmp(name, "custom") == 0) {
    o.coeffs = [](void*, double t, nwr_coeffs* out) -> int32_t {
      out->alpha = t, out->sigma = 1 - t;
      return 0;
    };
  }
  return nwr_schedule_create(&o, &w.new_schedule);
}

inline nwr_status generate(World& w, const char* name, size_t rng_count, const nwr_tensor* out) {
  auto o = sized<nwr_random_options>();
  o.name = name, o.from_level = 2, o.to_level = 1;
  return nwr_random_generate(w.context.get(), &o, w.rngs, rng_count, out);
}

// The first word of each is the function without its prefix.
inline std::vector<Call> calls() {
  return {
      {"catalog_entry",
       [](World&) {
         auto entry = sized<nwr_entry>();
         return nwr_catalog_entry(NWR_DOMAIN_SAMPLER, 3, &entry);
       }},
      {"catalog_param",
       [](World&) {
         auto info = sized<nwr_param_info>();
         return nwr_catalog_param(NWR_DOMAIN_SAMPLER, 2, 0, &info);
       }},
      {"catalog_find",
       [](World&) {
         int32_t value;
         return nwr_catalog_find(NWR_DOMAIN_GRID, "karras", &value);
       }},
      {"context_create with an allocator",
       [](World& w) {
         auto o = sized<nwr_context_options>();
         o.alloc = [](void*, size_t, size_t, nwr_device, void*) -> void* { return nullptr; };
         o.free = [](void*, void*, size_t, nwr_device, void*) {};
         return nwr_context_create(&o, &w.new_context);
       }},
      {"context_synchronize", [](World& w) { return nwr_context_synchronize(w.context.get()); }},
      {"schedule_get_info",
       [](World& w) {
         auto info = sized<nwr_schedule_info>();
         return nwr_schedule_get_info(w.schedule.get(), &info);
       }},
      {"schedule_get_import",
       [](World& w) {
         auto import = sized<nwr_import>();
         return nwr_schedule_get_import(w.imported.get(), &import);
       }},
      {"schedule_import of names",
       [](World& w) {
         return nwr_schedule_import("DPM++ 2M SDE Karras", nullptr, &w.new_schedule);
       }},
      {"schedule_import of a configuration",
       [](World& w) {
         const nwr_param eta = {"eta", 0.5};
         auto o = sized<nwr_import_options>();
         o.params = &eta, o.param_count = 1, o.steps = 7;
         return nwr_schedule_import(
             R"({"_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
                 "beta_schedule": "scaled_linear", "unknown": [1, {"a": "text"}]})",
             &o, &w.new_schedule);
       }},
      {"schedule_import of betas",
       [](World& w) {
         return nwr_schedule_import(
             R"({"_class_name": "DDPMScheduler", "trained_betas": [0.1, 0.2, 0.3]})", nullptr,
             &w.new_schedule);
       }},
      {"grid_skip",
       [](World&) {
         uint32_t first;
         return nwr_grid_skip(NWR_STRENGTH_CEIL, 10, 0.4, &first);
       }},
      {"grid_fill by indices",
       [](World& w) {
         auto o = sized<nwr_grid_options>();
         o.name = "beta";
         return nwr_grid_fill(w.schedule.get(), &o, w.numbers, 8);
       }},
      {"random_generate philox", [](World& w) { return generate(w, "philox", 4, w.z); }},
      {"random_generate brownian", [](World& w) { return generate(w, "brownian", 4, w.half); }},
      {"random_generate torch-cpu", [](World& w) { return generate(w, "torch-cpu", 1, w.z); }},
      {"random_generate torch-cuda", [](World& w) { return generate(w, "torch-cuda", 4, w.half); }},
      {"random_generate torchsde",
       [](World& w) { return generate(w, "torchsde(sigma_min=0.5,sigma_max=4)", 4, w.z); }},
      {"sampler_create with a generator",
       [](World& w) {
         const auto o = options_for("dpmpp-sde", "brownian");
         return nwr_sampler_create(w.context.get(), w.schedule.get(), &o, &w.new_sampler);
       }},
      {"sampler_create with a threshold",
       [](World& w) {
         const auto o = options_for("unipc(order=3,threshold=0.9,guidance=3,guidance_rescale=0.5)");
         return nwr_sampler_create(w.context.get(), w.schedule.get(), &o, &w.new_sampler);
       }},
      {"sampler_start with a generator",
       [](World& w) { return nwr_sampler_start(w.drawing.get(), w.v, NWR_START_PRIOR); }},
      {"sampler_start with a generator, another shape",
       [](World& w) {
         const int64_t shape[] = {2, 6};
         nwr_tensor other = w.v.view();
         other.shape = shape;
         return nwr_sampler_start(w.drawing.get(), &other, NWR_START_PRIOR);
       }},
      {"sampler_step with a generator",
       [](World& w) { return nwr_sampler_step(w.drawing.get(), w.v, w.y, 1); }},
      {"context_create", [](World& w) { return nwr_context_create(nullptr, &w.new_context); }},
      {"memory_alloc", [](World& w) { return nwr_memory_alloc(w.context.get(), 64, &w.memory); }},
      {"schedule_create linear", [](World& w) { return create_schedule(w, "linear"); }},
      {"schedule_create ddpm",
       [](World& w) { return create_schedule(w, "ddpm(beta=scaled_linear,count=30)"); }},
      {"schedule_create table", [](World& w) { return create_schedule(w, "table(betas=no)"); }},
      {"schedule_create custom", [](World& w) { return create_schedule(w, "custom"); }},
      {"schedule_eval",
       [](World& w) {
         const double t[] = {1, 2, 3, 4, 5, 6, 7, 8};
         return nwr_schedule_eval(w.schedule.get(), t, 8, w.coeffs);
       }},
      {"schedule_invert",
       [](World& w) {
         const double lambdas[] = {1, 1.5, 2};
         return nwr_schedule_invert(w.schedule.get(), lambdas, 3, w.numbers);
       }},
      {"grid_fill",
       [](World& w) {
         auto o = sized<nwr_grid_options>();
         o.name = "karras(rho=5)";
         return nwr_grid_fill(w.schedule.get(), &o, w.numbers, 8);
       }},
      {"schedule_weigh",
       [](World& w) {
         const double t[] = {1, 2, 3, 4, 5, 6, 7, 8};
         auto o = sized<nwr_weight_options>();
         o.name = "diffusion(form=sigma,norm=0.5)";
         return nwr_schedule_weigh(w.schedule.get(), &o, t, 8, w.numbers);
       }},
      {"random_times",
       [](World& w) {
         auto o = sized<nwr_density_options>();
         o.name = "log-normal(mean=-1)";
         return nwr_random_times(w.context.get(), w.schedule.get(), &o, kRngs, 4, w.half);
       }},
      {"transform_corrupt",
       [](World& w) {
         const nwr_operand know[] = {{NWR_DATA, 0, w.x}};
         const nwr_operand want[] = {{NWR_STATE, 0, w.z}, {NWR_NOISE, 0, w.half}};
         return nwr_transform_corrupt(w.context.get(), w.schedule.get(), w.times, NWR_NOISE, kRngs,
                                      4, know, 1, want, 2);
       }},
      {"random_fill",
       [](World& w) { return nwr_random_fill(w.context.get(), NWR_NORMAL, kRngs, 4, w.z); }},
      {"tensor_copy", [](World& w) { return nwr_tensor_copy(w.context.get(), w.x, w.z); }},
      {"tensor_copy between types",
       [](World& w) { return nwr_tensor_copy(w.context.get(), w.x, w.half); }},
      {"tensor_combine",
       [](World& w) {
         const nwr_tensor* inputs[] = {w.x, w.y};
         const double factors[] = {2, -1};
         return nwr_tensor_combine(w.context.get(), factors, inputs, 2, w.z);
       }},
      {"tensor_blend", [](World& w) { return nwr_tensor_blend(w.context.get(), w.x, w.y, w.z); }},
      {"transform_apply",
       [](World& w) {
         const nwr_operand know[] = {{NWR_STATE, 0, w.x}, {NWR_NOISE, 0, w.y}};
         const nwr_operand want[] = {{NWR_DATA, 0, w.z}, {NWR_VELOCITY, 0, w.half}};
         return nwr_transform_apply(w.context.get(), w.schedule.get(), w.times, w.times, know, 2,
                                    want, 2);
       }},
      {"transform_coeffs",
       [](World& w) {
         const nwr_quantity know[] = {NWR_STATE, NWR_NOISE};
         return nwr_transform_coeffs(w.schedule.get(), 3, 0, know, 2, NWR_DATA, w.numbers);
       }},
      {"sampler_create",
       [](World& w) {
         const auto o = options_for("ddpm(guidance=2)");
         return nwr_sampler_create(w.context.get(), w.schedule.get(), &o, &w.new_sampler);
       }},
      {"sampler_create with noise",
       [](World& w) {
         auto o = options_for("ddpm");
         o.noise = [](void*, uint64_t, const nwr_tensor*) -> int32_t { return 0; };
         return nwr_sampler_create(w.context.get(), w.schedule.get(), &o, &w.new_sampler);
       }},
      {"sampler_start",
       [](World& w) { return nwr_sampler_start(w.fresh.get(), w.z, NWR_START_DATA); }},
      {"sampler_start of another shape",
       [](World& w) {
         const int64_t shape[] = {3, 4};
         nwr_tensor other = w.z.view();
         other.shape = shape;
         return nwr_sampler_start(w.run.get(), &other, NWR_START_PRIOR);
       }},
      {"sampler_next",
       [](World& w) {
         auto eval = sized<nwr_eval>();
         return nwr_sampler_next(w.run.get(), &eval);
       }},
      {"sampler_plan",
       [](World& w) {
         auto plan = sized<nwr_plan>();
         return nwr_sampler_plan(w.run.get(), 0, &plan);
       }},
      {"sampler_plan_json",
       [](World& w) {
         const char* text = nullptr;
         return nwr_sampler_plan_json(w.run.get(), &text);
       }},
      {"sampler_step", [](World& w) { return nwr_sampler_step(w.run.get(), w.x, w.y, 1); }},
      {"sampler_denoised", [](World& w) { return nwr_sampler_denoised(w.run.get(), w.half); }},
      {"sampler_run",
       [](World& w) {
         auto callbacks = sized<nwr_callbacks>();
         callbacks.model = flat;
         return nwr_sampler_run(w.run.get(), w.x, &callbacks);
       }},
      {"sampler_save",
       [](World& w) {
         size_t size = 0;
         return nwr_sampler_save(w.run.get(), w.buffer.data(), w.buffer.size(), &size);
       }},
      {"sampler_load",
       [](World& w) {
         return nwr_sampler_load(w.context.get(), w.schedule.get(), w.saved.data(), w.saved.size(),
                                 &w.new_sampler);
       }},
  };
}

inline void drop_new(World& w) {
  nwr_memory_free(w.context.get(), w.memory);
  nwr_sampler_destroy(w.new_sampler);
  nwr_schedule_destroy(w.new_schedule);
  nwr_context_destroy(w.new_context);
  w.memory = nullptr, w.new_sampler = nullptr, w.new_schedule = nullptr, w.new_context = nullptr;
}

// After a failure everything is as it was, and the same call then succeeds as if nothing had been.
inline void check_failure(World& w, const Call& call, nwr_status status,
                          const std::vector<unsigned char>& before,
                          const std::vector<unsigned char>& after, size_t live) {
  EXPECT_EQ(NWR_ERROR_OUT_OF_MEMORY, status) << nwr_last_error();
  EXPECT_STREQ("out of memory", nwr_last_error());
  EXPECT_EQ(before, w.state());
  EXPECT_EQ(live, w.books.live());
  EXPECT_EQ(nullptr, w.new_context);
  EXPECT_EQ(nullptr, w.new_schedule);
  EXPECT_EQ(nullptr, w.new_sampler);
  EXPECT_EQ(nullptr, w.memory);
  EXPECT_EQ(NWR_OK, call.make(w)) << nwr_last_error();
  EXPECT_EQ(after, w.state());
  drop_new(w);
}

inline std::vector<unsigned char> state_after(const Call& call) {
  World w;
  EXPECT_EQ(NWR_OK, call.make(w)) << call.what << ": " << nwr_last_error();
  const auto after = w.state();
  drop_new(w);
  return after;
}

}  // namespace nwr_test
