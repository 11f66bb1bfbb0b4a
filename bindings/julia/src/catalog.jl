# SPDX-License-Identifier: Apache-2.0
# Owns names: specs, what the catalogue lists, and the numbers behind names. Sets of names are open:
# those of a newer library work here too.

"The name of a schedule, grid or the like with its settings, as in `\"ddim(eta=1)\"`."
struct Spec
    text::String
end

spec(name, settings::Pair...) =
    Spec(isempty(settings) ? name :
         string(name, "(", join((string(k, "=", spelled(x)) for (k, x) in settings), ","), ")"))

spelled(x::Bool) = x ? "yes" : "no"
spelled(x::Real) = string(Float64(x))
spelled(x::Symbol) = replace(String(x), '_' => '-')
spelled(x::AbstractString) = x

Base.print(io::IO, s::Spec) = print(io, s.text)

# A string that C can read.
function c_string(s)::String
    text = string(s)
    '\0' in text && throw(ArgumentError("$(repr(text)) holds a NUL"))
    return text
end
c_string(s::Symbol) = spelled(s)

# The number behind a name of a domain.
constant(domain::Int32, value::Integer) = Int32(value)
function constant(domain::Int32, name)
    out = Ref{Int32}(0)
    check(Raw.nwr_catalog_find(domain, c_string(name), out))
    return out[]
end

# The name of a number, or nothing.
function name_of(domain::Int32, value::Int32)
    for i in 0:Int(Raw.nwr_catalog_size(domain))-1
        e = raw_entry(domain, i)
        e.value == value && return Symbol(replace(unsafe_string(e.name), '-' => '_'))
    end
    return nothing
end

function status_name(status::Int32)
    name = name_of(Raw.NWR_DOMAIN_STATUS, status)
    return name === nothing ? Symbol("status ", status) : name
end

function raw_entry(domain::Int32, index::Integer)
    out = Ref(Raw.nwr_entry())
    check(Raw.nwr_catalog_entry(domain, index, out))
    return out[]
end

"""
    Quantity(name)

What a model can predict or a solver can need: `:state`, `:data`, `:noise`, `:latent`, `:velocity`,
`:score`, `:angular`, `:drift` and others that `catalog(:quantity)` lists. Names do wherever a
quantity is meant.
"""
struct Quantity
    value::Int32
end
Quantity(name::Union{Symbol,AbstractString}) = Quantity(constant(Raw.NWR_DOMAIN_QUANTITY, name))
Quantity(q::Quantity) = q

function Base.show(io::IO, q::Quantity)
    name = name_of(Raw.NWR_DOMAIN_QUANTITY, q.value)
    print(io, "Quantity(", name === nothing ? q.value : repr(name), ")")
end

"One setting of an `Entry`: `choices` are the words that it takes, none if it takes numbers."
struct Setting
    name::String
    summary::String
    default::Float64
    min::Float64
    max::Float64
    choices::Vector{String}
end

"One named thing of the catalogue; `order` and `evals_per_step` are 0 but for samplers."
struct Entry
    name::String
    value::Int32
    summary::String
    stochastic::Bool
    adaptive::Bool
    available::Bool
    order::Int
    evals_per_step::Int
    settings::Vector{Setting}
end

"""
    catalog(domain)

Everything with a name that the library has for a domain: `:schedule`, `:grid`, `:sampler`,
`:weight`, `:density`, `:generator`, `:quantity`, `:clock`, `:start`, `:strength`, `:distribution`,
`:dtype`, `:device` or `:status`.
"""
function catalog(domain::Symbol)
    name = Symbol("NWR_DOMAIN_", uppercase(String(domain)))
    isdefined(Raw, name) || throw(ArgumentError("the catalogue has no domain $(repr(domain))"))
    return catalog(getfield(Raw, name))
end

catalog(domain::Integer) =
    [entry(Int32(domain), i) for i in 0:Int(Raw.nwr_catalog_size(domain))-1]

function entry(domain::Int32, index::Integer)
    e = raw_entry(domain, index)
    settings = [setting(domain, index, k) for k in 0:Int(e.param_count)-1]
    has(flag) = e.flags & flag != 0
    return Entry(unsafe_string(e.name), e.value, unsafe_string(e.summary),
                 has(Raw.NWR_ENTRY_STOCHASTIC), has(Raw.NWR_ENTRY_ADAPTIVE),
                 has(Raw.NWR_ENTRY_AVAILABLE), e.order, e.evals_per_step, settings)
end

function setting(domain::Int32, index::Integer, param::Integer)
    out = Ref(Raw.nwr_param_info())
    check(Raw.nwr_catalog_param(domain, index, param, out))
    p = out[]
    choices = p.choices == C_NULL ? String[] : split(unsafe_string(p.choices), ',')
    return Setting(unsafe_string(p.name), unsafe_string(p.summary), p.default_value, p.min, p.max,
                   choices)
end
