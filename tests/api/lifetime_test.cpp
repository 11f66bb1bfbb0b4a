// SPDX-License-Identifier: Apache-2.0
// Owns what outlives what, who allocates what, and use from several threads. Must not know what the
// numbers mean.
#include <stdlib.h>

#include <atomic>
#include <iterator>
#include <new>
#include <thread>

#include "api/world.hpp"

#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define NWR_TEST_SANITIZED 1
#  endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#  define NWR_TEST_SANITIZED 1
#endif

// ---- this program's malloc, which is the library's too ------------------------------------------

#if !defined(NWR_TEST_SANITIZED) && defined(__GLIBC__)
#  define NWR_TEST_OWN_MALLOC 1
namespace {
// While armed, allocations are counted; those from number first_failure to last_failure fail.
std::atomic<bool> armed{false};
std::atomic<int64_t> allocations{0};
std::atomic<int64_t> first_failure{0}, last_failure{0};
std::atomic<size_t> largest{0};

bool refused(size_t size) {
  if (!armed.load(std::memory_order_relaxed)) return false;
  if (size > largest) largest = size;
  const int64_t number = ++allocations;
  return number >= first_failure && number <= last_failure;
}
}  // namespace

extern "C" {
void* __libc_malloc(size_t) noexcept;
void* __libc_calloc(size_t, size_t) noexcept;
void* __libc_realloc(void*, size_t) noexcept;
void* __libc_memalign(size_t, size_t) noexcept;

void* malloc(size_t size) noexcept { return refused(size) ? nullptr : __libc_malloc(size); }
void* calloc(size_t n, size_t size) noexcept {
  return refused(n * size) ? nullptr : __libc_calloc(n, size);
}
void* realloc(void* old, size_t size) noexcept {
  return refused(size) ? nullptr : __libc_realloc(old, size);
}
void* memalign(size_t align, size_t size) noexcept {
  return refused(size) ? nullptr : __libc_memalign(align, size);
}
void* aligned_alloc(size_t align, size_t size) noexcept { return memalign(align, size); }
int posix_memalign(void** out, size_t align, size_t size) noexcept {
  void* memory = memalign(align, size);
  if (memory) *out = memory;
  return memory ? 0 : 12;  // ENOMEM
}
}
#endif

