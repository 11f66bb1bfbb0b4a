# SPDX-License-Identifier: Apache-2.0
# Owns the lifetimes of the library's objects. The library counts references among them, so that
# finalizers may run in any order and on any thread.

abstract type Handle end

# Prints, throws and yields nothing: it is called by finalizers.
function destroy(h::Handle)
    p, h.ptr = h.ptr, C_NULL
    p == C_NULL || destroy(p)
    return nothing
end

"""
    close(handle)

Releases a `Context`, `Schedule` or `Sampler` now, in any order; otherwise the garbage collector
does. Each constructor also takes a `do` block, at whose end it closes what it made.
"""
Base.close(h::Handle) = destroy(h)
Base.isopen(h::Handle) = h.ptr != C_NULL

@noinline closed(h::Handle) = throw(ArgumentError("this $(nameof(typeof(h))) is closed"))

function closing(f, h::Handle)
    try
        return f(h)
    finally
        close(h)
    end
end

"""
    Context(; device = :cpu, device_id = 0, stream = C_NULL, threads = 0, plugin = nothing)

Where work runs; immutable, and shared by tasks and threads. `threads` of the CPU, one per core if
0, never change a result. For a GPU, `device = :cuda` and `stream`, the pointer of the stream that
the arrays are used on.
"""
mutable struct Context <: Handle
    ptr::Ptr{Raw.nwr_context}
    Context(ptr::Ptr{Raw.nwr_context}) = finalizer(destroy, new(ptr))
end
destroy(p::Ptr{Raw.nwr_context}) = Raw.nwr_context_destroy(p)
Base.unsafe_convert(::Type{Ptr{Raw.nwr_context}}, h::Context) = isopen(h) ? h.ptr : closed(h)

function Context(; device = :cpu, device_id::Integer = 0, stream = C_NULL, threads::Integer = 0,
                 plugin::Union{Nothing,AbstractString} = nothing)
    file = plugin === nothing ? "" : c_string(plugin)
    out = Ref{Ptr{Raw.nwr_context}}(C_NULL)
    GC.@preserve file begin
        options = Raw.nwr_context_options(device = constant(Raw.NWR_DOMAIN_DEVICE, device),
                                          device_id = device_id, stream = stream, threads = threads,
                                          plugin = plugin === nothing ? C_NULL : pointer(file))
        check(Raw.nwr_context_create(Ref(options), out))
    end
    return Context(out[])
end

Context(f::Function; settings...) = closing(f, Context(; settings...))

"""
    Noisewright.synchronize(context)

Waits for all work queued through the context and throws its errors.
"""
function synchronize(context::Context)
    check(Raw.nwr_context_synchronize(context))
    return nothing
end

Base.show(io::IO, h::Handle) =
    print(io, nameof(typeof(h)), isopen(h) ? "(...)" : "(closed)")
