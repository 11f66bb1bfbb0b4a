// SPDX-License-Identifier: Apache-2.0
// Owns how answers are written: as a table to read, as JSON, as CSV. Must not know what they mean.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "args.hpp"

namespace tool {

using Cell = std::variant<std::string, double, std::int64_t, bool, std::vector<std::string>>;

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
};

// One thing: each of its properties is a line.
using Record = std::vector<std::pair<std::string, Cell>>;

enum class Format { kTable, kJson, kCsv };

// Of --format. Throws UsageError.
Format format_of(const Args& args);
// To standard output; throws std::runtime_error where that cannot be written.
void print(const Table& table, Format format);
void print(const Record& record, Format format);
void write_out(const std::string& bytes);

// Digits that read back to the same number.
std::string shortest(double v);
std::string shortest(std::uint64_t v);
std::string rounded(double v, int digits);
// A line on standard error, where nothing is left to do if it cannot be written.
void tell(const std::string& line);

}  // namespace tool
