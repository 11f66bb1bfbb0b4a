# SPDX-License-Identifier: Apache-2.0
# Owns the measure of what step! adds to nwr_sampler_step, on 16 elements.
#   julia --project=bindings/julia bindings/julia/bench/step.jl
using Noisewright
using Noisewright: Raw

const STEPS = 10_000

run_raw(sampler, x, out) =
    for _ in 1:STEPS
        Raw.nwr_sampler_step(sampler, x, out, 1)
    end

run_raw_loop(sampler, x, out, eval) =
    while Raw.nwr_sampler_next(sampler, eval) == Raw.NWR_OK
        Raw.nwr_sampler_step(sampler, x, out, 1)
    end

run_steps!(x, sampler, out) =
    for _ in 1:STEPS
        step!(x, sampler, out)
    end

run_loop!(x, sampler, out) =
    for eval in sampler
        step!(x, sampler, out)
    end

# Nanoseconds a step: the best of many runs.
function best(run, x, sampler)
    fastest = Inf
    for _ in 1:200
        start!(x, sampler)
        fastest = min(fastest, @elapsed run())
    end
    return fastest / STEPS * 1e9
end

function main()
    context, schedule = Context(threads = 1), Schedule()
    sampler = Sampler(context, schedule, "euler"; steps = STEPS, rng = Rng(1))
    x, out = zeros(Float32, 4, 4), zeros(Float32, 4, 4)
    views = Noisewright.Views(2)
    GC.@preserve views x out begin
        Noisewright.describe!(views, 1, x)
        Noisewright.describe!(views, 2, out)
        px, pout = pointer(views, 1), pointer(views, 2)
        eval = Ref(Raw.nwr_eval())
        ns(t) = lpad(round(t; digits = 1), 6) * " ns"
        report(what, c, julia) = println(what, "in C", ns(c), ", here", ns(julia))
        report("a step:           ", best(() -> run_raw(sampler, px, pout), x, sampler),
               best(() -> run_steps!(x, sampler, out), x, sampler))
        report("next and a step:  ", best(() -> run_raw_loop(sampler, px, pout, eval), x, sampler),
               best(() -> run_loop!(x, sampler, out), x, sampler))
    end
end

main()
