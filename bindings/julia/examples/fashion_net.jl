# SPDX-License-Identifier: Apache-2.0
# The network of examples/fashion in Julia: velocities of 28 x 28 pictures of clothing. Every sum is
# taken in the order of the C code, so that both give the same bits. It knows nothing of Noisewright.
module FashionNet

export Net, velocity!

const SIDE, FINE, COARSE = 28, 14, 7
const EMBED, WIDE, DEEP, GROUPS, HEADS = 192, 32, 96, 8, 4
const HEAD = DEEP ÷ HEADS

# Pictures are (channels, columns, rows); weights (outputs, inputs, columns, rows of the window).
const Picture = Array{Float32,3}

struct Conv
    w::Array{Float32,4}
    bias::Vector{Float32}
end

struct Norm
    gain::Vector{Float32}
    bias::Vector{Float32}
end

struct Block
    norm1::Norm
    conv1::Conv
    embed::Conv
    norm2::Norm
    conv2::Conv
    skip::Union{Nothing,Conv}
end

struct Net
    frequency::Vector{Float32}
    time1::Conv
    time2::Conv
    classes::Matrix{Float32}
    first::Conv
    d1::Block
    d2::Block
    down::Conv
    m1::Block
    attention_norm::Norm
    qkv::Conv
    attended::Conv
    m2::Block
    m3::Block
    up::Conv
    u1::Block
    u2::Block
    last_norm::Norm
    last::Conv
end

# ---- reading the weights ---------------------------------------------------------------------------

numbers(io, shape...) = Float32.(reshape(ltoh.(read!(io, Vector{UInt16}(undef, prod(shape)))) .|>
                                         bits -> reinterpret(Float16, bits), shape...))
read_conv(io, size, inputs, outputs) =
    Conv(numbers(io, outputs, inputs, size, size), numbers(io, outputs))
read_norm(io, channels) = Norm(numbers(io, channels), numbers(io, channels))
read_block(io, inputs, outputs) =
    Block(read_norm(io, inputs), read_conv(io, 3, inputs, outputs), read_conv(io, 1, EMBED, 2outputs),
          read_norm(io, outputs), read_conv(io, 3, outputs, outputs),
          inputs == outputs ? nothing : read_conv(io, 1, inputs, outputs))

"""
    Net(file)

Reads the weights, `w.f16`.
"""
Net(file::AbstractString) = open(file) do io
    net = Net(numbers(io, 32), read_conv(io, 1, 64, EMBED), read_conv(io, 1, EMBED, EMBED),
              numbers(io, EMBED, 11), read_conv(io, 3, 4, WIDE), read_block(io, WIDE, WIDE),
              read_block(io, WIDE, WIDE), read_conv(io, 3, WIDE, DEEP), read_block(io, DEEP, DEEP),
              read_norm(io, DEEP), read_conv(io, 1, DEEP, 3DEEP), read_conv(io, 1, DEEP, DEEP),
              read_block(io, DEEP, DEEP), read_block(io, DEEP, DEEP), read_conv(io, 1, DEEP, 4WIDE),
              read_block(io, 2WIDE, WIDE), read_block(io, WIDE, WIDE), read_norm(io, WIDE),
              read_conv(io, 3, WIDE, 4))
    eof(io) || error("$file is not the weights of this network")
    return net
end

# ---- elementary functions --------------------------------------------------------------------------

# Taylor's series after an exact reduction: no library's exp, whose bits differ between machines.
function exponential(x::Float32)
    x = clamp(x, -87.0f0, 87.0f0)
    shifter = 12582912.0f0                      # 1.5 * 2^23: adding it rounds to an integer
    n = (x * 1.44269504f0 + shifter) - shifter
    r = (x - n * 0.693359375f0) - n * -2.12194440f-4
    p = 1.0f0 / 5040
    for c in (1.0f0 / 720, 1.0f0 / 120, 1.0f0 / 24, 1.0f0 / 6, 0.5f0, 1.0f0, 1.0f0)
        p = p * r + c
    end
    return p * reinterpret(Float32, (unsafe_trunc(Int32, n) + Int32(127)) << 23)
