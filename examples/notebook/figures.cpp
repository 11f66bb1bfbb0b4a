// SPDX-License-Identifier: Apache-2.0
// Arrows and curves on the demonstration's SVG. Colours are told apart by people who are colour
// blind, after Okabe and Ito; each arrow's length is true to scale within its panel.
#include "figures.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "svg.hpp"

namespace notebook {
namespace {

using demo::Point;
using demo::Svg;

constexpr const char *kPaper = "#ffffff", *kInk = "#1b2233", *kDim = "#5b6478", *kFaint = "#dfe3ea";
constexpr const char *kOrange = "#d55e00", *kBlue = "#0072b2", *kGreen = "#009e73",
                     *kPurple = "#aa4499";

constexpr std::size_t kSide = 17;
constexpr float kHalfWidth = 2.5f;  // of the square that is drawn

// With a minus sign in place of a hyphen, and none before 0.
std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, std::fabs(value));
  return (value < 0 ? "−" : "") + std::string(text);
}

void open_page(Svg& svg, int width, int height, const std::string& title,
               const std::string& remark) {
  svg.raw("<rect width=\"" + std::to_string(width) + "\" height=\"" + std::to_string(height) +
          "\" fill=\"" + kPaper + "\"/>");
  svg.text({28, 42}, title, 21, kInk);
  svg.text({28, 66}, remark, 14, kDim);
}

// A rectangle of the page and the numbers that its sides stand for.
struct Frame {
  double left, top, width, height;
  double x_min, x_max, y_min, y_max;

  Point at(double x, double y) const {
    return {left + width * (x - x_min) / (x_max - x_min),
            top + height * (y_max - y) / (y_max - y_min)};
  }
  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

// Ticks from one number to another, where lines are drawn across.
void draw_axes(Svg& svg, const Frame& f, double x_step, double y_step, const char* pattern,
               const char* x_name, const char* y_name) {
  const auto each = [](double low, double high, double step, auto&& visit) {
    for (double k = std::ceil(low / step - 1e-9); k <= high / step + 1e-9; ++k) visit(k * step);
  };
  each(f.x_min, f.x_max, x_step, [&](double x) {
    svg.line(f.at(x, f.y_min), f.at(x, f.y_max), kFaint, 1);
    svg.text({f.at(x, 0).x, f.bottom() + 19}, format(pattern, x), 13, kDim, "middle");
  });
  each(f.y_min, f.y_max, y_step, [&](double y) {
    svg.line(f.at(f.x_min, y), f.at(f.x_max, y), kFaint, 1);
    svg.text({f.left - 8, f.at(0, y).y + 5}, format(pattern, y), 13, kDim, "end");
  });
  svg.polyline({{f.left, f.top},
                {f.right(), f.top},
                {f.right(), f.bottom()},
                {f.left, f.bottom()},
                {f.left, f.top}},
               "stroke=\"#9aa3b5\" stroke-width=\"1\"");
  svg.text({f.left + f.width / 2, f.bottom() + 40}, x_name, 14, kInk, "middle");
  if (*y_name) svg.text({f.left - 36, f.top + f.height / 2 + 5}, y_name, 14, kInk, "middle");
}

// Shafts and heads of many arrows, each one element of the file.
struct Arrows {
  std::string shafts, heads;

