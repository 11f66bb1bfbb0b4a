# SPDX-License-Identifier: Apache-2.0
# Owns schedules and what is read off them: coefficients, times, grids, weights.

"""
The coefficients of x_t = alpha data + sigma noise + gamma latent at one time, with derivatives in
t. `lambda` is log(alpha/sigma), `diffusion2` the forward SDE's g^2.
"""
struct Coeffs
    alpha::Float64
    sigma::Float64
    gamma::Float64
    dalpha::Float64
    dsigma::Float64
    gamma_dgamma::Float64
    log_alpha::Float64
    dlog_alpha::Float64
    lambda::Float64
    diffusion2::Float64
end

"""
    Schedule(spec = "linear"; table = nothing)
    Schedule(f; t_noise = 0, t_data = 1)

An interpolant by name, as in `Schedule("cosine")`, `Schedule("vp(beta_max=10)")` or
`Schedule(Schedules.vp(beta_max = 10))`; immutable, and shared by tasks and threads. `table` holds
the alpha_bar, or the betas, of the discrete schedule `"table"`.

The second form asks `f(t)` for the coefficients, as a named tuple with `alpha`, `sigma` and any
other field of `Coeffs`: what is left out is derived from these two. Several threads may call `f`
at once.

A schedule can be called: `schedule(t)` gives the `Coeffs` at a time, or a vector of them.
"""
mutable struct Schedule <: Handle
    ptr::Ptr{Raw.nwr_schedule}
    Schedule(ptr::Ptr{Raw.nwr_schedule}) = finalizer(destroy, new(ptr))
end
destroy(p::Ptr{Raw.nwr_schedule}) = Raw.nwr_schedule_destroy(p)
Base.unsafe_convert(::Type{Ptr{Raw.nwr_schedule}}, h::Schedule) = isopen(h) ? h.ptr : closed(h)

function Schedule(spec = "linear"; table::Union{Nothing,AbstractVector{<:Real}} = nothing)
    name, values = c_string(spec), Vector{Float64}(table === nothing ? [] : table)
    out = Ref{Ptr{Raw.nwr_schedule}}(C_NULL)
    GC.@preserve name values begin
        options = Raw.nwr_schedule_options(name = pointer(name), table_count = length(values),
                                           table = table === nothing ? C_NULL : pointer(values))
        check(Raw.nwr_schedule_create(Ref(options), out))
    end
    return Schedule(out[])
end

Schedule(f::Function, spec; table = nothing) = closing(f, Schedule(spec; table = table))

function Schedule(f::Function; t_noise::Real = 0, t_data::Real = 1)
    k = keep(f)
    name = "custom"
    out = Ref{Ptr{Raw.nwr_schedule}}(C_NULL)
    GC.@preserve k name begin
        options = Raw.nwr_schedule_options(name = pointer(name), t_noise = t_noise, t_data = t_data,
                                           coeffs = COEFFS[], release = RELEASED[],
                                           user = pointer_from_objref(k))
        status = Raw.nwr_schedule_create(Ref(options), out)
        status < 0 && (k.released = true)
        check(status)
    end
    return Schedule(out[])
end

function call_coeffs(user::Ptr{Cvoid}, t::Float64, out::Ptr{Raw.nwr_coeffs})::Int32
    guarded() do
        k = unsafe_pointer_to_objref(user)::Kept
        given = k.f(t)::NamedTuple
        for name in keys(given)
            i = Base.fieldindex(Coeffs, name)
            unsafe_store!(Ptr{Float64}(out), given[name], i)
        end
    end
end

"""
    info(schedule)

Its `kind`, its `spec`, which makes the same schedule again, and the times `t_noise` and `t_data`
between which it runs.
"""
function info(schedule::Schedule)
    out = Ref(Raw.nwr_schedule_info())
    GC.@preserve schedule begin
        check(Raw.nwr_schedule_get_info(schedule, out))
        i = out[]
        return (kind = i.kind, spec = unsafe_string(i.spec), t_noise = i.t_noise, t_data = i.t_data)
    end
