// SPDX-License-Identifier: Apache-2.0
// The two acts, and what they hand back for the summary.
// Both stop early, and with the status of it, when the user interrupts.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "files.hpp"
#include "options.hpp"

namespace demo {

// Errors of one sampler at growing numbers of evaluations.
struct Curve {
  std::string sampler, grid;
  bool stochastic = false;
  std::vector<std::size_t> evaluations;
  std::vector<double> errors;
  double order = 0;      // of the last doubling
  double agreement = 0;  // largest difference between runs by velocity, data and noise
};

// One picture of the strip.
struct Tile {
  std::string sampler;
  std::size_t evaluations = 0;
  double error = 0;
};

struct Report {
  bool complete = false;
  double seconds = 0;
  std::string noise_sha256;
  std::vector<File> files;
  std::vector<Curve> curves;  // act 1
  std::string table;          // act 1: the curves as text
  double sampling_error = 0;  // act 1: what chance alone does to a stochastic sampler's error
  std::vector<Tile> tiles;    // act 2
  std::size_t network_evaluations = 0;
  double grid_seconds = 0;
};

Report play_word(const Options& options);
Report play_clothes(const Options& options);

// Writes a file into the output folder.
inline File write_file(const Options& options, const std::string& name, const std::string& bytes) {
  return write_file(options.out, name, bytes);
}

}  // namespace demo
