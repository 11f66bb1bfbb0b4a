# SPDX-License-Identifier: Apache-2.0
# Owns how failures become exceptions, in both directions across the C boundary.

"""
    NoisewrightError

What the library refused. `kind` is a symbol such as `:invalid_argument`, `:not_found` or
`:singular`, `status` the number behind it, `message` one line that names the argument and the
value.
"""
struct NoisewrightError <: Exception
    status::Int32
    kind::Symbol
    message::String
end

Base.showerror(io::IO, e::NoisewrightError) =
    print(io, "NoisewrightError: ", e.message, " (", replace(String(e.kind), '_' => ' '), ")")

@inline check(status::Int32) = status < 0 ? fail(status) : status

@noinline function fail(status::Int32)
    # First of all: the message lasts only until this thread's next call.
    message = unsafe_string(Raw.nwr_last_error())
    rethrow_stored()
    throw(NoisewrightError(status, status_name(status), message))
end

# An exception must not cross C, so it waits with the task that runs the callback: a callback
# returns to the call, and the task, that it was called from.
const STORED = :noisewright_exception

# What a callback returns to C.
function guarded(f)::Int32
    try
        f()
        return 0
    catch e
        task_local_storage(STORED, (e, catch_backtrace()))
        return -1
    end
end

# Throws the callback's own exception; where it came from is shown as its cause.
function rethrow_stored()
    stored = pop!(task_local_storage(), STORED, nothing)
    stored === nothing && return
    exception, backtrace = stored
    try
        throw(CapturedException(exception, backtrace))
    catch
        throw(exception)
    end
end

# What C holds on to between calls: a function that its callbacks call. Release only marks it, since
# it may run in a finalizer, where no lock may be taken.
mutable struct Kept
    f::Any
    released::Bool
end

const kept = Kept[]
const kept_lock = ReentrantLock()

function keep(f)
    k = Kept(f, false)
    lock(kept_lock) do
        filter!(other -> !other.released, kept)
        push!(kept, k)
    end
    return k
end

function released(user::Ptr{Cvoid})
    (unsafe_pointer_to_objref(user)::Kept).released = true
    return nothing
end
