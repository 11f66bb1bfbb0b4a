// SPDX-License-Identifier: Apache-2.0
// Act 1: an exact model on the pixels of a word, run by every sampler of the catalogue in double.
// First the flow as a picture, then the errors of each sampler against a fine reference.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <set>

#include "acts.hpp"
#include "mixture.hpp"
#include "nwr.hpp"
#include "svg.hpp"

namespace demo {
namespace {

constexpr const char* kWord = "noise";
constexpr double kSpacing = 0.17;

// Streams of random numbers that no picture of act 2 uses.
constexpr std::uint64_t kNoiseStream = std::uint64_t{1} << 32, kStartStream = kNoiseStream + 1,
                        kRunStream = kNoiseStream + 2;

constexpr const char *kPaper = "#0e1424", *kBright = "#eceffa", *kDim = "#8492b2",
                     *kFaint = "#26304c", *kNoiseColor = "#ffb26b", *kDataColor = "#7cd4ff";
constexpr const char* kPalette[] = {"#ff7b72", "#7cd4ff", "#ffd166", "#c792ea",
                                    "#7ee0a1", "#f4a3c8", "#9fb4ff", "#e0c9a6"};

const char* color_of(std::size_t i) { return kPalette[i % std::size(kPalette)]; }

// What all runs of this act share.
struct Stage {
  const Options& options;
  Context context;
  Schedule schedule;

