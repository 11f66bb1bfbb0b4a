# SPDX-License-Identifier: Apache-2.0
# Owns how arrays are shown to the library: the same memory, with sizes and strides reversed, so
# that the batch, the first axis in C, is the last one here.

"""
    BFloat16(x)

A number as the library stores it: the upper half of a `Float32`, rounded to nearest even. It only
holds; to compute, convert with `Float32(x)`. Arrays of another package's bfloat16 are accepted
after `Noisewright.dtype(::Type{Theirs}) = Noisewright.dtype(BFloat16)`.
"""
struct BFloat16
    bits::UInt16
end

function BFloat16(x::Real)
    bits = reinterpret(UInt32, Float32(x))
    isnan(x) && return BFloat16(bits >> 16 % UInt16 | 0x0040)
    return BFloat16((bits + 0x00007fff + (bits >> 16 & 1)) >> 16 % UInt16)
end

Base.Float32(x::BFloat16) = reinterpret(Float32, UInt32(x.bits) << 16)
Base.Float64(x::BFloat16) = Float64(Float32(x))
Base.convert(::Type{BFloat16}, x::Real) = BFloat16(x)
Base.convert(::Type{T}, x::BFloat16) where {T<:AbstractFloat} = T(Float32(x))
Base.zero(::Type{BFloat16}) = BFloat16(0x0000)
Base.show(io::IO, x::BFloat16) = print(io, "BFloat16(", Float32(x), ")")

"""
    DeviceArray(array; device = :cuda, device_id = 0)

An array in a device's memory: anything that has `pointer`, `size` and `strides`, such as a
`CuArray`. Nothing checks that the memory is where `device` says. The array must live until the
context's stream has passed the work that uses it. Runs over such arrays use `for eval in sampler`.
"""
struct DeviceArray{T,N,A<:AbstractArray{T,N}}
    array::A
    device::Int32
    device_id::Int32
end

DeviceArray(array::A; device = :cuda, device_id::Integer = 0) where {T,N,A<:AbstractArray{T,N}} =
    DeviceArray{T,N,A}(array, constant(Raw.NWR_DOMAIN_DEVICE, device), device_id)

const HostArray{T,N} = Union{StridedArray{T,N},
                             PermutedDimsArray{T,N,P,Q,<:StridedArray{T,N}} where {P,Q}}

dtype(::Type{Float16}) = Raw.NWR_F16
dtype(::Type{Float32}) = Raw.NWR_F32
dtype(::Type{Float64}) = Raw.NWR_F64
dtype(::Type{BFloat16}) = Raw.NWR_BF16
dtype(::Type{Int64}) = Raw.NWR_I64
@static if isdefined(Core, :BFloat16)
    dtype(::Type{Core.BFloat16}) = Raw.NWR_BF16
end
@noinline dtype(::Type{T}) where {T} =
    throw(ArgumentError("arrays of $T have no counterpart in the library"))

function element_type(dtype::Int32)
    for T in (Float16, Float32, Float64, BFloat16, Int64)
        Noisewright.dtype(T) == dtype && return T
    end
    error("the library has a dtype $dtype that this package does not know")
end

# The most axes that a view of the library can have.
const MOST_AXES = 16

# Descriptions of some arrays, with the sizes and strides that they point at.
struct Views
    tensors::Vector{Raw.nwr_tensor}
    extents::Vector{Int64}
    Views(count) = new(Vector{Raw.nwr_tensor}(undef, count),
                       Vector{Int64}(undef, 2 * MOST_AXES * count))
end

Base.pointer(v::Views, slot) = pointer(v.tensors, slot)

@noinline too_many_axes(n) =
    throw(ArgumentError("an array has $n axes, but the library takes $MOST_AXES at most"))

# Valid for as long as the caller preserves v and the array.
function describe!(v::Views, slot::Int, array, device::Int32, device_id::Int32)
    n = ndims(array)
    n <= MOST_AXES || too_many_axes(n)
    sizes = 2 * MOST_AXES * (slot - 1)
    steps = sizes + MOST_AXES
    dense = array isa DenseArray
    @inbounds for i in 1:n
        v.extents[sizes + i] = size(array, n + 1 - i)
        dense || (v.extents[steps + i] = stride(array, n + 1 - i))
    end
    @inbounds v.tensors[slot] = Raw.nwr_tensor(
        # The pointers of device arrays are types of their own, of the same bits.
        reinterpret(Ptr{Cvoid}, pointer(array)), device, device_id, n, dtype(eltype(array)),
        pointer(v.extents, sizes + 1), dense ? C_NULL : pointer(v.extents, steps + 1), 0)
    return nothing
end

# A CuArray is a DenseArray too; its pointer tells.
describe!(v::Views, slot::Int, x::HostArray) =
    pointer(x) isa Ptr ? describe!(v, slot, x, Raw.NWR_CPU, Int32(0)) : elsewhere(x)
