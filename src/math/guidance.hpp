// SPDX-License-Identifier: Apache-2.0
// Owns guidance as factors of the model's outputs: of one sample, from the sums of products of its
// outputs. Must not know where sums come from or what the factors are used for.
#pragma once

#include <cmath>

#include "core/plan.hpp"
#include "math/elementary.hpp"
#include "math/reduce.hpp"

namespace noisewright {

// The guided output is sum_k f_k o_k over the conditional output, the one in between (of three),
// the unconditional one, and the kept differences d.
enum class Guidance : int32_t {
  plain = 0,       // u + w (c - u) (Ho and Salimans 2207.12598), or with three outputs
                   // u + w_image (i - u) + w (c - i) (Brooks et al. 2211.09800, eq. 3)
  zero_star = 1,   // plain, of u scaled to fit c (Fan et al. 2503.18886, eq. 9)
  projected = 2,   // u + w (c - u), the difference kept, shortened and split by its part along c
                   // (Sadat et al. 2410.02416, algorithm 1)
  tangential = 3,  // plain, of u's part along the first singular vector of (c, u) (Kwon et al.
                   // 2503.18137)
  decaying = 4     // plain, of 1 + (w - 1) exp(-decay |c - u|/|u|) (magnitude-aware, 2508.03442)
};

inline constexpr int kMaxGuided = kMaxReduced;

struct Gram {
  int inputs;
  const double* numbers;
  NWR_HD NWR_INLINE double sum(int i) const { return numbers[i]; }
  NWR_HD NWR_INLINE double product(int i, int j) const {
    const int low = i < j ? i : j, high = i < j ? j : i;
    return numbers[inputs + low * inputs - low * (low - 1) / 2 + high - low];
  }
  // Of two combinations.
  NWR_HD NWR_INLINE double product(const double* a, const double* b) const {
    double all = 0;
    for (int i = 0; i < inputs; ++i) {
      for (int j = 0; j < inputs; ++j) {
        all = add_rn(all, mul_rn(mul_rn(a[i], b[j]), product(i, j)));
      }
    }
    return all;
  }
  NWR_HD NWR_INLINE double variance(const double* a, double count) const {
    double all = 0;
    for (int i = 0; i < inputs; ++i) all = add_rn(all, mul_rn(a[i], sum(i)));
    return add_rn(product(a, a), -div_rn(mul_rn(all, all), count));
  }
};

// Where guidance needs no sums.
NWR_HD inline void plain_guidance(int outputs, double weight, double image, double* f) {
  if (outputs == 1) {
    f[0] = 1;
  } else if (outputs == 2) {
    f[0] = weight;
    f[1] = add_rn(1.0, -weight);
  } else {
    f[0] = weight;
    f[1] = add_rn(image, -weight);
    f[2] = add_rn(1.0, -image);
  }
}

// Writes kMaxGuided factors.
NWR_HD inline void guide(const GuidePlan& plan, double weight, const double* numbers, double* f) {
  const int outputs = plan.output_count;
  const Gram gram = {outputs + (plan.momentum >= 0 ? 1 : 0), numbers};
  for (int k = 0; k < kMaxGuided; ++k) f[k] = 0;
  const double base = plan.from_conditional;
  double w = add_rn(weight, base);
  switch (static_cast<Guidance>(plan.method)) {
    case Guidance::zero_star: {
      const double fit = div_rn(gram.product(0, 1), add_rn(gram.product(1, 1), 1e-8));
      f[0] = w;
      f[1] = mul_rn(fit, add_rn(1.0, -w));
      break;
    }
    case Guidance::projected: {
      const double d[kMaxGuided] = {1, -1, plan.momentum >= 0 ? plan.inertia : 0};
      const double c[kMaxGuided] = {1, 0, 0};
      double scale = weight;
      if (plan.norm > 0) {
        const double length = std::sqrt(gram.product(d, d));
        if (length > plan.norm) scale = mul_rn(scale, div_rn(plan.norm, length));
      }
      const double own = gram.product(0, 0);
      const double along = own > 0 ? div_rn(gram.product(d, c), own) : 0;
      f[0] = add_rn(base, mul_rn(scale, add_rn(1.0, mul_rn(add_rn(plan.parallel, -1.0), along))));
      f[1] = add_rn(add_rn(1.0, -base), -scale);
      f[2] = mul_rn(scale, d[2]);
      break;
    }
    case Guidance::tangential: {
      // The eigenvector (cos, sin) of the larger eigenvalue of the Gram matrix.
      const double cc = gram.product(0, 0), cu = gram.product(0, 1), uu = gram.product(1, 1);
      const double half = mul_rn(0.5, add_rn(cc, -uu));
      const double reach = std::sqrt(add_rn(mul_rn(half, half), mul_rn(cu, cu)));
      double a = half >= 0 ? add_rn(half, reach) : cu;
      double b = half >= 0 ? cu : add_rn(reach, -half);
      const double length = std::sqrt(add_rn(mul_rn(a, a), mul_rn(b, b)));
      a = length > 0 ? div_rn(a, length) : 0;
      b = length > 0 ? div_rn(b, length) : 0;
      const double rest = mul_rn(add_rn(1.0, -w), b);
      f[0] = add_rn(w, mul_rn(rest, a));
      f[1] = mul_rn(rest, b);
      break;
    }
    case Guidance::decaying: {
      const double d[kMaxGuided] = {1, -1, 0};
      const double ratio = std::sqrt(div_rn(gram.product(d, d), gram.product(1, 1)));
      const double share = elementary_exp(mul_rn(-plan.decay, ratio));
      w = add_rn(add_rn(1.0, mul_rn(add_rn(weight, -1.0), share)), base);
      f[0] = w;
      f[1] = add_rn(1.0, -w);
      break;
    }
    default: plain_guidance(outputs, w, plan.image, f); break;
  }
  if (plan.rescale != 0) {
    // Lin et al. 2305.08891, eq. 15-16.
    const double c[kMaxGuided] = {1, 0, 0};
    const double n = static_cast<double>(plan.count);
    const double whole = gram.variance(f, n), own = gram.variance(c, n);
    // Of an output that is the same everywhere, rounding alone would be left to rescale by.
    const bool varies = whole > mul_rn(1e-13, gram.product(f, f)) && own > 0;
    const double ratio = varies ? std::sqrt(div_rn(own, whole)) : 1.0;
    const double scale = add_rn(mul_rn(plan.rescale, ratio), add_rn(1.0, -plan.rescale));
    for (int k = 0; k < kMaxGuided; ++k) f[k] = mul_rn(f[k], scale);
  }
}

// Adds the guided output to a row of factors that have none of it yet.
NWR_HD inline void guide_row(const GuidePlan& plan, int inputs, int outputs, int64_t row,
                             const double* guided, double* factors) {
  double f[kMaxGuided];
  const int numbers =
      reduced_numbers(Reduction::gram, plan.output_count + (plan.momentum >= 0 ? 1 : 0));
  guide(plan, guided[0], plan.gram + row * numbers, f);
  for (int j = 0; j < outputs; ++j) {
    const double share = guided[1 + j];
    if (share == 0) continue;
    double* const at = factors + j * (inputs + 1);
    for (int k = 0; k < plan.output_count; ++k) {
      double& factor = at[plan.first_output + k];
      factor = add_rn(factor, mul_rn(share, f[k]));
    }
    if (plan.momentum >= 0) {
      at[plan.momentum] = add_rn(at[plan.momentum], mul_rn(share, f[plan.output_count]));
    }
  }
}

}  // namespace noisewright
