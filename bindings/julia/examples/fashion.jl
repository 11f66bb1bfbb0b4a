# SPDX-License-Identifier: Apache-2.0
# A trained network, in Julia, that draws clothes, with guidance: the pictures of the demonstration's
# second act, to the same bits. Each has a stream of random numbers of its own, so that no picture
# depends on how many are drawn.
#   fashion.jl [PER_CLASS [PICTURE.pgm]]    1 to 10 pictures of each of ten classes; 10
using Noisewright
using SHA

include("fashion_net.jl")
using .FashionNet

const MOST, CLASSES, SIDE, NO_LABEL = 10, 10, 28, 10

show_digest(what, x) =
    println(rpad(what, 8), " sha256 ", bytes2hex(sha256(reinterpret(UInt8, vec(x)))))

# A grey picture of all pictures, a class a row.
function write_picture(file, x, per_class)
    open(file, "w") do io
        print(io, "P5 ", per_class * SIDE, ' ', CLASSES * SIDE, " 255\n")
        for class in 0:CLASSES-1, row in 1:SIDE, j in 1:per_class, v in x[:, row, class*per_class+j]
            write(io, unsafe_trunc(UInt8, clamp((v + 1) * 127.5f0 + 0.5f0, 0, 255)))
        end
    end
end

function main(per_class = MOST, picture = nothing)
    1 <= per_class <= MOST || error("PER_CLASS is $per_class, outside 1 to $MOST")
    net = Net(joinpath(@__DIR__, "..", "..", "..", "examples", "fashion", "w.f16"))
    places = [(class, class * MOST + j) for class in 0:CLASSES-1 for j in 0:per_class-1]
    sampler = Sampler(Context(), Schedule(), "heun(guidance=2)"; steps = 12,
                      rng = [Rng(42, stream = stream) for (_, stream) in places])
    x = Array{Float32}(undef, SIDE, SIDE, length(places))     # the batch is last
    start!(x, sampler)
    show_digest("noise", x)
    sample!(x, sampler; start = nothing) do (labelled, free), x, eval
        for (i, (class, _)) in enumerate(places)
            from = view(x, :, :, i)
            velocity!(view(labelled, :, :, i), net, from, eval.clock, class)
            velocity!(view(free, :, :, i), net, from, eval.clock, NO_LABEL)
        end
    end
    show_digest("pictures", x)
    println(length(places), " pictures, ", Eval(sampler).index, " evaluations")
    picture === nothing || write_picture(picture, x, per_class)
end

main((length(ARGS) > 0 ? parse(Int, ARGS[1]) : MOST), (length(ARGS) > 1 ? ARGS[2] : nothing))
