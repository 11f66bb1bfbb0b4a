// SPDX-License-Identifier: Apache-2.0
// Drawing on a Canvas, and the PNG format: signature, IHDR, one IDAT, IEND.
// Everything is clipped at the edges.
#include "canvas.hpp"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "font.hpp"

namespace demo {
namespace {

void put_u32(std::string& s, std::size_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) s.push_back(static_cast<char>(v >> shift & 255));
}

void put_chunk(std::string& png, const char* type, const std::string& body) {
  put_u32(png, body.size());
  const std::string checked = type + body;
  png += checked;
  put_u32(png, crc32(0, reinterpret_cast<const Bytef*>(checked.data()),
                     static_cast<uInt>(checked.size())));
}

}  // namespace

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

std::string Canvas::png() const {
  // Each row begins with the number of its filter: 0, none.
  std::string rows;
  const std::size_t stride = static_cast<std::size_t>(3 * width_);
  for (std::size_t y = 0; y < static_cast<std::size_t>(height_); ++y) {
    rows.push_back(0);
    rows.append(reinterpret_cast<const char*>(&pixels_[y * stride]), stride);
  }
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  std::string packed(size, 0);
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                reinterpret_cast<const Bytef*>(rows.data()), static_cast<uLong>(rows.size()),
                Z_BEST_COMPRESSION) != Z_OK) {
    throw std::runtime_error("zlib cannot compress a picture");
  }
  packed.resize(size);

  std::string header;
  put_u32(header, static_cast<std::size_t>(width_));
  put_u32(header, static_cast<std::size_t>(height_));
  header += {8, 2, 0, 0, 0};  // eight bits, RGB, deflate, adaptive filters, not interlaced
  std::string png = "\x89PNG\r\n\x1a\n";
  put_chunk(png, "IHDR", header);
  put_chunk(png, "IDAT", packed);
  put_chunk(png, "IEND", "");
  return png;
}

}  // namespace demo
