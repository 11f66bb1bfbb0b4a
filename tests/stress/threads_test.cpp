// SPDX-License-Identifier: Apache-2.0
// Owns the use of the C API from many threads: right bits every time, and each thread its own last
// error. Under the thread sanitizer, with fewer runs, also no race. Must not know the library's
// internals.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <thread>

#include "api/support.hpp"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#  define NWR_TEST_SANITIZED 1
#elif defined(__has_feature)
#  if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#    define NWR_TEST_SANITIZED 1
#  endif
#endif

namespace nwr_test {
namespace {

#if defined(NWR_TEST_SANITIZED)
constexpr int kRuns = 150, kRounds = 3;
#else
constexpr int kRuns = 10000, kRounds = 20;
#endif
constexpr size_t kThreads = 8;

// Starts all threads before any of them works.
template <class F>
void in_threads(size_t count, F&& work) {
  std::atomic<size_t> ready{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      ++ready;
      while (ready < count) std::this_thread::yield();
      work(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

struct Job {
  const char* sampler;
  nwr_dtype dtype;
  int64_t width;
};
// Two of them are large enough for the context's own threads.
constexpr Job kJobs[] = {{"euler", NWR_F32, 8},          {"dpmpp-2m", NWR_F16, 5},
                         {"ddim(eta=0.5)", NWR_F64, 16}, {"edm(s_churn=9)", NWR_F32, 33},
                         {"unipc(order=3)", NWR_F32, 7}, {"dpmpp-sde", NWR_BF16, 12},
                         {"heun", NWR_F32, 6001},        {"ddpm", NWR_F32, 9000}};

nwr_status run(const Context& context, const Schedule& schedule, const Job& job, uint64_t seed,
               std::vector<unsigned char>* bits) {
  const nwr_rng rng = {seed, 1, 0};
  auto options = sized<nwr_sampler_options>();
  options.name = job.sampler, options.steps = 4, options.prediction = NWR_DATA;
  options.rngs = &rng, options.rng_count = 1;
  nwr_sampler* made = nullptr;
  nwr_status status = nwr_sampler_create(context.get(), schedule.get(), &options, &made);
  const Sampler sampler(made);
  Tensor x(job.dtype, {2, job.width}), y = x;
  if (status == NWR_OK) status = nwr_sampler_start(made, x, NWR_START_PRIOR);
  auto eval = sized<nwr_eval>();
  while (status == NWR_OK && (status = nwr_sampler_next(made, &eval)) == NWR_OK) {
    y = x;
    status = nwr_sampler_step(made, x, y, 1);
  }
  *bits = x.bytes();
  return status;
}

TEST(Stress, ShortRunsOfManyThreadsEndWithTheRightBits) {
  const Context contexts[] = {make_context(3), make_context(1)};
  const Schedule schedules[] = {make_schedule("vp"), make_schedule("edm"), make_schedule("flux")};
  constexpr size_t kCases = std::size(kJobs) * 3;
  std::vector<unsigned char> expected[kCases];
  for (size_t i = 0; i < kCases; ++i) {
    ASSERT_EQ(NWR_DONE, run(contexts[1], schedules[i % 3], kJobs[i / 3], i, &expected[i]))
        << nwr_last_error();
  }
  std::atomic<int> wrong{0};
  in_threads(kThreads, [&](size_t thread) {
    std::vector<unsigned char> bits;
    for (int n = 0; n < kRuns; ++n) {
      // The large ones seldom, or nothing else would count.
      const auto turn = static_cast<size_t>(n);
      const size_t i = (turn * 7 + thread) % (turn % 64 == 0 ? kCases : kCases - 6);
      const Context& context = contexts[(turn + thread) % 2];
      if (run(context, schedules[i % 3], kJobs[i / 3], i, &bits) != NWR_DONE ||
          bits != expected[i]) {
        ++wrong;
      }
    }
  });
  EXPECT_EQ(0, wrong);
}

// One sampler goes from thread to thread, a step on each.
TEST(Stress, SamplersAreHandedBetweenThreads) {
  const Context context = make_context(2);
  const Schedule schedule = make_schedule("vp");
  for (const char* name : {"unipc(order=3)", "dpmpp-sde", "edm(s_churn=9)"}) {
    const nwr_rng rng = {5, 0, 0};
    auto options = sized<nwr_sampler_options>();
    options.name = name, options.steps = 2 * kRounds, options.prediction = NWR_DATA;
    options.rngs = &rng, options.rng_count = 1;
    const Sampler alone = make_sampler(context, schedule, options);
    const Sampler handed = make_sampler(context, schedule, options);
    Tensor expected(NWR_F32, {2, 6001}), x = expected;
    NWR_ASSERT_OK(nwr_sampler_start(alone.get(), expected, NWR_START_PRIOR));
    finish(alone.get(), schedule, NWR_DATA, &expected);
    NWR_ASSERT_OK(nwr_sampler_start(handed.get(), x, NWR_START_PRIOR));
    std::mutex mutex;
    std::condition_variable changed;
    size_t turn = 0;
    bool done = false;
    in_threads(4, [&](size_t thread) {
      for (;;) {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return done || turn % 4 == thread; });
        if (done) return;
        auto eval = sized<nwr_eval>();
        done = nwr_sampler_next(handed.get(), &eval) != NWR_OK;
        if (!done) {
          Tensor output = x;
          evaluate(Gaussian{}, schedule, NWR_DATA, eval, x, &output);
          NWR_EXPECT_OK(nwr_sampler_step(handed.get(), x, output, 1));
        }
        ++turn;
        changed.notify_all();
      }
    });
    EXPECT_TRUE(expected.bytes() == x.bytes()) << name;
  }
}

TEST(Stress, CancelFromElsewhereLosesNothing) {
  const Context context = make_context(1);
  const Schedule schedule = make_schedule("vp");
  auto options = sized<nwr_sampler_options>();
  options.name = "dpmpp-2m", options.steps = 400, options.prediction = NWR_DATA;
  auto callbacks = sized<nwr_callbacks>();
  callbacks.model = [](void*, const nwr_eval*, const nwr_tensor* x,
                       const nwr_tensor* out) -> int32_t {
    std::memcpy(out->data, x->data, 64 * sizeof(float));
    std::this_thread::yield();
    return 0;
  };
  Tensor expected = Tensor(NWR_F32, {64}).fill({0.5, -1});
  {
    const Sampler whole = make_sampler(context, schedule, options);
    NWR_ASSERT_OK(nwr_sampler_start(whole.get(), expected, NWR_START_STATE));
    NWR_ASSERT_OK(nwr_sampler_run(whole.get(), expected, &callbacks));
  }
  int cancelled = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Sampler sampler = make_sampler(context, schedule, options);
    Tensor x = Tensor(NWR_F32, {64}).fill({0.5, -1});
    NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_STATE));
    std::atomic<bool> over{false};
    std::thread other([&] {
      while (!over) {
        nwr_sampler_cancel(sampler.get());
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
    });
    nwr_status status;
    while ((status = nwr_sampler_run(sampler.get(), x, &callbacks)) == NWR_CANCELLED) ++cancelled;
    over = true;
    other.join();
    EXPECT_EQ(NWR_OK, status) << nwr_last_error();
    EXPECT_TRUE(expected.bytes() == x.bytes());
  }
  EXPECT_GT(cancelled, kRounds);
}

// The first calls of the process, at once: what is made when it is first needed is made once.
TEST(Stress, EverythingIsMadeAtOnce) {
  std::vector<std::string> specs(kThreads);
  std::atomic<int> wrong{0};
  in_threads(kThreads, [&](size_t thread) {
    for (int n = 0; n < 10; ++n) {
      nwr_context* context = nullptr;
      if (nwr_context_create(nullptr, &context) != NWR_OK) ++wrong;
      const Context owner(context);
      nwr_schedule* imported = nullptr;
      if (nwr_schedule_import("DPM++ 2M SDE Karras", nullptr, &imported) != NWR_OK) ++wrong;
      const Schedule schedule(imported);
      auto import = sized<nwr_import>();
      auto info = sized<nwr_schedule_info>();
      if (nwr_schedule_get_import(imported, &import) != NWR_OK) ++wrong;
      if (nwr_schedule_get_info(imported, &info) != NWR_OK) ++wrong;
      specs[thread] = std::string(info.spec) + import.grid + import.sampler;
      int32_t value;
      if (nwr_catalog_find(NWR_DOMAIN_SAMPLER, "unipc", &value) != NWR_OK) ++wrong;
      for (const char* generator : {"brownian", "torch-cpu", "torch-cuda", "philox"}) {
        auto options = sized<nwr_random_options>();
        options.name = generator, options.from_level = 1, options.to_level = 0.5;
        nwr_rng rng = {1, 0, 0};
        const Tensor out(NWR_F32, {100});
        if (nwr_random_generate(context, &options, &rng, 1, out) != NWR_OK) ++wrong;
      }
    }
  });
  EXPECT_EQ(0, wrong) << nwr_last_error();
  for (const std::string& spec : specs) EXPECT_EQ(specs[0], spec);
}

TEST(Stress, EachThreadHasItsOwnLastError) {
  const Schedule schedule = make_schedule("linear");
  std::atomic<int> wrong{0};
  const int rounds = kRuns / 10;
  in_threads(kThreads, [&](size_t thread) {
    if (*nwr_last_error() != '\0') ++wrong;  // nothing has failed here
    for (int n = 0; n < rounds; ++n) {
      const int number = static_cast<int>(thread) * 100000 + n + 2;
      const double t = number;
      nwr_coeffs c;
      if (nwr_schedule_eval(schedule.get(), &t, 1, &c) != NWR_ERROR_INVALID_ARGUMENT) ++wrong;
      const std::string sentence = nwr_last_error();
      if (n % 16 == 0) std::this_thread::yield();
      if (sentence != nwr_last_error() ||
          sentence.find("times[0] is " + std::to_string(number) + ",") == std::string::npos) {
        ++wrong;
      }
    }
  });
  EXPECT_EQ(0, wrong);
}

// Plugins that are none, asked for by all threads while others list what is available.
TEST(Stress, PluginsAreLookedForAtOnce) {
  std::atomic<int> wrong{0};
  in_threads(kThreads, [&](size_t thread) {
    for (int n = 0; n < 20; ++n) {
      auto options = sized<nwr_context_options>();
      options.device = NWR_CUDA;
      options.plugin = thread % 2 ? "/nowhere/plugin.so" : "libm.so.6";
      nwr_context* context = nullptr;
      if (nwr_context_create(&options, &context) != NWR_ERROR_BACKEND || context) ++wrong;
      if (!std::strstr(nwr_last_error(), options.plugin)) ++wrong;
      auto entry = sized<nwr_entry>();
      if (nwr_catalog_entry(NWR_DOMAIN_DEVICE, 1, &entry) != NWR_OK) ++wrong;
    }
  });
  EXPECT_EQ(0, wrong) << nwr_last_error();
}

#if !defined(NWR_TEST_SANITIZED)
// A child made by fork has none of the threads, and the same bits.
TEST(Stress, HandlesWorkInAChildAfterFork) {
  const Context context = make_context(4);
  const Schedule schedule = make_schedule("vp");
  const Job job = {"ddim(eta=0.5)", NWR_F32, 20000};
  std::vector<unsigned char> expected;
  ASSERT_EQ(NWR_DONE, run(context, schedule, job, 3, &expected));
  for (int child = 0; child < 4; ++child) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      alarm(60);
      std::vector<unsigned char> bits;
      const nwr_status status = run(context, schedule, job, 3, &bits);
      const Context fresh = make_context(4);
      std::vector<unsigned char> again;
      const nwr_status second = run(fresh, schedule, job, 3, &again);
      _exit(status == NWR_DONE && second == NWR_DONE && bits == expected && again == expected ? 0
                                                                                              : 1);
    }
    int status = 0;
    ASSERT_EQ(pid, waitpid(pid, &status, 0));
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  std::vector<unsigned char> bits;
  EXPECT_EQ(NWR_DONE, run(context, schedule, job, 3, &bits));
  EXPECT_TRUE(bits == expected);
}
#endif

}  // namespace
}  // namespace nwr_test
