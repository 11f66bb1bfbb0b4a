# SPDX-License-Identifier: Apache-2.0
# Runs the recipe for Lux without it:
#   lux.jl RECIPE.jl
# The model is a function that a run without an engine computes too: both have the same bits.
module Lux
testmode(st) = merge(st, (training = false,))
end

using Noisewright

# Called as a model of Lux is: input, parameters, state; the output and the new state.
function model((x, t, label), ps, st)
    st.training && error("the state is that of training")
    size(x)[end] == length(t) == length(label) || error("the batch's sizes differ")
    return x .* reshape(ps.factor[label], 1, 1, :), st
end

# "using Lux" finds packages only; the module above is this file's.
include(expr -> expr == :(using Lux, Noisewright) ? nothing : expr, ARGS[1])

labels = [1, 4, 10]
ps, st = (factor = Float32[-(2.0^-i) for i in 0:10],), (training = true,)
drawn = draw(model, ps, st, labels)

plain = similar(drawn)
sampler = Sampler(Context(), Schedule(), "heun(guidance=2)"; steps = 12,
                  rng = [Rng(42, stream = i) for i in 0:2])
sample!(plain, sampler) do (labelled, free), x, eval
    labelled .= x .* reshape(ps.factor[labels], 1, 1, :)
    free .= x .* ps.factor[11]
end
drawn == plain || error("the recipe has other bits than a run without an engine")
println("the bits of a run without an engine")
