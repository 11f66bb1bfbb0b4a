// SPDX-License-Identifier: Apache-2.0
// The PNG format: signature, IHDR, one IDAT, IEND. zlib compresses.
#include <zlib.h>

#include <stdexcept>

#include "canvas.hpp"

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
