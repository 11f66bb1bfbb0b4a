# SPDX-License-Identifier: Apache-2.0
# Owns transforms: from quantities that are known at a time to others, in one pass over memory.

# Named tuples, or pairs of a quantity and an array, as one kind of list.
operands(given::NamedTuple) = [(Quantity(k), x) for (k, x) in pairs(given)]
operands(given::Pair) = operands((given,))
operands(given) = [(Quantity(k), x) for (k, x) in given]

one_or_each(t::Real) = fill(Float64(t))
one_or_each(t) = t

function describe_operands!(v::Views, slot::Int, given)
    return map(enumerate(given)) do (i, (quantity, x))
        describe!(v, slot + i, x)
        Raw.nwr_operand(quantity.value, 0, pointer(v, slot + i))
    end
end

"""
    transform!(outputs, context, schedule, t, inputs; diffusion = 0)

From inputs known at time `t`, writes outputs. Both are named tuples of arrays of one size, or
pairs:

    transform!((state = x, velocity = v), context, schedule, t, (data = x1, noise = eps))
    transform!((score = s,), context, schedule, 0.3, (state = x, velocity = v))

Any inputs that determine the outputs will do. `t` and `diffusion`, the w(t)^2 of a drift, are a
number or a vector with one for each sample; `t` may be of `Float32`. An output may also be an
input.
"""
function transform!(outputs, context::Context, schedule::Schedule, t, inputs; diffusion = nothing)
    known, wanted = operands(inputs), operands(outputs)
    time, amount = one_or_each(t), one_or_each(diffusion)
    v = Views(2 + length(known) + length(wanted))
    GC.@preserve v known wanted time amount begin
        describe!(v, 1, time)
        amount === nothing || describe!(v, 2, amount)
        ins = describe_operands!(v, 2, known)
        outs = describe_operands!(v, 2 + length(known), wanted)
        check(Raw.nwr_transform_apply(context, schedule, pointer(v, 1),
                                      amount === nothing ? C_NULL : pointer(v, 2),
                                      ins, length(ins), outs, length(outs)))
    end
    return outputs
end

"""
    corrupt!(outputs, context, schedule, t, inputs, rng; drawn = :noise)

As `transform!`, with one more input that nobody stores: `drawn`, the noise or the latent, is made
of the numbers that `random!` would write.

    corrupt!((state = x, velocity = v), context, schedule, t, (data = x1,), Rng(1))
"""
function corrupt!(outputs, context::Context, schedule::Schedule, t, inputs, rng; drawn = :noise)
    known, wanted = operands(inputs), operands(outputs)
    time, rngs = one_or_each(t), list(rng)
    v = Views(1 + length(known) + length(wanted))
    GC.@preserve v known wanted time begin
        describe!(v, 1, time)
        ins = describe_operands!(v, 1, known)
        outs = describe_operands!(v, 1 + length(known), wanted)
        check(Raw.nwr_transform_corrupt(context, schedule, pointer(v, 1), Quantity(drawn).value,
                                        rngs, length(rngs), ins, length(ins), outs, length(outs)))
    end
    return outputs
end

"""
    factors(schedule, t, inputs, output; diffusion = 0)

What `transform!` multiplies each input by, as in `factors(s, 0.3, (:velocity, :score), :drift)`.
"""
function factors(schedule::Schedule, t::Real, inputs, output; diffusion::Real = 0)
    quantities = Int32[Quantity(q).value for q in inputs]
    out = Vector{Float64}(undef, length(quantities))
    check(Raw.nwr_transform_coeffs(schedule, t, diffusion, quantities, length(quantities),
                                   Quantity(output).value, out))
    return out
end
