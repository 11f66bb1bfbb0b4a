// SPDX-License-Identifier: Apache-2.0
// Progress of long work: a bar where a person sees it, nothing in a pipe or a log.
#pragma once

#include <unistd.h>

#include <optional>
#include <string>

#include "progress.hpp"

namespace tool {

class Bar {
 public:
  Bar(const std::string& title, std::size_t count, const char* unit) {
    if (isatty(STDERR_FILENO) == 1) bar_.emplace(title, 0, count, unit);
  }
  void show(std::size_t done) {
    if (bar_) bar_->show(done);
  }

 private:
  std::optional<demo::Progress> bar_;
};

}  // namespace tool
