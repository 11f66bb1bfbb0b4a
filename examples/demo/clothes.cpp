// SPDX-License-Identifier: Apache-2.0
// Act 2: the network of examples/fashion, run by the library's samplers with guidance.
// Each picture has a random stream of its own, so no picture depends on its neighbours.
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <new>

#include "../fashion/net.h"
#include "acts.hpp"
#include "canvas.hpp"
#include "nwr.hpp"

namespace demo {
namespace {

constexpr Color kBackground{14, 20, 36}, kBright{236, 240, 250}, kDim{132, 146, 178},
    kAccent{255, 178, 107};
constexpr std::size_t kRows = 10, kColumns = 10;
constexpr int kShownClass = 9;  // the strip's class, unless --label names one

class Network {
 public:
  explicit Network(unsigned threads)
      : net_(fashion_net_create(fashion_weights,
                                static_cast<std::size_t>(fashion_weights_end - fashion_weights))),
        threads_(threads) {
    if (!net_) throw std::runtime_error("the network's weights cannot be unpacked");
  }
  ~Network() { fashion_net_destroy(net_); }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Velocities with the labels and, if free is not NULL, also without.
  void operator()(double t, Batch<float>& x, const std::vector<int>& labels, Batch<float>& labelled,
                  Batch<float>* free) {
    jobs_.clear();
    for (std::size_t i = 0; i < x.samples(); ++i) {
      const float time = static_cast<float>(t);
      jobs_.push_back({x.sample(i), labelled.sample(i), time, labels[i]});
      if (free) jobs_.push_back({x.sample(i), free->sample(i), time, FASHION_NO_LABEL});
    }
    if (fashion_net_run(net_, jobs_.data(), jobs_.size(), threads_) != 0) {
      throw std::bad_alloc();
    }
    evaluations_ += jobs_.size();
  }

  std::size_t evaluations() const { return evaluations_; }