end

silu(x::Float32) = x / (1.0f0 + exponential(-x))

function sine_cosine(x::Float64)
    n = floor(x * 0.63661977236758134 + 0.5)
    r = (x - n * 1.5707963267341256) - n * 6.0771005065061922e-11
    q = r * r
    s = r * (1 + q * (-1.0 / 6 + q * (1.0 / 120 + q * (-1.0 / 5040 + q * (1.0 / 362880 -
        q / 39916800)))))
    c = 1 + q * (-0.5 + q * (1.0 / 24 + q * (-1.0 / 720 + q * (1.0 / 40320 + q * (-1.0 / 3628800)))))
    quarter = Int(n) & 3
    quarter == 0 && return Float32(s), Float32(c)
    quarter == 1 && return Float32(c), Float32(-s)
    quarter == 2 && return Float32(-s), Float32(-c)
    return Float32(-c), Float32(s)
end

# ---- layers ----------------------------------------------------------------------------------------

# Zeros left and right of each row, for windows to run over; rows above and below are left out.
function with_margins(p::Picture)
    channels, columns, rows = size(p)
    m = zeros(Float32, channels, columns + 2, rows)
    m[:, 2:end-1, :] = p
    return m
end

# The picture has margins if the window is 3 x 3.
function conv(c::Conv, p::Picture, stride::Int = 1)
    outputs, inputs, window, _ = size(c.w)
    reach = window ÷ 2
    rows = size(p, 3)
    columns = size(p, 2) - 2reach
    out = Array{Float32}(undef, outputs, columns ÷ stride, rows ÷ stride)
    for y in 1:size(out, 3), q in 1:size(out, 2)
        place = (y - 1) * size(out, 2) + q - 1
        sum_window!(out, outputs * place, c, p, stride * (q - 1), stride * (y - 1) - reach)
    end
    return out
end

# A function of its own, so that its loops know all types and are vectorised.
function sum_window!(out::Picture, at::Int, c::Conv, p::Picture, column::Int, row::Int)
    w = c.w
    outputs, inputs, window, _ = size(w)
    @inbounds for o in 1:outputs
        out[at+o] = c.bias[o]
    end
    for ky in 1:window
        1 <= row + ky <= size(p, 3) || continue
        for kx in 1:window, i in 1:inputs
            @inbounds x = p[i, column+kx, row+ky]
            from = outputs * (i - 1 + inputs * (kx - 1 + window * (ky - 1)))
            @inbounds @simd ivdep for o in 1:outputs
                out[at+o] += x * w[from+o]
            end
        end
    end
    return out
end

# Group normalisation, times 1 + scale, plus shift.
function norm(n::Norm, p::Picture, scale = nothing, shift = nothing)
    channels, columns, rows = size(p)
    width = channels ÷ GROUPS
    count = Float64(columns * rows * width)
    out = similar(p)
    totals, squares = zeros(channels), zeros(channels)
    for y in 1:rows, q in 1:columns, c in 1:channels
        totals[c] += p[c, q, y]
    end
    mean = [Float32(foldl(+, totals[i]; init = 0.0) / count) for i in group_of.(1:channels, width)]
    for y in 1:rows, q in 1:columns, c in 1:channels
        d = p[c, q, y] - mean[c]
        squares[c] += d * d
    end
    factor, offset = similar(n.gain), copy(n.bias)
    for c in 1:channels
        variance = foldl(+, squares[group_of(c, width)]; init = 0.0) / count
        factor[c] = Float32(1.0 / sqrt(variance + 1e-5)) * n.gain[c]
        if scale !== nothing
            factor[c] *= 1.0f0 + scale[c]
            offset[c] = offset[c] * (1.0f0 + scale[c]) + shift[c]
        end
    end
    @inbounds for y in 1:rows, q in 1:columns, c in 1:channels
        out[c, q, y] = (p[c, q, y] - mean[c]) * factor[c] + offset[c]
    end
    return out
