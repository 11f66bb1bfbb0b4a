// SPDX-License-Identifier: Apache-2.0
// The notebook's three figures as SVG. They show fields and coefficients, and compute none.
#pragma once

#include <string>

#include "field.hpp"

namespace notebook {

// Score, path velocity, nami's drift and the transport at one time.
std::string fields_svg(const Setting& setting, float t);
// gamma, gamma' and gamma gamma' over time.
std::string gamma_svg(const Setting& setting, float t);
// The mirror velocity at three times.
std::string mirror_svg(const Setting& setting);

}  // namespace notebook
