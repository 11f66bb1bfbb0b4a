# SPDX-License-Identifier: Apache-2.0
# Owns samplers: runs by a loop over evaluations and by a function, saving and loading.

# More than any evaluation asks for.
const MOST_OUTPUTS = 8

"""
    Sampler(context, schedule, spec; prediction = :velocity, steps = 0, times = nothing,
            rng = nothing, generator = nothing, clock = :t, keep_denoised = false, noise = nothing)

One run through time, of one task at a time. `spec` is as in `"dpmpp-2m"` or `Samplers.ddim(eta =
1)`. The model predicts `prediction` and reads `clock`. `times` are from `grid` or your own, which may
turn back; a matrix has one column for each sample; without them a default grid has `steps` steps,
50 if 0. Noise comes from `rng`, by Philox or by `generator`, as in `"torch-cpu"` or
`Generators.brownian()`; or from `noise(draw, out)`, which writes unit normals into `out`.

    start!(x, sampler)
    for eval in sampler
        model!(out, x, eval.clock)
        step!(x, sampler, out)
    end
"""
mutable struct Sampler <: Handle
    ptr::Ptr{Raw.nwr_sampler}
    # Memory that calls write to, so that a step allocates nothing.
    views::Views
    eval::Base.RefValue{Raw.nwr_eval}
    Sampler(ptr::Ptr{Raw.nwr_sampler}) =
        finalizer(destroy, new(ptr, Views(1 + MOST_OUTPUTS), Ref(Raw.nwr_eval())))
end
destroy(p::Ptr{Raw.nwr_sampler}) = Raw.nwr_sampler_destroy(p)
Base.unsafe_convert(::Type{Ptr{Raw.nwr_sampler}}, h::Sampler) = isopen(h) ? h.ptr : closed(h)

function Sampler(context::Context, schedule::Schedule, spec; prediction = :velocity,
                 steps::Integer = 0, times::Union{Nothing,AbstractVecOrMat{<:Real}} = nothing,
                 rng::Union{Nothing,Rng,AbstractVector{Rng}} = nothing, generator = nothing,
                 clock = :t, keep_denoised::Bool = false, noise = nothing)
    name, source = c_string(spec), generator === nothing ? "" : c_string(generator)
    ts = times === nothing ? zeros(0, 0) : Array{Float64}(times)
    rngs = rng === nothing ? Rng[] : list(rng)
    k = noise === nothing ? nothing : keep(noise)
    out = Ref{Ptr{Raw.nwr_sampler}}(C_NULL)
    GC.@preserve name source ts rngs k begin
        options = Raw.nwr_sampler_options(
            flags = keep_denoised ? Raw.NWR_SAMPLER_KEEP_DENOISED : 0,
            prediction = Quantity(prediction).value, name = pointer(name), steps = steps,
            times = times === nothing ? C_NULL : pointer(ts), time_count = size(ts, 1),
            time_rows = times === nothing ? 0 : size(ts, 2),
            rngs = isempty(rngs) ? C_NULL : pointer(rngs), rng_count = length(rngs),
            clock = constant(Raw.NWR_DOMAIN_CLOCK, clock),
            generator = generator === nothing ? C_NULL : pointer(source),
            noise = k === nothing ? C_NULL : NOISE[],
            release = k === nothing ? C_NULL : RELEASED[],
            user = k === nothing ? C_NULL : pointer_from_objref(k))
        status = Raw.nwr_sampler_create(context, schedule, Ref(options), out)
        status < 0 && k !== nothing && (k.released = true)
        check(status)
    end
    return Sampler(out[])
end

Sampler(f::Function, context::Context, schedule::Schedule, spec; settings...) =
    closing(f, Sampler(context, schedule, spec; settings...))

# A dense array that the library owns, for the time of a callback.
function wrap(tensor::Raw.nwr_tensor)
    dims = ntuple(i -> Int(unsafe_load(tensor.shape, tensor.ndim + 1 - i)), tensor.ndim)
    return unsafe_wrap(Array, Ptr{element_type(tensor.dtype)}(tensor.data), dims)
end

function call_noise(user::Ptr{Cvoid}, draw::UInt64, out::Ptr{Raw.nwr_tensor})::Int32
    guarded() do
        (unsafe_pointer_to_objref(user)::Kept).f(Int(draw), wrap(unsafe_load(out)))
    end
end