namespace nwr_test {
namespace {

// ---- order of destruction -----------------------------------------------------------------------

TEST(Lifetime, HandlesGoInAnyOrder) {
  int order[] = {0, 1, 2};
  do {
    SCOPED_TRACE(testing::Message() << order[0] << order[1] << order[2]);
    Books books;
    nwr_context* context = books.context().release();
    nwr_schedule* schedule = make_schedule("vp").release();
    const Schedule same = make_schedule("vp");
    nwr_sampler* sampler = nullptr;
    const auto options = options_for("dpmpp-2m");
    NWR_ASSERT_OK(nwr_sampler_create(context, schedule, &options, &sampler));
    Tensor x = Tensor(NWR_F32, {4, 3}).fill({1});
    NWR_ASSERT_OK(nwr_sampler_start(sampler, x, NWR_START_PRIOR));
    for (const int which : order) {
      if (which == 0) nwr_context_destroy(context);
      if (which == 1) nwr_schedule_destroy(schedule);
      if (which == 2) nwr_sampler_destroy(sampler), sampler = nullptr;
      if (sampler) {
        auto eval = sized<nwr_eval>();
        NWR_ASSERT_OK(nwr_sampler_next(sampler, &eval));
        Tensor output = x;
        evaluate(Gaussian{}, same, NWR_VELOCITY, eval, x, &output);
        NWR_EXPECT_OK(nwr_sampler_step(sampler, x, output, 1));
        NWR_EXPECT_OK(nwr_sampler_denoised(sampler, output));
      }
    }
    EXPECT_EQ(0u, books.live());
  } while (std::next_permutation(order, order + 3));
}

TEST(Lifetime, StringsLiveWithTheirSchedule) {
  Schedule schedule = make_schedule("vp(beta_min=0.25)");
  auto info = sized<nwr_schedule_info>();
  NWR_ASSERT_OK(nwr_schedule_get_info(schedule.get(), &info));
  make_schedule("cosine");
  EXPECT_STREQ("vp(beta_min=0.25,beta_max=20,sigma_min=0,time=to-noise)", info.spec);
}

TEST(Lifetime, OptionsAreNotKept) {
  const Context context = make_context();
  Sampler sampler;
  Schedule schedule;
  {
    std::string name = "ddpm(count=12)", kind = "ddim";
    std::vector<double> times = {11, 5, 2, -1};
    std::vector<nwr_rng> rngs = {kRngs[0]};
    auto how = sized<nwr_schedule_options>();
    how.name = name.c_str();
    nwr_schedule* made = nullptr;
    NWR_ASSERT_OK(nwr_schedule_create(&how, &made));
    schedule.reset(made);
    auto options = sized<nwr_sampler_options>();
    const nwr_param param = {"eta", 0.5};
    options.name = kind.c_str(), options.params = &param, options.param_count = 1;
    options.times = times.data(), options.time_count = 4;
    options.rngs = rngs.data(), options.rng_count = 1;
    sampler = make_sampler(context, schedule, options);
    name.assign(name.size(), '#'), kind.assign(kind.size(), '#');
    times.assign(4, -77), rngs.assign(1, {9, 9, 9});
  }
  Tensor x(NWR_F32, {4}), expected(NWR_F32, {4});
  NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_PRIOR));
  auto eval = sized<nwr_eval>();
  NWR_ASSERT_OK(nwr_sampler_next(sampler.get(), &eval));
  EXPECT_EQ(11, eval.t);
  const Sampler fresh = [&] {
    auto options = sized<nwr_sampler_options>();
    const double times[] = {11, 5, 2, -1};
    options.name = "ddim(eta=0.5)", options.times = times, options.time_count = 4;
    options.rngs = kRngs, options.rng_count = 1;
    return make_sampler(context, schedule, options);
  }();
  NWR_ASSERT_OK(nwr_sampler_start(fresh.get(), expected, NWR_START_PRIOR));
  finish(sampler.get(), schedule, NWR_VELOCITY, &x);
  finish(fresh.get(), schedule, NWR_VELOCITY, &expected);
  EXPECT_EQ(expected.bytes(), x.bytes());
}

// ---- allocator hooks ----------------------------------------------------------------------------

TEST(Allocator, GetsBackEverythingItGave) {
  for (const char* sampler : kSamplers) {
    Books books;
    {
      const Context context = books.context();
      const Schedule schedule = make_schedule("cosine");
      const Sampler run = make_sampler(context, schedule, options_for(sampler));
      Tensor x(NWR_F32, {4, 3}), wide(NWR_F64, {5});
      NWR_ASSERT_OK(nwr_sampler_start(run.get(), x, NWR_START_PRIOR));
      finish(run.get(), schedule, NWR_VELOCITY, &x);
      for (const double value : x.values()) EXPECT_TRUE(std::isfinite(value)) << sampler;
      NWR_ASSERT_OK(nwr_sampler_start(run.get(), wide, NWR_START_PRIOR));
      finish(run.get(), schedule, NWR_VELOCITY, &wide);
      EXPECT_GT(books.calls(), 0) << sampler;
      void *kept = nullptr, *left = nullptr;
      NWR_ASSERT_OK(nwr_memory_alloc(context.get(), 100, &kept));
      NWR_ASSERT_OK(nwr_memory_alloc(context.get(), 200, &left));
      const size_t before = books.live();
      nwr_memory_free(context.get(), kept);
      EXPECT_EQ(before - 1, books.live());
      nwr_memory_free(context.get(), kept);  // no longer lent: left alone
      EXPECT_EQ(before - 1, books.live());
    }
    EXPECT_EQ(0u, books.live()) << sampler;  // what was left goes with the context
  }
}

