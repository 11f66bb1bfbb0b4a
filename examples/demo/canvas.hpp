// SPDX-License-Identifier: Apache-2.0
// A picture of RGB pixels that squares, grey pictures and small texts are drawn on.
// It becomes a PNG file; zlib does the compression.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace demo {

struct Color {
  std::uint8_t r, g, b;
};

class Canvas {
 public:
  Canvas(int width, int height, Color background);

  int width() const { return width_; }
  int height() const { return height_; }
  const std::vector<std::uint8_t>& pixels() const { return pixels_; }

  void fill(int x, int y, int width, int height, Color c);
  // Values -1 to 1 become black to white, each a square of scale x scale pixels.
  void grey(int x, int y, const float* values, int side, int scale);
  // x and y are the left and the top of the first letter.
  void text(int x, int y, const std::string& s, int scale, Color c);

  static int text_width(const std::string& s, int scale);

  // The bytes of a PNG file. Throws std::runtime_error.
  std::string png() const;

 private:
  int width_, height_;
  std::vector<std::uint8_t> pixels_;
};

}  // namespace demo
