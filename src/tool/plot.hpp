// SPDX-License-Identifier: Apache-2.0
// Owns plots of lines: axes, ticks, a legend, as SVG or PNG. Must not know what is plotted.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tool {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // What is not finite is left out.
};

struct Plot {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  std::vector<Line> lines;
};

// The kind is told by the name: .svg or .png; "-" is SVG to standard output. Throws UsageError for
// another name, before anything else is done, and std::runtime_error.
void require_plot_name(const std::string& file);
void write_plot(const Plot& plot, const std::string& file);

}  // namespace tool