  nwr_coeffs at(double t) const {
    nwr_coeffs c;
    check(nwr_schedule_eval(schedule.get(), &t, 1, &c));
    return c;
  }
};

struct Outcome {
  std::size_t evaluations = 0;
  bool complete = false;
};

// Runs x, a state at the first time, to the last. visit(t, points) sees the points at each time;
// where a time comes twice, the later points are the ones that count. No title: no progress.
template <class Visit>
Outcome run_mixture(const Stage& stage, const Mixture& mixture, const SamplerSetup& setup,
                    Batch<double>& x, const std::string& title, Visit&& visit) {
  const Sampler sampler = make_sampler(stage.context.get(), stage.schedule.get(), setup);
  const nwr_tensor state = x.tensor();
  Batch<double> output(x.samples(), 2);
  check(nwr_sampler_start(sampler.get(), &state, NWR_START_STATE));
  Outcome outcome;
  std::unique_ptr<Progress> progress;
  outcome.complete = run(
      sampler.get(), state, {output.tensor()},
      [&](const nwr_eval& eval) {
        if (!progress && !title.empty()) {
          progress =
              std::make_unique<Progress>(title, setup.times.size() - 1, eval.count, "evaluation");
        }
        visit(eval.t, x.values());
        mixture.predict(setup.prediction, stage.at(eval.t), x.values().data(), x.samples(),
                        stage.options.threads, output.values().data());
      },
      [&](const nwr_eval& eval) {
        outcome.evaluations = eval.index + 1;
        if (progress) progress->show(outcome.evaluations);
      });
  if (outcome.complete) visit(setup.times.back(), x.values());
  return outcome;
}

Outcome run_mixture(const Stage& stage, const Mixture& mixture, const SamplerSetup& setup,
                    Batch<double>& x) {
  return run_mixture(stage, mixture, setup, x, "", [](double, const std::vector<double>&) {});
}

Batch<double> normals(const Stage& stage, std::uint64_t stream, std::size_t count) {
  Batch<double> x(count, 2);
  const nwr_tensor t = x.tensor();
  const nwr_rng rng{stage.options.seed, stream, 0};
  check(nwr_random_fill(stage.context.get(), NWR_NORMAL, &rng, 1, &t));
  return x;
}

// ---- the picture ------------------------------------------------------------------------------

constexpr double kPictureWidth = 0.31;  // of a Gaussian, in pixels: strokes just close up

struct Panel {
  std::string title;
  std::vector<double> points;
};

struct Flow {
  std::vector<std::vector<double>> frames;  // all points, time by time
  std::vector<double> times;
  std::vector<Panel> panels;  // where each sampler gets with few evaluations
  std::size_t evaluations = 0;
};

constexpr std::size_t kFlowSteps = 60, kFlowPoints = 4800, kPanelBudget = 12, kPanelPoints = 1500;

Flow make_flow(const Stage& stage, const std::string& spec, const std::vector<Entry>& samplers,
               Report& report) {
  const Mixture mixture(kWord, kSpacing, kPictureWidth);
  const Batch<double> noise = normals(stage, kNoiseStream, kFlowPoints);
  report.noise_sha256 = sha256(noise.values().data(), noise.bytes());

  Flow flow;
  SamplerSetup setup;
  setup.spec = spec;
  setup.times = make_grid(stage.schedule.get(), "uniform", kFlowSteps, 0, 0);
  setup.rngs = {{stage.options.seed, kRunStream, 0}};
  Batch<double> x = noise;
  const Outcome outcome = run_mixture(stage, mixture, setup, x, "act 1: " + spec,
                                      [&](double t, const std::vector<double>& points) {
                                        if (flow.times.empty() || flow.times.back() != t) {
                                          flow.times.push_back(t);
                                          flow.frames.emplace_back();
                                        }
                                        flow.frames.back() = points;
                                      });
  flow.evaluations = outcome.evaluations;

  for (const Entry& e : samplers) {
    if (interrupted()) break;
    // That many steps are too many for a sampler of two stages: halve them until they fit.
    for (std::size_t steps = kPanelBudget; steps > 0; steps /= 2) {
      SamplerSetup small = setup;
      small.spec = e.name;
      small.times = make_grid(stage.schedule.get(), "uniform", steps, 0, 0);
      Batch<double> points = noise;
      const Outcome o = run_mixture(stage, mixture, small, points);
      if (o.evaluations > kPanelBudget) continue;
      if (o.complete) {
        flow.panels.push_back({e.name + ", " + std::to_string(o.evaluations) + " evaluations",
                               std::move(points.values())});
      }
      break;
    }
  }
  return flow;
}

// How the plane lies on the page.
struct View {
  Point middle;
  double scale;
};

Point place(const View& view, const std::vector<double>& points, std::size_t i) {
  return {view.middle.x + view.scale * points[2 * i],
          view.middle.y - view.scale * points[2 * i + 1]};
}

std::vector<Point> place_all(const View& view, const std::vector<double>& points,
                             std::size_t most) {
  std::vector<Point> out;
  for (std::size_t i = 0; i < std::min(most, points.size() / 2); ++i) {
    out.push_back(place(view, points, i));
  }
  return out;
}

void open_page(Svg& svg, int width, int height) {
  svg.raw("<rect width=\"" + std::to_string(width) + "\" height=\"" + std::to_string(height) +
          "\" rx=\"14\" fill=\"" + kPaper + "\"/>");
}

std::string word_svg(const Flow& flow, const std::string& spec) {
  constexpr int kWidth = 1280, kHeight = 640;
  constexpr double kLeft = 32, kRight = kWidth - 32, kRule = 492;
  constexpr std::size_t kPathEvery = 12, kFrameEvery = 2;
  Svg svg(kWidth, kHeight);
  open_page(svg, kWidth, kHeight);
  svg.raw(
      "<defs><linearGradient id=\"g\" gradientUnits=\"userSpaceOnUse\" "
      "x1=\"240\" x2=\"860\"><stop offset=\"0\" stop-color=\"" +
      std::string(kNoiseColor) +
      "\"/><stop offset=\"0.5\" stop-color=\"#c78bdc\"/><stop offset=\"1\" stop-color=\"" +
      kDataColor + "\" stop-opacity=\"0.6\"/></linearGradient><clipPath id=\"c\"><rect width=\"" +
      std::to_string(kWidth) + "\" height=\"" + Svg::number(kRule) + "\"/></clipPath></defs>");

  // Time moves the plane to the right, and nearer.
  const auto view = [&](double t) { return View{{224 + 686 * t, 272}, 68 + 56 * t}; };
  std::string paths;
  for (std::size_t i = 0; i < kFlowPoints; i += kPathEvery) {
    std::vector<Point> path;
    for (std::size_t f = 0; f < flow.frames.size(); f += kFrameEvery) {
      path.push_back(place(view(flow.times[f]), flow.frames[f], i));
    }
    paths += Svg::path(path);
  }
  svg.raw("<g clip-path=\"url(#c)\"><path d=\"" + paths +
          "\" fill=\"none\" stroke=\"url(#g)\" stroke-width=\"0.8\" stroke-opacity=\"0.28\"/>");
  svg.dots(place_all(view(flow.times.front()), flow.frames.front(), kFlowPoints), 1.8, kNoiseColor,
           0.8);
  if (flow.frames.size() > 1) {
    svg.dots(place_all(view(flow.times.back()), flow.frames.back(), kFlowPoints), 2.3, kDataColor,
             0.9);
  }
  svg.raw("</g>");
  svg.text({kLeft, 44}, "noise flows into a word", 22, kBright);
  svg.text({kRight, 44},
           spec + ", " + std::to_string(flow.evaluations) + " evaluations of the exact velocity",
           14, kDim, "end");

  if (!flow.panels.empty()) {
    svg.line({kLeft, kRule}, {kRight, kRule}, kFaint, 1);
    const double pitch = (kRight - kLeft) / static_cast<double>(flow.panels.size());
    for (std::size_t i = 0; i < flow.panels.size(); ++i) {
      const Point m{kLeft + pitch * (static_cast<double>(i) + 0.5), 552};
      const View small{m, std::min(44.0, (pitch - 24) / 5)};
      std::vector<Point> inside = place_all(small, flow.panels[i].points, kPanelPoints);
      // Strays would run into the neighbours.
      inside.erase(std::remove_if(inside.begin(), inside.end(),
                                  [&](Point p) {
                                    return std::abs(p.x - m.x) > pitch / 2 - 4 ||
                                           std::abs(p.y - m.y) > 48;
                                  }),
                   inside.end());
      svg.dots(inside, 1.6, color_of(i), 0.9);
      svg.text({m.x, 618}, flow.panels[i].title, 13, kDim, "middle");
    }
  }
  return svg.finish();
}

// ---- convergence ------------------------------------------------------------------------------

// A wider mixture and a time window that leaves out both ends: there the flow is smooth, and the
// orders that theory promises show themselves before rounding does.
constexpr double kSmoothWidth = 2, kBegin = 0.1, kEnd = 0.8;
constexpr std::size_t kFewest = 8, kDoublings = 7;
constexpr std::size_t kPaths = 240, kCloud = 24000, kReferenceSteps = 6000;
constexpr std::size_t kCloudDoublings = 5;  // beyond, chance hides the error
constexpr std::size_t kIdealClouds = 16;

// Samplers that think in log(alpha/sigma) get a grid that is even in it.
const char* grid_for(const std::string& sampler) {
  constexpr const char* kLogarithmic[] = {"ddim", "ddpm", "dpmpp-2m"};
  const bool found = std::find(std::begin(kLogarithmic), std::end(kLogarithmic), sampler) !=
                     std::end(kLogarithmic);
  return found ? "logsnr" : "uniform";
}

double rms(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(2 * squares / static_cast<double>(a.size()));
}

double largest(const std::vector<double>& a, const std::vector<double>& b) {
  double top = 0;
  for (std::size_t i = 0; i < a.size(); ++i) top = std::max(top, std::abs(a[i] - b[i]));
  return top;
}

double variance(const std::vector<double>& points) {
  double sum[2] = {0, 0}, squares = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    sum[i % 2] += points[i];
    squares += points[i] * points[i];
  }
  const double n = static_cast<double>(points.size()) / 2;
  return squares / n - (sum[0] * sum[0] + sum[1] * sum[1]) / (n * n);
}

struct Convergence {
  std::vector<Curve> curves;
  double sampling_error = 0;
  bool complete = false;
};

Convergence measure(const Stage& stage, const std::vector<Entry>& samplers) {
  const Mixture mixture(kWord, kSpacing, kSmoothWidth);
  const nwr_coeffs begin = stage.at(kBegin), end = stage.at(kEnd);
  const auto starts = [&](std::size_t count) {
    Batch<double> x = normals(stage, kStartStream, count);
    mixture.draw(begin, x.values().data(), count, x.values().data());
    return x;
  };
  const auto setup_for = [&](const std::string& sampler, std::size_t steps) {
    SamplerSetup s;
    s.spec = sampler;
    s.times = make_grid(stage.schedule.get(), grid_for(sampler), steps, kBegin, kEnd);
    s.rngs = {{stage.options.seed, kRunStream, 0}};
    return s;
  };

  Convergence out;
  const Batch<double> paths = starts(kPaths), cloud = starts(kCloud);
  Batch<double> reference = paths;
  if (!run_mixture(stage, mixture, setup_for("heun", kReferenceSteps), reference,
                   "act 1: reference", [](double, const std::vector<double>&) {})
           .complete) {
    return out;
  }
  const double exact = mixture.variance(end);
  for (std::size_t i = 0; i < kIdealClouds; ++i) {
    Batch<double> ideal = normals(stage, kRunStream + 1 + i, kCloud);
    mixture.draw(end, ideal.values().data(), kCloud, ideal.values().data());
    const double error = variance(ideal.values()) / exact - 1;
    out.sampling_error += error * error / kIdealClouds;
  }
  out.sampling_error = std::sqrt(out.sampling_error);

  Progress progress("act 1: convergence", 0, samplers.size() * kDoublings, "run");
  for (std::size_t k = 0; k < samplers.size(); ++k) {
    Curve curve;
    curve.sampler = samplers[k].name;
    curve.grid = grid_for(curve.sampler);
    // Whether chance plays a part is tried, not asked: settings decide it.
    SamplerSetup setup = setup_for(curve.sampler, kFewest);
    Batch<double> one = paths, other = paths;
    if (!run_mixture(stage, mixture, setup, one).complete) return out;
    setup.rngs[0].seed += 1;
    if (!run_mixture(stage, mixture, setup, other).complete) return out;
    curve.stochastic = one.values() != other.values();
    setup.rngs[0].seed -= 1;
    for (const nwr_quantity q : {NWR_DATA, NWR_NOISE}) {
      setup.prediction = q;
      other = paths;
      if (!run_mixture(stage, mixture, setup, other).complete) return out;
      curve.agreement = std::max(curve.agreement, largest(one.values(), other.values()));
    }

    const std::size_t doublings = curve.stochastic ? kCloudDoublings : kDoublings;
    for (std::size_t d = 0; d < doublings; ++d) {
      const std::size_t budget = kFewest << d;
      Batch<double> x = curve.stochastic ? cloud : paths;
      Outcome o = run_mixture(stage, mixture, setup_for(curve.sampler, budget), x);
      if (o.complete && o.evaluations > budget) {
        x = curve.stochastic ? cloud : paths;
        o = run_mixture(stage, mixture, setup_for(curve.sampler, budget * budget / o.evaluations),
                        x);
      }
      if (!o.complete) return out;
      curve.evaluations.push_back(o.evaluations);
      curve.errors.push_back(curve.stochastic ? std::abs(variance(x.values()) / exact - 1)
                                              : rms(x.values(), reference.values()));
      progress.show(k * kDoublings + d + 1);
    }
    const std::size_t n = curve.errors.size();
    curve.order = std::log(curve.errors[n - 2] / curve.errors[n - 1]) /
                  std::log(static_cast<double>(curve.evaluations[n - 1]) /
                           static_cast<double>(curve.evaluations[n - 2]));
    out.curves.push_back(std::move(curve));
  }
  out.complete = true;
  return out;
}

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string padded(const std::string& s, std::size_t width, bool right = false) {
  const std::string space(width > s.size() ? width - s.size() : 0, ' ');
  return right ? space + s : s + space;
}

std::string convergence_table(const Convergence& c) {
  std::string out = "Convergence on the flow from noise to '" + std::string(kWord) +
                    "', t = " + format("%g", kBegin) + " to " + format("%g", kEnd) +
                    " of the schedule 'linear', in double\n"
                    "error: root mean square distance to a reference of " +
                    std::to_string(2 * kReferenceSteps) +
                    " evaluations; order: of the last doubling\n\n";
  out += padded("sampler", 12) + padded("grid", 9);
  for (std::size_t d = 0; d < kDoublings; ++d) {
    out += padded(std::to_string(kFewest << d), 10, true);
  }
  out += "   order   v, data, noise agree to\n";
  bool chance = false;
  for (const Curve& curve : c.curves) {
    out += padded(curve.sampler + (curve.stochastic ? "*" : ""), 12) + padded(curve.grid, 9);
    for (std::size_t d = 0; d < kDoublings; ++d) {
      out += padded(d < curve.errors.size() ? format("%.2e", curve.errors[d]) : "", 10, true);
    }
    out += padded(format("%.2f", curve.order), 8, true) +
           padded(format("%.0e", curve.agreement), 12, true) + "\n";
    chance = chance || curve.stochastic;
  }
  if (chance) {
    out += "\n* stochastic: there is no path to compare. Its error is that of the variance of " +
           std::to_string(kCloud) + "\n  points, relative to the exact one; exact samples err by " +
           format("%.1e", c.sampling_error) + ", by chance alone.\n";
  }
  return out;
}

std::string convergence_svg(const Convergence& c) {
  constexpr int kWidth = 960, kHeight = 600;
  constexpr double kLeft = 90, kRight = 750, kTop = 92, kBottom = 530;
  double low = 1, high = 1e-12;
  for (const Curve& curve : c.curves) {
    for (const double e : curve.errors) {
      low = std::min(low, e);
      high = std::max(high, e);
    }
  }
  const double first = std::floor(std::log10(low)), last = std::ceil(std::log10(high));
  const double most = static_cast<double>(kFewest << (kDoublings - 1));
  const auto at = [&](double evaluations, double error) {
    return Point{
        kLeft + (kRight - kLeft) * std::log2(evaluations / kFewest) / std::log2(most / kFewest),
        kBottom - (kBottom - kTop) * (std::log10(error) - first) / (last - first)};
  };

  Svg svg(kWidth, kHeight);
  open_page(svg, kWidth, kHeight);
  svg.text({32, 44}, "error against model evaluations", 22, kBright);
  svg.text({kWidth - 32, 44}, "exact model, double precision", 14, kDim, "end");
  svg.text({kLeft, kTop - 12}, "root mean square error", 13, kDim);
  for (double decade = first; decade <= last; ++decade) {
    const double y = at(kFewest, std::pow(10, decade)).y;
    svg.line({kLeft, y}, {kRight, y}, kFaint, 1);
    svg.text({kLeft - 12, y + 5},
             "10<tspan dy=\"-6\" font-size=\"10\">" + format("%.0f", decade) + "</tspan>", 14, kDim,
             "end");
  }
  for (std::size_t d = 0; d < kDoublings; ++d) {
    const double n = static_cast<double>(kFewest << d), x = at(n, 1).x;
    svg.line({x, kTop}, {x, kBottom}, kFaint, 1);
    svg.text({x, kBottom + 24}, format("%.0f", n), 14, kDim, "middle");
  }
  svg.text({(kLeft + kRight) / 2, kBottom + 52}, "model evaluations", 14, kDim, "middle");

  // Slopes to compare with, below the best curve of each order.
  for (const int slope : {1, 2}) {
    constexpr std::size_t kAnchor = 3;
    constexpr double kBelow = 0.4, kReach = 4;
    const double n = static_cast<double>(kFewest << kAnchor);
    double best = INFINITY;
    for (const Curve& curve : c.curves) {
      if (!curve.stochastic && std::lround(curve.order) == slope) {
        best = std::min(best, curve.errors[kAnchor]);
      }
    }
    if (std::isinf(best)) continue;
    const double e = kBelow * best, grow = std::pow(kReach, slope);
    svg.line(at(n / kReach, e * grow), at(n * kReach, e / grow), kDim, 1,
             "stroke-dasharray=\"5 5\"");
    const Point foot = at(n * kReach, e / grow);
    svg.text({foot.x + 6, foot.y + 14}, slope == 1 ? "1/n" : "1/n\u00b2", 13, kDim);
  }

  // Names stand where their lines end, moved apart where they would touch.
  struct Label {
    Point at;
    std::string name, note;
    std::size_t index;
  };
  std::vector<Label> labels;
  for (std::size_t i = 0; i < c.curves.size(); ++i) {
    const Curve& curve = c.curves[i];
    std::vector<Point> points;
    for (std::size_t d = 0; d < curve.errors.size(); ++d) {
      points.push_back(at(static_cast<double>(curve.evaluations[d]), curve.errors[d]));
    }
    const std::string style = std::string("stroke=\"") + color_of(i) +
                              "\" stroke-width=\"2.4\" stroke-linejoin=\"round\"" +
                              (curve.stochastic ? " stroke-dasharray=\"2 6\"" : "") +
                              " stroke-linecap=\"round\"";
    svg.polyline(points, style.c_str());
    svg.dots(points, 8, color_of(i), 1);
    labels.push_back({points.back(), curve.sampler,
                      (curve.stochastic ? "error of the variance, order " : "order ") +
                          format("%.2f", curve.order),
                      i});
  }
  std::sort(labels.begin(), labels.end(),
            [](const Label& a, const Label& b) { return a.at.y < b.at.y; });
  double free = 0;
  for (const Label& l : labels) {
    const bool inside = l.at.x < kRight - 1;
    const double y = inside ? l.at.y - 6 : std::max(l.at.y - 3, free);
    const double x = inside ? l.at.x + 14 : kRight + 16;
    if (!inside) free = y + 40;
    svg.text({x, y}, l.name, 15, color_of(l.index), "start", "font-weight=\"600\"");
    svg.text({x, y + 17}, l.note, 12.5, kDim);
  }
  return svg.finish();
}

}  // namespace

