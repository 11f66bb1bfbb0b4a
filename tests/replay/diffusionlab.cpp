// SPDX-License-Identifier: Apache-2.0
// Owns DiffusionLab's recorded forward processes: states of data and noise at times that are one
// for all, one a sample, or one a number. Must not know samplers or other peers.
#include <cmath>

#include "formats.hpp"
#include "library.hpp"

namespace replay {
namespace {

// Time runs from 1, noise, to 0.
template <class F>
Schedule exploding(F&& sigma_and_slope) {
  return make_custom(1, 0, [=](double t, nwr_coeffs& c) {
    c.alpha = 1;
    c.dalpha = 0;
    sigma_and_slope(t, c.sigma, c.dsigma);
  });
}

Schedule exploding_of(const std::string& formula) {
  if (formula == "t") {
    return exploding([](double t, double& sigma, double& slope) {
      sigma = t;
      slope = 1;
    });
  }
  if (formula == "sqrt(t)") {
    return exploding([](double t, double& sigma, double& slope) {
      sigma = std::sqrt(t);
      slope = 0.5 / sigma;
    });
  }
  if (formula == "0.01*(5000)^t") {
    return exploding([](double t, double& sigma, double& slope) {
      sigma = 0.01 * std::pow(5000, t);
      slope = sigma * std::log(5000);
    });
  }
  throw Unsupported{"sigma = " + formula + " is not in this version"};
}

Schedule process_of(const std::string& process, const Json& params) {
  if (process == "FlowMatching") {
    return make_custom(1, 0, [](double t, nwr_coeffs& c) {
      c.alpha = 1 - t;
      c.sigma = t;
      c.dalpha = -1;
      c.dsigma = 1;
    });
  }
  if (process == "OrnsteinUhlenbeck") {
    return make_custom(1, 0, [](double t, nwr_coeffs& c) {
      c.alpha = std::sqrt(1 - t * t);
      c.sigma = t;
      c.dalpha = -t / c.alpha;
      c.dsigma = 1;
    });
  }
  const std::string sigma = text_or(params, "sigma", "");
  if (!has(params, "alpha")) return exploding_of(sigma);
  if (text_or(params, "alpha", "") != "exp(-B/2)" || sigma != "sqrt(-expm1(-B))" ||
      text_or(params, "B", "") != "0.1 t + 9.95 t^2") {
    throw Unsupported{"sigma = " + sigma + " is not in this version"};
  }
  return make_custom(1, 0, [](double t, nwr_coeffs& c) {
    const double integral = 0.1 * t + 9.95 * t * t, beta = 0.1 + 19.9 * t;
    c.alpha = std::exp(-integral / 2);
    c.sigma = std::sqrt(-std::expm1(-integral));
    c.dalpha = -beta / 2 * c.alpha;
    c.dsigma = beta * c.alpha * c.alpha / (2 * c.sigma);
  });
}

// The entry of params that a case stands for: the one whose name it holds; OU is short for one.
std::string process_name(const std::string& name, const Json& params) {
  for (const auto& [key, value] : params.items()) {
    const std::string brief = key == "OrnsteinUhlenbeck" ? "OU" : key;
    if (name == key || name.find(key) != std::string::npos ||
        name.find(brief) != std::string::npos) {
      return key;
    }
  }
  throw Unsupported{"process " + name + " is not in this version"};
}

// Times aligned at the left of x: a scalar, or a time a sample. Where x has a time a number, each
// number becomes a sample.
void align(Array& times, Array& data, Array& noise) {
  if (times.shape.empty()) return;
  if (times.data.size() == data.rows()) {
    times.shape = {static_cast<int64_t>(times.data.size())};
  } else if (times.shape == data.shape) {
    times.shape = {static_cast<int64_t>(times.data.size())};
    data.shape = noise.shape = {times.shape[0], 1};
  } else {
    throw Malformed("t does not fit x");
  }
}

}  // namespace

void replay_diffusionlab_forward(const Json& file, Cases& cases) {
  for (const auto& [name, output] : member(file, "outputs").items()) {
    cases.run(name, [&, &name = name, &output = output](Check& check) {
      const Json& params = member(file, "params");
      const std::string process = process_name(name, params);
      const bool own = has(file, "case_inputs") && has(file["case_inputs"], name.c_str());
      const Json& inputs = own ? file["case_inputs"][name] : member(file, "inputs");
      Array data = to_array(member(inputs, "x")), noise = to_array(member(inputs, "eps"));
      Array times = to_array(member(inputs, "t"));
      if (noise.shape != data.shape) throw Malformed("x and eps do not fit");
      align(times, data, noise);
      const auto results = transform(process_of(process, params[process]), times,
                                     {{NWR_DATA, &data}, {NWR_NOISE, &noise}}, {NWR_STATE});
      check.state("x_t", results[0], member(output, "x_t"));
    });
  }
}

}  // namespace replay
