// SPDX-License-Identifier: Apache-2.0
#include "core/plan_text.hpp"

namespace noisewright {
namespace {

// Text of JSON, of which every part is put behind a comma but the first of its list. By hand: it is
// numbers, and running out of memory must leave nothing that cannot be destroyed.
class JsonText {
 public:
  void open(char bracket) { put(), out_ += bracket, first_ = true; }
  void close(char bracket) { out_ += bracket, first_ = false; }
  void key(const char* name) { put(), out_ += concat("\"", name, "\":"), first_ = true; }
  void text(const std::string& text) { put(), out_ += concat("\"", text, "\""); }
  void raw(const std::string& text) { put(), out_ += text; }
  // JSON has no infinities, which clocks may have.
  void number(double x) {
    if (std::isfinite(x)) return raw(concat(x));
    raw(std::isnan(x) ? "null" : x > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  }
  void numbers(const double* x, int count) {
    open('[');
    for (int i = 0; i < count; ++i) number(x[i]);
    close(']');
  }
  std::string take() { return std::move(out_); }

 private:
  void put() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string out_;
  bool first_ = true;
};

std::string array_name(int32_t array) {
  if (array == NWR_PLAN_NOISE) return "noise";
  if (array >= NWR_PLAN_SLOT) return concat("slot", array - NWR_PLAN_SLOT);
  if (array >= NWR_PLAN_MODEL) return concat("model", array - NWR_PLAN_MODEL);
  return "x";
}

void add_names(JsonText& to, const char* key, const int32_t* arrays, int count) {
  to.key(key);
  to.open('[');
  for (int i = 0; i < count; ++i) to.text(array_name(arrays[i]));
  to.close(']');
}

void add_times(JsonText& to, const RunTable& table, size_t evaluation) {
  to.key("t"), to.numbers(table.t(evaluation), table.rows());
  to.key("clock"), to.numbers(table.clock(evaluation), table.rows());
  to.key("input_scale"), to.numbers(table.input_scale(evaluation), table.rows());
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
  JsonText out;
  out.open('{');
  out.key("format"), out.text("noisewright-plan-1");
  out.key("sampler"), out.text(s.spec());
  out.key("schedule"), out.text(s.schedule().spec());
  out.key("rows"), out.raw(concat(rows));
  if (table.opens()) {
    out.key("opening"), out.open('[');
    for (int r = 0; r < rows; ++r) out.numbers(table.plan_opening() + 2 * r, 2);
    out.close(']');
  }
  out.key("evaluations"), out.open('[');
  for (size_t i = 0; i < table.size(); ++i) {
    const RunTable::Line& line = table.line(i);
    out.open('{');
    add_times(out, table, i);
    out.key("asks"), out.raw(line.asks ? "true" : "false");
    add_names(out, "inputs", table.arrays(line), line.input_count);
    add_names(out, "outputs", table.arrays(line) + line.input_count, line.output_count);
    out.key("factors"), out.open('[');
    const double* at = table.factors(line);
    for (int r = 0; r < rows; ++r) {
      out.open('[');
      for (int j = 0; j < line.output_count; ++j, at += line.input_count + 1) {
        out.numbers(at, line.input_count + 1);
      }
      out.close(']');
    }
    out.close(']');
    out.close('}');
  }
  out.close(']');
  out.key("end"), out.open('{');
  add_times(out, table, table.size());
  out.close('}');
  out.close('}');
  return out.take();
}

}  // namespace noisewright
