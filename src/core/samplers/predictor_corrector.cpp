// SPDX-License-Identifier: Apache-2.0
// Owns UniPC (Zhao et al. 2302.04867) and SA-Solver (Xue et al. 2309.05019): multistep predictors
// whose result the next evaluation corrects at no cost.
#include "core/samplers/multistep.hpp"

namespace noisewright {
namespace {

// With B(h) = h or e^h - 1, which differ where the paper's systems have one equation.
void plan_unipc(Stage& s) {
  const double weights = s.setting("variant");
  const Pair pair = weights == 0 ? Pair::length : weights == 1 ? Pair::share : Pair::exact;
  Multistep m{{Line(s.setting("space")), predicted_form(s), pair},
              static_cast<int>(s.setting("order"))};
  m.final = static_cast<int>(s.setting("lower_order_final"));
  m.corrector = s.setting("corrector") == 1 ? m.order : 0;
  m.corrector_pair = pair;
  m.corrector_begin = static_cast<int>(s.setting("corrector_begin"));
  m.corrector_skip = s.setting("corrector_skip");
  if (s.setting("predictor_order") > 0)
    m.predictor = static_cast<int>(s.setting("predictor_order"));
  multistep(s, m);
}

void plan_sa(Stage& s) {
  const Form form = predicted_form(s);
  const Pair pair = s.setting("simple") == 1 ? Pair::length : Pair::exact;
  Multistep m{{Line(0), form, pair}, static_cast<int>(s.setting("order"))};
  m.noise = form == Form::data ? Split::sde : Split::overshoot;
  m.eta = s.setting("tau") * s.setting("tau"), m.s_noise = s.setting("s_noise");
  m.low = s.setting("s_min"), m.by_end = s.setting("tau_at") == 1;
  if (s.setting("s_max") < 1e300) m.high = s.setting("s_max");
  m.final = static_cast<int>(s.setting("lower_order_final"));
  m.corrector = static_cast<int>(s.setting("corrector_order")) - 1;
  m.corrector_pair = pair;
  m.evaluates_again = s.setting("mode") == 1;
  multistep(s, m);
}

constexpr Param kUnipcParams[] = {
    order_param(2, 4),
    choice("variant", "weights where two values meet: bh1, bh2, or exact integrals",
           "bh1,bh2,exact", 1),
    choice("corrector", "whether the next evaluation corrects a step", "no,yes", 1),
    {"corrector_begin", "the first step that is corrected", 0, 0, 1e6, nullptr, true},
    {"corrector_skip", "steps that are not corrected, as a sum: 1 for step 0, 2 for 1, 4 for 2", 0,
     0, 9007199254740991, nullptr, true},
    {"predictor_order", "values of the predictor: 1 is ddim, 2 dpmpp-2m; 0 is as order", 0, 0, 4,
     nullptr, true},
    kPredictParam,
    kFinalParam,
    kLineParam};
constexpr Param kSaParams[] = {
    order_param(2, 4),
    {"corrector_order", "values of the corrector, the new one included; 1 is no corrector", 3, 1, 4,
     nullptr, true},
    {"tau", "scale of the fresh noise; 0 is deterministic", 1, 0, 1e3},
    {"s_min", "sigma/alpha below which none is added", 0, 0, 1e300},
    {"s_max", "sigma/alpha above which none is added", 1e300, 0, 1e300},
    choice("tau_at", "which end of a step s_min and s_max mean", "begin,end"),
    choice("mode", "whether a corrected point is evaluated again", "pec,pece"),
    choice("simple", "two values weighed as in the paper's appendix", "no,yes"),
    kPredictParam,
    {kFinalParam.name, "as steps are left; or one fewer, the corrector's too", 0, 0, 3,
     "no,yes,last,early"},
    kNoiseScaleParam};

}  // namespace

extern const SamplerKind kUnipc =
    sampler_kind(NWR_SAMPLER_UNIPC, "unipc", "uni-pc", "multistep predictor and free corrector", 0,
                 3, 1, kUnipcParams, plan_unipc);
extern const SamplerKind kSaSolver = sampler_kind(NWR_SAMPLER_SA_SOLVER, "sa-solver", "sa",
                                                  "multistep for the SDE with a free corrector",
                                                  NWR_ENTRY_STOCHASTIC, 3, 1, kSaParams, plan_sa);

}  // namespace noisewright