Report play_word(const Options& o) {
  const Stopwatch clock;
  Report report;
  const Stage stage{o, make_context(o.threads), make_schedule("linear")};
  // The others are variations, too many for one picture.
  const std::set<std::string> shown = {"euler", "heun", "ddim", "ddpm", "dpmpp-2m"};
  std::vector<Entry> samplers = catalogue(NWR_DOMAIN_SAMPLER);
  samplers.erase(std::remove_if(samplers.begin(), samplers.end(),
                                [&](const Entry& e) { return shown.count(e.name) == 0; }),
                 samplers.end());

  const Flow flow = make_flow(stage, o.sampler, samplers, report);
  if (!flow.frames.empty()) {
    report.files.push_back(write_file(o, "word.svg", word_svg(flow, o.sampler)));
  }
  if (!interrupted()) {
    const Convergence c = measure(stage, samplers);
    report.complete = c.complete;
    report.curves = c.curves;
    report.sampling_error = c.sampling_error;
    if (!c.curves.empty()) {
      report.files.push_back(write_file(o, "convergence.svg", convergence_svg(c)));
      report.table = convergence_table(c);
      report.files.push_back(write_file(o, "convergence.txt", report.table));
    }
  }
  report.seconds = clock.seconds();
  return report;
}

}  // namespace demo
