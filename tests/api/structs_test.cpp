// SPDX-License-Identifier: Apache-2.0
// Owns the proof that structs may be shorter or longer than this version's. Must not know what
// their fields mean, beyond one visible effect each.
#include <functional>

#include "api/support.hpp"

namespace nwr_test {
namespace {

constexpr size_t kLonger = 64;

// A struct of any size in memory that ends with it, so that a sanitizer sees bytes touched beyond.
template <class T>
class Sized {
 public:
  Sized(const T& value, size_t size, unsigned char tail) : bytes_(size, tail) {
    std::memcpy(bytes_.data(), &value, std::min(size, sizeof value));
    const auto stated = static_cast<uint32_t>(size);
    std::memcpy(bytes_.data(), &stated, sizeof stated);
  }
  T* get() { return reinterpret_cast<T*>(bytes_.data()); }
  const std::vector<unsigned char>& bytes() const { return bytes_; }

 private:
  std::vector<unsigned char> bytes_;
};

// Calls take with value cut or lengthened to every size.
template <class T>
void check_input(const T& value, const char* name,
                 const std::function<nwr_status(const T*)>& take) {
  for (size_t size = 8; size <= sizeof(T) + kLonger; ++size) {
    SCOPED_TRACE(size);
    Sized<T> same(value, size, 0);
    NWR_EXPECT_OK(take(same.get()));
    for (size_t at = sizeof(T); at < size; ++at) {
      Sized<T> longer(value, size, 0);
      reinterpret_cast<unsigned char*>(longer.get())[at] = 1;
      EXPECT_EQ(NWR_ERROR_UNSUPPORTED, take(longer.get())) << "byte " << at;
      EXPECT_NE(nullptr, std::strstr(nwr_last_error(), name)) << nwr_last_error();
      EXPECT_NE(nullptr, std::strstr(nwr_last_error(), std::to_string(at).c_str()));
    }
  }
}

// Calls give with a struct of every size and compares with what the whole struct receives.
template <class T>
void check_output(const std::function<nwr_status(T*)>& give) {
  T whole = sized<T>();
  ASSERT_GE(give(&whole), 0) << nwr_last_error();
  for (size_t size = 8; size <= sizeof(T) + kLonger; ++size) {
    SCOPED_TRACE(size);
    T unset;
    std::memset(&unset, 0xC3, sizeof unset);
    Sized<T> out(unset, size, 0xC3);
    ASSERT_GE(give(out.get()), 0) << nwr_last_error();
    Sized<T> expected(whole, size, 0xC3);  // states its own size, and keeps the tail
    EXPECT_EQ(expected.bytes(), out.bytes());
  }
}

TEST(Structs, ContextOptions) {
  auto options = sized<nwr_context_options>();
  options.threads = 2;
  check_input<nwr_context_options>(options, "options", [](const nwr_context_options* o) {
    nwr_context* context = nullptr;
    const nwr_status status = nwr_context_create(o, &context);
    nwr_context_destroy(context);
    return status;
  });
}

TEST(Structs, ScheduleOptions) {
  auto options = sized<nwr_schedule_options>();
  options.kind = NWR_SCHEDULE_COSINE;
  check_input<nwr_schedule_options>(options, "options", [](const nwr_schedule_options* o) {
    nwr_schedule* schedule = nullptr;
    const nwr_status status = nwr_schedule_create(o, &schedule);
    if (status == NWR_OK) {
      // A field counts as soon as the struct reaches over it.
      auto info = sized<nwr_schedule_info>();
      NWR_EXPECT_OK(nwr_schedule_get_info(schedule, &info));
      const bool reached = o->struct_size > offsetof(nwr_schedule_options, kind);
      EXPECT_EQ(reached ? NWR_SCHEDULE_COSINE : NWR_SCHEDULE_LINEAR, info.kind);
    }
    nwr_schedule_destroy(schedule);
    return status;
  });
}

TEST(Structs, GridOptions) {
  const Schedule schedule = make_schedule("vp");
  auto options = sized<nwr_grid_options>();
  options.t_begin = 0.5;
  options.t_end = 0.25;
  check_input<nwr_grid_options>(options, "options", [&](const nwr_grid_options* o) {
    double times[3] = {-1, -1, -1};
    // The end cut off reads as 0, the begin as both 0, which means the schedule's own.
    const nwr_status status = nwr_grid_fill(schedule.get(), o, times, 3);
    if (status == NWR_OK && o->struct_size % 8 == 0) {
      const bool has_begin = o->struct_size >= offsetof(nwr_grid_options, t_begin) + 8;
      const bool has_end = o->struct_size >= offsetof(nwr_grid_options, t_end) + 8;
      EXPECT_EQ(has_begin ? 0.5 : 1.0, times[0]);
      EXPECT_EQ(has_end ? 0.25 : 0.0, times[2]);
    }
    return status;
  });
}

TEST(Structs, WeightOptions) {
  const Schedule schedule = make_schedule("linear");
  auto options = sized<nwr_weight_options>();
  options.kind = NWR_WEIGHT_SIGNAL;
  check_input<nwr_weight_options>(options, "options", [&](const nwr_weight_options* o) {
    const double t = 0.5;
    double weight = -1;
    const nwr_status status = nwr_schedule_weigh(schedule.get(), o, &t, 1, &weight);
    // alpha^2, or without a kind g^2 = 2 sigma/alpha.
    const bool reached = o->struct_size > offsetof(nwr_weight_options, kind);
    if (status == NWR_OK) {
      EXPECT_EQ(reached ? 0.25 : 2, weight);
    }
    return status;
  });
}

TEST(Structs, DensityOptions) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("edm");
  auto options = sized<nwr_density_options>();
  options.kind = NWR_DENSITY_LOG_NORMAL;
  const nwr_rng rng{1, 2, 3};
  Tensor uniform(NWR_F64, {4}), levels = uniform, times = uniform;
  NWR_ASSERT_OK(nwr_random_times(context.get(), schedule.get(), nullptr, &rng, 1, uniform));
  NWR_ASSERT_OK(nwr_random_times(context.get(), schedule.get(), &options, &rng, 1, levels));
  EXPECT_NE(uniform.values(), levels.values());
  check_input<nwr_density_options>(options, "options", [&](const nwr_density_options* o) {
    const nwr_status status = nwr_random_times(context.get(), schedule.get(), o, &rng, 1, times);
    const bool reached = o->struct_size > offsetof(nwr_density_options, kind);
    if (status == NWR_OK) {
      EXPECT_EQ(reached ? levels.values() : uniform.values(), times.values());
    }
    return status;
  });
}

TEST(Structs, RandomOptions) {
  const Context context = make_context();
  auto options = sized<nwr_random_options>();
  options.what = NWR_UNIFORM;
  const nwr_rng first{1, 2, 3};
  nwr_rng rng = first;
  Tensor normal(NWR_F64, {4}), uniform = normal, numbers = normal;
  NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_NORMAL, &first, 1, normal));
  NWR_ASSERT_OK(nwr_random_fill(context.get(), NWR_UNIFORM, &first, 1, uniform));
  check_input<nwr_random_options>(options, "options", [&](const nwr_random_options* o) {
    rng = first;
    const nwr_status status = nwr_random_generate(context.get(), o, &rng, 1, numbers);
    const bool reached = o->struct_size > offsetof(nwr_random_options, what);
    if (status == NWR_OK) {
      EXPECT_EQ(reached ? uniform.values() : normal.values(), numbers.values());
    }
    return status;
  });
}

