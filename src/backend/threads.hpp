// SPDX-License-Identifier: Apache-2.0
// Owns the threads of one queue. Must not know what they compute.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace noisewright {

// The caller works too and waits only for workers that have joined: on a busy machine a worker that
// comes late finds nothing to do, and nobody has waited for it. A second caller, and any caller in
// a child process after fork, works alone.
class Pool {
 public:
  // 0: one per core that this process may use. Starts no thread.
  explicit Pool(uint32_t threads) noexcept;
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // The caller counts as one.
  uint32_t threads() const { return threads_; }

  // Calls work(context, task) once for every task in [0, tasks), in any order, and returns when all
  // are done. The first call with more than one task starts the workers; where the system refuses
  // some, there are fewer.
  void run(int64_t tasks, void (*work)(void* context, int64_t task), void* context) noexcept;

 private:
  static constexpr uint32_t kClosed = 0x80000000u;

  static void* worker_main(void* pool);
  void start() noexcept;
  void serve() noexcept;
  void await_other_than(uint32_t generation) noexcept;
  void take_tasks() noexcept;

  const uint32_t threads_;

  // Held by the caller that has the workers; guards what follows and the opening of jobs.
  alignas(64) std::atomic<bool> busy_{false};
  bool started_ = false;
  uint32_t worker_count_ = 0;
  std::unique_ptr<pthread_t[]> workers_;
  long owner_ = 0;  // the process in which the workers run

  // Counts jobs. Workers poll it, so it has a cache line of its own; they sleep on it as a futex.
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<uint32_t> sleepers_{0};
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<int64_t> next_{0};
  // Workers in the current job, with kClosed when no more may join.
  alignas(64) std::atomic<uint32_t> joined_{kClosed};
  std::atomic<uint32_t> left_{0};
  // Written before joined_ opens, read by those who joined.
  alignas(64) int64_t tasks_ = 0;
  void (*work_)(void*, int64_t) = nullptr;
  void* context_ = nullptr;
};

}  // namespace noisewright
