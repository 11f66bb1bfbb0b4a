// SPDX-License-Identifier: Apache-2.0
#include "core/factors.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

namespace noisewright {
namespace {

// Those of one quantity, of as many rows as have them in order of the first of count.
using MakeColumn = int (*)(const nwr_coeffs* c, int count, const RowSetting& setting,
                           const int* legs, double* factors, int64_t step);

// Flattened: what depends on the quantity is decided here, not once a row.
template <int kQuantity>
__attribute__((flatten)) int make_column(const nwr_coeffs* c, int count, const RowSetting& setting,
                                         const int* legs, double* factors, int64_t step) {
  for (int i = 0; i < count; ++i) {
    if (!leg_factors(c[i], setting, legs, kQuantity, factors + i * step)) return i;
  }
  return count;
}

constexpr int kQuantities = NWR_NAMI_MIRROR + 1;
template <int... kQuantity>
constexpr std::array<MakeColumn, sizeof...(kQuantity)> columns_of(
    std::integer_sequence<int, kQuantity...>) {
  return {make_column<kQuantity>...};
}
constexpr auto kMakeColumn = columns_of(std::make_integer_sequence<int, kQuantities>());

// The rows of a training batch, whose inputs are legs, on all threads.
class LegRows : public HostWork {
 public:
  LegRows(const Schedule& schedule, const Conversion& conversion, const std::vector<double>& times,
          double diffusion, const int* legs, double* factors)
      : schedule_(schedule),
        conversion_(conversion),
        times_(times),
        setting_(schedule.setting(diffusion)),
        legs_(legs),
        factors_(factors),
        good_(static_cast<int64_t>(times.size())) {}

  // Writes as many rows as nothing is wrong with, and says how many.
  int64_t make(const Context& context) {
    constexpr double kRowNs = 10;
    context.run_on_host(*this, good_, kRowNs);
    return good_;
  }

  void run(int64_t begin, int64_t end) const noexcept override {
    constexpr int64_t kTogether = 32;
    const double low = schedule_.ends().low, high = schedule_.ends().high;
    const int64_t step = conversion_.row_size();
    nwr_coeffs c[kTogether];
    for (int64_t done = begin; done < end; done += kTogether) {
      const int64_t count = std::min(kTogether, end - done);
      const double* const t = times_.data() + done;
      const auto inside = [=](double x) { return x >= low && x <= high; };
      int good = static_cast<int>(std::find_if_not(t, t + count, inside) - t);
      schedule_.row_coeffs(t, good, c);
      for (int j = 0; j < conversion_.output_count; ++j) {
        double* const column = factors_ + done * step + j * conversion_.width();
        good = kMakeColumn[conversion_.output[j]](c, good, setting_, legs_, column, step);
      }
      if (good < count) return end_at(done + good);
    }
  }

 private:
  void end_at(int64_t row) const noexcept {
    int64_t before = good_.load(std::memory_order_relaxed);
    while (row < before && !good_.compare_exchange_weak(before, row, std::memory_order_relaxed)) {
    }
  }

  const Schedule& schedule_;
  const Conversion& conversion_;
  const std::vector<double>& times_;
  const RowSetting setting_;
  const int* const legs_;
  double* const factors_;
  mutable std::atomic<int64_t> good_;
};

}  // namespace

void check_diffusion(double value, const Name& name) {
  if (!(value >= 0) || !std::isfinite(value)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, " is ", value, "; it must be finite and not negative");
  }
}

void express_quantity(const Schedule& schedule, const nwr_coeffs& c, double t, const Name& t_name,
                      double diffusion, const int32_t* inputs, int input_count, int32_t output,
                      double* factors) {
  if (find_quantity(inputs, input_count, output) == input_count &&
      schedule.upstream_factors(t, inputs, static_cast<size_t>(input_count), output, factors)) {
    return;
  }
  if (!quantity_factors(c, schedule.setting(diffusion), inputs, input_count, output, factors)) {
    fail(NWR_ERROR_SINGULAR, "the inputs do not determine ", name_of(NWR_DOMAIN_QUANTITY, output),
         " at ", t_name, " = ", t, ", where alpha is ", c.alpha, ", sigma ", c.sigma, " and gamma ",
         c.gamma);
  }
}

std::unique_ptr<double[]> make_factors(const Context& context, const Schedule& schedule,
                                       const Conversion& conversion,
                                       const std::vector<double>& times,
                                       const std::vector<double>& diffusions) {
  const size_t rows = std::max(times.size(), diffusions.size());
  const auto step = static_cast<size_t>(conversion.row_size());
  // Not zeroed: of a large batch that takes as long as a row does.
  std::unique_ptr<double[]> factors(new double[rows * step]);
  const auto width = static_cast<size_t>(conversion.width());
  for (size_t end = width; end <= rows * step && !conversion.draws; end += width) {
    factors[end - 1] = 0;  // that of the noise
  }
  size_t row = 0;
  int legs[3];
  if (times.size() == rows && diffusions.size() == 1 && schedule.plain() &&
      find_legs(conversion.known, conversion.known_count, legs)) {
    check_diffusion(diffusions[0], {"diffusion"});
    LegRows together(schedule, conversion, times, diffusions[0], legs, factors.get());
    row = static_cast<size_t>(together.make(context));
  }
  for (; row < rows; ++row) {
    const auto value = [&](const std::vector<double>& list) {
      return list.size() == 1 ? list[0] : list[row];
    };
    const auto name = [&](const char* base, const std::vector<double>& list) {
      return Name{base, list.size() == 1 ? -1 : static_cast<int64_t>(row)};
    };
    const double diffusion = value(diffusions), t = value(times);
    check_diffusion(diffusion, name("diffusion", diffusions));
    const Name t_name = name("t", times);
    const nwr_coeffs c = schedule.at(t, t_name);
    for (size_t j = 0; j < static_cast<size_t>(conversion.output_count); ++j) {
      express_quantity(schedule, c, t, t_name, diffusion, conversion.known, conversion.known_count,
                       conversion.output[j], &factors[row * step + j * width]);
    }
  }
  return factors;
}

}  // namespace noisewright