TEST(Structs, SamplerOptions) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("linear");
  auto options = sized<nwr_sampler_options>();
  options.steps = 3;
  check_input<nwr_sampler_options>(options, "options", [&](const nwr_sampler_options* o) {
    nwr_sampler* sampler = nullptr;
    const nwr_status status = nwr_sampler_create(context.get(), schedule.get(), o, &sampler);
    if (status == NWR_OK) {
      Tensor x(NWR_F32, {2});
      auto eval = sized<nwr_eval>();
      NWR_EXPECT_OK(nwr_sampler_start(sampler, x, NWR_START_STATE));
      NWR_EXPECT_OK(nwr_sampler_next(sampler, &eval));
      const bool reached = o->struct_size > offsetof(nwr_sampler_options, steps);
      EXPECT_EQ(reached ? 3u : 50u, eval.count);
    }
    nwr_sampler_destroy(sampler);
    return status;
  });
}

TEST(Structs, Callbacks) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("linear");
  auto options = sized<nwr_sampler_options>();
  options.steps = 1;
  const Sampler sampler = make_sampler(context, schedule, options);
  Tensor x = Tensor(NWR_F32, {2}).fill({1});
  auto callbacks = sized<nwr_callbacks>();
  callbacks.model = [](void*, const nwr_eval*, const nwr_tensor*,
                       const nwr_tensor* out) -> int32_t {
    std::memset(out->data, 0, 2 * sizeof(float));
    return 0;
  };
  check_input<nwr_callbacks>(callbacks, "callbacks", [&](const nwr_callbacks* c) {
    NWR_EXPECT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_STATE));
    // Too short to hold a model: refused, as a model that is NULL.
    const bool has_model = c->struct_size >= offsetof(nwr_callbacks, model) + sizeof c->model;
    const nwr_status status = has_model ? nwr_sampler_run(sampler.get(), x, c) : NWR_OK;
    if (c->struct_size == 8) {
      EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_sampler_run(sampler.get(), x, c));
    }
    return status;
  });
}

