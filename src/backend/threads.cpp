// SPDX-License-Identifier: Apache-2.0
// Owns the threads of one queue. Must not know what they compute.

#include "backend/threads.hpp"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <initializer_list>
#include <new>

#if defined(__linux__)
#  include <linux/futex.h>
#  include <sys/syscall.h>
#endif

namespace noisewright {
namespace {

constexpr uint32_t kMaxThreads = 1024;
// A caller in a loop finds its workers awake; one that computes a network between two calls does
// not pay for theirs.
constexpr std::chrono::microseconds kSpin{8};

uint32_t usable_cores() noexcept {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int count = CPU_COUNT(&set);
    if (count > 0) return static_cast<uint32_t>(count);
  }
#endif
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<uint32_t>(count) : 1u;
}

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "a futex is a plain word");

// Without futexes there are no workers: see start().
void sleep_while(std::atomic<uint32_t>& word, uint32_t value) noexcept {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  static_cast<void>(word);
  static_cast<void>(value);
#endif
}

void wake(std::atomic<uint32_t>& word, uint32_t count) noexcept {
#if defined(__linux__)
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, static_cast<int>(count), nullptr, nullptr, 0);
#else
  static_cast<void>(word);
  static_cast<void>(count);
#endif
}

}  // namespace

Pool::Pool(uint32_t threads) noexcept
    : threads_(threads == 0            ? usable_cores()
               : threads > kMaxThreads ? kMaxThreads
                                       : threads) {}

Pool::~Pool() {
  if (worker_count_ == 0) return;
  // After fork the child has none of the threads, and waiting for one would never end.
  if (owner_ != static_cast<long>(getpid())) return;
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_seq_cst);
  wake(generation_, worker_count_);
  for (uint32_t i = 0; i < worker_count_; ++i) pthread_join(workers_[i], nullptr);
}

void Pool::start() noexcept {
  started_ = true;
#if defined(__linux__)
  const uint32_t wanted = threads_ - 1;
  workers_.reset(new (std::nothrow) pthread_t[wanted]);
  if (!workers_) return;
  owner_ = static_cast<long>(getpid());
  // The host's signals are for the host's threads; only faults stay where they arise.
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
    sigdelset(&blocked, fault);
  }
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  while (worker_count_ < wanted &&
         pthread_create(&workers_[worker_count_], nullptr, worker_main, this) == 0) {
    ++worker_count_;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
}

void Pool::run(int64_t tasks, void (*work)(void*, int64_t), void* context) noexcept {
  const bool alone = threads_ == 1 || tasks <= 1 || busy_.exchange(true, std::memory_order_acquire);
  if (alone) {
    for (int64_t task = 0; task < tasks; ++task) work(context, task);
    return;
  }
  if (!started_) start();
  work_ = work;
  context_ = context;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  left_.store(0, std::memory_order_relaxed);
  joined_.store(0, std::memory_order_release);
  // Sequentially consistent with await_other_than: either this thread sees the sleeper or the
  // sleeper sees the new generation.
  generation_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    wake(generation_, tasks - 1 < worker_count_ ? static_cast<uint32_t>(tasks - 1) : worker_count_);
  }
  take_tasks();
  const uint32_t joined = joined_.fetch_or(kClosed, std::memory_order_acq_rel);
  for (int spins = 0; left_.load(std::memory_order_acquire) != joined; ++spins) {
    // The worker that is awaited may have lost its core, perhaps to this thread.
    if (spins < 1000) {
      relax();
    } else {
      sched_yield();
    }
  }
  busy_.store(false, std::memory_order_release);
}

void Pool::take_tasks() noexcept {
  for (;;) {
    const int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
    if (task >= tasks_) return;
    work_(context_, task);
  }
}

void* Pool::worker_main(void* pool) {
  static_cast<Pool*>(pool)->serve();
  return nullptr;
}

void Pool::await_other_than(uint32_t generation) noexcept {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (generation_.load(std::memory_order_acquire) != generation) return;
      relax();
    }
  } while (Clock::now() < end);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (generation_.load(std::memory_order_seq_cst) == generation) {
    sleep_while(generation_, generation);
  }
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void Pool::serve() noexcept {
  uint32_t seen = 0;
  for (;;) {
    await_other_than(seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    uint32_t joined = joined_.load(std::memory_order_relaxed);
    while ((joined & kClosed) == 0) {
      if (joined_.compare_exchange_weak(joined, joined + 1, std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
        take_tasks();
        left_.fetch_add(1, std::memory_order_release);
        break;
      }
    }
  }
}

}  // namespace noisewright
