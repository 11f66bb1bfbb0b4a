// SPDX-License-Identifier: Apache-2.0
// Owns the replay of what training loops ask for: weights of losses and preconditioning. Must not
// know runs or grids.
#include <cmath>

#include "formats.hpp"
#include "library.hpp"

namespace replay {
namespace {

void check_weight(Check& check, const Json& entry, const char* times, const char* expected,
                  const std::string& schedule, const std::string& weight) {
  const Numbers found = weigh(make_schedule(schedule), weight, to_numbers(member(entry, times)));
  // A ratio of alpha_bar and what it lacks to 1, of which the peer's near 1 has some digits less.
  check.near(expected, found, member(entry, expected), 1e-11);
}

void replay_preconditioning(Check& check, const Json& entry) {
  const std::string edm = "edm(sigma_data=0.5)";
  const Numbers sigmas = to_numbers(member(entry, "sigma"));
  Numbers skip, out, in, clock;
  for (const double sigma : sigmas) {
    const auto parts =
        factors(make_schedule(edm), sigma, {NWR_STATE, NWR_PRECONDITIONED}, NWR_DATA);
    skip.push_back(parts[0]);
    out.push_back(parts[1]);
    in.push_back(parts[1] / (0.5 * sigma));  // c_out = sigma sigma_data c_in
    clock.push_back(std::log(sigma) / 4);
  }
  check.state("c_skip", skip, member(entry, "c_skip"));
  check.state("c_out", out, member(entry, "c_out"));
  check.state("c_in", in, member(entry, "c_in"));
  check.state("c_noise", clock, member(entry, "c_noise"));
  check_weight(check, entry, "sigma", "soft_min_snr", edm, "k.soft-min-snr");
  check_weight(check, entry, "sigma", "snr_weight", edm, "k.snr");
}

void replay_entry(Check& check, const Json& entry) {
  const std::string op = text_or(entry, "op", "");
  if (op == "sd3 loss weight sigma_sqrt") {
    check_weight(check, entry, "sigmas", "weight", "sd3", "sd3.sigma_sqrt");
  } else if (op == "sd3 loss weight cosmap") {
    check_weight(check, entry, "sigmas", "weight", "sd3", "sd3.cosmap");
  } else if (op == "sd3 loss weight none") {
    check_weight(check, entry, "sigmas", "weight", "sd3", "snr(power=0)");
  } else if (op.rfind("snr", 0) == 0) {
    check_weight(check, entry, "t", "snr", "sd15", "snr");
    check_weight(check, entry, "t", "min_snr5_eps", "sd15", "min-snr");
    check_weight(check, entry, "t", "min_snr5_v", "sd15", "min-snr(prediction=angular)");
  } else if (op.rfind("karras precond", 0) == 0) {
    replay_preconditioning(check, entry);
  } else {
    throw Unsupported{"the random number of a density is not an argument (density_test has these)"};
  }
}

}  // namespace

void replay_training(const Json& file, Cases& cases) {
  for (size_t i = 0; i < file["entries"].size(); ++i) {
    const Json& entry = file["entries"][i];
    cases.run(indexed("op", i) + " " + text_or(entry, "op", ""),
              [&](Check& check) { replay_entry(check, entry); });
  }
}

}  // namespace replay
