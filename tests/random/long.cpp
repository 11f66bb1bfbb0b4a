// SPDX-License-Identifier: Apache-2.0
// Owns the statistics of the generator over 10^9 draws: distribution, moments, tails, and
// correlation between whatever a caller may take to be independent. Must not know how numbers are
// made.
//
//   random_long [DRAWS]    prints a page in Markdown, docs/random.md; 1 if a figure is unlikely
//
// Each figure is a z-score, or a p-value. Of about 60 of them, |z| above 4.5 or p below 1e-5 has a
// chance of 5e-4 in all.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "noisewright.h"

namespace {

constexpr int64_t kChunk = 1 << 20;
constexpr double kMostZ = 4.5, kLeastP = 1e-5;
int unlikely = 0;

nwr_context* context() {
  static nwr_context* const made = [] {
    nwr_context_options options;
    std::memset(&options, 0, sizeof options);
    options.struct_size = sizeof options, options.threads = 1;
    nwr_context* out = nullptr;
    if (nwr_context_create(&options, &out) != NWR_OK) std::abort();
    return out;
  }();
  return made;
}

// Draws as samples of a batch, or as one stretch where there is one generator.
void fill(nwr_distribution what, const std::vector<nwr_rng>& rngs, std::vector<float>& out) {
  const auto batch = static_cast<int64_t>(rngs.size());
  const int64_t shape[] = {batch, static_cast<int64_t>(out.size()) / batch};
  nwr_tensor tensor;
  std::memset(&tensor, 0, sizeof tensor);
  tensor.data = out.data(), tensor.device = NWR_CPU, tensor.dtype = NWR_F32;
  tensor.ndim = 2, tensor.shape = shape;
  if (nwr_random_fill(context(), what, rngs.data(), rngs.size(), &tensor) != NWR_OK) {
    std::fprintf(stderr, "%s\n", nwr_last_error());
    std::abort();
  }
}

const char* verdict(bool bad) {
  if (bad) ++unlikely;
  return bad ? " UNLIKELY " : "";
}
void z_row(const std::string& name, double found, double expected, double z) {
  std::printf("| %s | %.9g | %.9g | %+.2f |%s|\n", name.c_str(), found, expected, z,
              verdict(!(std::fabs(z) < kMostZ)));
}

// P(D > d) of Kolmogorov's distribution, n large.
double kolmogorov(double d, double n) {
  const double x = std::sqrt(n) * d;
  double p = 0;
  for (int k = 1; k < 100; ++k) p += (k % 2 ? 2 : -2) * std::exp(-2.0 * k * k * x * x);
  return std::min(1.0, std::max(0.0, x < 0.2 ? 1.0 : p));
}

// The greatest distance at the edges of equally likely bins.
constexpr int kBins = 1 << 16;
double distance(const std::vector<uint64_t>& bins, double n) {
  double most = 0, sum = 0;
  for (int i = 0; i < kBins; ++i) {
    sum += static_cast<double>(bins[static_cast<size_t>(i)]);
    most = std::max(most, std::fabs(sum / n - (i + 1.0) / kBins));
  }
  return most;
}
void chi_square_row(const char* name, const std::vector<uint64_t>& bins, double n) {
  const double expected = n / kBins;
  double chi = 0;
  for (const uint64_t count : bins) {
    const double off = static_cast<double>(count) - expected;
    chi += off * off / expected;
  }
  z_row(name, chi, kBins - 1, (chi - (kBins - 1)) / std::sqrt(2.0 * (kBins - 1)));
}

double chance_beyond(double sigma) { return std::erfc(sigma / std::sqrt(2.0)); }

void normals(int64_t draws) {
  std::vector<uint64_t> bins(kBins);
  constexpr double kSigmas[] = {1, 2, 3, 4, 4.5, 5, 5.5, 6};
  uint64_t above[8] = {}, below[8] = {};
  double sums[9] = {};
  float least = 0, most = 0;
  std::vector<float> x(kChunk);
  int64_t n = 0;
  for (; n < draws; n += kChunk) {
    fill(NWR_NORMAL, {{20, 5, static_cast<uint64_t>(n)}}, x);
    double part[9] = {};
    for (const float value : x) {
      const double v = static_cast<double>(value);
      double power = 1;
      for (int k = 1; k <= 8; ++k) part[k] += power *= v;
      const double u = 0.5 * std::erfc(-v * 0.70710678118654752440);
      ++bins[static_cast<size_t>(std::min(kBins - 1, static_cast<int>(u * kBins)))];
      for (int k = 0; k < 8 && std::fabs(v) > kSigmas[k]; ++k) ++(v > 0 ? above : below)[k];
      least = std::min(least, value), most = std::max(most, value);
    }
    for (int k = 1; k <= 8; ++k) sums[k] += part[k];
  }
  const auto count = static_cast<double>(n);
  std::printf("## Normals, %lld draws of one generator\n\n", static_cast<long long>(n));
  std::printf("| figure | found | expected | z | |\n|---|---|---|---|---|\n");
  constexpr double kMoment[] = {1, 0,   1, 0,     3, 0,      15, 0,      105,
                                0, 945, 0, 10395, 0, 135135, 0,  2027025};
  for (int k = 1; k <= 8; ++k) {
    const double spread = std::sqrt((kMoment[2 * k] - kMoment[k] * kMoment[k]) / count);
    z_row("moment " + std::to_string(k), sums[k] / count, kMoment[k],
          (sums[k] / count - kMoment[k]) / spread);
  }
  chi_square_row("chi-square of 65536 bins", bins, count);
  for (int k = 0; k < 8; ++k) {
    const double expected = count * chance_beyond(kSigmas[k]) / 2;
    char name[32];
    for (const bool up : {true, false}) {
      const auto found = static_cast<double>((up ? above : below)[k]);
      std::snprintf(name, sizeof name, "%s%g", up ? "above " : "below -", kSigmas[k]);
      z_row(name, found, expected, (found - expected) / std::sqrt(expected));
    }
  }
  const double d = distance(bins, count), p = kolmogorov(d, count);
  std::printf("\nKolmogorov-Smirnov at 65536 edges: D = %.3g, p = %.3f %s\n\n", d, p,
              verdict(p < kLeastP));
  std::printf("Least and greatest: %.9g and %.9g.\n\n", static_cast<double>(least),
              static_cast<double>(most));
}

void uniforms(int64_t draws) {
  std::vector<uint64_t> bins(kBins), pairs(kBins);
  double sum = 0, squares = 0, lag = 0;
  std::vector<float> x(kChunk);
  int64_t n = 0;
  bool inside = true;
  for (; n < draws; n += kChunk) {
    fill(NWR_UNIFORM, {{21, 0, static_cast<uint64_t>(n)}}, x);
    for (size_t i = 0; i < x.size(); ++i) {
      const double v = static_cast<double>(x[i]) - 0.5;
      inside = inside && x[i] > 0 && x[i] < 1;
      sum += v, squares += v * v;
      const auto bin = static_cast<size_t>(x[i] * kBins);
      ++bins[bin];
      if (i % 2) {
        const double before = static_cast<double>(x[i - 1]) - 0.5;
        lag += v * before;
        ++pairs[static_cast<size_t>(x[i - 1] * 256) * 256 + bin / 256];
      }
    }
  }
  const auto count = static_cast<double>(n);
  std::printf("## Uniforms, %lld draws of one generator\n\n", static_cast<long long>(n));
  std::printf("| figure | found | expected | z | |\n|---|---|---|---|---|\n");
  z_row("mean", 0.5 + sum / count, 0.5, sum / count / std::sqrt(1 / 12.0 / count));
  z_row("variance", squares / count, 1 / 12.0,
        (squares / count - 1 / 12.0) / std::sqrt(1 / 180.0 / count));
  z_row("product with the next", lag / (count / 2), 0,
        lag / (count / 2) * 12 * std::sqrt(count / 2));
  chi_square_row("chi-square of 65536 bins", bins, count);
  chi_square_row("chi-square of 256 x 256 pairs", pairs, count / 2);
  const double d = distance(bins, count), p = kolmogorov(d, count);
  std::printf("\nKolmogorov-Smirnov at 65536 edges: D = %.3g, p = %.3f %s\n", d, p,
              verdict(p < kLeastP));
  std::printf("All are between 0 and 1, both excluded: %s\n\n", inside ? "yes" : verdict(true));
}

// Correlation of draws and of their squares, between two sources.
template <class Pair>
void correlate(const char* name, int64_t draws, Pair&& make) {
  std::vector<float> a(kChunk), b(kChunk);
  double products = 0, squares = 0;
  int64_t n = 0;
  for (; n < draws; n += kChunk) {
    make(static_cast<uint64_t>(n), a, b);
    for (size_t i = 0; i < a.size(); ++i) {
      const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
      products += x * y;
      squares += (x * x - 1) * (y * y - 1);
    }
  }
  const auto count = static_cast<double>(n);
  z_row(name, products / count, 0, products / std::sqrt(count));
  z_row(std::string(name) + ", squares", squares / count, 0, squares / (2 * std::sqrt(count)));
}

void correlations(int64_t draws) {
  using Floats = std::vector<float>;
  std::printf("## Correlation of normals, %lld pairs each\n\n", static_cast<long long>(draws));
  std::printf("| between | found | expected | z | |\n|---|---|---|---|---|\n");
  correlate("seeds 7 and 8", draws, [](uint64_t at, Floats& a, Floats& b) {
    fill(NWR_NORMAL, {{7, 0, at}}, a), fill(NWR_NORMAL, {{8, 0, at}}, b);
  });
  correlate("seeds that differ in one high bit", draws, [](uint64_t at, Floats& a, Floats& b) {
    fill(NWR_NORMAL, {{7, 0, at}}, a), fill(NWR_NORMAL, {{7 | 1ull << 63, 0, at}}, b);
  });
  correlate("streams 0 and 1", draws, [](uint64_t at, Floats& a, Floats& b) {
    fill(NWR_NORMAL, {{9, 0, at}}, a), fill(NWR_NORMAL, {{9, 1, at}}, b);
  });
  correlate("streams 5 and 5 + 2^32", draws, [](uint64_t at, Floats& a, Floats& b) {
    fill(NWR_NORMAL, {{9, 5, at}}, a), fill(NWR_NORMAL, {{9, 5 + (1ull << 32), at}}, b);
  });
  correlate("seed and stream exchanged", draws, [](uint64_t at, Floats& a, Floats& b) {
    fill(NWR_NORMAL, {{3, 4, at}}, a), fill(NWR_NORMAL, {{4, 3, at}}, b);
  });
  for (const uint64_t lag : {1u, 2u, 3u, 4u, 5u, 7u, 8u, 16u, 128u, 4096u, 1u << 20}) {
    const std::string name = "offsets " + std::to_string(lag) + " apart";
    correlate(name.c_str(), draws, [lag](uint64_t at, Floats& a, Floats& b) {
      fill(NWR_NORMAL, {{10, 0, at}}, a), fill(NWR_NORMAL, {{10, 0, at + lag}}, b);
    });
  }
  correlate("offsets 2^34 apart", draws, [](uint64_t at, Floats& a, Floats& b) {
    fill(NWR_NORMAL, {{10, 0, at}}, a), fill(NWR_NORMAL, {{10, 0, at + (1ull << 34)}}, b);
  });
  correlate("neighbouring samples of a batch", draws, [](uint64_t at, Floats& a, Floats& b) {
    std::vector<nwr_rng> even, odd;
    for (uint64_t i = 0; i < 1024; ++i) {
      even.push_back({12, 2 * i, at / 1024}), odd.push_back({12, 2 * i + 1, at / 1024});
    }
    fill(NWR_NORMAL, even, a), fill(NWR_NORMAL, odd, b);
  });
  correlate("the first numbers of 1024 seeds in a row", draws,
            [](uint64_t at, Floats& a, Floats& b) {
              std::vector<nwr_rng> these, next;
              for (uint64_t i = 0; i < 1024; ++i) {
                these.push_back({at + i, 0, 0}), next.push_back({at + i + 1, 0, 0});
              }
              fill(NWR_NORMAL, these, a), fill(NWR_NORMAL, next, b);
            });
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t draws = argc > 1 ? std::atoll(argv[1]) : 1000000000;
  std::printf("<!-- SPDX-License-Identifier: Apache-2.0 -->\n# The generator over 10^9 draws\n\n");
  std::printf("Written by `random_long %lld` of `tests/random`, version %u:\n\n",
              static_cast<long long>(draws), nwr_version());
  std::printf(
      "```\ncmake --build --preset release --target random_long\n"
      "build/release/tests/random/random_long > docs/random.md\n```\n\n");
  std::printf(
      "z is how many standard deviations the figure lies from what is expected. Above %.1f, and p "
      "below\n"
      "%.0e, is marked as unlikely. The generator is Philox4x32-10, whose words are checked "
      "against the\n"
      "published vectors in `tests/kat`; normals against closed forms in "
      "`tests/unit/normal_test.cpp`.\n\n",
      kMostZ, kLeastP);
  normals(draws);
  uniforms(draws);
  correlations(draws / 10);
  std::printf("\n%d figures are unlikely.\n", unlikely);
  return unlikely ? 1 : 0;
}
