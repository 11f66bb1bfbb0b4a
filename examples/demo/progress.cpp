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
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return g_interrupted != 0; }

Progress::Progress(std::string title, std::size_t steps, std::size_t evaluations)
    : title_(std::move(title)),
      steps_(steps),
      evaluations_(std::max<std::size_t>(evaluations, 1)),
      terminal_(isatty(STDERR_FILENO) == 1) {
  if (!terminal_) std::fprintf(stderr, "%s: %zu evaluations\n", title_.c_str(), evaluations);
}

Progress::~Progress() {
  if (drawn_) std::fprintf(stderr, "\r\033[K");
}

void Progress::show(std::size_t step, std::size_t done) {
  const double now = clock_.seconds();
  const bool last = done == evaluations_;
  if (now - shown_ < (terminal_ ? kRedraw : kSayAgain) && !(last && terminal_)) return;
  shown_ = now;
  if (!terminal_) {
    std::fprintf(stderr, "%s: step %zu of %zu, evaluation %zu of %zu, %.1f s\n", title_.c_str(),
                 step, steps_, done, evaluations_, now);
    return;
  }
  const std::size_t full = std::min(kBar, kBar * done / evaluations_);
  const std::string bar = std::string(full, '#') + std::string(kBar - full, '.');
  std::fprintf(stderr, "\r\033[K%-24s [%s] step %zu/%zu  evaluation %zu/%zu  %.1f s",
               title_.c_str(), bar.c_str(), step, steps_, done, evaluations_, now);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace demo
