// SPDX-License-Identifier: Apache-2.0
// One drawing for both formats: lines and texts go to a surface. PNG is stored, not compressed, so
// that nothing but this program is needed: RFC 1950, 1951, and the PNG specification.
#include "plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>

#include "args.hpp"
#include "canvas.hpp"
#include "svg.hpp"
#include "table.hpp"

namespace tool {
namespace {

using demo::Canvas;
using demo::Color;
using demo::Point;
using demo::Svg;

constexpr int kWidth = 720, kHeight = 440;
constexpr double kLeft = 70, kRight = 540, kTop = 40, kBottom = 390;
constexpr Color kInk{40, 44, 52}, kFaint{222, 225, 230}, kPaper{255, 255, 255};
constexpr Color kColors[] = {{31, 119, 180},  {214, 39, 40},  {44, 160, 44}, {148, 103, 189},
                             {255, 127, 14},  {23, 190, 207}, {140, 86, 75}, {227, 119, 194},
                             {127, 127, 127}, {188, 189, 34}};

enum class Anchor { kStart, kMiddle, kEnd };

class Surface {
 public:
  Surface() = default;
  Surface(const Surface&) = delete;
  Surface& operator=(const Surface&) = delete;
  virtual ~Surface() = default;
  virtual void line(const std::vector<Point>& points, Color color, int width) = 0;
  virtual void text(Point at, const std::string& s, Anchor anchor) = 0;
  virtual std::string finish() const = 0;
};

class SvgSurface : public Surface {
 public:
  SvgSurface() : svg_(kWidth, kHeight) {
    svg_.raw(R"(<rect width="100%" height="100%" fill="#fff"/>)");
  }
  void line(const std::vector<Point>& points, Color color, int width) override {
    svg_.polyline(points, ("stroke=\"" + hex(color) + "\" stroke-width=\"" + std::to_string(width) +
                           "\" stroke-linejoin=\"round\"")
                              .c_str());
  }
  void text(Point at, const std::string& s, Anchor anchor) override {
    constexpr const char* kNames[] = {"start", "middle", "end"};
    std::string safe;
    for (const char c : s) {
      safe += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
    }
    svg_.text(at, safe, 12, hex(kInk).c_str(), kNames[static_cast<int>(anchor)]);
  }
  std::string finish() const override { return svg_.finish(); }

 private:
  static std::string hex(Color c) {
    constexpr const char* kHex = "0123456789abcdef";
    std::string text = "#";
    for (const int v : {c.r, c.g, c.b}) text += {kHex[v >> 4], kHex[v & 15]};
    return text;
  }
  Svg svg_;
};

void put_u32(std::string* s, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) s->push_back(static_cast<char>(v >> shift & 255));
}

std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
  }
  return ~crc;
}

void put_chunk(std::string* png, const char* type, const std::string& body) {
  put_u32(png, static_cast<std::uint32_t>(body.size()));
  const std::string checked = type + body;
  *png += checked;
  put_u32(png, crc32(checked));
}

std::string stored(const std::string& bytes) {
  std::string z = "\x78\x01";
  constexpr std::size_t kBlock = 65535;
  std::uint32_t a = 1, b = 0;
  for (std::size_t from = 0; from < bytes.size(); from += kBlock) {
    const std::size_t size = std::min(kBlock, bytes.size() - from);
    z.push_back(from + size == bytes.size() ? 1 : 0);
    for (const std::size_t n : {size, ~size}) {
      z.push_back(static_cast<char>(n & 255));
      z.push_back(static_cast<char>(n >> 8 & 255));
    }
    z.append(bytes, from, size);
  }
  for (const char c : bytes) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  put_u32(&z, b << 16 | a);
  return z;
}

class PngSurface : public Surface {
 public:
  PngSurface() : canvas_(kWidth, kHeight, kPaper) {}
  void line(const std::vector<Point>& points, Color color, int width) override {
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
      const Point p = points[i], q = points[i + 1];
      const int count = 1 + static_cast<int>(std::max(std::abs(q.x - p.x), std::abs(q.y - p.y)));
      for (int k = 0; k <= count; ++k) {
        const double share = static_cast<double>(k) / count;
        canvas_.fill(static_cast<int>(std::lround(p.x + share * (q.x - p.x))),
                     static_cast<int>(std::lround(p.y + share * (q.y - p.y))), width, width, color);
      }
    }
  }
  void text(Point at, const std::string& s, Anchor anchor) override {
    std::string lower = s;
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    const int width = Canvas::text_width(lower, 1);
    const int back = anchor == Anchor::kStart ? 0 : anchor == Anchor::kMiddle ? width / 2 : width;
    canvas_.text(static_cast<int>(std::lround(at.x)) - back,
                 static_cast<int>(std::lround(at.y)) - 7, lower, 1, kInk);
  }
  std::string finish() const override {
    std::string rows, header;
    const std::size_t stride = 3 * static_cast<std::size_t>(kWidth);
    for (std::size_t y = 0; y < kHeight; ++y) {
      rows.push_back(0);
      rows.append(reinterpret_cast<const char*>(&canvas_.pixels()[y * stride]), stride);
    }
    put_u32(&header, kWidth);
    put_u32(&header, kHeight);
    header += {8, 2, 0, 0, 0};
    std::string png = "\x89PNG\r\n\x1a\n";
    put_chunk(&png, "IHDR", header);
    put_chunk(&png, "IDAT", stored(rows));
    put_chunk(&png, "IEND", "");
    return png;
  }

 private:
  Canvas canvas_;
};