// ---- failing allocations ------------------------------------------------------------------------

TEST(OutOfMemory, OfTheHookLeavesEverythingAsItWas) {
  int64_t failures = 0;
  for (const Call& call : calls()) {
    const auto after = state_after(call);
    for (int64_t n = 1;; ++n) {
      SCOPED_TRACE(testing::Message() << call.what << ", allocation " << n);
      World w;
      const auto before = w.state();
      const size_t live = w.books.live();
      w.books.fail_at(n);
      const nwr_status status = call.make(w);
      const bool reached = w.books.calls() >= n;
      w.books.fail_at(0);
      if (!reached) {
        NWR_EXPECT_OK(status);
        EXPECT_EQ(after, w.state());
        drop_new(w);
        break;
      }
      ++failures;
      check_failure(w, call, status, before, after, live);
      ASSERT_LT(n, 100);
    }
  }
  EXPECT_GE(failures, 10);  // memory_alloc, starts, run, load, what is generated
}

#if defined(NWR_TEST_OWN_MALLOC)
TEST(OutOfMemory, OfMallocLeavesEverythingAsItWas) {
  int64_t failures = 0;
  for (const Call& call : calls()) {
    const auto after = state_after(call);
    for (const bool forever : {false, true}) {
      for (int64_t n = 1;; ++n) {
        SCOPED_TRACE(testing::Message() << call.what << ", allocation " << n << ", " << forever);
        World w;
        const auto before = w.state();
        const size_t live = w.books.live();
        allocations = 0;
        first_failure = n;
        last_failure = forever ? INT64_MAX : n;
        armed = true;
        const nwr_status status = call.make(w);
        armed = false;
        first_failure = 0, last_failure = 0;
        if (allocations < n) {
          NWR_EXPECT_OK(status);
          EXPECT_EQ(after, w.state());
          drop_new(w);
          break;
        }
        ++failures;
        check_failure(w, call, status, before, after, live);
        ASSERT_LT(n, 1000);
      }
    }
  }
  EXPECT_GE(failures, 100);
}

// ---- the loop does not allocate -----------------------------------------------------------------

struct Quiet {
  const char* sampler;
  bool noise_by_callback, rng_per_sample, rows, guided;
};

TEST(Allocation, NoneInStepAfterTheFirst) {
  std::vector<Quiet> cases;
  for (const char* sampler : kSamplers) {
    cases.push_back({sampler, false, false, false, false});
    cases.push_back({sampler, false, true, false, false});
    cases.push_back({sampler, false, true, true, false});
    cases.push_back({sampler, true, false, false, false});
  }
  for (const char* sampler : {"heun(guidance=2)", "ddpm(guidance=2)", "dpmpp-2m(guidance=2)"}) {
    cases.push_back({sampler, false, false, false, true});
  }
  const Schedule schedule = make_schedule("linear");
  const double times[] = {0, 0.25, 0.5, 0.75, 1,   0.1, 0.2, 0.4, 0.4, 0.9,
                          0, 0.1,  0.2, 0.3,  0.4, 0.5, 0.6, 0.7, 0.8, 1};
  for (const Quiet& quiet : cases) {
    for (const int64_t width : {3, 20000}) {  // alone, and with the pool at work
      for (const nwr_dtype dtype : {NWR_F16, NWR_F32, NWR_F64}) {
        SCOPED_TRACE(testing::Message() << quiet.sampler << quiet.noise_by_callback
                                        << quiet.rng_per_sample << quiet.rows << ", " << width);
        Books books;
        const Context context = books.context(2);
        auto options = options_for(quiet.sampler);
        options.rng_count = quiet.rng_per_sample ? 4 : 1;
        if (quiet.rows) {
          options.steps = 0, options.times = times, options.time_count = 5, options.time_rows = 4;
        }
        if (quiet.noise_by_callback) {
          options.rngs = nullptr, options.rng_count = 0;
          options.noise = [](void*, uint64_t, const nwr_tensor* out) -> int32_t {
            std::memset(out->data, 0, 16);
            return 0;
          };
        }
        const Sampler run = make_sampler(context, schedule, options);
        Tensor x = Tensor(dtype, {4, width}).fill({0.5}), y = x;
        NWR_ASSERT_OK(nwr_sampler_start(run.get(), x, NWR_START_STATE));
        const nwr_tensor outputs[] = {y.view(), y.view()};
        const size_t output_count = quiet.guided ? 2 : 1;
        NWR_ASSERT_OK(nwr_sampler_step(run.get(), x, outputs, output_count));
        const int64_t hooked = books.calls();
        auto eval = sized<nwr_eval>();
        allocations = 0;
        armed = true;
        int steps = 0;
        while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
          if (nwr_sampler_step(run.get(), x, outputs, output_count) != NWR_OK) break;
          ++steps;
        }
        armed = false;
        EXPECT_EQ(0, allocations);
        EXPECT_EQ(hooked, books.calls());
        EXPECT_GE(steps, 3) << nwr_last_error();
      }
    }
  }
}

