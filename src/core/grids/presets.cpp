// SPDX-License-Identifier: Apache-2.0
// Owns grids that are others with settings of their own, under the names that people and other
// libraries have for them. Must not know how any of them is filled.
#include <iterator>

#include "core/grid.hpp"

namespace noisewright {

extern const GridKind kBetaGrid, kFlowGrid, kSmoothstep, kTimeQuadratic;

namespace {

constexpr Entry kPresets[] = {
    preset(1009, "comfy.beta", "sdcpp.beta", "beta with round=yes", kBetaGrid, "round=yes"),
    preset(1011, "sdcpp.smoothstep", "", "smoothstep with round=yes", kSmoothstep, "round=yes"),
    preset(1023, "k.vp", "comfy.vp", "even in t down to 0.001 of the way, then data",
           kTimeQuadratic, "power=1,last=1e-3"),
    preset(1024, "score-sde", "diffusers.score-sde", "even in t down to 1e-5 of the way, then data",
           kTimeQuadratic, "power=1,last=1e-5"),
    preset(1027, "sd3", "", "flow with shift 3", kFlowGrid, "shift=3"),
    preset(1028, "flux", "sdcpp.flux,diffusers.flux",
           "flow with the mu of 4096 tokens, or of others", kFlowGrid, "tokens=4096"),
    preset(1029, "flux2", "sdcpp.flux2", "flow with FLUX.2's mu of tokens and steps", kFlowGrid,
           "tokens=4096,fit=flux2"),
    preset(1030, "ltx2", "sdcpp.ltx2", "flow with LTX-2's mu of tokens, stretched to 0.1",
           kFlowGrid, "tokens=4096,base_mu=0.95,max_mu=2.05,base_tokens=1024,terminal=0.1"),
    preset(1031, "diffusers.flow-match", "comfy.flow-normal",
           "flow down to 0.001, which is shifted twice", kFlowGrid,
           "last=0.001,closed=yes,twice=yes"),
    preset(1032, "comfy.flow-sgm", "", "comfy.flow-normal without its last level", kFlowGrid,
           "last=0.001,twice=yes"),
    preset(1033, "diffusers.flow-multistep", "", "flow from 0.999 down", kFlowGrid, "first=0.999"),
    preset(1034, "diffusers.flow-unipc", "", "flow down to 0.001, and no level above 0.999999",
           kFlowGrid, "last=0.001,most=0.999999")};

}  // namespace

Presets grid_presets() {
  return {[](size_t index) -> const Entry& { return kPresets[index]; }, std::size(kPresets)};
}

}  // namespace noisewright
