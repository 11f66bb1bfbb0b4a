// SPDX-License-Identifier: Apache-2.0
// A mixture of equal round Gaussians in the plane, at the pixels of a word: a "model" whose
// predictions are exact at every time, so that all error that is left is the sampler's.
#pragma once

#include <noisewright.h>

#include <cstddef>
#include <string>
#include <vector>

namespace demo {

class Mixture {
 public:
  // spacing is the distance of pixels, width the deviation of each Gaussian in pixels.
  Mixture(const std::string& word, double spacing, double width);

  std::size_t size() const { return x_.size(); }
  double left() const { return left_; }
  double right() const { return right_; }

  // E[quantity | x_t = x] for count points in the plane: velocity, data or noise.
  void predict(nwr_quantity quantity, const nwr_coeffs& at, const double* points, std::size_t count,
               unsigned threads, double* out) const;

  // Turns standard normals into exact samples of x_t, point i from the Gaussian i mod size().
  void draw(const nwr_coeffs& at, const double* normals, std::size_t count, double* out) const;

  // The trace of the covariance of x_t.
  double variance(const nwr_coeffs& at) const;

 private:
  void predict_some(nwr_quantity quantity, const nwr_coeffs& at, const double* points,
                    std::size_t count, double* out) const;

  std::vector<double> x_, y_;
  double width_, left_, right_;
};

}  // namespace demo
