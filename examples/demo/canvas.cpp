// SPDX-License-Identifier: Apache-2.0
// Drawing on a Canvas.
// Everything is clipped at the edges.
#include "canvas.hpp"

#include <algorithm>
#include <cmath>

#include "font.hpp"

namespace demo {
Canvas::Canvas(int width, int height, Color background)
    : width_(width), height_(height), pixels_(static_cast<std::size_t>(3 * width * height)) {
  fill(0, 0, width, height, background);
}

void Canvas::fill(int x, int y, int width, int height, Color c) {
  for (int row = std::max(y, 0); row < std::min(y + height, height_); ++row) {
    for (int column = std::max(x, 0); column < std::min(x + width, width_); ++column) {
      std::uint8_t* p = &pixels_[static_cast<std::size_t>(3 * (row * width_ + column))];
      p[0] = c.r;
      p[1] = c.g;
      p[2] = c.b;
    }
  }
}

void Canvas::grey(int x, int y, const float* values, int side, int scale) {
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      const float v = std::clamp(*values++, -1.0f, 1.0f);
      const auto level = static_cast<std::uint8_t>(std::lround((v + 1) * 127.5f));
      fill(x + column * scale, y + row * scale, scale, scale, {level, level, level});
    }
  }
}

void Canvas::text(int x, int y, const std::string& s, int scale, Color c) {
  for (const char letter : s) {
    const Glyph& g = glyph_of(letter);
    for (int row = 0; row < kGlyphHeight; ++row) {
      for (int column = 0; column < kGlyphWidth; ++column) {
        if (glyph_pixel(g, column, row)) fill(x + column * scale, y + row * scale, scale, scale, c);
      }
    }
    x += kGlyphAdvance * scale;
  }
}

int Canvas::text_width(const std::string& s, int scale) {
  return s.empty() ? 0 : (static_cast<int>(s.size()) * kGlyphAdvance - 1) * scale;
}

}  // namespace demo
