// SPDX-License-Identifier: Apache-2.0
// Owns the proof that the pool does each task once, starts late, sleeps, ends, and survives fork
// and callers that come together. Must not know what tasks compute.

#include "backend/threads.hpp"

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "cpu_support.hpp"

namespace noisewright {
namespace {

using Clock = std::chrono::steady_clock;

struct Counts {
  explicit Counts(int64_t tasks) : done(static_cast<size_t>(tasks)) {}
  std::vector<std::atomic<int>> done;
  static void run(void* context, int64_t task) {
    static_cast<Counts*>(context)->done[static_cast<size_t>(task)].fetch_add(1);
  }
  // Long enough for callers to meet.
  static void run_slowly(void* context, int64_t task) {
    for (int i = 0; i < 20; ++i) Clock::now();
    run(context, task);
  }
  bool all(int times) const {
    for (const auto& d : done) {
      if (d.load() != times) return false;
    }
    return true;
  }
};

int threads_of_this_process() {
  DIR* const directory = opendir("/proc/self/task");
  if (directory == nullptr) return -1;
  int count = 0;
  while (const dirent* entry = readdir(directory)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(directory);
  return count;
}

// A thread that was joined may stay listed for a moment.
bool thread_count_becomes(int count) {
  for (int i = 0; i < 2000; ++i) {
    if (threads_of_this_process() == count) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

// Tasks that wait, for some seconds at most, until a second thread has joined.
struct Meeting {
  std::atomic<bool> met{false};
  std::atomic<pthread_t> first{pthread_t{}};
  void (*visit)() = nullptr;  // called by threads other than the caller
  pthread_t caller = pthread_self();
  static void run(void* context, int64_t) {
    Meeting& m = *static_cast<Meeting*>(context);
    const pthread_t self = pthread_self();
    if (self != m.caller && m.visit != nullptr) m.visit();
    pthread_t none{};
    if (!m.first.compare_exchange_strong(none, self) && none != self) m.met = true;
    const Clock::time_point end = Clock::now() + std::chrono::seconds(10);
    while (!m.met && Clock::now() < end) std::this_thread::yield();
  }
};

// Runs f in a child process; true if it returned true within some seconds.
template <class F>
bool in_child(const F& f) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(f() ? 0 : 1);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

TEST(Pool, DoesEveryTaskOnce) {
  for (const uint32_t threads : {0u, 1u, 2u, 3u, 8u}) {
    Pool pool(threads);
    for (const int64_t tasks : {0, 1, 2, 3, 7, 100, 5000}) {
      Counts counts(tasks);
      for (int round = 1; round <= 20; ++round) {
        pool.run(tasks, Counts::run, &counts);
        ASSERT_TRUE(counts.all(round)) << threads << " threads, " << tasks << " tasks";
      }
    }
  }
}

TEST(Pool, SurvivesManyShortJobs) {
  Pool pool(3);
  Counts counts(4);
  for (int round = 1; round <= 20000; ++round) pool.run(4, Counts::run, &counts);
  EXPECT_TRUE(counts.all(20000));
}

TEST(Pool, CountsCoresAndCapsNonsense) {
  EXPECT_GE(Pool(0).threads(), 1u);
  EXPECT_EQ(Pool(5).threads(), 5u);
  EXPECT_LE(Pool(0xFFFFFFFFu).threads(), 1024u);
}

TEST(Pool, StartsLateAndEndsWithItsOwner) {
  // The thread sanitizer's own thread begins with the first one that the process starts.
  std::thread([] {}).join();
  const int before = threads_of_this_process();
  {
    Pool alone(1), several(4);
    Counts counts(100);
    alone.run(100, Counts::run, &counts);
    several.run(1, Counts::run, &counts);
    EXPECT_EQ(threads_of_this_process(), before);
    several.run(100, Counts::run, &counts);
    EXPECT_EQ(threads_of_this_process(), before + 3);
  }
  EXPECT_TRUE(thread_count_becomes(before));
}

TEST(Pool, WakesWorkersThatSleep) {
  Pool pool(2);
  for (int round = 0; round < 3; ++round) {
    Meeting meeting;
    pool.run(2, Meeting::run, &meeting);
    EXPECT_TRUE(meeting.met);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

TEST(Pool, LeavesTheCoresAloneBetweenJobs) {
  Pool pool(4);
  Counts counts(100);
  pool.run(100, Counts::run, &counts);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto used_ns = [] {
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
  };
  const int64_t before = used_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(used_ns() - before, 20000000);
}

TEST(Pool, ServesCallersThatComeTogether) {
  constexpr int kCallers = 4;
  Pool pool(3);
  std::vector<std::thread> callers;
  std::atomic<int> good{0}, ready{0};
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&] {
      Counts counts(37);
      ++ready;
      while (ready < kCallers) std::this_thread::yield();
      const Clock::time_point end = Clock::now() + std::chrono::milliseconds(200);
      int rounds = 0;
      for (; rounds < 100 || Clock::now() < end; ++rounds) {
        pool.run(37, Counts::run_slowly, &counts);
      }
      if (counts.all(rounds)) ++good;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, kCallers);
}

TEST(Pool, KeepsTheHostsSignalsFromWorkers) {
  Pool pool(2);
  sigset_t before, after;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  static std::atomic<int> blocked, open;
  blocked = open = 0;
  Meeting meeting;
  meeting.visit = [] {
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    (sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGINT) == 1 ? blocked : open)++;
    if (sigismember(&mask, SIGSEGV) == 1) ++open;
  };
  pool.run(2, Meeting::run, &meeting);
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  EXPECT_GT(blocked, 0);
  EXPECT_EQ(open, 0);
  EXPECT_EQ(sigismember(&before, SIGUSR1), sigismember(&after, SIGUSR1));
}

TEST(Pool, WorksInAChildAfterFork) {
  auto pool = std::make_unique<Pool>(4);
  Counts counts(1000);
  pool->run(1000, Counts::run, &counts);
  ASSERT_TRUE(counts.all(1));
  EXPECT_TRUE(in_child([&] {
    for (int round = 0; round < 100; ++round) pool->run(1000, Counts::run, &counts);
    pool.reset();
    return counts.all(101);
  }));
  pool->run(1000, Counts::run, &counts);
  EXPECT_TRUE(counts.all(2));
}

// The child's copy of the pool is in the middle of a job that nobody there will finish.
TEST(Pool, WorksInAChildForkedDuringAJob) {
  Pool pool(2);
  std::atomic<bool> stop{false}, running{false};
  struct Shared {
    std::atomic<bool>*stop, *running;
  } shared = {&stop, &running};
  std::thread other([&] {
    pool.run(
        2,
        [](void* context, int64_t) {
          const Shared& s = *static_cast<Shared*>(context);
          *s.running = true;
          while (!*s.stop) std::this_thread::yield();
        },
        &shared);
  });
  while (!running) std::this_thread::yield();
  Counts counts(50);
  EXPECT_TRUE(in_child([&] {
    pool.run(50, Counts::run, &counts);
    return counts.all(1);
  }));
  stop = true;
  other.join();
}

TEST(Pool, GoesOnWithoutThreadsThatCannotStart) {
  EXPECT_TRUE(in_child([] {
    // The limit does not hold for root.
    if (geteuid() == 0 && setuid(65534) != 0) return false;
    const rlimit none = {0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0) return false;
    const int before = threads_of_this_process();
    Pool pool(4);
    Counts counts(100);
    for (int round = 0; round < 3; ++round) pool.run(100, Counts::run, &counts);
    return counts.all(3) && threads_of_this_process() == before;
  }));
}

TEST(CpuQueue, MayBeSharedByThreads) {
  constexpr int64_t kCount = 100003;
  const Rng rng = {1, 2, 3};
  const auto fill = [&](Queue* queue, std::vector<float>* to) {
    FillPlan plan;
    plan.shape.ndim = 1;
    plan.shape.extent[0] = kCount;
    plan.output.data = to->data();
    plan.output.stride[0] = 1;
    plan.rngs = &rng;
    plan.rng_count = 1;
    cpu_backend().fill(queue, plan);
  };
  std::vector<float> expected(kCount);
  fill(test::make_queue(best_kernels()).get(), &expected);
  const test::QueuePtr queue = test::make_queue(best_kernels(), 3);
  std::vector<std::vector<float>> got(4, std::vector<float>(kCount));
  std::vector<std::thread> callers;
  for (auto& mine : got) {
    callers.emplace_back([&] {
      for (int round = 0; round < 5; ++round) fill(queue.get(), &mine);
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& mine : got) EXPECT_EQ(mine, expected);
}

}  // namespace
}  // namespace noisewright
