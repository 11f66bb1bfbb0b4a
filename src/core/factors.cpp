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

// Several numbers, or one that stands for every row.
double value_at(const std::vector<double>& list, int64_t row) {
  return list.size() == 1 ? list[0] : list[static_cast<size_t>(row)];
}

// Rows of a schedule that any thread may ask, on all threads.
class PlainRows : public HostWork {
 public:
  PlainRows(const Schedule& schedule, const Conversion& conversion,
            const std::vector<double>& times, const std::vector<double>& diffusions, int64_t rows,
            double* factors)
      : schedule_(schedule),
        conversion_(conversion),
        times_(times),
        diffusions_(diffusions),
        factors_(factors),
        legs_only_(diffusions.size() == 1 &&
                   find_legs(conversion.known, conversion.known_count, legs_)),
        good_(rows) {}

  // Writes as many rows as nothing is wrong with, and says how many.
  int64_t make(const Context& context) {
    const double row_ns = legs_only_ ? 10 : 200;
    context.run_on_host(*this, good_, row_ns);
    return good_;
  }

  void run(int64_t begin, int64_t end) const noexcept override {
    constexpr int64_t kTogether = 32;
    const double low = schedule_.ends().low, high = schedule_.ends().high;
    const auto inside = [=](double x) { return x >= low && x <= high; };
    double same[kTogether];
    std::fill_n(same, kTogether, times_[0]);
    nwr_coeffs c[kTogether];
    for (int64_t done = begin; done < end; done += kTogether) {
      const int64_t count = std::min(kTogether, end - done);
      const double* const t = times_.size() == 1 ? same : times_.data() + done;
      int good = static_cast<int>(std::find_if_not(t, t + count, inside) - t);
      if (diffusions_.size() > 1) {
        const double* const w2 = diffusions_.data() + done;
        good = static_cast<int>(std::find_if_not(w2, w2 + good, is_diffusion) - w2);
      }
      schedule_.row_coeffs(t, good, c);
      for (int j = 0; j < conversion_.output_count; ++j) good = make_output(j, c, done, good);
      if (good < count) return end_at(done + good);
    }
  }

 private:
  // Of count rows as many as have the output in order of the first.
  int make_output(int output, const nwr_coeffs* c, int64_t first, int count) const {
    const int64_t step = conversion_.row_size();
    const int32_t quantity = conversion_.output[output];
    double* const factors = factors_ + first * step + output * conversion_.width();
    if (legs_only_) {
      const RowSetting setting = schedule_.setting(diffusions_[0]);
      return kMakeColumn[quantity](c, count, setting, legs_, factors, step);
    }
    for (int i = 0; i < count; ++i) {
      const RowSetting setting = schedule_.setting(value_at(diffusions_, first + i));
      if (!quantity_factors(c[i], setting, conversion_.known, conversion_.known_count, quantity,
                            factors + i * step)) {
        return i;
      }
    }
    return count;
  }

  void end_at(int64_t row) const noexcept {
    int64_t before = good_.load(std::memory_order_relaxed);
    while (row < before && !good_.compare_exchange_weak(before, row, std::memory_order_relaxed)) {
    }
  }

  const Schedule& schedule_;
  const Conversion& conversion_;
  const std::vector<double>& times_;
  const std::vector<double>& diffusions_;
  double* const factors_;
  int legs_[3] = {-1, -1, -1};
  const bool legs_only_;
  mutable std::atomic<int64_t> good_;
};

}  // namespace

void check_diffusion(double value, const Name& name) {
  if (!is_diffusion(value)) {
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
  const auto rows = static_cast<int64_t>(std::max(times.size(), diffusions.size()));
  const int64_t step = conversion.row_size();
  const int32_t width = conversion.width();
  // Not zeroed: of a large batch that takes as long as a row does.
  std::unique_ptr<double[]> factors(new double[static_cast<size_t>(rows * step)]);
  for (int64_t end = width; end <= rows * step && !conversion.draws; end += width) {
    factors[end - 1] = 0;  // that of the noise
  }
  if (diffusions.size() == 1) check_diffusion(diffusions[0], {"diffusion"});
  int64_t row = 0;
  if (schedule.plain()) {
    row = PlainRows(schedule, conversion, times, diffusions, rows, factors.get()).make(context);
  }
  for (; row < rows; ++row) {
    const auto name = [&](const char* base, const std::vector<double>& list) {
      return Name{base, list.size() == 1 ? -1 : row};
    };
    const double diffusion = value_at(diffusions, row), t = value_at(times, row);
    check_diffusion(diffusion, name("diffusion", diffusions));
    const Name t_name = name("t", times);
    const nwr_coeffs c = schedule.at(t, t_name);
    for (int j = 0; j < conversion.output_count; ++j) {
      express_quantity(schedule, c, t, t_name, diffusion, conversion.known, conversion.known_count,
                       conversion.output[j], &factors[row * step + j * width]);
    }
  }
  return factors;
}

}  // namespace noisewright
