# SPDX-License-Identifier: Apache-2.0
# Lists what the library has: schedules, grids, samplers, weights, densities and generators,
# with their settings. A menu or a config file's checker can be made of the same calls.
using Noisewright
using Printf

function list(domain, title)
    println(title)
    for e in catalog(domain)
        print("  ", rpad(e.name, 26), " ", e.summary)
        if domain == :sampler
            print(" (order ", e.order, ", ", e.evals_per_step, " evaluation",
                  e.evals_per_step == 1 ? "" : "s", " a step",
                  e.stochastic ? ", stochastic" : "", ")")
        end
        println()
        for s in e.settings
            print("      ", rpad(s.name, 18), " ", s.summary, "; ")
            if isempty(s.choices)
                @printf("%g to %g, default %g\n", s.min, s.max, s.default)
            else
                @printf("one of %s; default %g\n", join(s.choices, ","), s.default)
            end
        end
    end
end

list(:schedule, "schedules")
list(:grid, "grids")
list(:sampler, "samplers")
list(:weight, "weights")
list(:density, "densities of random times")
list(:generator, "generators of random numbers")
