# SPDX-License-Identifier: Apache-2.0
# Stops runs half way, saves them, loads them into new samplers and ends on the same bits.
# Two samplers: one that remembers an earlier output, one that draws random numbers.
using Noisewright

const N, STEPS, BREAK_AT = 1000, 20, 9

# Stands for a network: any function of x and t will do.
model!(velocity, x, t) = (velocity .= Float32(t) .- 0.5f0 .* x)

# Goes on until the end, or until so many evaluations are done.
function go_on!(x, sampler, until = STEPS)
    velocity = similar(x)
    for eval in sampler
        eval.index == until && break
        model!(velocity, x, eval.clock)
        step!(x, sampler, velocity)
    end
    return x
end

context, schedule = Context(), Schedule()
for spec in ("dpmpp-2m", "ddim(eta=1)")
    sampler = Sampler(context, schedule, spec; steps = STEPS, rng = Rng(7))
    whole, broken = zeros(Float32, N, 1), zeros(Float32, N, 1)
    go_on!(start!(whole, sampler), sampler)

    # The same sampler begins again, with the same noise.
    go_on!(start!(broken, sampler), sampler, BREAK_AT)
    bytes = Noisewright.save(sampler)                       # x is yours: save it too
    go_on!(broken, Noisewright.load(context, schedule, bytes))

    println(rpad(spec, 12), " saved after ", BREAK_AT, " of ", STEPS, " evaluations: ",
            whole == broken ? "same bits at the end" : "DIFFERENT at the end")
end
