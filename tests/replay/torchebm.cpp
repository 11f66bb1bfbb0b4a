// SPDX-License-Identifier: Apache-2.0
// Owns torchebm's recorded interpolations: from noise x0 and data x1 at times to states and
// velocities. Must not know samplers or other peers.
#include "formats.hpp"
#include "paths.hpp"

namespace replay {
namespace {

// The entry of params that a case stands for: its own name, or what follows a prefix "rank4_".
std::string interpolant_of(const std::string& name, const Json& params) {
  for (const auto& [key, value] : params.items()) {
    const bool ends = name.size() > key.size() &&
                      name.compare(name.size() - key.size(), key.size(), key) == 0 &&
                      name[name.size() - key.size() - 1] == '_';
    if (name == key || ends) return key;
  }
  throw Unsupported{"interpolant " + name + " is not in this version"};
}

Schedule path_of(const std::string& interpolant, const Json& params) {
  if (interpolant == "linear") return linear_to_data();
  if (interpolant == "cosine") return trigonometric_to_data();
  if (interpolant.rfind("vp", 0) == 0) {
    // The names say sigma, the values are betas. Upstream keeps sigma^2 at or above 1e-12.
    return vp_to_data(to_number(member(params, "sigma_min")),
                      to_number(member(params, "sigma_max")), 1e-12);
  }
  throw Unsupported{"interpolant " + interpolant + " is not in this version"};
}

}  // namespace

void replay_torchebm_interpolate(const Json& file, Cases& cases) {
  for (const auto& [name, output] : member(file, "outputs").items()) {
    cases.run(name, [&, &name = name, &output = output](Check& check) {
      const Json& params = member(file, "params");
      const std::string interpolant = interpolant_of(name, params);
      const bool own = has(file, "case_inputs") && has(file["case_inputs"], name.c_str());
      const Json& inputs = own ? file["case_inputs"][name] : member(file, "inputs");
      const Array noise = to_array(member(inputs, "x0")), data = to_array(member(inputs, "x1"));
      const Array times = to_array(member(inputs, "t"));
      if (noise.shape != data.shape) throw Malformed("x0 and x1 do not fit");
      const auto results =
          transform(path_of(interpolant, params[interpolant]), times,
                    {{NWR_DATA, &data}, {NWR_NOISE, &noise}}, {NWR_STATE, NWR_VELOCITY});
      check.state("x_t", results[0], member(output, "x_t"));
      check.state("u_t", results[1], member(output, "u_t"));
    });
  }
}

}  // namespace replay
