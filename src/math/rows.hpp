// SPDX-License-Identifier: Apache-2.0
// Owns the algebra under everything: each quantity as a row over (data, noise, latent), and the
// expression of one row by others. Must not know schedules, samplers or memory.
#pragma once

#include <cmath>

#include "math/hd.hpp"
#include "noisewright.h"

namespace noisewright {

struct Row {
  double data = 0, noise = 0, latent = 0;
};

inline constexpr int kMaxKnown = 8;

// What a row depends on beside the coefficients.
struct RowSetting {
  double diffusion2 = 0;  // w^2 of the drifts
  double direction = 1;   // +1 where data lies at later times, else -1
  double sigma_data = 1;  // of the preconditioned output
};

// The row of a quantity where the schedule's coefficients are c; false where it has no finite one.
//   drift          velocity +- w^2/2 score: the SDE of the same marginals that runs to data, or,
//                  as the forward drift, to noise (Song et al. 2011.13456, Albergo et al.
//                  2303.08797)
//   preconditioned F of data = c_skip x/alpha + c_out F (Karras et al. 2206.00364, table 1, written
//                  for any alpha)
NWR_HD inline bool quantity_row(const nwr_coeffs& c, int quantity, const RowSetting& setting,
                                Row* out) {
  const bool latent = c.gamma > 0;
  const double spread = latent ? c.gamma : c.sigma;
  // gamma' is infinite where gamma is 0 and gamma*gamma' is not; latent has no weight there.
  const double dgamma = c.gamma_dgamma == 0 ? 0 : c.gamma_dgamma / c.gamma;
  Row row;
  switch (quantity) {
    case NWR_STATE: row = {c.alpha, c.sigma, c.gamma}; break;
    case NWR_DATA: row = {1, 0, 0}; break;
    case NWR_NOISE: row = {0, 1, 0}; break;
    case NWR_LATENT: row = {0, 0, 1}; break;
    case NWR_NEGATIVE_LATENT: row = {0, 0, -1}; break;
    case NWR_ANGULAR: row = {-c.sigma, c.alpha, 0}; break;
    case NWR_SCORE: row = {0, latent ? 0 : -1 / spread, latent ? -1 / spread : 0}; break;
    case NWR_PATH_VELOCITY: row = {c.dalpha, c.dsigma, 0}; break;
    case NWR_MIRROR_VELOCITY: row = {0, 0, dgamma}; break;
    case NWR_NAMI_DRIFT: row = {c.dalpha, c.dsigma, -dgamma}; break;
    case NWR_NAMI_MIRROR: row = {0, 0, -dgamma}; break;
    case NWR_PRECONDITIONED: {
      const double signal = c.alpha * setting.sigma_data;
      const double norm = std::hypot(c.sigma, signal);
      row = {c.sigma / (setting.sigma_data * norm), -signal / norm, 0};
      break;
    }
    case NWR_VELOCITY:
    case NWR_DRIFT:
    case NWR_FORWARD_DRIFT: {
      row = {c.dalpha, c.dsigma, dgamma};
      if (quantity == NWR_VELOCITY || setting.diffusion2 == 0) break;
      const double sign = quantity == NWR_DRIFT ? setting.direction : -setting.direction;
      (latent ? row.latent : row.noise) -= sign * setting.diffusion2 / 2 / spread;
      break;
    }
    default: return false;
  }
  *out = row;
  return std::isfinite(row.data) && std::isfinite(row.noise) && std::isfinite(row.latent);
}

// Whether want is a multiple of row, to rounding; then the multiple is written.
NWR_HD inline bool is_multiple(const Row& row, const Row& want, double* factor) {
  const double from[3] = {row.data, row.noise, row.latent};
  const double to[3] = {want.data, want.noise, want.latent};
  int largest = 0;
  for (int i = 1; i < 3; ++i) {
    if (std::fabs(from[i]) > std::fabs(from[largest])) largest = i;
  }
  const double ratio = to[largest] / from[largest];
  for (int i = 0; i < 3; ++i) {
    if (!(std::fabs(ratio * from[i] - to[i]) <= 4.5e-16 * std::fabs(to[i]))) return false;
  }
  *factor = ratio;
  return std::isfinite(ratio);
}

// Writes factors with sum of factors[i] * known[i] == want; factors of rows not needed are 0.
// False where the known rows do not determine it. Gaussian elimination with full pivoting on at
// most 3 equations; each entry carries a bound of its rounding error, so that an entry that
// cancelled to noise counts as the zero that it is. kKnown is their number, or 0: some.
template <int kKnown>
NWR_HD inline bool express_by(const Row* known, int some, const Row& want, double* factors) {
  const int count = kKnown > 0 ? kKnown : some;
  double a[3][kMaxKnown + 1], error[3][kMaxKnown + 1], scale[kMaxKnown];
  const double unit = 4 * 2.220446049250313e-16;
  // Only legs that some row has make equations: most often two of the three.
  bool has[3] = {false, false, false};
  NWR_WRITE_OUT
  for (int k = 0; k <= count; ++k) {
    const Row& row = k < count ? known[k] : want;
    has[0] = has[0] || row.data != 0;
    has[1] = has[1] || row.noise != 0;
    has[2] = has[2] || row.latent != 0;
  }
  int equations = 0;
  NWR_WRITE_OUT
  for (int k = 0; k <= count; ++k) {
    const Row& row = k < count ? known[k] : want;
    const double value[3] = {row.data, row.noise, row.latent};
    double power = 1;
    if (k < count) {
      // Columns are scaled by powers of two, exactly, so that pivots compare.
      double largest = 0;
      NWR_WRITE_OUT
      for (const double v : value) largest = std::fabs(v) > largest ? std::fabs(v) : largest;
      const uint64_t exponent = bits_of(largest) >> 52;
      if (largest > 0) power = double_of((exponent < 2046 ? 2046 - exponent : 1) << 52);
      scale[k] = power, factors[k] = 0;
    }
    equations = 0;
    NWR_WRITE_OUT
    for (int i = 0; i < 3; ++i) {
      if (!has[i]) continue;
      a[equations][k] = value[i] * power;
      error[equations++][k] = 0;
    }
  }
  // Where one row suffices, the others get exactly 0, and what they stand for is not even read.
  NWR_WRITE_OUT
  for (int k = 0; k < count; ++k) {
    if (is_multiple(known[k], want, &factors[k])) return true;
  }
  int pivot_row[3], pivot_column[3], rank = 0;
  bool row_used[3] = {}, column_used[kMaxKnown] = {};
  for (; rank < equations; ++rank) {
    double best = 0;
    int r = -1, c = -1;
    NWR_WRITE_OUT
    for (int k = 0; k < count; ++k) {
      if (column_used[k]) continue;
      for (int i = 0; i < equations; ++i) {
        if (row_used[i]) continue;
        if (std::fabs(a[i][k]) > best && std::fabs(a[i][k]) > error[i][k]) {
          best = std::fabs(a[i][k]);
          r = i, c = k;
        }
      }
    }
    if (r < 0) break;
    row_used[r] = true;
    column_used[c] = true;
    pivot_row[rank] = r;
    pivot_column[rank] = c;
    NWR_WRITE_OUT
    for (int i = 0; i < equations; ++i) {
      if (row_used[i] || a[i][c] == 0) continue;
      const double ratio = a[i][c] / a[r][c];
      for (int k = 0; k <= count; ++k) {
        if (k < count && column_used[k]) continue;
        const double product = ratio * a[r][k];
        error[i][k] +=
            unit * (std::fabs(a[i][k]) + std::fabs(product)) + std::fabs(ratio) * error[r][k];
        a[i][k] -= product;
      }
      a[i][c] = 0;
    }
  }
  for (int i = 0; i < equations; ++i) {
    if (!row_used[i] && std::fabs(a[i][count]) > error[i][count]) return false;
  }
  for (int step = rank - 1; step >= 0; --step) {
    const int row = pivot_row[step];
    double rest = a[row][count];
    for (int later = step + 1; later < rank; ++later) {
      rest -= a[row][pivot_column[later]] * factors[pivot_column[later]];
    }
    factors[pivot_column[step]] = rest / a[row][pivot_column[step]];
  }
  bool finite = true;
  for (int k = 0; k < count; ++k) {
    factors[k] *= scale[k];
    finite = finite && std::isfinite(factors[k]);
  }
  return finite;
}

// The same. Most often the state and a prediction are known.
NWR_HD inline bool express(const Row* known, int count, const Row& want, double* factors) {
  return count == 2 ? express_by<2>(known, 2, want, factors)
                    : express_by<0>(known, count, want, factors);
}

// Identities that define quantities by each other whatever the rows are: the sum of weight *
// quantity is 0. Where the rows of two are collinear (velocity and score where alpha is constant)
// one would do by the algebra, but two models that were trained apart must both be heard; and they
// hold at ends where a score has no row.
struct Identity {
  int32_t quantity[3];
  double weight[3];
};
inline constexpr int kIdentities = 6;
NWR_HD inline Identity identity_at(int i, const nwr_coeffs& c, const RowSetting& setting) {
  const double share = setting.direction * setting.diffusion2 / 2, leg = c.gamma_dgamma;
  switch (i) {
    case 0: return {{NWR_DRIFT, NWR_VELOCITY, NWR_SCORE}, {1, -1, -share}};
    case 1: return {{NWR_FORWARD_DRIFT, NWR_VELOCITY, NWR_SCORE}, {1, -1, share}};
    case 2: return {{NWR_VELOCITY, NWR_PATH_VELOCITY, NWR_SCORE}, {1, -1, leg}};
    case 3: return {{NWR_DRIFT, NWR_PATH_VELOCITY, NWR_SCORE}, {1, -1, leg - share}};
    case 4: return {{NWR_FORWARD_DRIFT, NWR_PATH_VELOCITY, NWR_SCORE}, {1, -1, leg + share}};
    default: return {{NWR_NAMI_DRIFT, NWR_PATH_VELOCITY, NWR_SCORE}, {1, -1, -leg}};
  }
}

NWR_HD inline bool has_identity(int32_t quantity) {
  return quantity == NWR_VELOCITY || quantity == NWR_SCORE || quantity == NWR_PATH_VELOCITY ||
         quantity == NWR_DRIFT || quantity == NWR_FORWARD_DRIFT || quantity == NWR_NAMI_DRIFT;
}

// Where a quantity stands among the inputs; count if it does not.
NWR_HD inline int find_quantity(const int32_t* inputs, int count, int32_t quantity) {
  int i = 0;
  while (i < count && inputs[i] != quantity) ++i;
  return i;
}

// Where each leg of the path stands among the inputs, or -1; false where an input is no leg, or one
// stands there twice.
NWR_HD inline bool find_legs(const int32_t* inputs, int count, int place[3]) {
  place[0] = place[1] = place[2] = -1;
  for (int i = 0; i < count; ++i) {
    const int32_t q = inputs[i];
    const int leg = q == NWR_DATA ? 0 : q == NWR_NOISE ? 1 : q == NWR_LATENT ? 2 : -1;
    if (leg < 0 || place[leg] >= 0) return false;
    place[leg] = i;
  }
  return true;
}

// The factors by which legs alone, which stand at the places, give the output where the schedule's
// coefficients are c: its row. False where it has none, or a leg that it needs is not there.
NWR_HD inline bool leg_factors(const nwr_coeffs& c, const RowSetting& setting, const int place[3],
                               int32_t output, double* factors) {
  Row want;
  if (!quantity_row(c, output, setting, &want)) return false;
  const auto put = [&](int leg, double factor) {
    if (place[leg] < 0) return factor == 0;
    factors[place[leg]] = factor;
    return true;
  };
  return put(0, want.data) && put(1, want.noise) && put(2, want.latent);
}

// The factors by which the inputs, at most kMaxKnown, give the output where the schedule's
// coefficients are c; false where they do not determine it.
NWR_HD inline bool quantity_factors(const nwr_coeffs& c, const RowSetting& setting,
                                    const int32_t* inputs, int count, int32_t output,
                                    double* factors) {
  int legs[3];
  if (find_legs(inputs, count, legs)) return leg_factors(c, setting, legs, output, factors);
  for (int i = 0; i < count; ++i) factors[i] = 0;
  const int same = find_quantity(inputs, count, output);
  if (same < count) {
    factors[same] = 1;
    return true;
  }
  int with_identity = 0;
  for (int i = 0; i < count; ++i) with_identity += has_identity(inputs[i]) ? 1 : 0;
  const int identities = with_identity > 1 && has_identity(output) ? kIdentities : 0;
  for (int n = 0; n < identities; ++n) {
    const Identity identity = identity_at(n, c, setting);
    for (int i = 0; i < 3; ++i) {
      const int j = (i + 1) % 3, k = (i + 2) % 3;
      if (output != identity.quantity[i] || identity.weight[i] == 0) continue;
      const int first = find_quantity(inputs, count, identity.quantity[j]);
      const int second = find_quantity(inputs, count, identity.quantity[k]);
      if (first == count || second == count) continue;
      factors[first] = -identity.weight[j] / identity.weight[i];
      factors[second] = -identity.weight[k] / identity.weight[i];
      return true;
    }
  }
  // Of the third leg alone: the score says it even where both ends hide the latent.
  const int score = find_quantity(inputs, count, NWR_SCORE);
  const bool latent = c.gamma > 0 || c.gamma_dgamma != 0;
  if (latent && score < count && (output == NWR_MIRROR_VELOCITY || output == NWR_NAMI_MIRROR)) {
    factors[score] = output == NWR_NAMI_MIRROR ? c.gamma_dgamma : -c.gamma_dgamma;
    return true;
  }
  // An input that has no row here, such as a score without noise, says nothing.
  Row known[kMaxKnown];
  Row want;
  double found[kMaxKnown];
  int place[kMaxKnown], rows = 0;
  for (int i = 0; i < count; ++i) {
    if (quantity_row(c, inputs[i], setting, &known[rows])) place[rows++] = i;
  }
  if (!quantity_row(c, output, setting, &want) || !express(known, rows, want, found)) return false;
  for (int k = 0; k < rows; ++k) factors[place[k]] = found[k];
  return true;
}

}  // namespace noisewright
