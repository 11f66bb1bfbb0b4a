// SPDX-License-Identifier: Apache-2.0
#include "core/plan_text.hpp"

#include <nlohmann/json.hpp>

namespace noisewright {
namespace {

using Json = nlohmann::ordered_json;

std::string array_name(int32_t array) {
  if (array == NWR_PLAN_NOISE) return "noise";
  if (array >= NWR_PLAN_SLOT) return concat("slot", array - NWR_PLAN_SLOT);
  if (array >= NWR_PLAN_MODEL) return concat("model", array - NWR_PLAN_MODEL);
  return "x";
}

Json names(const int32_t* arrays, int count) {
  Json out = Json::array();
  for (int i = 0; i < count; ++i) out.push_back(array_name(arrays[i]));
  return out;
}

// JSON has no infinities, which clocks may have.
Json number(double x) {
  if (std::isfinite(x)) return x;
  return std::isnan(x) ? Json(nullptr) : Json(x > 0 ? "Infinity" : "-Infinity");
}

Json row(const double* numbers, int count) {
  Json out = Json::array();
  for (int i = 0; i < count; ++i) out.push_back(number(numbers[i]));
  return out;
}

void add_times(Json& to, const RunTable& table, size_t evaluation) {
  to["t"] = row(table.t(evaluation), table.rows());
  to["clock"] = row(table.clock(evaluation), table.rows());
  to["input_scale"] = row(table.input_scale(evaluation), table.rows());
}

}  // namespace

void require_table(const Sampler& s) {
  if (s.adapts() || !s.table().is_table()) {
    fail(NWR_ERROR_UNSUPPORTED, "sampler is ", s.spec(),
         s.adapts() ? ", whose steps are not known in advance"
                    : ", which is no table: factors depend on the outputs");
  }
}

std::string plan_json(const Sampler& s) {
  const RunTable& table = s.table();
  const int rows = table.rows();
  Json out;
  out["format"] = "noisewright-plan-1";
  out["sampler"] = s.spec();
  out["schedule"] = s.schedule().spec();
  out["rows"] = rows;
  Json evaluations = Json::array();
  for (size_t i = 0; i < table.size(); ++i) {
    const RunTable::Line& line = table.line(i);
    Json one;
    add_times(one, table, i);
    one["asks"] = line.asks;
    one["inputs"] = names(table.arrays(line), line.input_count);
    one["outputs"] = names(table.arrays(line) + line.input_count, line.output_count);
    Json factors = Json::array();
    const double* at = table.factors(line);
    for (int r = 0; r < rows; ++r) {
      Json of_row = Json::array();
      for (int j = 0; j < line.output_count; ++j, at += line.input_count + 1) {
        of_row.push_back(row(at, line.input_count + 1));
      }
      factors.push_back(of_row);
    }
    one["factors"] = factors;
    evaluations.push_back(one);
  }
  if (table.opens()) {
    Json opening = Json::array();
    for (int r = 0; r < rows; ++r) opening.push_back(row(table.plan_opening() + 2 * r, 2));
    out["opening"] = opening;
  }
  out["evaluations"] = evaluations;
  add_times(out["end"], table, table.size());
  return out.dump(1);
}

}  // namespace noisewright