"""
    start!(x, sampler, start = :prior)

Begins a run, or begins it again with the same noise. `x` becomes noise of the first time
(`:prior`) or unit normals (`:unit`), is a state at the first time already (`:state`), or is clean
data that is noised to the first time (`:data`).
"""
function start!(x, sampler::Sampler, start = :prior)
    v = Views(1)
    GC.@preserve v x begin
        describe!(v, 1, x)
        check(Raw.nwr_sampler_start(sampler, pointer(v, 1), constant(Raw.NWR_DOMAIN_START, start)))
    end
    return x
end

"""
    Eval(sampler)

The evaluation that a sampler waits for, or the end: how many are done, `index`, of `count` in all
(0 if not known); the time `t`, the same on the model's `clock`, and the `input_scale` to multiply
x by before the model sees it. Where samples have times of their own, these are the first sample's:
see `rows`. The model must give `output_count` outputs, which may differ from one evaluation to the
next: 1; with guidance, where it acts, 2 or 3; and one more for the setting `variance=learned_range`.
Where times turn back `noises` is true: the step only adds noise, and needs no output.
"""
struct Eval
    index::Int
    count::Int
    t::Float64
    clock::Float64
    input_scale::Float64
    output_count::Int
    noises::Bool
end
Eval(e::Raw.nwr_eval) =
    Eval(e.index, e.count, e.t, e.clock, e.input_scale, e.output_count, e.noises != 0)

function Eval(sampler::Sampler)
    check(Raw.nwr_sampler_next(sampler, sampler.eval))
    return Eval(sampler.eval[])
end

Base.IteratorSize(::Type{Sampler}) = Base.SizeUnknown()
Base.eltype(::Type{Sampler}) = Eval

@noinline not_stepped() =
    throw(ArgumentError("step! has not been called since the last evaluation"))

function Base.iterate(sampler::Sampler, last::Int = -1)
    check(Raw.nwr_sampler_next(sampler, sampler.eval)) == Raw.NWR_DONE && return nothing
    e = Eval(sampler.eval[])
    e.index == last && not_stepped()
    return e, e.index
end

"""
    Base.isdone(sampler)

Whether the run needs no further evaluation.
"""
Base.isdone(sampler::Sampler, _ = nothing) =
    check(Raw.nwr_sampler_next(sampler, sampler.eval)) == Raw.NWR_DONE

"""
    rows(sampler)

The present evaluation's `t`, `clock` and `input_scale` as vectors: one number, or one for each
sample where samples have times of their own.
"""
function rows(sampler::Sampler)
    GC.@preserve sampler begin
        check(Raw.nwr_sampler_next(sampler, sampler.eval))
        e = sampler.eval[]
        read(p) = copy(unsafe_wrap(Array, p, Int(e.row_count)))
        return (t = read(e.t_rows), clock = read(e.clock_rows),
                input_scale = read(e.input_scale_rows))
    end
end

"""
    step!(x, sampler, outputs...)

Takes the model's output at the present evaluation and writes the next point to evaluate into `x`,
in one pass, without allocating. Where the evaluation asks for more than one (`Eval`), they are the
output with all conditions; where there is `guidance_image`, that with the image alone; where guidance
acts, that with none; and with `variance=learned_range` the share of the variance. None at all will do
where the step only adds noise.
"""
function step!(x, sampler::Sampler, outputs::Vararg{Any,N}) where {N}
    N <= MOST_OUTPUTS || too_many_outputs(N)
    v = sampler.views
    GC.@preserve v call_step(sampler, v, 1, x, outputs...)
    return x
end

# x and the outputs are described one by one: to preserve them as a tuple would allocate it.
@inline call_step(sampler::Sampler, v::Views, slot::Int) =
    check(Raw.nwr_sampler_step(sampler, pointer(v, 1), pointer(v, 2), slot - 2))
@inline function call_step(sampler::Sampler, v::Views, slot::Int, array, rest...)
    GC.@preserve array begin
        describe!(v, slot, array)
        call_step(sampler, v, slot + 1, rest...)
    end
end

@noinline too_many_outputs(n) =
    throw(ArgumentError("$n outputs, but no evaluation asks for more than $MOST_OUTPUTS"))

"""
    denoised!(out, sampler)

Writes the last evaluation's estimate of the clean sample. The sampler needs `keep_denoised = true`.
"""
function denoised!(out, sampler::Sampler)
    v = Views(1)
    GC.@preserve v out begin
        describe!(v, 1, out)
        check(Raw.nwr_sampler_denoised(sampler, pointer(v, 1)))
    end
    return out
end

"""
    cancel(sampler)

Makes `sample!`, in a callback or on another thread, return at its next evaluation.
"""
cancel(sampler::Sampler) = Raw.nwr_sampler_cancel(sampler)

mutable struct Call
    model::Any
    progress::Any
    x::Any