TEST(Structs, Entry) {
  check_output<nwr_entry>(
      [](nwr_entry* out) { return nwr_catalog_entry(NWR_DOMAIN_SAMPLER, 2, out); });
}

TEST(Structs, ParamInfo) {
  check_output<nwr_param_info>(
      [](nwr_param_info* out) { return nwr_catalog_param(NWR_DOMAIN_SAMPLER, 3, 0, out); });
}

TEST(Structs, ScheduleInfo) {
  const Schedule schedule = make_schedule("vp");
  check_output<nwr_schedule_info>(
      [&](nwr_schedule_info* out) { return nwr_schedule_get_info(schedule.get(), out); });
}

TEST(Structs, Eval) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("vp");
  auto options = sized<nwr_sampler_options>();
  options.steps = 2;
  const Sampler sampler = make_sampler(context, schedule, options);
  Tensor x = Tensor(NWR_F32, {2}).fill({1});
  NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_STATE));
  check_output<nwr_eval>([&](nwr_eval* out) { return nwr_sampler_next(sampler.get(), out); });
  NWR_ASSERT_OK(nwr_sampler_step(sampler.get(), x, Tensor(NWR_F32, {2}).fill({0}), 1));
  NWR_ASSERT_OK(nwr_sampler_step(sampler.get(), x, Tensor(NWR_F32, {2}).fill({0}), 1));
  check_output<nwr_eval>([&](nwr_eval* out) {
    const nwr_status status = nwr_sampler_next(sampler.get(), out);
    EXPECT_EQ(NWR_DONE, status);
    return status;
  });
}

// Grown or reordered, they would break every program that passes them in arrays.
TEST(Structs, FrozenOnesKeepTheirSizes) {
  EXPECT_EQ(24u, sizeof(nwr_rng));
  EXPECT_EQ(80u, sizeof(nwr_coeffs));
  EXPECT_EQ(16u, sizeof(nwr_param));
  EXPECT_EQ(16u, sizeof(nwr_operand));
  EXPECT_EQ(48u, sizeof(nwr_tensor));
}

}  // namespace
}  // namespace nwr_test
