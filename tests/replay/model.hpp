// SPDX-License-Identifier: Apache-2.0
// Owns the closed-form models of the recordings: data that is a mixture of Gaussians.
// Must not know samplers, files' other parts or the library.
#pragma once

#include "json.hpp"

namespace replay {

class Model {
 public:
  // model_doc.gm of the peers' recordings: weights, means, one standard deviation a component.
  static Model mixture(const Json& gm);
  // params.model of the seeds' recordings: one Gaussian, mean and var for each coordinate.
  static Model gaussian(const Json& model);

  size_t dimension() const { return components_.front().mean.size(); }

  struct Answer {
    Numbers denoised;  // E[data | x]
    Numbers noise;     // E[noise | x]
  };
  // x holds samples of dimension() numbers, x = alpha data + sigma noise.
  Answer answer(const Numbers& x, double alpha, double sigma) const;

 private:
  struct Component {
    double weight;
    Numbers mean, variance;
  };
  std::vector<Component> components_;
};

}  // namespace replay