struct Axis {
  bool log;
  double low, high, from, to;
  double place(double v) const {
    const double u = log ? std::log10(v) : v;
    return from + (u - low) / (high - low) * (to - from);
  }
  std::vector<double> ticks() const {
    // 1, 2 or 5 times a power of ten, some five of them; whole powers on a logarithmic axis.
    const double span = (high - low) / 5;
    double step = std::pow(10, std::floor(std::log10(span)));
    for (const double factor : {2.0, 2.5, 2.0}) {
      if (step < span) step *= factor;
    }
    if (log) step = std::max(1.0, std::round(step));
    std::vector<double> all;
    for (double u = std::ceil(low / step - 1e-9); u * step <= high + 1e-9 * step; ++u) {
      all.push_back(log ? std::pow(10, u * step) : u * step);
    }
    return all;
  }
};

Axis axis_of(const Plot& plot, bool x) {
  Axis a{x ? plot.log_x : plot.log_y, std::numeric_limits<double>::infinity(),
         -std::numeric_limits<double>::infinity(), x ? kLeft : kBottom, x ? kRight : kTop};
  for (const Line& line : plot.lines) {
    for (const auto& [px, py] : line.points) {
      const double v = x ? px : py, u = a.log ? std::log10(v) : v;
      if (!std::isfinite(u)) continue;
      a.low = std::min(a.low, u);
      a.high = std::max(a.high, u);
    }
  }
  if (!(a.low < a.high)) {
    if (!std::isfinite(a.low)) a.low = 0;
    a.high = a.low + 1;
  }
  if (!x) {
    const double margin = 0.04 * (a.high - a.low);
    a.low -= margin;
    a.high += margin;
  }
  return a;
}

std::string tick_text(double v) { return rounded(std::abs(v) < 1e-12 ? 0 : v, 3); }

void draw(const Plot& plot, Surface* on) {
  const Axis x = axis_of(plot, true), y = axis_of(plot, false);
  for (const double v : x.ticks()) {
    on->line({{x.place(v), kTop}, {x.place(v), kBottom}}, kFaint, 1);
    on->text({x.place(v), kBottom + 18}, tick_text(v), Anchor::kMiddle);
  }
  for (const double v : y.ticks()) {
    on->line({{kLeft, y.place(v)}, {kRight, y.place(v)}}, kFaint, 1);
    on->text({kLeft - 8, y.place(v) + 4}, tick_text(v), Anchor::kEnd);
  }
  on->line({{kLeft, kTop}, {kLeft, kBottom}, {kRight, kBottom}}, kInk, 1);
  on->text({(kLeft + kRight) / 2, 22}, plot.title, Anchor::kMiddle);
  on->text({(kLeft + kRight) / 2, kHeight - 12}, plot.x_label, Anchor::kMiddle);
  on->text({12, kTop - 12}, plot.y_label, Anchor::kStart);
  double legend = kTop + 10;
  for (std::size_t i = 0; i < plot.lines.size(); ++i) {
    const Color color = kColors[i % std::size(kColors)];
    std::vector<Point> points;
    const auto flush = [&] {
      if (points.size() > 1) on->line(points, color, 2);
      points.clear();
    };
    for (const auto& [px, py] : plot.lines[i].points) {
      const Point p{x.place(px), y.place(py)};
      if (std::isfinite(p.x) && std::isfinite(p.y)) {
        points.push_back(p);
      } else {
        flush();
      }
    }
    flush();
    on->line({{kRight + 14, legend - 4}, {kRight + 34, legend - 4}}, color, 2);
    on->text({kRight + 40, legend}, plot.lines[i].name, Anchor::kStart);
    legend += 18;
  }
}

bool ends_with(const std::string& s, const std::string& end) {
  return s.size() >= end.size() && s.compare(s.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

void require_plot_name(const std::string& file) {
  if (file == "-" || ends_with(file, ".svg") || ends_with(file, ".png")) return;
  throw UsageError("--plot wants a file that ends in .svg or .png, or -, not '" + file + "'");
}

void write_plot(const Plot& plot, const std::string& file) {
  std::unique_ptr<Surface> surface;
  if (ends_with(file, ".png")) {
    surface = std::make_unique<PngSurface>();
  } else {
    surface = std::make_unique<SvgSurface>();
  }
  draw(plot, surface.get());
  const std::string bytes = surface->finish();
  if (file == "-") {
    write_out(bytes);
    return;
  }
  std::FILE* out = std::fopen(file.c_str(), "wb");
  const bool written =
      out != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), out) == bytes.size();
  if (out == nullptr || std::fclose(out) != 0 || !written) {
    throw std::runtime_error("cannot write '" + file + "'");
  }
}

}  // namespace tool
