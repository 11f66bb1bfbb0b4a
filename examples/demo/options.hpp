// SPDX-License-Identifier: Apache-2.0
// The command line of the demonstration.
// Wrong options are told in one line; nothing has been done by then.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace demo {

struct Options {
  std::string sampler = "heun";
  std::string out = ".";
  std::size_t steps = 12;
  double guidance = 2;
  std::uint64_t seed = 42;
  int label = -1;  // -1: a class for each row
  int act = 0;     // 0: both
  unsigned threads = 1;
  bool json = false, list = false, help = false;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Throws UsageError.
Options parse_options(int argc, char** argv);
extern const char* const kHelp;

}  // namespace demo