// The noise of a training batch is made on the way and stored nowhere.
TEST(Allocation, OfCorruptDoesNotGrowWithTheSamples) {
  Books books;
  const Context context = books.context();
  const Schedule schedule = make_schedule("vp");
  for (const nwr_dtype dtype : {NWR_F32, NWR_F16, NWR_F64}) {
    Tensor data = Tensor(dtype, {4, 1 << 18}).fill({0.5}), state = data;
    const Tensor t = Tensor(NWR_F64, {4}).fill({0.5});
    const nwr_operand know[] = {{NWR_DATA, 0, data}};
    const nwr_operand want[] = {{NWR_STATE, 0, state}};
    const int64_t hooked = books.calls();
    allocations = 0, largest = 0;
    armed = true;
    const nwr_status status = nwr_transform_corrupt(context.get(), schedule.get(), t, NWR_NOISE,
                                                    kRngs, 4, know, 1, want, 1);
    armed = false;
    NWR_EXPECT_OK(status);
    EXPECT_EQ(hooked, books.calls());
    EXPECT_GT(largest, 0u);  // the generators and the factors of 4 samples
    EXPECT_LT(largest, 1024u);
  }
}

// Else the tests above would pass without looking.
TEST(Allocation, IsSeenInTheLibrary) {
  allocations = 0;
  armed = true;
  nwr_schedule* schedule = nullptr;
  const nwr_status status = nwr_schedule_create(nullptr, &schedule);
  armed = false;
  NWR_EXPECT_OK(status);
  nwr_schedule_destroy(schedule);
  EXPECT_GT(allocations, 0);
}
#endif

TEST(Allocation, NoneFromTheHookInStep) {
  for (const char* sampler : kSamplers) {
    Books books;
    const Context context = books.context();
    const Schedule schedule = make_schedule("cosine");
    const Sampler run = make_sampler(context, schedule, options_for(sampler));
    Tensor x = Tensor(NWR_F32, {4, 3}).fill({1});
    NWR_ASSERT_OK(nwr_sampler_start(run.get(), x, NWR_START_PRIOR));
    const int64_t before = books.calls();
    EXPECT_GT(before, 0) << sampler;
    finish(run.get(), schedule, NWR_VELOCITY, &x);
    // Begun again in the same shape it has all it needs.
    NWR_ASSERT_OK(nwr_sampler_start(run.get(), x, NWR_START_PRIOR));
    EXPECT_EQ(before, books.calls()) << sampler;
  }
}

// ---- threads ------------------------------------------------------------------------------------

