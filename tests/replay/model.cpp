// SPDX-License-Identifier: Apache-2.0
// Owns the closed-form models of the recordings: data that is a mixture of Gaussians.
// Must not know samplers, files' other parts or the library.
#include "model.hpp"

#include <algorithm>
#include <cmath>

namespace replay {

Model Model::mixture(const Json& gm) {
  const Numbers weights = to_numbers(member(gm, "weights"));
  const Numbers stds = to_numbers(member(gm, "stds"));
  const Array means = to_array(member(gm, "means"));
  if (weights.empty() || stds.size() != weights.size() || means.rows() != weights.size()) {
    throw Malformed("gm: weights, means and stds do not fit");
  }
  Model model;
  const size_t width = means.row_size();
  for (size_t k = 0; k < weights.size(); ++k) {
    const auto row = means.data.begin() + static_cast<std::ptrdiff_t>(k * width);
    model.components_.push_back({weights[k], Numbers(row, row + static_cast<std::ptrdiff_t>(width)),
                                 Numbers(width, stds[k] * stds[k])});
  }
  return model;
}

Model Model::gaussian(const Json& model) {
  if (text_or(model, "type", "gaussian_diag") != "gaussian_diag")
    throw Malformed("model: no gaussian_diag");
  Model out;
  out.components_.push_back(
      {1, to_numbers(member(model, "mean")), to_numbers(member(model, "var"))});
  if (out.components_[0].mean.size() != out.components_[0].variance.size()) {
    throw Malformed("model: mean and var do not fit");
  }
  return out;
}

Model::Answer Model::answer(const Numbers& x, double alpha, double sigma) const {
  const size_t width = dimension();
  if (x.size() % width != 0) throw Malformed("states do not fit the model");
  Answer out{Numbers(x.size()), Numbers(x.size())};
  Numbers share(components_.size());
  for (size_t row = 0; row < x.size(); row += width) {
    for (size_t k = 0; k < components_.size(); ++k) {
      const Component& c = components_[k];
      share[k] = std::log(c.weight);
      for (size_t i = 0; i < width; ++i) {
        const double v = alpha * alpha * c.variance[i] + sigma * sigma;
        const double away = x[row + i] - alpha * c.mean[i];
        share[k] -= away * away / (2 * v) + std::log(v) / 2;
      }
    }
    const double most = *std::max_element(share.begin(), share.end());
    double total = 0;
    for (double& s : share) total += s = std::exp(s - most);
    for (size_t k = 0; k < components_.size(); ++k) {
      const Component& c = components_[k];
      const double r = share[k] / total;
      for (size_t i = 0; i < width; ++i) {
        const double v = alpha * alpha * c.variance[i] + sigma * sigma;
        const double away = x[row + i] - alpha * c.mean[i];
        out.denoised[row + i] += r * (c.mean[i] + alpha * c.variance[i] / v * away);
        // (x - alpha D)/sigma without its cancellation where sigma is small.
        out.noise[row + i] += r * sigma / v * away;
      }
    }
  }
  return out;
}

}  // namespace replay
