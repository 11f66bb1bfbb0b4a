// SPDX-License-Identifier: Apache-2.0
// Owns what the seeds' recorded runs share: the Gaussian model's answers in any quantity, and the
// comparison of a walk with a trajectory. Must not know any one project's names or formulas.
#include "seed_runs.hpp"

namespace replay {

Numbers predict(const Model& model, nwr_quantity quantity, const nwr_coeffs& c, const Numbers& x) {
  const Model::Answer answer = model.answer(x, c.alpha, c.sigma);
  switch (quantity) {
    case NWR_DATA: return answer.denoised;
    case NWR_NOISE: return answer.noise;
    case NWR_SCORE: return scaled(-1 / c.sigma, answer.noise);
    case NWR_VELOCITY: {
      Numbers out(x.size());
      for (size_t i = 0; i < out.size(); ++i) {
        out[i] = c.dalpha * answer.denoised[i] + c.dsigma * answer.noise[i];
      }
      return out;
    }
    default: throw Malformed("no such prediction");
  }
}

Walk gaussian_walk(const Model& model, const Schedule& schedule, const std::string& sampler,
                   nwr_quantity prediction, const Numbers& times, const Array& start) {
  if (start.row_size() != model.dimension()) throw Malformed("the start does not fit the model");
  Walk out;
  out.schedule = schedule;
  out.sampler = sampler;
  out.prediction = prediction;
  out.times = times;
  out.start = start;
  out.model = [=](size_t, double t, const Numbers& x) {
    return predict(model, prediction, coefficients(schedule, t), x);
  };
  return out;
}

std::vector<Array> to_arrays(const Json& list) {
  std::vector<Array> out;
  for (const Json& item : list) out.push_back(to_array(item));
  return out;
}

Numbers even_times(double begin, double end, size_t count) {
  Numbers out;
  for (size_t i = 0; i < count; ++i) {
    out.push_back(begin + (end - begin) * static_cast<double>(i) / static_cast<double>(count));
  }
  out.push_back(end);
  return out;
}

void check_states(Check& check, const char* name, const Walked& walked, size_t evaluations_a_step,
                  const Json& recorded, size_t first) {
  const size_t steps = walked.states.size() / evaluations_a_step;
  check.require(recorded.size() == steps + first, std::string("count of ") + name);
  for (size_t i = 0; i < steps; ++i) {
    check.state(indexed(name, i + first), walked.states[(i + 1) * evaluations_a_step - 1],
                recorded.at(i + first));
  }
}

}  // namespace replay
