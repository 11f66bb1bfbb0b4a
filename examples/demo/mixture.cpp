// SPDX-License-Identifier: Apache-2.0
// The closed forms. With x_t = a data + s noise and data of component k ~ N(m_k, w^2), x_t of
// component k ~ N(a m_k, v) with v = a^2 w^2 + s^2, and everything else is Bayes' rule.
#include "mixture.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include "font.hpp"

namespace demo {

Mixture::Mixture(const std::string& word, double spacing, double width) : width_(width * spacing) {
  const double middle_x = (static_cast<double>(word.size()) * kGlyphAdvance - 2) / 2;
  constexpr double kMiddleY = 3.5;  // of the seven rows above the baseline
  for (std::size_t i = 0; i < word.size(); ++i) {
    const Glyph& g = glyph_of(word[i]);
    for (int row = 0; row < kGlyphHeight; ++row) {
      for (int column = 0; column < kGlyphWidth; ++column) {
        if (!glyph_pixel(g, column, row)) continue;
        const double pixel = static_cast<double>(i) * kGlyphAdvance + column;
        x_.push_back((pixel - middle_x) * spacing);
        y_.push_back((kMiddleY - row) * spacing);
      }
    }
  }
  left_ = *std::min_element(x_.begin(), x_.end());
  right_ = *std::max_element(x_.begin(), x_.end());
}

void Mixture::predict_some(nwr_quantity quantity, const nwr_coeffs& at, const double* points,
                           std::size_t count, double* out) const {
  const double a = at.alpha, s = at.sigma, w2 = width_ * width_;
  const double v = a * a * w2 + s * s;
  std::vector<double> exponents(size());
  for (std::size_t i = 0; i < count; ++i) {
    const double x = points[2 * i], y = points[2 * i + 1];
    double top = -INFINITY;
    for (std::size_t k = 0; k < size(); ++k) {
      const double dx = x - a * x_[k], dy = y - a * y_[k];
      exponents[k] = -(dx * dx + dy * dy) / (2 * v);
      top = std::max(top, exponents[k]);
    }
    double total = 0, mx = 0, my = 0;
    for (std::size_t k = 0; k < size(); ++k) {
      const double e = exponents[k] - top;
      if (e < -50) continue;  // beyond the digits of a double
      const double weight = std::exp(e);
      total += weight;
      mx += weight * x_[k];
      my += weight * y_[k];
    }
    mx /= total;
    my /= total;
    // Neither form divides by a or s, so both hold at the ends of time as well.
    const double dx = (x - a * mx) / v, dy = (y - a * my) / v;
    const double data_x = mx + a * w2 * dx, data_y = my + a * w2 * dy;
    const double noise_x = s * dx, noise_y = s * dy;
    switch (quantity) {
      case NWR_DATA:
        out[2 * i] = data_x;
        out[2 * i + 1] = data_y;
        break;
      case NWR_NOISE:
        out[2 * i] = noise_x;
        out[2 * i + 1] = noise_y;
        break;
      default:
        out[2 * i] = at.dalpha * data_x + at.dsigma * noise_x;
        out[2 * i + 1] = at.dalpha * data_y + at.dsigma * noise_y;
    }
  }
}

void Mixture::predict(nwr_quantity quantity, const nwr_coeffs& at, const double* points,
                      std::size_t count, unsigned threads, double* out) const {
  constexpr std::size_t kWorthAThread = 256;
  const std::size_t parts = std::clamp<std::size_t>(count / kWorthAThread, 1, threads);
  std::vector<std::thread> others;
  for (std::size_t p = 0; p < parts; ++p) {
    const std::size_t begin = count * p / parts, end = count * (p + 1) / parts;
    const auto work = [=, this_ = this, &at] {
      this_->predict_some(quantity, at, points + 2 * begin, end - begin, out + 2 * begin);
    };
    if (p + 1 < parts) {
      others.emplace_back(work);
    } else {
      work();
    }
  }
  for (std::thread& t : others) t.join();
}

void Mixture::draw(const nwr_coeffs& at, const double* normals, std::size_t count,
                   double* out) const {
  const double deviation = std::hypot(at.alpha * width_, at.sigma);
  for (std::size_t i = 0; i < count; ++i) {
    out[2 * i] = at.alpha * x_[i % size()] + deviation * normals[2 * i];
    out[2 * i + 1] = at.alpha * y_[i % size()] + deviation * normals[2 * i + 1];
  }
}

double Mixture::variance(const nwr_coeffs& at) const {
  const double n = static_cast<double>(size());
  double sx = 0, sy = 0, squares = 0;
  for (std::size_t k = 0; k < size(); ++k) {
    sx += x_[k];
    sy += y_[k];
    squares += x_[k] * x_[k] + y_[k] * y_[k];
  }
  const double between = squares / n - (sx * sx + sy * sy) / (n * n);
  return at.alpha * at.alpha * (between + 2 * width_ * width_) + 2 * at.sigma * at.sigma;
}

}  // namespace demo
