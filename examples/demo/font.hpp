// SPDX-License-Identifier: Apache-2.0
// A bitmap font of 5 x 9 pixels: seven rows above the baseline, two below it.
// It writes the labels of pictures, and its pixels are the centres of act 1's mixture.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace demo {

constexpr int kGlyphWidth = 5;
constexpr int kGlyphHeight = 9;
constexpr int kGlyphAdvance = 6;

using Glyph = std::array<std::uint8_t, kGlyphHeight>;

// Lower case, digits and a little punctuation; anything else is blank.
const Glyph& glyph_of(char c);

inline bool glyph_pixel(const Glyph& g, int x, int y) {
  return (g[static_cast<std::size_t>(y)] >> (kGlyphWidth - 1 - x) & 1) != 0;
}

}  // namespace demo
