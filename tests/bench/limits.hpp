// SPDX-License-Identifier: Apache-2.0
// Owns what the machine can do: plain passes over memory with the same streams as the library's, to
// measure the library against. Must not know the library.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace bench {

// Arrays start at different places of a page: equal places would fight for the same cache sets.
class Array {
 public:
  explicit Array(size_t bytes);
  ~Array();
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  float* data() const { return data_; }

 private:
  void* memory_ = nullptr;
  size_t mapped_ = 0;
  float* data_ = nullptr;
};

// Threads that wait for work without sleeping, the caller among them.
class Team {
 public:
  explicit Team(unsigned threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  unsigned size() const;
  // Calls work(i) for i below size(), each on its own thread, and waits.
  void run(const std::function<void(unsigned)>& work);

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

// outputs[j][i] = sum over k of inputs[k][i]/8, j + 1 of the inputs left out: reads and writes like
// a step with so many streams. Non-temporal stores where asked: the outputs must then not be
// inputs.
struct Pass {
  const float* inputs[4];
  int reads;
  float* outputs[2];
  int writes;
  size_t count;  // a multiple of 16
  bool streaming;
};
void run_pass(Team& team, const Pass& pass);

}  // namespace bench