end

group_of(channel, width) = (first = (channel - 1) ÷ width * width; first+1:first+width)

function run(b::Block, p::Picture, embedding::Picture)
    factors = vec(conv(b.embed, embedding))
    outputs = length(factors) ÷ 2
    inner = conv(b.conv1, with_margins(silu.(norm(b.norm1, p))))
    again = silu.(norm(b.norm2, inner, view(factors, 1:outputs), view(factors, outputs+1:2outputs)))
    out = conv(b.conv2, with_margins(again))
    return out .+ (b.skip === nothing ? p : conv(b.skip, p))
end

# Each cell asks all cells: softmax(q k' / sqrt(HEAD)) v, head by head.
function attention(qkv::Picture)
    cells = reshape(qkv, 3DEEP, :)
    count = size(cells, 2)
    out = Array{Float32}(undef, DEEP, count)
    score, value = zeros(Float32, count), zeros(Float32, HEAD)
    for h in 0:HEADS-1, i in 1:count
        fill!(score, 0)
        for c in 1:HEAD
            asked = cells[h*HEAD+c, i] * 0.20412414523193154f0
            for j in 1:count
                score[j] += asked * cells[DEEP+h*HEAD+c, j]
            end
        end
        top = maximum(score)
        score .= exponential.(score .- top)
        total = foldl(+, score)
        fill!(value, 0)
        for j in 1:count, c in 1:HEAD
            value[c] += score[j] * cells[2DEEP+h*HEAD+c, j]
        end
        out[h*HEAD+1:(h+1)*HEAD, i] = value ./ total
    end
    return reshape(out, DEEP, COARSE, COARSE)
end

# ---- the pass --------------------------------------------------------------------------------------

function embed(net::Net, t::Float32, label::Int)
    waves = [sine_cosine(Float64(t * f)) for f in net.frequency]
    in = reshape(vcat(first.(waves), last.(waves)), :, 1, 1)
    out = conv(net.time2, silu.(conv(net.time1, in)))
    return silu.(out .+ net.classes[:, label+1])
end

# The picture is worked on as 14 x 14 pixels of four channels, the corners of 2 x 2 squares, here as
# (corner's column, corner's row, columns, rows).
corners(picture) = permutedims(reshape(picture, 2, FINE, 2, FINE), (1, 3, 2, 4))

"""
    velocity!(v, net, x, t, label)

Writes the velocity of one picture `x` at time `t`; labels 0 to 9 are classes, 10 is any.
"""
function velocity!(v, net::Net, x, t, label)
    e = embed(net, Float32(t), label)
    a = conv(net.first, with_margins(reshape(corners(x), 4, FINE, FINE)))
    kept = run(net.d2, run(net.d1, a, e), e)
    coarse = run(net.m1, conv(net.down, with_margins(kept), 2), e)
    coarse = conv(net.attended, attention(conv(net.qkv, norm(net.attention_norm, coarse)))) .+ coarse
    coarse = run(net.m3, run(net.m2, coarse, e), e)
    # Channel 4 i + corner of a coarse pixel is channel i of its corner.
    spread = permutedims(reshape(conv(net.up, coarse), 2, 2, WIDE, COARSE, COARSE), (3, 1, 4, 2, 5))
    both = vcat(reshape(spread, WIDE, FINE, FINE), kept)
    fine = run(net.u2, run(net.u1, both, e), e)
    out = conv(net.last, with_margins(silu.(norm(net.last_norm, fine))))
    v .= reshape(permutedims(reshape(out, 2, 2, FINE, FINE), (1, 3, 2, 4)), size(v))
    return v
end

end
