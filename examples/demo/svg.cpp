// SPDX-License-Identifier: Apache-2.0
// Writing SVG. Paths use relative coordinates of rounded absolutes: short, and no error adds up.
// Callers pass texts without <, > and &.
#include "svg.hpp"

#include <cmath>
#include <cstdio>

namespace demo {
namespace {

std::string tenths(long n) {
  std::string s = n < 0 ? "-" : "";
  const long m = n < 0 ? -n : n;
  s += std::to_string(m / 10);
  if (m % 10 != 0) s += "." + std::to_string(m % 10);
  return s;
}

long in_tenths(double v) { return std::lround(v * 10); }

std::string step_to(Point p, long& x, long& y) {
  const long nx = in_tenths(p.x), ny = in_tenths(p.y);
  const std::string second = tenths(ny - y);
  std::string s = tenths(nx - x) + (second[0] == '-' ? "" : " ") + second;
  x = nx;
  y = ny;
  return s;
}

}  // namespace

Svg::Svg(int width, int height) {
  const std::string w = std::to_string(width), h = std::to_string(height);
  body_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h +
          "\" viewBox=\"0 0 " + w + " " + h +
          "\" font-family=\"'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif\">\n";
}

void Svg::raw(const std::string& markup) { body_ += markup + "\n"; }

std::string Svg::number(double v) { return tenths(in_tenths(v)); }

void Svg::text(Point at, const std::string& s, double size, const char* color, const char* anchor,
               const char* more) {
  body_ += "<text x=\"" + number(at.x) + "\" y=\"" + number(at.y) + "\" font-size=\"" +
           number(size) + "\" fill=\"" + color + "\" text-anchor=\"" + anchor + "\" " + more + ">" +
           s + "</text>\n";
}

void Svg::line(Point from, Point to, const char* color, double width, const char* more) {
  body_ += "<path d=\"" + path({from, to}) + "\" stroke=\"" + color + "\" stroke-width=\"" +
           number(width) + "\" " + more + "/>\n";
}

std::string Svg::path(const std::vector<Point>& points) {
  std::string d;
  long x = 0, y = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    d += i == 0 ? "M" : "l";
    d += step_to(points[i], x, y);
  }
  return d;
}

void Svg::polyline(const std::vector<Point>& points, const char* more) {
  body_ += "<path d=\"" + path(points) + "\" fill=\"none\" " + more + "/>\n";
}

void Svg::dots(const std::vector<Point>& points, double diameter, const char* color,
               double opacity) {
  char style[160];
  std::snprintf(style, sizeof style,
                "stroke=\"%s\" stroke-width=\"%.2g\" stroke-linecap=\"round\" "
                "stroke-opacity=\"%.2g\"",
                color, diameter, opacity);
  body_ += std::string("<path ") + style + " d=\"";
  long x = 0, y = 0;
  for (const Point& p : points) {
    body_ += "m" + step_to(p, x, y) + "h0";
  }
  body_ += "\"/>\n";
}

}  // namespace demo
