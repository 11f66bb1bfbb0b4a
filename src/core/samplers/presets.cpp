// SPDX-License-Identifier: Apache-2.0
// Owns samplers that are others with settings of their own: relatives under their usual names, and
// what other projects compute, from 1000 on. Must not know how any of them works.
#include <iterator>

#include "core/sampler_kind.hpp"

namespace noisewright {

extern const SamplerKind kDeis, kDpm2, kDpmSinglestep, kDpmSolver, kDpmpp2m, kDpmpp2mSde, kDpmpp2s,
    kDpmpp3m, kDpmpp3mSde, kDpmppSde, kEdmSampler, kErSde, kHeun, kLateChurn, kLcmSampler, kLms,
    kReab, kResMultistep, kSaSolver, kUnipc;

namespace {

constexpr SamplerKind preset(int32_t value, const char* name, const char* aliases,
                             const char* summary, uint32_t flags, uint32_t order, uint32_t evals,
                             const SamplerKind& of, const char* settings) {
  SamplerKind kind{};
  static_cast<Entry&>(kind) = {value, name, aliases, summary, flags,   order,
                               evals, {},   {},      &of,     settings};
  return kind;
}

constexpr uint32_t kDraws = NWR_ENTRY_STOCHASTIC;
constexpr SamplerKind kPresets[] = {
    preset(NWR_SAMPLER_DPM_2_ANCESTRAL, "dpm-2-ancestral",
           "kdpm2-ancestral,dpm2-a,k.dpm-2-ancestral", "dpm-2 with fresh noise", kDraws, 2, 2,
           kDpm2, "eta=1"),
    preset(NWR_SAMPLER_DPMPP_2S_ANCESTRAL, "dpmpp-2s-ancestral", "dpm++2s-a,k.dpmpp-2s-ancestral",
           "dpmpp-2s with fresh noise", kDraws, 2, 2, kDpmpp2s, "eta=1"),
    preset(NWR_SAMPLER_DPMPP_3S, "dpmpp-3s", "dpm++3s", "third-order with two inner points", kDraws,
           3, 3, kDpmpp2s, "order=3"),
    preset(1001, "azula.heun", "", "heun with space=sigma", 0, 2, 2, kHeun, "space=sigma"),
    preset(1002, "azula.reab", "", "reab with scale=mixed, first-order as in azula", 0, 1, 1, kReab,
           "scale=mixed"),
    preset(1003, "k.euler", "comfy.euler,sdcpp.euler", "edm in sigma/alpha, of one evaluation",
           kDraws, 1, 1, kEdmSampler, "solver=euler,space=sigma"),
    preset(1004, "k.heun", "comfy.heun,sdcpp.heun", "edm in sigma/alpha", kDraws, 2, 2, kEdmSampler,
           "space=sigma"),
    preset(1005, "k.lms", "comfy.lms,diffusers.lms", "lms that starts with Euler's step", 0, 2, 1,
           kLms, "order=4,start=euler"),
    preset(1006, "k.dpmpp-sde", "comfy.dpmpp-sde,diffusers.dpm-sde",
           "dpmpp-sde whose two draws a step are the caller's", kDraws, 1, 2, kDpmppSde,
           "draws=independent"),
    preset(1007, "k.dpmpp-3m-sde", "comfy.dpmpp-3m-sde", "half the weight of curvature", kDraws, 2,
           1, kDpmpp3mSde, "curvature=half,start=euler"),
    preset(1008, "diffusers.dpmpp-2m", "", "lower order in the end", 0, 2, 1, kDpmpp2m,
           "lower_order_final=yes"),
    preset(1009, "diffusers.dpmpp-3m", "", "half the weight of curvature", 0, 2, 1, kDpmpp3m,
           "solver=midpoint,curvature=half,start=euler,lower_order_final=yes"),
    preset(1010, "diffusers.dpmpp-2m-sde", "", "lower order in the end", kDraws, 2, 1, kDpmpp2mSde,
           "lower_order_final=yes"),
    preset(1011, "diffusers.dpm-solver", "", "lower order in the end", kDraws, 2, 1, kDpmSolver,
           "curvature=half,start=euler,lower_order_final=yes"),
    preset(1012, "diffusers.dpm-singlestep", "", "inner values weighed as the last", kDraws, 2, 1,
           kDpmSinglestep, "inner=solver,lower_order_final=yes"),
    preset(1013, "diffusers.deis", "", "starts with Euler's step", 0, 2, 1, kDeis,
           "order=2,start=euler,lower_order_final=yes"),
    preset(1014, "diffusers.unipc", "", "lower order in the end", 0, 2, 1, kUnipc,
           "lower_order_final=yes"),
    preset(1015, "diffusers.sa-solver", "", "weights of the paper's appendix", kDraws, 2, 1,
           kSaSolver, "order=2,corrector_order=2,simple=yes,lower_order_final=yes"),
    preset(1016, "diffusers.lcm", "", "with the boundary condition of its networks", kDraws, 1, 1,
           kLcmSampler, "timestep_scaling=10"),
    preset(1017, "comfy.sa-solver", "", "lower order one step earlier", kDraws, 3, 1, kSaSolver,
           "order=3,corrector_order=4,tau_at=end,lower_order_final=early"),
    preset(1018, "comfy.sa-solver-pece", "", "comfy.sa-solver that evaluates again", kDraws, 3, 2,
           kSaSolver, "order=3,corrector_order=4,tau_at=end,lower_order_final=early,mode=pece"),
    preset(1019, "comfy.er-sde", "sdcpp.er-sde", "Riemann sums of 200 points", kDraws, 1, 1, kErSde,
           "points=200,slope=backward"),
    preset(1020, "ersde.er-sde", "", "Riemann sums of 100 points", kDraws, 1, 1, kErSde,
           "points=100,slope=backward,least_variance=1e-6"),
    preset(1021, "comfy.res-multistep", "sdcpp.res-multistep", "with the posterior's noise", kDraws,
           2, 1, kResMultistep, "noise=variance"),
    preset(1022, "candle.unipc", "", "bh1, three steps uncorrected", 0, 2, 1, kUnipc,
           "variant=bh1,corrector_begin=3"),
    preset(1042, "diffusers.heun", "", "heun after noise that comes after the model", kDraws, 2, 2,
           kLateChurn, "solver=heun"),
    preset(1043, "comfy.dpmpp-2s-ancestral", "", "an inner point in a step from alpha = 0 too",
           kDraws, 2, 2, kDpmpp2s, "eta=1,noise=flow,first_inner=0.9999")};

}  // namespace

Presets sampler_presets() {
  return {[](size_t index) -> const Entry& { return kPresets[index]; }, std::size(kPresets)};
}

}  // namespace noisewright