describe!(v::Views, slot::Int, x::DeviceArray) =
    describe!(v, slot, x.array, x.device, x.device_id)
describe!(::Views, ::Int, x) = elsewhere(x)
@noinline elsewhere(x) = throw(ArgumentError(
    "a $(typeof(x)) is no strided memory of the host; one on a device goes into a DeviceArray"))

"""
    Rng(seed; stream = 0, offset = 0)

A position in a Philox4x32-10 stream, or in that of another generator (see `generate!`): a value that
nothing advances. `rng + n` is the position after n numbers of Philox. Where one is taken, a vector with one for each sample is too; results then do not
depend on how samples are batched.
"""
struct Rng
    seed::UInt64
    stream::UInt64
    offset::UInt64
end
Rng(seed::Integer; stream::Integer = 0, offset::Integer = 0) = Rng(seed, stream, offset)
Base.:+(rng::Rng, count::Integer) = Rng(rng.seed, rng.stream, rng.offset + count % UInt64)

list(rng::Rng) = [rng]
list(rngs::AbstractVector{Rng}) = convert(Vector{Rng}, rngs)

"""
    random!(x, context, rng; distribution = :normal)

Fills `x` with numbers of mean 0 and variance 1, or `:uniform` between 0 and 1: the same on every
device and in every language.
"""
function random!(x, context::Context, rng; distribution = :normal)
    v, rngs = Views(1), list(rng)
    GC.@preserve v x begin
        describe!(v, 1, x)
        check(Raw.nwr_random_fill(context, constant(Raw.NWR_DOMAIN_DISTRIBUTION, distribution),
                                  rngs, length(rngs), pointer(v, 1)))
    end
    return x
end

"""
    generate!(x, context, rng, generator; distribution = :normal, levels = nothing)

Fills `x` from any generator, as in `"torch-cpu"` or `Generators.torch_cuda(multiprocessors = 132)`,
and returns where the next call goes on, as `rng` was: an `Rng` or a vector with one for each sample.

    rng = generate!(x, context, Rng(42), "torch-cpu")           # torch.manual_seed(42); torch.randn
    rng = generate!(y, context, rng, "torch-cpu")

`levels = (from, to)` asks a path, `"brownian"` or `"torchsde"`, for its increment between two levels of
sigma/alpha, over the root of the length: unit normals again.
"""
function generate!(x, context::Context, rng, generator; distribution = :normal,
                   levels::Union{Nothing,Tuple{Real,Real}} = nothing)
    v, name = Views(1), c_string(generator)
    rngs = copy(list(rng))
    from, to = levels === nothing ? (0, 0) : levels
    GC.@preserve v x name begin
        describe!(v, 1, x)
        options = Raw.nwr_random_options(
            what = constant(Raw.NWR_DOMAIN_DISTRIBUTION, distribution), name = pointer(name),
            from_level = from, to_level = to)
        check(Raw.nwr_random_generate(context, Ref(options), rngs, length(rngs), pointer(v, 1)))
    end
    return rng isa Rng ? only(rngs) : rngs
end

"""
    copyto!(dest, context, src)

Copies between devices, element types and strides; sizes must be equal.
"""
function Base.copyto!(dest, context::Context, src)
    v = Views(2)
    GC.@preserve v dest src begin
        describe!(v, 1, dest)
        describe!(v, 2, src)
        check(Raw.nwr_tensor_copy(context, pointer(v, 2), pointer(v, 1)))
    end
    return dest
end

"""
    combine!(out, context, factor => x, ...)

Writes the sum of up to 8 arrays times their factors. `out` may be one of them; arrays without axes
stand for every element.
"""
function combine!(out, context::Context, terms::Pair{<:Real}...)
    v = Views(length(terms) + 1)
    weights = Float64[first(term) for term in terms]
    GC.@preserve v out terms begin
        describe!(v, 1, out)
        foreach(i -> describe!(v, i + 1, last(terms[i])), 1:length(terms))
        inputs = [pointer(v, i + 1) for i in 1:length(terms)]
        check(Raw.nwr_tensor_combine(context, weights, inputs, length(terms), pointer(v, 1)))
    end
    return out
end

"""
    blend!(x, context, other, mask)

Makes `x` `mask .* x .+ (1 .- mask) .* other`: inpainting between two steps, where `other` is what is
known, noised to the sampler's time. Where the mask is 1 `x` stays and where it is 0 `other` is taken,
whatever the other side holds. Arrays without axes stand for every element.
"""
function blend!(x, context::Context, other, mask)
    v = Views(3)
    GC.@preserve v x other mask begin
        describe!(v, 1, x)
        describe!(v, 2, other)
        describe!(v, 3, mask)
        check(Raw.nwr_tensor_blend(context, pointer(v, 1), pointer(v, 2), pointer(v, 3)))
    end
    return x
end
