# SPDX-License-Identifier: Apache-2.0
# Owns the module: what is public, and how the library is found and checked. Adds no numerics.
"""
Noise and interpolant schedules, samplers and transforms for diffusion and flow-matching models.

`Context` says where work runs, `Schedule` is x_t = alpha data + sigma noise + gamma latent,
`Sampler` is one run through time; `transform!`, `corrupt!`, `random!` and `times!` make training
batches. The last axis of an array is the batch. Arrays are used where they lie, never copied.

The library is looked for in `ENV["NWR_LIBRARY"]`, in the package's folder `deps`, in the
repository's `build/release`, and where the system's loader looks.
"""
module Noisewright

using Libdl

export Context, Schedule, Sampler, Rng, Quantity, Coeffs, Eval, BFloat16, DeviceArray
export NoisewrightError, Schedules, Grids, Samplers, Weights, Densities, Generators
export start!, step!, sample!, denoised!, cancel, rows
export transform!, corrupt!, combine!, blend!, factors, random!, generate!, times!, weigh, grid, grid_skip
export invert, info, catalog, import_schedule, imported

include("raw.jl")
include("errors.jl")
include("handles.jl")
include("tensors.jl")
include("catalog.jl")
include("kinds.jl")
include("schedule.jl")
include("import.jl")
include("transform.jl")
include("sampler.jl")

# Where the library may be, first to last.
function candidates()
    haskey(ENV, "NWR_LIBRARY") && return [ENV["NWR_LIBRARY"]]
    package = dirname(@__DIR__)
    folders = [joinpath(package, "deps"), normpath(package, "..", "..", "build", "release")]
    files = ["libnoisewright.so.$(Raw.ABI)", "libnoisewright.so"]
    return vcat([joinpath(folder, file) for folder in folders for file in files], files)
end

function load_library(paths)
    reasons = String[]
    for path in paths
        try
            Raw.load(path)
            return
        catch e
            push!(reasons, "  $path: $(e isa ErrorException ? e.msg : sprint(showerror, e))")
        end
    end
    error("Noisewright: libnoisewright cannot be loaded; NWR_LIBRARY can name its file. Tried:\n",
          join(reasons, "\n"))
end

"""
    Noisewright.version()

The version of the loaded library.
"""
function version()
    n = Int(Raw.nwr_version())
    return VersionNumber(n ÷ 1_000_000, n ÷ 1_000 % 1_000, n % 1_000)
end

# A library that does not fit is refused before anything of it is used.
function check_library(abi, found::VersionNumber, file)
    abi == Raw.ABI && found >= Raw.VERSION && return
    error("Noisewright: needs ABI $(Raw.ABI) and version $(Raw.VERSION) or later, but $file has ",
          "ABI $abi and version $found")
end

function __init__()
    load_library(candidates())
    check_library(Raw.nwr_abi(), version(), Libdl.dlpath(Raw.handle[]))
    prepare_callbacks()
end

end
