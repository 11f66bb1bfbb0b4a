// SPDX-License-Identifier: Apache-2.0
// A little SVG: elements are appended as text, numbers with one decimal.
// Points are drawn as a path of zero-length strokes with round ends: ten bytes each.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace demo {

struct Point {
  double x, y;
};

class Svg {
 public:
  Svg(int width, int height);

  // Opens or closes an element, or anything else that needs no formatting.
  void raw(const std::string& markup);
  void text(Point at, const std::string& s, double size, const char* color,
            const char* anchor = "start", const char* more = "");
  void line(Point from, Point to, const char* color, double width, const char* more = "");
  void polyline(const std::vector<Point>& points, const char* more);
  void dots(const std::vector<Point>& points, double diameter, const char* color, double opacity);

  // The whole file.
  std::string finish() const { return body_ + "</svg>\n"; }

  static std::string number(double v);
  static std::string path(const std::vector<Point>& points);

 private:
  std::string body_;
};

}  // namespace demo
