// SPDX-License-Identifier: Apache-2.0
// Owns what the seeds' recordings share: the cases of a file, and columns of coefficients over a
// list of times. Must not know any one project's names or formulas.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "formats.hpp"
#include "paths.hpp"

namespace replay {

struct SeedCase {
  const std::string& name;
  const Json& output;
  const Json& inputs;  // its own, else the file's
  const Json& params;  // its own, else those of its name in the file's, else the file's
};
using SeedReplay = std::function<void(Check&, const SeedCase&)>;
void each_case(const Json& file, Cases& cases, const SeedReplay& body);

// Says that a part of a case cannot be replayed, as a case of its own.
void leave_out(Cases& cases, const std::string& part, const std::string& why);

bool is_single(const Json& file);

// What a recording calls one function of the coefficients.
struct Column {
  const char* name;
  double (*of)(const nwr_coeffs& c);
};
Numbers column(const std::vector<nwr_coeffs>& rows, double (*of)(const nwr_coeffs& c));
void check_columns(Check& check, const Json& output, const std::vector<nwr_coeffs>& rows,
                   const std::vector<Column>& columns);

inline double alpha_of(const nwr_coeffs& c) { return c.alpha; }
inline double sigma_of(const nwr_coeffs& c) { return c.sigma; }
inline double dalpha_of(const nwr_coeffs& c) { return c.dalpha; }
inline double dsigma_of(const nwr_coeffs& c) { return c.dsigma; }
inline double dlog_alpha_of(const nwr_coeffs& c) { return c.dlog_alpha; }
inline double gamma_of(const nwr_coeffs& c) { return c.gamma; }
inline double gamma_dgamma_of(const nwr_coeffs& c) { return c.gamma_dgamma; }
// g^2/2 of the forward SDE.
inline double half_diffusion_of(const nwr_coeffs& c) { return c.diffusion2 / 2; }

// Everything that is recorded of a case, by name. bounds: what float32 may give of each; empty for
// a recording in double.
using Table = std::vector<std::pair<std::string, Numbers>>;
void check_table(Check& check, const Json& output, const Table& table, const SingleTable& bounds);

// dgamma/dt, where gamma is even about t = 1/2: at the ends, where gamma is 0, its limit.
Numbers gamma_slopes(const Schedule& schedule, const Numbers& times);

// The schedule of that name whose first settings have these numbers, by the catalogue's order.
Schedule make_schedule(const std::string& name, const Numbers& settings);
// A conversion of one quantity into another, where x is the state.
Numbers convert(const Schedule& schedule, const Array& times, const Array& x, const Quantity& from,
                nwr_quantity to);
// One conversion: what a recording calls it, from what, to what.
struct Conversion {
  const char* name;
  nwr_quantity from, to;
};
void check_conversions(Check& check, const Json& output, const Schedule& schedule,
                       const Array& times, const Array& x, const Array& f,
                       const std::vector<Conversion>& conversions);

// A time a sample, whatever its trailing axes of extent 1.
Array times_of(const Json& value);
// The same value everywhere.
Array filled(const std::vector<int64_t>& shape, double value);

}  // namespace replay
