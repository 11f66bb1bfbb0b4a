# SPDX-License-Identifier: Apache-2.0
# The pictures of examples/c/fashion.c, with the network in ONNX Runtime.
#   fashion.jl MODEL.onnx [PER_CLASS [FOLDER]]    1 to 10 pictures of each of ten classes; 10
# Into FOLDER go pictures.pgm, and the numbers: noise.f32, pictures.f32. ENV["ONNXRUNTIME_DIR"]/lib has
# the library; else it is taken from where examples/engines/setup puts it.
using Noisewright

include("onnxruntime.jl")
using .OnnxRuntime

const MOST, CLASSES, SIDE, NO_LABEL = 10, 10, 28, 10
const RUNTIME = get(ENV, "ONNXRUNTIME_DIR", joinpath(@__DIR__, "../../../build/engines/onnxruntime"))

# A grey picture of all pictures, a class a row.
function write_picture(file, x, per_class)
    open(file, "w") do io
        print(io, "P5 ", per_class * SIDE, ' ', CLASSES * SIDE, " 255\n")
        for class in 0:CLASSES-1, row in 1:SIDE, j in 1:per_class, v in x[:, row, class*per_class+j]
            write(io, unsafe_trunc(UInt8, clamp((v + 1) * 127.5f0 + 0.5f0, 0, 255)))
        end
    end
end

function main(model, per_class = MOST, folder = nothing)
    1 <= per_class <= MOST || error("PER_CLASS is $per_class, outside 1 to $MOST")
    network = Session(joinpath(RUNTIME, "lib", "libonnxruntime.so"), model)
    places = [(class, class * MOST + j) for class in 0:CLASSES-1 for j in 0:per_class-1]
    # A stream a picture: none depends on how many are drawn.
    sampler = Sampler(Context(), Schedule(), "heun(guidance=2)"; steps = 12,
                      rng = [Rng(42, stream = stream) for (_, stream) in places])
    x = Array{Float32}(undef, SIDE, SIDE, length(places))     # the batch is last
    labelled, free = similar(x), similar(x)
    labels, none = Int64.(first.(places)), fill(NO_LABEL, length(places))
    t = Vector{Float32}(undef, length(places))
    start!(x, sampler)
    folder === nothing || write(joinpath(folder, "noise.f32"), x)
    for eval in sampler
        fill!(t, eval.clock)
        # Velocities with the labels and without: guidance needs both.
        evaluate!(network, "v" => labelled, "x" => x, "t" => t, "label" => labels)
        evaluate!(network, "v" => free, "x" => x, "t" => t, "label" => none)
        step!(x, sampler, labelled, free)
    end
    println(length(places), " pictures, ", Eval(sampler).index, " evaluations, ONNX Runtime ",
            version(network))
    folder === nothing && return
    write(joinpath(folder, "pictures.f32"), x)
    write_picture(joinpath(folder, "pictures.pgm"), x, per_class)
end

isempty(ARGS) && error("usage: fashion.jl MODEL.onnx [PER_CLASS [FOLDER]]")
main(ARGS[1], (length(ARGS) > 1 ? parse(Int, ARGS[2]) : MOST), (length(ARGS) > 2 ? ARGS[3] : nothing))
