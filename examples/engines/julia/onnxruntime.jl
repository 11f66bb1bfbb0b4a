# SPDX-License-Identifier: Apache-2.0
# As much of ONNX Runtime's C interface as one network takes.
module OnnxRuntime

export Session, evaluate!, version

using Libdl

# A version that has all that is used here; later libraries know it too.
const VERSION = UInt32(17)

# Places in the library's table of functions. Later versions add to the end only, so they are fixed.
const GET_ERROR_MESSAGE, CREATE_ENV, CREATE_SESSION, RUN, CREATE_SESSION_OPTIONS = 2, 3, 7, 9, 10
const CREATE_TENSOR_WITH_DATA, CREATE_CPU_MEMORY_INFO = 49, 69
const RELEASE_ENV, RELEASE_STATUS, RELEASE_MEMORY_INFO, RELEASE_SESSION = 92, 93, 94, 95
const RELEASE_VALUE, RELEASE_SESSION_OPTIONS = 96, 100

const Object = Ptr{Cvoid}

struct Api
    table::Ptr{Ptr{Cvoid}}
    version::String
end

# What is called, by its place in the table.
at(api::Api, place) = unsafe_load(api.table, place + 1)

function Api(library::String)
    base = ccall(dlsym(dlopen(library), :OrtGetApiBase), Ptr{Ptr{Cvoid}}, ())
    table = ccall(unsafe_load(base, 1), Ptr{Ptr{Cvoid}}, (UInt32,), VERSION)
    table == C_NULL && error("$library is older than version 1.17")
    return Api(table, unsafe_string(ccall(unsafe_load(base, 2), Cstring, ())))
end

# What went wrong, if anything, is an object that is the caller's to release.
function check(api::Api, status::Object)
    status == C_NULL && return
    text = unsafe_string(ccall(at(api, GET_ERROR_MESSAGE), Cstring, (Object,), status))
    release(api, RELEASE_STATUS, status)
    error("onnxruntime: ", text)
end

release(api::Api, place, object) = ccall(at(api, place), Cvoid, (Object,), object)

mutable struct Session
    api::Api
    env::Object
    session::Object
    memory::Object
end

"""
    Session(library, model)

Loads a model with the library libonnxruntime.so.
"""
function Session(library::String, model::String)
    api, made = Api(library), Ref{Object}(C_NULL)
    make(status) = (check(api, status); made[])
    # 2 is the level of warnings; 1 and 0 are an arena and default memory.
    env = make(ccall(at(api, CREATE_ENV), Object, (Cint, Cstring, Ref{Object}), 2, "fashion", made))
    options = make(ccall(at(api, CREATE_SESSION_OPTIONS), Object, (Ref{Object},), made))
    session = make(ccall(at(api, CREATE_SESSION), Object, (Object, Cstring, Object, Ref{Object}),
                         env, model, options, made))
    release(api, RELEASE_SESSION_OPTIONS, options)
    memory = make(ccall(at(api, CREATE_CPU_MEMORY_INFO), Object, (Cint, Cint, Ref{Object}), 1, 0, made))
    return finalizer(Session(api, env, session, memory)) do s
        release(s.api, RELEASE_MEMORY_INFO, s.memory)
        release(s.api, RELEASE_SESSION, s.session)
        release(s.api, RELEASE_ENV, s.env)
    end
end

version(s::Session) = s.api.version

kind(::Type{Float32}) = 1
kind(::Type{Int64}) = 7

# A tensor that lies where the array does. Rows come first there: the sizes are turned round.
function view_of(s::Session, array::Array{T}) where {T}
    out, shape = Ref{Object}(C_NULL), Int64[reverse(size(array))...]
    check(s.api, ccall(at(s.api, CREATE_TENSOR_WITH_DATA), Object,
                       (Object, Ptr{Cvoid}, Csize_t, Ptr{Int64}, Csize_t, Cint, Ref{Object}),
                       s.memory, array, sizeof(array), shape, length(shape), kind(T), out))
    return out[]
end

"""
    evaluate!(session, output => v, inputs...)

Runs the model and writes its output where `v` lies; inputs are `name => array` too.
"""
function evaluate!(s::Session, output::Pair, inputs::Pair...)
    arrays = Any[last(output), last.(inputs)...]
    GC.@preserve s arrays begin
        values = Object[view_of(s, array) for array in arrays]
        names = String[first(output), first.(inputs)...]
        GC.@preserve names values begin
            pointers = Cstring[Base.unsafe_convert(Cstring, name) for name in names]
            status = GC.@preserve pointers ccall(
                at(s.api, RUN), Object,
                (Object, Object, Ptr{Cstring}, Ptr{Object}, Csize_t, Ptr{Cstring}, Csize_t, Ptr{Object}),
                s.session, C_NULL, pointer(pointers, 2), pointer(values, 2), length(inputs), pointers, 1,
                values)
        end
        foreach(value -> release(s.api, RELEASE_VALUE, value), values)
    end
    check(s.api, status)
    return last(output)
end

end
