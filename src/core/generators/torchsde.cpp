// SPDX-License-Identifier: Apache-2.0
// Owns the Brownian tree of torchsde as k-diffusion asks it: W over noise levels, halved at places
// that are rounded to 6 decimals, each half made of torch.randn under a seed of its own. rng.seed
// is its entropy; what covers no levels is drawn from PyTorch's CPU generator of that seed.
#include <charconv>
#include <cmath>

#include "core/generator.hpp"
#include "core/generators/torch_cpu.hpp"
#include "math/seed_sequence.hpp"

namespace noisewright {
namespace {

constexpr int kDecimals = 6;

double rounded(double x) {
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, x, std::chars_format::fixed, kDecimals);
  std::from_chars(text, end.ptr, x);
  return x;
}

// One tree for one array. Products and sums are rounded to the array's type, as PyTorch's are.
template <class Number>
class Tree {
 public:
  Tree(TorchCpu& engine, uint64_t entropy, double low, double high, size_t count)
      : engine_(engine),
        entropy_(entropy),
        count_(count),
        low_(rounded(low)),
        high_(rounded(high)) {
    top_ = normals(seed_of(entropy, nullptr, 0));
    const auto scale = static_cast<Number>(std::sqrt(high - low));
    for (Number& w : top_) w *= scale;
  }

  // W(to) - W(from) for from < to, within the tree's ends.
  void increment(double from, double to, Number* out) {
    filled_ = false;
    visit({low_, high_, 0, 0}, top_, rounded(from), rounded(to), out);
    for (size_t i = 0; i < count_ && !filled_; ++i) out[i] = 0;
  }

 private:
  using Numbers = std::vector<Number>;
  struct Node {
    double low, high;
    uint32_t key, depth;
  };

  Numbers normals(uint32_t seed) {
    Numbers out(count_);
    Rng rng{seed, 0, 0};
    const Dtype type = sizeof(Number) == 8 ? Dtype::f64 : Dtype::f32;
    engine_.draw(Distribution::normal, rng, type, static_cast<int64_t>(count_), out.data());
    return out;
  }

  void visit(const Node& node, const Numbers& w, double from, double to, Number* out) {
    if (from >= to) return;
    const double middle = rounded(0.5 * (node.high + node.low));
    if ((from == node.low && to == node.high) || middle <= node.low || middle >= node.high) {
      for (size_t i = 0; i < count_; ++i) out[i] = filled_ ? out[i] + w[i] : w[i];
      filled_ = true;
      return;
    }
    const double left = middle - node.low, right = node.high - middle;
    const double share = 1 / (node.high - node.low);
    const uint32_t key[] = {node.key, node.depth};
    const Numbers z = normals(seed_of(entropy_, key, 2));
    const auto spread = static_cast<Number>(std::sqrt(left * right * share));
    Numbers half(count_);
    for (size_t i = 0; i < count_; ++i) {
      const Number mean = static_cast<Number>(left) * w[i] * static_cast<Number>(share);
      half[i] = mean + spread * z[i];
    }
    visit({node.low, middle, 2 * node.key, node.depth + 1}, half, from, std::fmin(to, middle), out);
    for (size_t i = 0; i < count_; ++i) half[i] = w[i] - half[i];
    visit({middle, node.high, 2 * node.key + 1, node.depth + 1}, half, std::fmax(from, middle), to,
          out);
  }

  TorchCpu& engine_;
  uint64_t entropy_;
  size_t count_;
  double low_, high_;
  Numbers top_;
  bool filled_ = false;
};

class TorchSde : public Generator {
 public:
  TorchSde(double low, double high, bool ratio)
      : low_(static_cast<float>(low)), high_(static_cast<float>(high)), ratio_(ratio) {}

