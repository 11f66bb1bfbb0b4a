// SPDX-License-Identifier: Apache-2.0
// The toy problem of nami's notebook and its fields, in float32, by the library's transforms.
// Its state is N(0, I) in two dimensions, so that the true score is -x; the path turns about 0.
#pragma once

#include <cstddef>

#include "nwr.hpp"

namespace notebook {

using Points = demo::Batch<float>;

struct Setting {
  demo::Context context;
  demo::Schedule schedule;

  nwr_coeffs at(double t) const;
};

// With nami's floors: gamma^2 is at least 1e-12, and eta is divided by 1e-6 or more.
extern const char* const kSchedule;

Setting make_setting();

// What is known and what follows from it at some points.
struct Fields {
  Points score, path_velocity, drift, velocity, mirror;
};

Fields fields_at(const Setting& setting, float t, Points& x);

// Largest differences from the closed forms, which are float32 too.
struct Errors {
  double score, drift, mirror;
};

Errors errors_of(const Setting& setting, float t, Points& x, const Fields& fields);

// side x side points of a square around 0.
Points square(std::size_t side, float half_width);

}  // namespace notebook
