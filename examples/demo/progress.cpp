// SPDX-License-Identifier: Apache-2.0
// The bar, and the flag that the signal handler sets.
// A handler may do little more than set a flag, so the loops look at it themselves.
#include "progress.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace demo {
namespace {

volatile sig_atomic_t g_interrupted = 0;

void on_interrupt(int) { g_interrupted = 1; }

constexpr double kRedraw = 0.1;   // seconds, on a terminal
constexpr double kSayAgain = 5;   // seconds, in a log
constexpr std::size_t kBar = 28;  // characters

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

bool interrupted() { return g_interrupted != 0; }

Progress::Progress(std::string title, std::size_t steps, std::size_t count, const char* unit)
    : title_(std::move(title)),
      steps_(steps),
      count_(std::max<std::size_t>(count, 1)),
      unit_(unit),
      terminal_(isatty(STDERR_FILENO) == 1) {
  if (!terminal_) {
    std::fprintf(stderr, "%s: %zu %s%s\n", title_.c_str(), count_, unit_, count_ == 1 ? "" : "s");
  }
}

Progress::~Progress() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
}

void Progress::show(std::size_t done) {
  const double now = clock_.seconds();
  if (now - shown_ < (terminal_ ? kRedraw : kSayAgain)) return;
  shown_ = now;
  char text[128];
  int length = 0;
  if (steps_ > 0) {
    const std::size_t step = std::min(steps_, steps_ * done / count_ + 1);
    length = std::snprintf(text, sizeof text, "step %zu of %zu, ", step, steps_);
  }
  std::snprintf(text + length, sizeof text - static_cast<std::size_t>(length),
                "%s %zu of %zu, %.1f s", unit_, done, count_, now);
  if (!terminal_) {
    std::fprintf(stderr, "%s: %s\n", title_.c_str(), text);
    return;
  }
  const std::size_t full = std::min(kBar, kBar * done / count_);
  const std::string bar = std::string(full, '#') + std::string(kBar - full, '.');
  std::fprintf(stderr, "\r\033[K%-18s [%s] %s", title_.c_str(), bar.c_str(), text);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace demo