end

Base.show(io::IO, s::Schedule) =
    isopen(s) ? print(io, "Schedule(", repr(info(s).spec), ")") : print(io, "Schedule(closed)")

function (schedule::Schedule)(t::Real)
    out = Ref{Coeffs}()
    check(Raw.nwr_schedule_eval(schedule, Ref(Float64(t)), 1, Ptr{Raw.nwr_coeffs}(
        Base.unsafe_convert(Ptr{Coeffs}, out))))
    return out[]
end

function (schedule::Schedule)(times::AbstractVector{<:Real})
    ts = Vector{Float64}(times)
    out = Vector{Coeffs}(undef, length(ts))
    check(Raw.nwr_schedule_eval(schedule, ts, length(ts), out))
    return out
end

"""
    invert(schedule, lambda)

The time, or the vector of times, at which log(alpha/sigma) is `lambda`.
"""
invert(schedule::Schedule, lambda::Real) = only(invert(schedule, [lambda]))
function invert(schedule::Schedule, lambdas::AbstractVector{<:Real})
    times = collect(Float64, lambdas)
    check(Raw.nwr_schedule_invert(schedule, times, length(times), times))
    return times
end

"""
    weigh(schedule, spec, t)

A named function of the schedule at a time, or at a vector of times: an amount of diffusion, for
`transform!`, or the weight of a training loss. `Weights` has constructors of specs.
"""
weigh(schedule::Schedule, spec, t::Real) = only(weigh(schedule, spec, [t]))
function weigh(schedule::Schedule, spec, times::AbstractVector{<:Real})
    name, values = c_string(spec), collect(Float64, times)
    GC.@preserve name begin
        options = Raw.nwr_weight_options(name = pointer(name))
        check(Raw.nwr_schedule_weigh(schedule, Ref(options), values, length(values), values))
    end
    return values
end

"""
    grid(schedule, spec, steps; t_begin = 0, t_end = 0)

The times of a run, one more than its steps, as in `grid(schedule, "karras(rho=7)", 20)`. Any
other vector of times is as good. Both ends 0 mean the schedule's own.
"""
function grid(schedule::Schedule, spec, steps::Integer; t_begin::Real = 0, t_end::Real = 0)
    name, times = c_string(spec), Vector{Float64}(undef, steps + 1)
    GC.@preserve name begin
        options = Raw.nwr_grid_options(name = pointer(name), t_begin = t_begin, t_end = t_end)
        check(Raw.nwr_grid_fill(schedule, Ref(options), times, length(times)))
    end
    return times
end

"""
    grid_skip(steps, strength; rule = :floor)

How many of a grid's steps image-to-image leaves out, for a `strength` from 0 to 1: all of them mean
that there is nothing to run. `:floor` is the rule of Stable Diffusion, `:ceil` that of Stable
Diffusion 3 and FLUX.

    times = grid(schedule, "karras", 20)[1+grid_skip(20, 0.4):end]
    sample!(model!, picture, Sampler(context, schedule, "ddim"; times = times); start = :data)
"""
function grid_skip(steps::Integer, strength::Real; rule = :floor)
    out = Ref{UInt32}(0)
    check(Raw.nwr_grid_skip(constant(Raw.NWR_DOMAIN_STRENGTH, rule), steps, strength, out))
    return Int(out[])
end

"""
    times!(t, context, schedule, rng; density = "uniform")

Fills `t` with random times for training. `Densities` has constructors of specs.
"""
function times!(t, context::Context, schedule::Schedule, rng; density = "uniform")
    name, v, rngs = c_string(density), Views(1), list(rng)
    GC.@preserve name v t begin
        describe!(v, 1, t)
        options = Raw.nwr_density_options(name = pointer(name))
        check(Raw.nwr_random_times(context, schedule, Ref(options), rngs, length(rngs),
                                   pointer(v, 1)))
    end
    return t
end