  void check(const Context&, const std::vector<Rng>& rngs, size_t rows) const override {
    if (rows > 1 && rngs.size() == 1) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "rng_count is 1, but torchsde has one tree a generator and ",
           rows, " samples have times of their own");
    }
    if (!(low_ < high_) || high_ > kMostLevel) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "torchsde: its tree would go from sigma_min = ", low_,
           " to sigma_max = ", high_, "; set both, up to ", kMostLevel);
    }
  }

  void draw(const Context& context, const Draw& draw, std::vector<Rng>& rngs,
            const Array& out) override {
    if (draw.what != Distribution::normal) {
      fail(NWR_ERROR_UNSUPPORTED, "torchsde draws normals alone");
    }
    if (engines_.size() < rngs.size()) engines_.resize(rngs.size());
    memory_.fill(context, out, [&](void* data) {
      if (out.view.dtype == Dtype::f64) {
        draw_all(static_cast<double*>(data), draw, rngs, out);
      } else {
        draw_all(static_cast<float*>(data), draw, rngs, out);
      }
    });
  }

 private:
  static constexpr double kMostLevel = 1e9;

  template <class Number>
  void draw_all(Number* data, const Draw& draw, std::vector<Rng>& rngs, const Array& out) {
    const auto count = static_cast<size_t>(rngs.size() > 1 ? out.shape.inner() : out.shape.count());
    for (size_t i = 0; i < rngs.size(); ++i) {
      const Stretch& stretch = draw.stretches[draw.rows > 1 ? i : 0];
      if (!stretch.draws) continue;
      Number* const here = data + i * count;
      if (stretch.follows) {
        const double from = level(stretch.from), to = level(stretch.to);
        follow(here, count, rngs[i], from, to);
      } else {
        engines_[i].draw(draw.what, rngs[i], out.view.dtype, static_cast<int64_t>(count), here);
      }
    }
  }

  // Peers hold levels in single precision.
  double level(const Level& l) const {
    return static_cast<float>(ratio_ ? l.sigma / l.alpha : l.sigma);
  }

  template <class Number>
  void follow(Number* out, size_t count, const Rng& rng, double from, double to) {
    const auto within = [&](double x) { return std::fmin(std::fmax(x, low_), high_); };
    const double a = within(std::fmin(from, to)), b = within(std::fmax(from, to));
    Tree<Number>(tree_engine_, rng.seed, low_, high_, count).increment(a, b, out);
    const float length = static_cast<float>(to) - static_cast<float>(from);
    const float scale = std::sqrt(std::fabs(length));
    const auto divisor = static_cast<Number>(to < from ? -scale : scale);
    for (size_t i = 0; i < count; ++i) out[i] /= divisor;
  }

  double low_, high_;
  bool ratio_;
  std::vector<TorchCpu> engines_;
  TorchCpu tree_engine_;
  HostArray memory_;
};

constexpr Param kParams[] = {
    {"sigma_min", "the tree's lower end; 0 is the least level of the run above 0", 0, 0, 1e9},
    {"sigma_max", "the tree's upper end; 0 is the run's highest level", 0, 0, 1e9},
    {"level", "what a level is: sigma/alpha, or sigma as peers have it on flows", 0, 0, 1,
     "ratio,sigma"}};

}  // namespace

extern const GeneratorKind kTorchSde;
const GeneratorKind kTorchSde = {
    {1004, "torchsde", "k-diffusion.brownian-tree,brownian-tree",
     "torchsde's Brownian tree over noise levels, as k-diffusion asks it", NWR_ENTRY_STOCHASTIC, 0,
     0, kParams},
    [](const Settings& settings, const LevelRange& range) -> std::unique_ptr<Generator> {
      const bool ratio = settings["level"] == 0;
      const double low = settings["sigma_min"], high = settings["sigma_max"];
      return std::make_unique<TorchSde>(low > 0 ? low
                                        : ratio ? range.least_ratio
                                                : range.least_sigma,
                                        high > 0 ? high
                                        : ratio  ? range.most_ratio
                                                 : range.most_sigma,
                                        ratio);
    }};

}  // namespace noisewright