 private:
  fashion_net* net_;
  unsigned threads_;
  std::vector<fashion_job> jobs_;
  std::size_t evaluations_ = 0;
};

struct Drawing {
  Batch<float> x;
  std::string noise_sha256;
  std::size_t evaluations = 0;  // of the sampler: the network sees each picture once or twice
  bool complete = false;
};

// From noise to pictures. rngs name the pictures: the same rng draws the same noise.
Drawing draw(const nwr_context* context, const nwr_schedule* schedule, Network& network,
             const std::string& spec, std::size_t steps, double guidance,
             const std::vector<int>& labels, const std::vector<nwr_rng>& rngs,
             const std::string& title) {
  const std::size_t count = labels.size();
  SamplerSetup setup;
  setup.spec = spec;
  setup.guidance = guidance;
  setup.times = make_grid(schedule, "uniform", steps, 0, 0);
  setup.rngs = rngs;
  setup.keep_denoised = true;
  const Sampler sampler = make_sampler(context, schedule, setup);

  Drawing d{Batch<float>(count, FASHION_PIXELS), {}, 0, false};
  Batch<float> labelled(count, FASHION_PIXELS), free(count, FASHION_PIXELS);
  const bool guided = guidance != 1;
  const nwr_tensor x = d.x.tensor();
  std::vector<nwr_tensor> outputs{labelled.tensor()};
  if (guided) outputs.push_back(free.tensor());

  check(nwr_sampler_start(sampler.get(), &x, NWR_START_PRIOR));
  d.noise_sha256 = sha256(d.x.values().data(), d.x.bytes());
  std::unique_ptr<Progress> progress;
  d.complete = run(
      sampler.get(), x, outputs,
      [&](const nwr_eval& eval) {
        if (!progress && !title.empty()) {
          progress = std::make_unique<Progress>(title, steps, eval.count, "evaluation");
        }
        network(eval.clock, d.x, labels, labelled, guided ? &free : nullptr);
      },
      [&](const nwr_eval& eval) {
        d.evaluations = eval.index + 1;
        if (progress) progress->show(d.evaluations);
      });
  if (!d.complete && d.evaluations > 0) {
    // Cut short: the sampler's estimate of the end is what there is to see.
    check(nwr_sampler_denoised(sampler.get(), &x));
  }
  return d;
}

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

Canvas grid_picture(const Options& o, Drawing& d, const std::vector<int>& labels) {
  constexpr int kScale = 2, kTile = FASHION_SIDE * kScale, kPitch = kTile + 4, kLeft = 128,
                kTop = 44, kMargin = 16;
  Canvas c(kLeft + kPitch * static_cast<int>(kColumns) - 4 + kMargin,
           kTop + kPitch * static_cast<int>(kRows) - 4 + kMargin, kBackground);
  std::string title = o.sampler + ", " + std::to_string(o.steps) + " steps, guidance " +
                      format("%g", o.guidance) + ", seed " + std::to_string(o.seed);
  if (!d.complete) title += " (stopped)";
  const bool fits = Canvas::text_width(title, 2) <= c.width() - kLeft;
  c.text(kLeft, 16, title, fits ? 2 : 1, kBright);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const int row = static_cast<int>(i / kColumns), column = static_cast<int>(i % kColumns);
    c.grey(kLeft + column * kPitch, kTop + row * kPitch, d.x.sample(i), FASHION_SIDE, kScale);
    if (column == 0) {
      const std::string name = fashion_class_name(labels[i]);
      c.text(kLeft - 14 - Canvas::text_width(name, 2), kTop + row * kPitch + kTile / 2 - 9, name, 2,
             kDim);
    }
  }
  return c;
}

struct StripRow {
  const char* spec;
  const char* title;
};
constexpr StripRow kStrip[] = {{"euler", "euler"}, {"heun", "heun"}, {"dpmpp-2m", "dpm++ 2m"}};
constexpr std::size_t kBudgets[] = {2, 4, 8, 16, 32};

// Runs each sampler from one picture's noise within each budget; the last column is the reference.
Canvas strip_picture(const Options& o, const nwr_context* context, const nwr_schedule* schedule,
                     Network& network, Report& report) {
  constexpr int kScale = 4, kTile = FASHION_SIDE * kScale, kPitchX = kTile + 8,
                kPitchY = kTile + 56, kLeft = 128, kTop = 64, kMargin = 16;
  constexpr int kCount = static_cast<int>(std::size(kBudgets));
  constexpr std::size_t kReferenceSteps = 128;
  const int label = o.label >= 0 ? o.label : kShownClass;
  const std::vector<int> labels{label};
  // The grid's first picture of this class: the same noise as there.
  const auto place = static_cast<std::uint64_t>(label) * kColumns;
  const std::vector<nwr_rng> rngs{{o.seed, place, 0}};

  Canvas c(kLeft + kPitchX * kCount + 24 + kTile + kMargin,
           kTop + kPitchY * static_cast<int>(std::size(kStrip)) + 4, kBackground);
  c.text(kLeft, 12, "the same noise, at most so many evaluations:", 2, kDim);
  Drawing reference = draw(context, schedule, network, "heun", kReferenceSteps, o.guidance, labels,
                           rngs, "act 2: reference");
  report.complete = reference.complete;
  const int reference_x = kLeft + kPitchX * kCount + 24;
  if (reference.complete) {
    c.text(reference_x, 38, "reference", 2, kBright);
  }
  for (int column = 0; column < kCount; ++column) {
    c.text(kLeft + column * kPitchX, 38, std::to_string(kBudgets[column]), 2, kBright);
  }
  Progress progress("act 2: strip", 0, std::size(kStrip) * std::size(kBudgets), "picture");
  for (int row = 0; row < static_cast<int>(std::size(kStrip)); ++row) {
    const StripRow& r = kStrip[row];
    const int y = kTop + row * kPitchY;
    c.text(kLeft - 16 - Canvas::text_width(r.title, 2), y + kTile / 2 - 8, r.title, 2, kBright);
    if (reference.complete) {
      c.grey(reference_x, y, reference.x.sample(0), FASHION_SIDE, kScale);
      c.text(reference_x, y + kTile + 8, std::to_string(reference.evaluations) + " evals", 2, kDim);
    }
    for (int column = 0; column < kCount && report.complete; ++column) {
      const int x = kLeft + column * kPitchX;
      const bool two_stages = std::string(r.spec) == "heun";
      const std::size_t steps = two_stages ? kBudgets[column] / 2 : kBudgets[column];
      Drawing d = draw(context, schedule, network, r.spec, steps, o.guidance, labels, rngs, "");
      report.complete = d.complete;
      if (!d.complete) break;
      double squares = 0;
      for (std::size_t i = 0; i < FASHION_PIXELS; ++i) {
        const double e =
            static_cast<double>(d.x.values()[i]) - static_cast<double>(reference.x.values()[i]);
        squares += e * e;
      }
      const double error = std::sqrt(squares / static_cast<double>(FASHION_PIXELS));
      report.tiles.push_back({r.spec, d.evaluations, error});
      progress.show(report.tiles.size());
      c.grey(x, y, d.x.sample(0), FASHION_SIDE, kScale);
      c.text(x, y + kTile + 8,
             std::to_string(d.evaluations) + (d.evaluations == 1 ? " eval" : " evals"), 2, kDim);
      c.text(x, y + kTile + 28, "rms " + format("%.3f", error), 2, kAccent);
    }
  }
  return c;
}

}  // namespace

Report play_clothes(const Options& o) {
  const Stopwatch clock;
  Report report;
  const Context context = make_context(o.threads);
  const Schedule schedule = make_schedule("linear");
  Network network(o.threads);

  std::vector<int> labels;
  std::vector<nwr_rng> rngs;
  for (std::size_t i = 0; i < kRows * kColumns; ++i) {
    labels.push_back(o.label >= 0 ? o.label : static_cast<int>(i / kColumns));
    rngs.push_back({o.seed, i, 0});
  }
  Drawing d = draw(context.get(), schedule.get(), network, o.sampler, o.steps, o.guidance, labels,
                   rngs, "act 2: " + o.sampler);
  report.noise_sha256 = d.noise_sha256;
  report.complete = d.complete;
  report.grid_seconds = clock.seconds();
  report.files.push_back(write_file(o, "fashion.png", grid_picture(o, d, labels).png()));
  if (d.complete) {
    const Canvas strip = strip_picture(o, context.get(), schedule.get(), network, report);
    if (!report.tiles.empty()) report.files.push_back(write_file(o, "strip.png", strip.png()));
  }
  report.network_evaluations = network.evaluations();
  report.seconds = clock.seconds();
  return report;
}

}  // namespace demo