end

function call_model(user::Ptr{Cvoid}, eval::Ptr{Raw.nwr_eval}, ::Ptr{Raw.nwr_tensor},
                    output::Ptr{Raw.nwr_tensor})::Int32
    guarded() do
        call = unsafe_pointer_to_objref(user)::Call
        e = Eval(unsafe_load(eval))
        outs = ntuple(i -> wrap(unsafe_load(output, i)), e.output_count)
        reenable_sigint(() -> call.model(length(outs) == 1 ? outs[1] : outs, call.x, e))
    end
end

function call_progress(user::Ptr{Cvoid}, eval::Ptr{Raw.nwr_eval}, ::Ptr{Raw.nwr_tensor})::Int32
    guarded() do
        call = unsafe_pointer_to_objref(user)::Call
        reenable_sigint(() -> call.progress(Eval(unsafe_load(eval)), call.x))
    end
end

"""
    sample!(model!, x, sampler; start = :prior, progress = nothing)

Runs to the end, in place. `model!(out, x, eval)` writes the model's output for `x` into `out`, an
`Array` of the same size that lasts for the call; where the evaluation asks for more than one output
`out` is a tuple of `eval.output_count` of them, in the order of `step!`. It is not called where the
step only adds noise. `progress(eval, x)` is called after each step. What either throws
ends the run. `start` is as in `start!`; `nothing` goes on where a cancelled run stopped, which
`Base.isdone(sampler)` tells. Inside, Ctrl-C is an exception of the model's.

    sample!(x, sampler) do out, x, eval
        out .= network(x, eval.clock)
    end
"""
function sample!(model!, x::HostArray, sampler::Sampler; start = :prior, progress = nothing)
    start === nothing || start!(x, sampler, start)
    v = Views(1)
    GC.@preserve v x begin
        describe!(v, 1, x)
        call = Call(model!, progress, x)
        GC.@preserve call begin
            callbacks = Raw.nwr_callbacks(model = MODEL[], user = pointer_from_objref(call),
                                          progress = progress === nothing ? C_NULL : PROGRESS[])
            # An interrupt must not be thrown where it would cross C.
            check(disable_sigint(() -> Raw.nwr_sampler_run(sampler, pointer(v, 1), Ref(callbacks))))
        end
    end
    return x
end

"""
    Noisewright.save(sampler)

All but x as bytes, from which `Noisewright.load` makes the sampler again, in any language.
"""
function save(sampler::Sampler)
    size = Ref{Csize_t}(0)
    check(Raw.nwr_sampler_save(sampler, C_NULL, 0, size))
    bytes = Vector{UInt8}(undef, size[])
    check(Raw.nwr_sampler_save(sampler, bytes, length(bytes), size))
    return bytes
end

"""
    Noisewright.load(context, schedule, bytes)

The sampler that was saved, to go on to the same bits. The schedule must be the one of the saved
sampler.
"""
function load(context::Context, schedule::Schedule, bytes::AbstractVector{UInt8})
    buffer = convert(Vector{UInt8}, bytes)
    out = Ref{Ptr{Raw.nwr_sampler}}(C_NULL)
    check(Raw.nwr_sampler_load(context, schedule, buffer, length(buffer), out))
    return Sampler(out[])
end

# Closure cfunctions do not exist on every architecture, so C calls these and finds the rest in
# user.
const MODEL = Ref{Ptr{Cvoid}}(C_NULL)
const PROGRESS = Ref{Ptr{Cvoid}}(C_NULL)
const NOISE = Ref{Ptr{Cvoid}}(C_NULL)
const COEFFS = Ref{Ptr{Cvoid}}(C_NULL)
const RELEASED = Ref{Ptr{Cvoid}}(C_NULL)

function prepare_callbacks()
    MODEL[] = @cfunction(call_model, Int32, (Ptr{Cvoid}, Ptr{Raw.nwr_eval}, Ptr{Raw.nwr_tensor},
                                             Ptr{Raw.nwr_tensor}))
    PROGRESS[] = @cfunction(call_progress, Int32, (Ptr{Cvoid}, Ptr{Raw.nwr_eval},
                                                   Ptr{Raw.nwr_tensor}))
    NOISE[] = @cfunction(call_noise, Int32, (Ptr{Cvoid}, UInt64, Ptr{Raw.nwr_tensor}))
    COEFFS[] = @cfunction(call_coeffs, Int32, (Ptr{Cvoid}, Float64, Ptr{Raw.nwr_coeffs}))
    RELEASED[] = @cfunction(released, Cvoid, (Ptr{Cvoid},))
    return nothing
end
