// SPDX-License-Identifier: Apache-2.0
#include "limits.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#  include <immintrin.h>
#endif

namespace bench {

// ---- memory -------------------------------------------------------------------------------------

Array::Array(size_t bytes) {
  static std::atomic<size_t> made{0};
  constexpr size_t kHuge = size_t{2} << 20;
  const size_t skew = (made++ % 13 + 1) * (4096 + 320);
  mapped_ = (bytes + skew + 2 * kHuge) / kHuge * kHuge;
  memory_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
  madvise(memory_, mapped_, MADV_HUGEPAGE);
  data_ = reinterpret_cast<float*>(static_cast<char*>(memory_) + skew);
  // Every page is there before anything is measured.
  for (size_t i = 0; i < bytes / sizeof(float); ++i) data_[i] = 0.25f;
}

Array::~Array() { munmap(memory_, mapped_); }

// ---- threads ------------------------------------------------------------------------------------

struct Team::Shared {
  std::atomic<uint64_t> round{0};
  std::atomic<unsigned> busy{0};
  std::atomic<bool> end{false};
  const std::function<void(unsigned)>* work = nullptr;
  std::vector<std::thread> others;
};

Team::Team(unsigned threads) : shared_(std::make_unique<Shared>()) {
  for (unsigned i = 1; i < threads; ++i) {
    shared_->others.emplace_back([s = shared_.get(), i] {
      uint64_t seen = 0;
      for (;;) {
        while (s->round.load(std::memory_order_acquire) == seen && !s->end) {
        }
        if (s->end) return;
        ++seen;
        (*s->work)(i);
        s->busy.fetch_sub(1, std::memory_order_release);
      }
    });
  }
}

Team::~Team() {
  shared_->end = true;
  for (std::thread& t : shared_->others) t.join();
}

unsigned Team::size() const { return static_cast<unsigned>(shared_->others.size()) + 1; }

void Team::run(const std::function<void(unsigned)>& work) {
  shared_->work = &work;
  shared_->busy.store(size() - 1, std::memory_order_relaxed);
  shared_->round.fetch_add(1, std::memory_order_release);
  work(0);
  while (shared_->busy.load(std::memory_order_acquire) != 0) {
  }
}

// ---- passes -------------------------------------------------------------------------------------

namespace {

#if defined(__x86_64__)

template <int Reads, int Writes, bool Streaming>
__attribute__((target("avx2"))) void avx2_pass(const Pass& p, size_t begin, size_t end) {
  const __m256 factor = _mm256_set1_ps(0.125f);
  for (size_t i = begin; i < end; i += 16) {
    __m256 low[Reads], high[Reads];
    for (int k = 0; k < Reads; ++k) {
      low[k] = _mm256_mul_ps(factor, _mm256_loadu_ps(p.inputs[k] + i));
      high[k] = _mm256_mul_ps(factor, _mm256_loadu_ps(p.inputs[k] + i + 8));
    }
    for (int j = 0; j < Writes; ++j) {
      __m256 a = low[0], b = high[0];
      for (int k = 1; k < Reads - j; ++k) {
        a = _mm256_add_ps(a, low[k]);
        b = _mm256_add_ps(b, high[k]);
      }
      if (Streaming) {
        _mm256_stream_ps(p.outputs[j] + i, a);
        _mm256_stream_ps(p.outputs[j] + i + 8, b);
      } else {
        _mm256_storeu_ps(p.outputs[j] + i, a);
        _mm256_storeu_ps(p.outputs[j] + i + 8, b);
      }
    }
  }
  if (Streaming) _mm_sfence();
}

template <int Reads, int Writes>
void avx2_any(const Pass& p, size_t begin, size_t end) {
  if (p.streaming) {
    avx2_pass<Reads, Writes, true>(p, begin, end);
  } else {
    avx2_pass<Reads, Writes, false>(p, begin, end);
  }
}

bool run_avx2(const Pass& p, size_t begin, size_t end) {
  if (!__builtin_cpu_supports("avx2")) return false;
  switch (p.reads * 10 + p.writes) {
    case 11: avx2_any<1, 1>(p, begin, end); return true;
    case 21: avx2_any<2, 1>(p, begin, end); return true;
    case 31: avx2_any<3, 1>(p, begin, end); return true;
    case 41: avx2_any<4, 1>(p, begin, end); return true;
    case 22: avx2_any<2, 2>(p, begin, end); return true;
    case 32: avx2_any<3, 2>(p, begin, end); return true;
    default: return false;
  }
}

#else
bool run_avx2(const Pass&, size_t, size_t) { return false; }
#endif

void run_part(const Pass& p, size_t begin, size_t end) {
  if (run_avx2(p, begin, end)) return;
  for (size_t i = begin; i < end; ++i) {
    float x[4] = {};
    for (int k = 0; k < p.reads; ++k) x[k] = 0.125f * p.inputs[k][i];
    for (int j = 0; j < p.writes; ++j) {
      float sum = x[0];
      for (int k = 1; k < p.reads - j; ++k) sum += x[k];
      p.outputs[j][i] = sum;
    }
  }
}

}  // namespace

void run_pass(Team& team, const Pass& pass) {
  const size_t parts = team.size();
  if (parts == 1) {
    run_part(pass, 0, pass.count);
    return;
  }
  const size_t share = (pass.count / parts + 15) / 16 * 16;
  team.run([&](unsigned i) {
    const size_t begin = share * i, end = begin + share;
    run_part(pass, begin < pass.count ? begin : pass.count, end < pass.count ? end : pass.count);
  });
}

}  // namespace bench
