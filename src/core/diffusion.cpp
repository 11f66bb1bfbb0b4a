// SPDX-License-Identifier: Apache-2.0
#include "core/diffusion.hpp"

namespace noisewright {
namespace {

constexpr double kPi = 3.14159265358979323846;

double square(double x) { return x * x; }

}  // namespace

double diffusion2(Diffusion form, double norm, const Schedule& schedule, double t,
                  const nwr_coeffs& c) {
  const double u = schedule.noise_fraction(t);
  switch (form) {
    case Diffusion::none: return 0;
    // The forward SDE's own: Anderson's reverse SDE (Song et al. 2011.13456, eq. 6), SiT's SBDM.
    case Diffusion::reverse: return norm * c.diffusion2;
    // D of SiT (Ma et al. 2401.08740, table 2), and as torchebm's interpolants give it.
    case Diffusion::constant: return 2 * norm;
    case Diffusion::sbdm: return norm * c.diffusion2 / (c.sigma + 1e-8);  // torchebm's floor
    case Diffusion::sigma: return 2 * norm * c.sigma;
    case Diffusion::linear: return 2 * norm * u;
    case Diffusion::decreasing: return 2 * norm * square(u);
    case Diffusion::increasing_decreasing: return 8 * norm * u * (1 - u);
    // SiT's own decreasing and inccreasing-decreasing.
    case Diffusion::sit_decreasing: return square(norm * std::cos(kPi * (1 - u)) + 1) / 2;
    case Diffusion::sit_increasing_decreasing: return 2 * norm * square(std::sin(kPi * u));
    // g of GenSBI's ZeroEnds and NonSingular.
    case Diffusion::zero_ends: return square(norm) * u * (1 - u);
    case Diffusion::non_singular: return square(norm) * u;
  }
  return 0;
}

}  // namespace noisewright
