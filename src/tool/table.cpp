// SPDX-License-Identifier: Apache-2.0
// Numbers are written with six digits in tables and with all in JSON and CSV, whatever the locale.
// JSON has no infinities: they are null there.
#include "table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <stdexcept>

namespace tool {
namespace {

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : between) + part;
  return all;
}

std::string plain(const Cell& cell, bool all_digits) {
  if (const auto* v = std::get_if<double>(&cell)) return all_digits ? shortest(*v) : rounded(*v, 6);
  if (const auto* v = std::get_if<std::int64_t>(&cell)) return std::to_string(*v);
  if (const auto* v = std::get_if<bool>(&cell)) return *v ? "yes" : "no";
  if (const auto* v = std::get_if<std::vector<std::string>>(&cell)) return joined(*v, "; ");
  return std::get<std::string>(cell);
}

std::string quoted(const std::string& s) {
  std::string json = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') {
      json += std::string("\\") + c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr const char* kHex = "0123456789abcdef";
      json += std::string("\\u00") + kHex[c >> 4] + kHex[c & 15];
    } else {
      json += c;
    }
  }
  return json + "\"";
}

std::string json(const Cell& cell) {
  if (const auto* v = std::get_if<double>(&cell)) return std::isfinite(*v) ? shortest(*v) : "null";
  if (const auto* v = std::get_if<bool>(&cell)) return *v ? "true" : "false";
  if (const auto* v = std::get_if<std::int64_t>(&cell)) return std::to_string(*v);
  if (const auto* v = std::get_if<std::vector<std::string>>(&cell)) {
    std::vector<std::string> parts;
    for (const std::string& s : *v) parts.push_back(quoted(s));
    return "[" + joined(parts, ", ") + "]";
  }
  return quoted(std::get<std::string>(cell));
}

// RFC 4180.
std::string csv(const std::string& s) {
  if (s.find_first_of(",\"\n") == std::string::npos) return s;
  std::string field = "\"";
  for (const char c : s) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + "\"";
}

bool is_number(const Cell& cell) {
  return std::holds_alternative<double>(cell) || std::holds_alternative<std::int64_t>(cell);
}

std::string padded(const std::string& s, std::size_t width, bool right) {
  const std::string space(width > s.size() ? width - s.size() : 0, ' ');
  return right ? space + s : s + space;
}

std::string aligned(const Table& table) {
  std::vector<std::size_t> width;
  std::vector<bool> right;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    width.push_back(table.columns[c].size());
    right.push_back(!table.rows.empty());
    for (const auto& row : table.rows) {
      const std::string text = plain(row[c], false);
      width[c] = std::max(width[c], text.size());
      right[c] = right[c] && (is_number(row[c]) || text.empty());
    }
  }
  std::string all;
  const auto line = [&](const auto& text_of) {
    std::string s;
    for (std::size_t c = 0; c < width.size(); ++c) {
      s += (c == 0 ? "" : "  ") + padded(text_of(c), width[c], right[c]);
    }
    s.resize(s.find_last_not_of(' ') + 1);
    all += s + "\n";
  };
  line([&](std::size_t c) { return table.columns[c]; });
  for (const auto& row : table.rows) {
    line([&](std::size_t c) { return plain(row[c], false); });
  }
  return all;
}

}  // namespace

std::string shortest(double v) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, v).ptr};
}

std::string shortest(std::uint64_t v) { return std::to_string(v); }

std::string rounded(double v, int digits) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, v, std::chars_format::general, digits).ptr};
}

void tell(const std::string& line) {
  static_cast<void>(std::fputs(("noisewright: " + line + "\n").c_str(), stderr));
}

Format format_of(const Args& args) {
  const std::string name = args.text("--format", "table");
  if (name == "table") return Format::kTable;
  if (name == "json") return Format::kJson;
  if (name == "csv") return Format::kCsv;
  throw UsageError("--format is table, json or csv, not '" + name + "'");
}

void write_out(const std::string& bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() ||
      std::fflush(stdout) != 0) {
    throw std::runtime_error("cannot write to standard output");
  }
}

void print(const Table& table, Format format) {
  std::string all;
  if (format == Format::kTable) {
    all = aligned(table);
  } else if (format == Format::kCsv) {
    std::vector<std::string> fields;
    for (const std::string& c : table.columns) fields.push_back(csv(c));
    all = joined(fields, ",") + "\n";
    for (const auto& row : table.rows) {
      fields.clear();
      for (const Cell& cell : row) fields.push_back(csv(plain(cell, true)));
      // Empty fields count.
      for (std::size_t i = 0; i < fields.size(); ++i) all += (i == 0 ? "" : ",") + fields[i];
      all += "\n";
    }
  } else {
    std::vector<std::string> objects;
    for (const auto& row : table.rows) {
      std::vector<std::string> members;
      for (std::size_t c = 0; c < row.size(); ++c) {
        members.push_back(quoted(table.columns[c]) + ": " + json(row[c]));
      }
      objects.push_back("  {" + joined(members, ", ") + "}");
    }
    all = "[\n" + joined(objects, ",\n") + "\n]\n";
  }
  write_out(all);
}

void print(const Record& record, Format format) {
  std::string all;
  std::size_t width = 0;
  for (const auto& [name, cell] : record) width = std::max(width, name.size());
  if (format == Format::kJson) {
    std::vector<std::string> members;
    for (const auto& [name, cell] : record) {
      members.push_back("  " + quoted(name) + ": " + json(cell));
    }
    all = "{\n" + joined(members, ",\n") + "\n}\n";
  } else if (format == Format::kCsv) {
    all = "name,value\n";
    for (const auto& [name, cell] : record) {
      const auto* list = std::get_if<std::vector<std::string>>(&cell);
      if (list == nullptr) all += csv(name) + "," + csv(plain(cell, true)) + "\n";
      if (list != nullptr) {
        for (const std::string& s : *list) all += csv(name) + "," + csv(s) + "\n";
      }
    }
  } else {
    for (const auto& [name, cell] : record) {
      const auto* list = std::get_if<std::vector<std::string>>(&cell);
      if (list == nullptr) all += padded(name, width, false) + "  " + plain(cell, false) + "\n";
      if (list != nullptr) {
        all += name + (list->empty() ? padded("", width - name.size(), false) + "  none\n" : "\n");
        for (const std::string& s : *list) all += "  " + s + "\n";
      }
    }
  }
  write_out(all);
}

}  // namespace tool
