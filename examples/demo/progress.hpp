// SPDX-License-Identifier: Apache-2.0
// What a person at the terminal sees and does while a run goes on: a bar, and Ctrl-C.
// Everything goes to standard error, so that standard output stays clean.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace demo {

// From here on Ctrl-C asks the runs to stop; a second one ends the program at once.
void catch_interrupts();
bool interrupted();

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// On a terminal a bar that redraws itself, else a line now and then.
class Progress {
 public:
  // count pieces of work, each of them called unit; steps is 0 where they form no steps.
  Progress(std::string title, std::size_t steps, std::size_t count, const char* unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // So many are done.
  void show(std::size_t done);

 private:
  std::string title_;
  std::size_t steps_, count_;
  const char* unit_;
  Stopwatch clock_;
  double shown_ = 0;
  bool terminal_, drawn_ = false;
};

}  // namespace demo
