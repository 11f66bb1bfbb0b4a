// SPDX-License-Identifier: Apache-2.0
// Owns what the seeds' recordings share: the cases of a file, and columns of coefficients over a
// list of times. Must not know any one project's names or formulas.
#include "seeds.hpp"

#include <cmath>
#include <limits>

namespace replay {
namespace {

const Json& own_or(const Json& file, const char* own, const std::string& name, const Json& other) {
  return has(file, own) && file[own].contains(name) ? file[own][name] : other;
}

}  // namespace

void each_case(const Json& file, Cases& cases, const SeedReplay& body) {
  for (const auto& [name, output] : member(file, "outputs").items()) {
    cases.run(name, [&, &name = name, &output = output](Check& check) {
      const Json& shared = member(file, "params");
      const Json& named = shared.contains(name) ? shared[name] : shared;
      body(check, {name, output, own_or(file, "case_inputs", name, member(file, "inputs")),
                   own_or(file, "case_params", name, named)});
    });
  }
}

void leave_out(Cases& cases, const std::string& part, const std::string& why) {
  cases.run(part, [&](Check&) { throw Unsupported{why}; });
}

bool is_single(const Json& file) {
  const std::string dtype = text_or(file, "dtype", "");
  return dtype.rfind("float64", 0) != 0 && dtype.find("float32") != std::string::npos;
}

Numbers column(const std::vector<nwr_coeffs>& rows, double (*of)(const nwr_coeffs& c)) {
  Numbers out;
  for (const nwr_coeffs& c : rows) out.push_back(of(c));
  return out;
}

void check_columns(Check& check, const Json& output, const std::vector<nwr_coeffs>& rows,
                   const std::vector<Column>& columns) {
  for (const Column& c : columns) check.state(c.name, column(rows, c.of), member(output, c.name));
}

void check_table(Check& check, const Json& output, const Table& table, const SingleTable& bounds) {
  for (const auto& [name, ours] : table) {
    const Json& recorded = member(output, name.c_str());
    if (bounds.empty()) {
      check.state(name, ours, recorded);
    } else {
      check.within(name, ours, recorded, bounds.at(name));
    }
  }
}

Numbers gamma_slopes(const Schedule& schedule, const Numbers& times) {
  const auto slope = [&](double t) {
    const nwr_coeffs c = coefficients(schedule, t);
    return c.gamma_dgamma == 0 ? 0 : c.gamma_dgamma / c.gamma;
  };
  // Nearer to an end than any recorded time, and gamma^2 is still a number.
  constexpr double kInside = 1e-150;
  Numbers out;
  for (const double t : times) {
    const nwr_coeffs c = coefficients(schedule, t);
    if (c.gamma > 0) {
      out.push_back(slope(t));
    } else if (c.gamma_dgamma != 0) {
      out.push_back(std::copysign(std::numeric_limits<double>::infinity(), c.gamma_dgamma));
    } else {
      out.push_back(t < 0.5 ? slope(kInside) : -slope(kInside));
    }
  }
  return out;
}

Schedule make_schedule(const std::string& name, const Numbers& settings) {
  const std::vector<std::string> keys = settings_of(name);
  if (settings.size() > keys.size()) throw Malformed(name + " has fewer settings");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t i = 0; i < settings.size(); ++i) pairs.emplace_back(keys[i], text(settings[i]));
  return make_schedule(spec(name, pairs));
}

Numbers convert(const Schedule& schedule, const Array& times, const Array& x, const Quantity& from,
                nwr_quantity to) {
  return transform(schedule, times, {{NWR_STATE, &x}, from}, {to})[0];
}

void check_conversions(Check& check, const Json& output, const Schedule& schedule,
                       const Array& times, const Array& x, const Array& f,
                       const std::vector<Conversion>& conversions) {
  for (const Conversion& c : conversions) {
    check.state(c.name, convert(schedule, times, x, {c.from, &f}, c.to), member(output, c.name));
  }
}

Array times_of(const Json& value) {
  Array out = to_array(value);
  if (!out.shape.empty()) out.shape = {static_cast<int64_t>(out.data.size())};
  return out;
}

Array filled(const std::vector<int64_t>& shape, double value) {
  size_t size = 1;
  for (const int64_t extent : shape) size *= static_cast<size_t>(extent);
  return {shape, Numbers(size, value)};
}

}  // namespace replay