std::atomic<int> asked{0};
int32_t counted(void*, double t, nwr_coeffs* out) {
  ++asked;
  out->alpha = t, out->sigma = 1 - t, out->dalpha = 1, out->dsigma = -1;
  return 0;
}

TEST(Threads, ShareContextAndSchedules) {
  Books books;
  const Context context = books.context(3);
  auto custom = sized<nwr_schedule_options>();
  custom.name = "custom", custom.coeffs = counted;
  nwr_schedule* made = nullptr;
  NWR_ASSERT_OK(nwr_schedule_create(&custom, &made));
  const Schedule schedules[] = {make_schedule("cosine"), make_schedule("ddpm"), Schedule(made)};
  const auto work = [&](size_t which) {
    const Schedule& schedule = schedules[which % 3];
    const auto options = options_for(kSamplers[which % std::size(kSamplers)]);
    const Sampler run = make_sampler(context, schedule, options);
    Tensor x(which % 2 ? NWR_F32 : NWR_F16, {4, 1501});
    NWR_EXPECT_OK(nwr_sampler_start(run.get(), x, NWR_START_PRIOR));
    finish(run.get(), schedule, NWR_VELOCITY, &x);
    Tensor noise(NWR_F32, {4, 1501}), copy(NWR_F64, {4, 1501});
    NWR_EXPECT_OK(nwr_random_fill(context.get(), NWR_UNIFORM, kRngs, 4, noise));
    NWR_EXPECT_OK(nwr_tensor_copy(context.get(), noise, copy));
    auto info = sized<nwr_schedule_info>();
    NWR_EXPECT_OK(nwr_schedule_get_info(schedule.get(), &info));
    std::vector<double> grid(11);
    NWR_EXPECT_OK(nwr_grid_fill(schedule.get(), nullptr, grid.data(), grid.size()));
    NWR_EXPECT_OK(nwr_context_synchronize(context.get()));
    void* memory = nullptr;
    NWR_EXPECT_OK(nwr_memory_alloc(context.get(), 100 + which, &memory));
    std::memset(memory, static_cast<int>(which), 100 + which);
    nwr_memory_free(context.get(), memory);
    std::vector<unsigned char> all = x.bytes();
    all.insert(all.end(), copy.bytes().begin(), copy.bytes().end());
    return all;
  };
  constexpr size_t kJobs = 24, kThreads = 6;
  std::vector<std::vector<unsigned char>> expected(kJobs), found(kJobs);
  for (size_t i = 0; i < kJobs; ++i) expected[i] = work(i);
  const int before = asked;
  std::vector<std::thread> threads;
  for (size_t first = 0; first < kThreads; ++first) {
    threads.emplace_back([&, first] {
      for (size_t i = first; i < kJobs; i += kThreads) found[i] = work(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < kJobs; ++i) EXPECT_EQ(expected[i], found[i]) << "job " << i;
  EXPECT_GT(asked, before);
}

TEST(Threads, HandlesDieOnOtherThreads) {
  Books books;
  nwr_context* context = books.context(2).release();
  nwr_schedule* schedule = make_schedule("cosine").release();
  std::vector<nwr_sampler*> samplers(8);
  for (nwr_sampler*& sampler : samplers) {
    const auto options = options_for("heun");
    NWR_ASSERT_OK(nwr_sampler_create(context, schedule, &options, &sampler));
    Tensor x(NWR_F32, {64});
    NWR_ASSERT_OK(nwr_sampler_start(sampler, x, NWR_START_PRIOR));
  }
  std::vector<std::thread> threads;
  threads.emplace_back([=] { nwr_context_destroy(context); });
  threads.emplace_back([=] { nwr_schedule_destroy(schedule); });
  for (nwr_sampler* sampler : samplers) {
    threads.emplace_back([=] { nwr_sampler_destroy(sampler); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(0u, books.live());
}

}  // namespace
}  // namespace nwr_test