  void add(Point from, Point to) {
    constexpr double kHead = 4.6, kSlim = 0.36;
    const double dx = to.x - from.x, dy = to.y - from.y, length = std::sqrt(dx * dx + dy * dy);
    const double head = std::min(kHead, 0.6 * length), x = dx / length, y = dy / length;
    const Point neck{to.x - head * x, to.y - head * y};
    shafts += Svg::path({from, neck});
    heads += Svg::path({to,
                        {neck.x - kSlim * head * y, neck.y + kSlim * head * x},
                        {neck.x + kSlim * head * y, neck.y - kSlim * head * x}}) +
             "z";
  }
  void draw(Svg& svg, const char* color) const {
    const std::string c = color;
    svg.raw("<path d=\"" + shafts + "\" stroke=\"" + c +
            "\" stroke-width=\"1.2\" fill=\"none\"/><path d=\"" + heads + "\" fill=\"" + c +
            "\"/>");
  }
};

struct Panel {
  std::string title, formula;
  const char* color;
  const Points* field;
};

constexpr double kPanel = 300, kPanelTop = 142;
constexpr double kBorder = 0.28;  // around the square, so that arrows stay inside
constexpr double kReach = double{kHalfWidth} + kBorder;

// Pixels for a vector of length 1, so that the longest of all arrows spans most of a cell's
// diagonal.
double scale_of(const std::vector<const Points*>& fields) {
  constexpr double kCell = kPanel / kReach * double{kHalfWidth} / static_cast<double>(kSide - 1);
  double longest = 0;
  for (const Points* field : fields) {
    for (std::size_t i = 0; i < field->values().size(); i += 2) {
      const double x = field->values()[i], y = field->values()[i + 1];
      longest = std::max(longest, std::sqrt(x * x + y * y));
    }
  }
  return longest > 0 ? 1.3 * kCell / longest : 0;
}

void draw_panel(Svg& svg, double left, const Panel& panel, const Points& x, double scale,
                double unit) {
  const Frame f{left, kPanelTop, kPanel, kPanel, -kReach, kReach, -kReach, kReach};
  svg.text({f.left, f.top - 32}, panel.title, 16, panel.color, "start", "font-weight=\"600\"");
  svg.text({f.left, f.top - 12}, panel.formula, 14, kDim);
  draw_axes(svg, f, 1, 1, "%g", "x<tspan dy=\"4\" font-size=\"10\">1</tspan>",
            "x<tspan dy=\"4\" font-size=\"10\">2</tspan>");
  Arrows arrows;
  std::vector<Point> still;
  for (std::size_t i = 0; i < x.values().size(); i += 2) {
    const float* vector = &panel.field->values()[i];
    const Point m = f.at(x.values()[i], x.values()[i + 1]);
    const double dx = scale * vector[0], dy = -scale * vector[1];
    if (dx * dx + dy * dy < 0.25) {
      still.push_back(m);
    } else {
      arrows.add({m.x - dx / 2, m.y - dy / 2}, {m.x + dx / 2, m.y + dy / 2});
    }
  }
  arrows.draw(svg, panel.color);
  svg.dots(still, 3, panel.color, 1);

  // The key: what length means.
  if (scale == 0) return;
  const double y = f.bottom() + 36, end = f.right() - 2;
  Arrows key;
  key.add({end - scale * unit, y}, {end, y});
  key.draw(svg, panel.color);
  svg.text({end - scale * unit - 8, y + 5}, "length " + format("%g", unit), 13, kDim, "end");
}

constexpr int kPitch = 366, kMargin = 74;
constexpr int kPanelsHeight = 506;

}  // namespace

std::string fields_svg(const Setting& setting, float t) {
  Points x = square(kSide, kHalfWidth);
  const Fields f = fields_at(setting, t, x);
  const Panel panels[] = {
      {"score", "s = η/γ = −x", kOrange, &f.score},
      {"path velocity", "v = E[dI/dt | x], a rotation", kBlue, &f.path_velocity},
      {"nami’s drift", "v + γγ′ s", kPurple, &f.drift},
      {"velocity: what moves the density", "v − γγ′ s", kGreen, &f.velocity}};
  const double unit[] = {2, 1, 1, 1};
  Svg svg(kMargin + 4 * kPitch - 26, kPanelsHeight);
  open_page(svg, kMargin + 4 * kPitch - 26, kPanelsHeight,
            "Fields of a two-sided interpolant at t = " + format("%g", t),
            "density N(0, I); γ² = t(1 − t); t = 0 is data");
  for (std::size_t i = 0; i < 4; ++i) {
    draw_panel(svg, kMargin + kPitch * static_cast<double>(i), panels[i], x,
               scale_of({panels[i].field}), unit[i]);
  }
  return svg.finish();
}

std::string mirror_svg(const Setting& setting) {
  constexpr float kTimes[] = {0.2f, 0.5f, 0.8f};
  Points x = square(kSide, kHalfWidth);
  std::vector<Points> mirrors;
  std::vector<const Points*> all;
  for (const float t : kTimes) mirrors.push_back(fields_at(setting, t, x).mirror);
  for (const Points& m : mirrors) all.push_back(&m);
  const double scale = scale_of(all);
  constexpr const char* kColors[] = {kOrange, kDim, kBlue};
  constexpr const char* kSays[] = {"inwards", "nothing moves", "outwards"};
  Svg svg(kMargin + 3 * kPitch - 26, kPanelsHeight);
  open_page(svg, kMargin + 3 * kPitch - 26, kPanelsHeight, "nami’s mirror velocity γγ′ s",
            "the same scale in all three; the transport is its negative");
  for (std::size_t i = 0; i < 3; ++i) {
    const double t = kTimes[i];
    const std::string rate = format("%.1f", setting.at(t).gamma_dgamma);
    draw_panel(svg, kMargin + kPitch * static_cast<double>(i),
               {"t = " + format("%g", t), "γγ′ = " + rate + ": " + kSays[i], kColors[i], all[i]}, x,
               scale, 1);
  }
  return svg.finish();
}

std::string gamma_svg(const Setting& setting, float t) {
  constexpr int kWidth = 820, kHeight = 520;
  constexpr std::size_t kIntervals = 400;
  const Frame f{84, 96, 560, 360, 0, 1, -1.5, 1.5};
  Svg svg(kWidth, kHeight);
  open_page(svg, kWidth, kHeight, "The Brownian latent",
            "γ² = t(1 − t): γ′ is infinite at both ends, γγ′ is not");
  draw_axes(svg, f, 0.2, 0.5, "%.1f", "t", "");
  svg.line(f.at(0, 0), f.at(1, 0), "#9aa3b5", 1);

  std::vector<Point> gamma, slope, product;
  for (std::size_t i = 0; i <= kIntervals; ++i) {
    const double at = static_cast<double>(i) / kIntervals;
    const nwr_coeffs c = setting.at(at);
    const double dgamma = c.gamma_dgamma / c.gamma;
    gamma.push_back(f.at(at, c.gamma));
    product.push_back(f.at(at, c.gamma_dgamma));
    // What lies beyond the frame is not drawn.
    if (dgamma <= f.y_max && dgamma >= f.y_min) slope.push_back(f.at(at, dgamma));
  }
  const double now = t;
  svg.line(f.at(now, f.y_min), f.at(now, f.y_max), kDim, 1, "stroke-dasharray=\"2 4\"");
  svg.text({f.at(now, 0).x + 7, f.bottom() - 10}, "t = " + format("%g", now) + ", the field check",
           13, kDim);

  struct Curve {
    const char *name, *says, *color, *dash;
    const std::vector<Point>* points;
  };
  const Curve curves[] = {{"γ′", "½(1 − 2t)/γ", kBlue, "2 5", &slope},
                          {"γ", "√(t(1 − t))", kOrange, "", &gamma},
                          {"γγ′", "½(1 − 2t)", kPurple, "9 5", &product}};
  double y = f.top + 22;
  for (const Curve& c : curves) {
    const std::string style = std::string("stroke=\"") + c.color +
                              "\" stroke-width=\"2.4\" stroke-linecap=\"round\" " +
                              "stroke-dasharray=\"" + c.dash + "\"";
    svg.polyline(*c.points, style.c_str());
    const double x = f.right() + 22;
    svg.polyline({{x, y - 5}, {x + 34, y - 5}}, style.c_str());
    svg.text({x + 44, y}, c.name, 16, c.color, "start", "font-weight=\"600\"");
    svg.text({x + 44, y + 18}, c.says, 13, kDim);
    y += 52;
  }
  return svg.finish();
}

}  // namespace notebook
