# SPDX-License-Identifier: Apache-2.0
# Owns the tests of the Julia package.
#   julia --project=bindings/julia bindings/julia/test/runtests.jl
using Noisewright
using Noisewright: Raw
using Random: MersenneTwister, shuffle
using Test

const PACKAGE = dirname(@__DIR__)

half!(out, x, eval) = (out .= 0.5f0 .* x)

struct Refused <: Exception end

# What has pointer, size and strides, with a pointer type of its own, as CuArray has.
primitive type DevicePointer 64 end
struct Elsewhere{T,N} <: AbstractArray{T,N}
    array::Array{T,N}
end
Base.size(x::Elsewhere) = size(x.array)
Base.strides(x::Elsewhere) = strides(x.array)
Base.stride(x::Elsewhere, i::Integer) = stride(x.array, i)
Base.pointer(x::Elsewhere) = reinterpret(DevicePointer, pointer(x.array))
struct DenseElsewhere{T,N} <: DenseArray{T,N}
    array::Array{T,N}
end
Base.size(x::DenseElsewhere) = size(x.array)
Base.pointer(x::DenseElsewhere) = reinterpret(DevicePointer, pointer(x.array))

# The exception that f ends with, and the text with which Julia would show it.
function thrown(f)
    try
        f()
        return nothing, ""
    catch e
        # Base.current_exceptions came when Base.catch_stack went.
        stack = isdefined(Base, :catch_stack) ? Base.catch_stack() : Base.current_exceptions()
        return e, sprint(Base.show_exception_stack, stack)
    end
end

@testset "Noisewright" begin

@testset "loading" begin
    @test Noisewright.version() >= Raw.VERSION
    @test_throws ErrorException Noisewright.check_library(Raw.ABI + 1, Raw.VERSION, "here.so")
    e, _ = thrown(() -> Noisewright.check_library(Raw.ABI, v"0.0.9", "here.so"))
    @test occursin("here.so has ABI $(Raw.ABI) and version 0.0.9", e.msg)
    @test occursin("version $(Raw.VERSION) or later", e.msg)
    e, _ = thrown(() -> Noisewright.load_library(["/nowhere/a.so", "/nowhere/b.so"]))
    @test all(path -> occursin(path, e.msg), ["NWR_LIBRARY", "/nowhere/a.so", "/nowhere/b.so"])
    withenv("NWR_LIBRARY" => "/some/where.so") do
        @test Noisewright.candidates() == ["/some/where.so"]
    end
    withenv("NWR_LIBRARY" => nothing) do
        @test Noisewright.candidates()[1] == joinpath(PACKAGE, "deps", "libnoisewright.so.0")
        @test Noisewright.candidates()[end] == "libnoisewright.so"
    end
end

@testset "layout" begin
    for (T, size, offsets) in Raw.LAYOUT
        @test sizeof(T) == size
        @test [Int(fieldoffset(T, i)) for i in 1:fieldcount(T)] == offsets
    end
    same(A, B) = fieldnames(A) == fieldnames(B) && fieldtypes(A) == fieldtypes(B)
    @test same(Coeffs, Raw.nwr_coeffs)
    @test same(Rng, Raw.nwr_rng)
    for e in catalog(:dtype)
        @test Noisewright.dtype(Noisewright.element_type(e.value)) == e.value
    end
end

@testset "documentation" begin
    documented(m, name) = haskey(Base.Docs.meta(m), Base.Docs.Binding(m, name))
    for name in names(Noisewright)
        name in (:Schedules, :Grids, :Samplers, :Weights, :Densities, :Generators) && continue
        @test documented(Noisewright, name)
    end
    for m in (Schedules, Grids, Samplers, Weights, Densities, Generators), name in names(m; all = true)
        f = getfield(m, name)
        f isa Function && parentmodule(f) == m && !startswith(String(name), '#') || continue
        name in (:eval, :include) || @test documented(m, name)
    end
end

@testset "errors" begin
    e, text = thrown(() -> Schedule("cosin"))
    @test e isa NoisewrightError
    @test e.kind == :not_found && e.status == Raw.NWR_ERROR_NOT_FOUND
    @test occursin("cosine", e.message) && occursin("(not found)", text)
    @test Noisewright.status_name(Int32(-999)) == Symbol("status -999")
    @test_throws NoisewrightError Context(device = :nonsense)
    @test_throws ArgumentError Schedule("cos\0ine")
    @test_throws ArgumentError catalog(:nonsense)
    e, _ = thrown(() -> factors(Schedule(), 0, (:noise,), :data))       # alpha is 0 there
    @test e.kind == :singular
end

@testset "handles" begin
    context, schedule = Context(), Schedule("cosine")
    sampler = Sampler(context, schedule, "ddim"; prediction = :noise, steps = 4, rng = Rng(1))
    close(context)
    close(schedule)
    x = zeros(Float32, 3, 2)
    sample!(half!, x, sampler)                     # a sampler keeps what it was made of
    @test all(isfinite, x) && Base.isdone(sampler)
    close(sampler)
    close(sampler)
    @test !isopen(sampler)
    @test_throws ArgumentError step!(x, sampler, x)
    @test_throws ArgumentError schedule(0.5)
    @test repr(schedule) == "Schedule(closed)"
    @test startswith(repr(Schedule("edm")), "Schedule(\"edm(")
    kept = Context() do c
        Schedule("linear") do s
            Sampler(c, s, "euler"; rng = Rng(1)) do r
                @test isopen(r)
                r
            end
        end
    end
    @test !isopen(kept)

    numbers = MersenneTwister(1)
    for _ in 1:1000
        c, s = Context(threads = 1), Schedule(t -> (alpha = t, sigma = 1 - t))
        r = Sampler(c, s, "euler"; steps = 2, rng = Rng(1))
        foreach(close, shuffle(numbers, Noisewright.Handle[c, s, r]))
    end
    close(Schedule(t -> (alpha = t, sigma = 1 - t)))
    @test count(k -> !k.released, Noisewright.kept) == 0

    # Made on all threads, left to the collector, which may run on any of them.
    Threads.@threads for i in 1:200
        c = Context(threads = 1)
        r = Sampler(c, Schedule(), "euler"; steps = 2, rng = Rng(1))
        sample!(half!, zeros(Float32, 4, 2), r)
        i % 50 == 0 && GC.gc()
    end
    GC.gc()
    shared, flow = Context(), Schedule()
    results = [zeros(Float32, 8, 3) for _ in 1:16]
    Threads.@threads for i in 1:16
        sample!(half!, results[i], Sampler(shared, flow, "heun"; steps = 5, rng = Rng(7)))
    end
    @test all(==(results[1]), results)
end

@testset "arrays" begin
    context, schedule = Context(), Schedule()
    # The batch is last: the same numbers whatever the strides, and the memory is the array's own.
    dense = random!(zeros(Float32, 6, 4), context, Rng(3))
    bigger = zeros(Float32, 12, 9)
    for x in (view(bigger, 2:2:12, 3:6), view(bigger, 12:-2:2, 9:-2:3),
              PermutedDimsArray(zeros(Float32, 4, 6), (2, 1)), reshape(zeros(Float32, 24), 6, 4),
              reinterpret(Float32, zeros(Float64, 3, 4)))
        @test random!(x, context, Rng(3)) === x
        @test x == dense
    end
    one_each = random!(zeros(Float32, 6, 4), context, [Rng(3, offset = 6i) for i in 0:3])
    @test one_each == dense
    @test random!(zeros(Float32, 6), context, Rng(3) + 6) == dense[:, 2]
    @test all(0 .< random!(zeros(50), context, Rng(1); distribution = :uniform) .< 1)

    for T in (Float16, Float64, BFloat16)
        x = Array{T}(undef, 6, 4)
        copyto!(x, context, dense)
        @test Float32.(x) == Float32.(T.(dense))
    end
    @test BFloat16(1.00390625f0).bits == 0x3f80 && BFloat16(1.01171875f0).bits == 0x3f82
    @test isnan(Float32(BFloat16(NaN))) && Float32(BFloat16(-Inf)) == -Inf
    @test_throws ArgumentError random!(zeros(Int32, 3), context, Rng(1))
    @test_throws ArgumentError random!(1:3, context, Rng(1))
    @test_throws ArgumentError random!(zeros(ntuple(_ -> 1, 17)), context, Rng(1))
    @test thrown(() -> random!(zeros(Float32, 0), context, Rng(1)))[1] isa NoisewrightError

    x = zeros(Float32, 6, 4)
    sampler = Sampler(context, schedule, "euler"; steps = 3, rng = Rng(1))
    memory = UInt[]
    sample!(x, sampler) do out, given, eval
        @test given === x && out isa Matrix{Float32} && size(out) == size(x)
        push!(memory, UInt(pointer(out)))
        half!(out, given, eval)
    end
    @test length(memory) == 3 && length(unique(memory)) == 1
end

@testset "device arrays" begin
    memory = zeros(Float32, 5, 2, 3)
    v = Noisewright.Views(1)
    GC.@preserve v memory begin
        Noisewright.describe!(v, 1, DeviceArray(Elsewhere(memory); device_id = 2))
        t = v.tensors[1]
        @test t.data == pointer(memory)
        @test (t.device, t.device_id, t.ndim, t.dtype) == (Raw.NWR_CUDA, 2, 3, Raw.NWR_F32)
        @test unsafe_wrap(Array, t.shape, 3) == [3, 2, 5]
        @test unsafe_wrap(Array, t.strides, 3) == [10, 5, 1]
    end
    context = Context()
    x = DeviceArray(Elsewhere(memory); device = "cpu")
    @test random!(x, context, Rng(1)) === x
    @test memory == random!(zeros(Float32, 5, 2, 3), context, Rng(1))
    sampler = Sampler(context, Schedule(), "euler"; steps = 2, rng = Rng(1))
    start!(x, sampler)
    for eval in sampler
        step!(x, sampler, DeviceArray(Elsewhere(zeros(Float32, 5, 2, 3)); device = :cpu))
    end
    @test memory == random!(zeros(Float32, 5, 2, 3), context, Rng(1))
    cuda = DeviceArray(Elsewhere(memory))
    @test thrown(() -> random!(cuda, context, Rng(1)))[1].kind == :invalid_argument
    @test_throws MethodError sample!(half!, cuda, sampler)
    @test_throws ArgumentError random!(Elsewhere(memory), context, Rng(1))
    @test_throws ArgumentError random!(DenseElsewhere(memory), context, Rng(1))
    x = DeviceArray(DenseElsewhere(memory); device = :cpu)
    @test random!(x, context, Rng(1)) === x
end

function step_through!(x, sampler, out)
    for eval in sampler
        step!(x, sampler, out)
    end
end
function step_through!(x, sampler, one, other)
    for eval in sampler
        step!(x, sampler, one, other)
    end
end

@testset "runs" begin
    context, schedule = Context(), Schedule("cosine")
    make(spec; more...) = Sampler(context, schedule, spec; prediction = :noise, steps = 8,
                                  rng = Rng(42), more...)
    for spec in ("ddim", "ddim(eta=1)", "dpmpp-2m", Samplers.heun(), Samplers.ddim(eta = 0.5))
        sampler = make(spec)
        x, y, out = zeros(Float32, 16, 4), zeros(Float32, 16, 4), zeros(Float32, 16, 4)
        @test sample!(half!, x, sampler) === x
        start!(y, sampler)
        count = 0
        for eval in sampler
            @test eval.index == count && eval.clock == eval.t == only(rows(sampler).t)
            half!(out, y, eval)
            @test step!(y, sampler, out) === y
            count += 1
        end
        @test x == y && Base.isdone(sampler) && Eval(sampler).index == count
    end

    x, out = zeros(Float32, 16, 1), zeros(Float32, 16, 1)
    sampler = make("euler"; prediction = :velocity)
    step_through!(start!(x, sampler), sampler, out)
    start!(x, sampler)
    @test (@allocated step_through!(x, sampler, out)) == 0
    two = make("euler(guidance=2)"; prediction = :velocity)
    step_through!(start!(x, two), two, out, x)
    start!(x, two)
    @test (@allocated step_through!(x, two, out, x)) == 0
    start!(x, sampler)
    @test_throws ArgumentError for eval in sampler end
    @test_throws NoisewrightError step!(x, sampler, zeros(Float32, 15, 1))

    # Guidance: two outputs.
    guided, plain = make("ddim(guidance=3)"), make("ddim")
    x, y = zeros(Float32, 4, 2), zeros(Float32, 4, 2)
    sample!(x, guided) do out, x, eval
        conditional, unconditional = out
        conditional .= 0.5f0 .* x
        unconditional .= 0.25f0 .* x
    end
    sample!((out, x, eval) -> out .= x, y, plain)     # 3 * 0.5 - 2 * 0.25
    @test x ≈ y
    start!(y, guided)
    @test_throws NoisewrightError step!(y, guided, zeros(Float32, 4, 2))
    @test step!(y, guided, zeros(Float32, 4, 2), zeros(Float32, 4, 2)) === y

    # From 1 to 4 outputs, or none: as many as each evaluation asks for.
    ddpm = Schedule("ddpm")
    share(place, x) = (0.5f0 / place) .* x
    most = "ddpm(variance=learned_range,guidance=3,guidance_image=2,guidance_end=0.5)"
    for (spec, asked, more) in (
            ("euler(guidance=3,guidance_begin=0.25,guidance_end=0.75)", [1, 2, 2, 1], (steps = 4,)),
            ("euler(guidance=3,guidance_image=2)", [3, 3, 3, 3], (steps = 4,)),
            ("ddpm(variance=learned_range)", [2, 2, 2, 2], (steps = 4,)),
            (most, [4, 4, 2, 2], (steps = 4,)),
            ("ddpm", [1, 0, 1, 1, 1], (times = [999, 500, 999, 500, 0, -1],)))
        sampler = Sampler(context, ddpm, spec; prediction = :noise, rng = Rng(3), more...)
        x, y = zeros(Float32, 4, 2), zeros(Float32, 4, 2)
        told = Int[]
        sample!(x, sampler) do out, x, eval
            outs = out isa Tuple ? out : (out,)
            push!(told, length(outs))
            @test length(outs) == eval.output_count && !eval.noises
            foreach((place, o) -> o .= share(place, x), 1:4, outs)
        end
        @test told == filter(>(0), asked)
        counts = Int[]
        start!(y, sampler)
        for eval in sampler
            push!(counts, eval.noises ? 0 : eval.output_count)
            outs = [share(place, y) for place in 1:4]
            for wrong in 0:4
                wrong == counts[end] || counts[end] == 0 ||
                    @test_throws NoisewrightError step!(y, sampler, outs[1:wrong]...)
            end
            @test_throws ArgumentError step!(y, sampler, outs..., outs..., y)
            step!(y, sampler, outs[1:counts[end]]...)
        end
        @test counts == asked && x == y
    end

    # A grid for each sample: columns, and rows() tells their times.
    ts = [1.0 0.5; 0.6 0.5; 0.0 0.0]
    each = make("ddim"; steps = 0, times = ts, prediction = :data, clock = :logsnr,
                rng = [Rng(1), Rng(2)])
    start!(x, each, :unit)
    @test rows(each).t == [1.0, 0.5]
    @test rows(each).clock[2] ≈ 2 * schedule(0.5).lambda

    keeps = make("ddim"; keep_denoised = true)
    sample!(half!, x, keeps)
    @test size(denoised!(similar(x), keeps)) == size(x)
    @test_throws NoisewrightError denoised!(similar(x), plain)
end

@testset "callbacks" begin
    context, schedule = Context(), Schedule()
    sampler = Sampler(context, schedule, "euler"; steps = 6, rng = Rng(1))
    x = zeros(Float32, 3, 2)
    function breaking(out, x, eval)
        eval.index == 3 && throw(DomainError(eval.index, "on purpose"))
        half!(out, x, eval)
    end
    e, text = thrown(() -> sample!(breaking, x, sampler))
    @test e isa DomainError && e.val == 3
    @test occursin("breaking", text) && occursin(basename(@__FILE__), text)
    @test Eval(sampler).index == 3
    sample!(half!, x, sampler; start = nothing)             # it stands where it stood
    finished = copy(x)
    @test sample!(half!, x, sampler) == finished
    @test_throws Refused sample!((out, x, eval) -> throw(Refused()), x, sampler)
    @test_throws Refused sample!(half!, x, sampler; progress = (eval, x) -> throw(Refused()))
    @test_throws InterruptException sample!((out, x, e) -> throw(InterruptException()), x, sampler)
    for _ in 1:1000
        try
            sample!((out, x, eval) -> throw(Refused()), x, sampler)
        catch e
            e isa Refused || rethrow()
        end
    end
    # An error of the library inside a callback is that error, not the callback's.
    @test thrown(() -> sample!((out, x, e) -> Schedule("cosin"), x, sampler))[1].kind == :not_found
    @test thrown(() -> Schedule("cosin"))[1].kind == :not_found

    seen = Int[]
    sample!(half!, x, sampler; progress = (eval, x) -> begin
        push!(seen, eval.index)
        eval.index == 2 && cancel(sampler)
    end)
    @test seen == 0:2 && !Base.isdone(sampler)
    @test sample!(half!, x, sampler; start = nothing) == finished
    # Tasks may switch inside a model.
    sample!((out, x, eval) -> (yield(); half!(out, x, eval)), x, sampler)
    @test x == finished

    noisy(noise) = Sampler(context, Schedule("cosine"), "ddim(eta=1)"; prediction = :noise,
                           steps = 4, noise = noise)
    draws = Int[]
    fresh = noisy((draw, out) -> (push!(draws, draw); random!(out, context, Rng(draw))))
    sample!(half!, x, fresh)
    @test draws == 0:length(draws)-1 && length(draws) > 1
    @test_throws Refused sample!(half!, x, noisy((draw, out) -> throw(Refused())))
    @test thrown(() -> Noisewright.save(fresh))[1].kind == :unsupported

    mine = Schedule(t -> (alpha = t, sigma = 1 - t); t_noise = 0, t_data = 1)
    @test mine(0.25).sigma == 0.75 && mine(0.25).dalpha ≈ 1
    @test info(mine).t_data == 1
    close(mine)
    @test_throws Refused Schedule(t -> throw(Refused()))(0.5)
    @test_throws TypeError Schedule(t -> 1)(0.5)
    @test mine isa Schedule && count(k -> !k.released, Noisewright.kept) >= 1
end

@testset "save and load" begin
    context, schedule = Context(), Schedule()
    x, y, out = (zeros(Float32, 10, 2) for _ in 1:3)
    for spec in ("dpmpp-2m", "ddim(eta=1)")
        sampler = Sampler(context, schedule, spec; steps = 9, rng = Rng(7))
        sample!(half!, x, sampler)
        start!(y, sampler)
        for eval in sampler
            eval.index == 4 && break
            step!(y, sampler, half!(out, y, eval))
        end
        again = Noisewright.load(context, schedule, Noisewright.save(sampler))
        sample!(half!, y, again; start = nothing)
        @test x == y
    end
    @test thrown(() -> Noisewright.load(context, schedule, zeros(UInt8, 40)))[1].kind == :corrupt
end

@testset "schedules" begin
    schedule = Schedule("cosine")
    c = schedule(0.3)
    @test c isa Coeffs && c.alpha^2 + c.sigma^2 ≈ 1
    @test schedule([0.3, 0.4])[1] == c == schedule.([0.3])[1]
    evaluate(s) = s(0.3).alpha
    evaluate(schedule)
    @test invert(schedule, c.lambda) ≈ 0.3
    @test invert(schedule, [c.lambda, c.lambda]) ≈ [0.3, 0.3]
    @test weigh(schedule, Weights.snr(), 0.3) ≈ (c.alpha / c.sigma)^2
    @test weigh(schedule, "signal", [0.3, 0.4]) ≈ [c.alpha, schedule(0.4).alpha] .^ 2
    @test grid(Schedule(), "uniform", 4) == 0:0.25:1
    @test grid(Schedule(), Grids.uniform(), 2; t_begin = 0.5, t_end = 1) == [0.5, 0.75, 1]
    @test length(grid(Schedule("edm"), Grids.karras(rho = 5), 10)) == 11
    table = Schedule("table"; table = [0.9, 0.5, 0.1])
    @test table(1).alpha ≈ sqrt(0.5)
    t = times!(zeros(Float32, 100), Context(), Schedule(), Rng(1))
    @test all(0 .<= t .<= 1)
    t = times!(zeros(100), Context(), Schedule(), Rng(1);
               density = Densities.uniform(begin_ = 0.25, end_ = 0.5))
    @test all(0.25 .<= t .<= 0.5)
end

@testset "imports" begin
    text = """{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "other": [1]}"""
    schedule = import_schedule(text; steps = 12)
    config = imported(schedule)
    @test config.source == "FlowMatchEulerDiscreteScheduler"
    @test config.prediction == Quantity(:velocity) && config.steps == 12
    @test (config.clock, config.clock_scale, config.start) == (:t, 1000, :unit)
    @test startswith(only(config.warnings), "\"other\"=")
    sampler = Sampler(Context(), schedule, config.sampler; prediction = config.prediction,
                      clock = config.clock, rng = Rng(1),
                      times = grid(schedule, config.grid, config.steps))
    x = sample!(half!, zeros(Float32, 3, 1), sampler; start = config.start)
    @test all(isfinite, x)
    @test imported(Schedule()) === nothing
    ddim = """{"_class_name": "DDIMScheduler", "clip_sample": false}"""
    @test occursin("eta=0.25", imported(import_schedule(ddim; eta = 0.25)).sampler)
    @test startswith(info(import_schedule("euler normal"; schedule = Schedules.vp())).spec, "vp(")
    flow = """{"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true}"""
    levels(; more...) = (s = import_schedule(flow; more...); grid(s, imported(s).grid, 4))
    @test levels(tokens = 4096) != levels(tokens = 256) != levels(tokens = 256, even = true)
    @test import_schedule(isopen, "euler normal")
    @test thrown(() -> import_schedule(ddim; mu = 1))[1].kind == :not_found
    @test thrown(() -> import_schedule("no such sampler"))[1].kind == :not_found
    e, _ = thrown(() -> import_schedule("""{"_class_name": "Nope"}"""))
    @test e.kind == :not_found && occursin("DDIMScheduler", e.message)
    @test_throws ArgumentError import_schedule("{\0}")

    @test [grid_skip(n, s) for (n, s) in ((50, 0.75), (100, 0.29), (20, 0))] == [13, 72, 20]
    @test grid_skip(100, 0.29; rule = :ceil) == 71
    @test thrown(() -> grid_skip(20, 1.5))[1].kind == :invalid_argument
    @test thrown(() -> grid_skip(20, 0.5; rule = :round))[1].kind == :not_found
end

@testset "generators" begin
    context = Context()
    x, y = zeros(Float32, 40), zeros(Float32, 40)
    rng = Rng(5)
    @test generate!(x, context, rng, "torch-cpu") isa Rng && rng == Rng(5)
    torch_42 = generate!(view(y, 1:2), context, Rng(42), Generators.torch_cpu())
    @test y[1:2] ≈ [0.33669037, 0.1288094] && torch_42 == Rng(42, offset = 4)
    uniform!(x, rng) = generate!(x, context, rng, "torch-cpu"; distribution = :uniform)
    rest = uniform!(view(y, 1:24), Rng(5))
    @test uniform!(view(y, 25:40), rest) == uniform!(x, Rng(5)) && x == y
    each = [Rng(5), Rng(6)]
    z = zeros(Float32, 20, 2)
    @test [r.offset for r in uniform!(z, each)] == [20, 20] && each == [Rng(5), Rng(6)]
    @test z[:, 1] == x[1:20]

    # The path runs over the angle of (alpha, sigma), by which these lengths are halves.
    function increment(from, to)
        w = zeros(8)
        @test generate!(w, context, Rng(9), "brownian"; levels = (from, to)) == Rng(9)
        return w
    end
    @test increment(Inf, 0) ≈ (increment(Inf, 1) .+ increment(1, 0)) ./ sqrt(2)

    sampler = Sampler(context, Schedule("vp"), "euler"; rng = Rng(42), generator = "torch-cpu")
    start!(reshape(y, 40, 1), sampler, :unit)
    generate!(x, context, Rng(42), "torch-cpu")
    @test x == y
    e, _ = thrown(() -> Sampler(context, Schedule(), "euler"; generator = "dice"))
    @test e.kind == :not_found && any(e -> e.name == "torchsde", catalog(:generator))
    @test [e.name for e in catalog(:strength)] == ["floor", "ceil"]
end

@testset "transforms" begin
    context, schedule = Context(), Schedule()
    data, noise = (random!(zeros(Float32, 6, 4), context, Rng(i)) for i in 1:2)
    x, v, s = (zeros(Float32, 6, 4) for _ in 1:3)
    t = Float32[0.1, 0.2, 0.5, 0.9]
    outputs = (state = x, velocity = v)
    @test transform!(outputs, context, schedule, t, (data = data, noise = noise)) === outputs
    @test v ≈ data .- noise && x ≈ t' .* data .+ (1 .- t') .* noise
    y, w = similar(x), similar(x)
    corrupt!((:state => y, :velocity => w), context, schedule, t, :data => data, Rng(2))
    @test x == y && v == w
    corrupt!([Quantity(:noise) => w], context, schedule, t, ["data" => data], Rng(2))
    @test w == noise
    transform!((score = s,), context, schedule, t, outputs)
    @test s ≈ -noise ./ (1 .- t')
    f = factors(Schedule("vp"), 0.25, (:velocity, :score), :drift; diffusion = 0.8)
    @test f ≈ [1, -0.4]
    transform!((drift = w,), context, Schedule("vp"), 0.25, (velocity = v, score = s);
               diffusion = 0.8)
    @test w ≈ v .- 0.4f0 .* s
    transform!((state = x,), context, schedule, 0.5, (state = x, velocity = v))   # in place
    @test x == y
    combine!(x, context, 2 => x, -0.5 => v, 1.0 => fill(3.0f0))
    @test x ≈ 2 .* y .- 0.5f0 .* v .+ 3
    x .= 1
    blend!(x, context, fill(NaN32), fill(1.0f0))
    @test all(x .== 1)
    blend!(x, context, fill(5.0f0), fill(0.5f0))
    @test all(x .== 3)
    e, _ = thrown(() -> transform!((state = zeros(Float32, 6, 3),), context, schedule, t,
                                   (data = data, noise = noise)))
    @test e.kind == :invalid_argument && occursin("shape", e.message)
    @test_throws NoisewrightError transform!((nonsense = x,), context, schedule, t, outputs)
    @test repr(Quantity(:velocity)) == "Quantity(:velocity)" && repr(Quantity(99)) == "Quantity(99)"
end

@testset "catalogue" begin
    ddim = only(filter(e -> e.name == "ddim", catalog(:sampler)))
    @test ddim.stochastic && ddim.evals_per_step == 1
    @test ddim.settings[1].name == "eta" && ddim.settings[1].default == 0
    @test any(!isempty(s.choices) for e in catalog(:sampler) for s in e.settings)
    @test isempty(catalog(99))

    # Constructors with their defaults say the same as the name alone.
    constructors(m) = [getfield(m, n) for n in names(m; all = true)
                       if getfield(m, n) isa Function && parentmodule(getfield(m, n)) == m &&
                       !startswith(String(n), '#') && !(n in (:eval, :include))]
    bare(spec) = first(split(string(spec), '('))
    schedule = Schedule("ddpm")
    for (m, domain) in ((Schedules, :schedule), (Grids, :grid), (Samplers, :sampler),
                        (Weights, :weight), (Densities, :density), (Generators, :generator))
        @test Set(bare(f()) for f in constructors(m)) == Set(e.name for e in catalog(domain))
    end
    for f in constructors(Schedules)
        bare(f()) in ("custom", "table") && continue
        @test info(Schedule(f())).spec == info(Schedule(bare(f()))).spec
    end
    for f in constructors(Grids)
        @test grid(schedule, f(), 5) == grid(schedule, bare(f()), 5)
    end
    for f in constructors(Samplers)
        saved(spec) = Noisewright.save(Sampler(Context(), Schedule("cosine"), spec; steps = 3,
                                               rng = Rng(1)))
        @test saved(f()) == saved(bare(f()))
    end
    for f in constructors(Weights)
        @test weigh(Schedule("vp"), f(), 0.5) == weigh(Schedule("vp"), bare(f()), 0.5)
    end
    for f in constructors(Densities)
        sampled(d) = times!(zeros(4), Context(), Schedule("ve"), Rng(1); density = d)
        @test sampled(f()) == sampled(bare(f()))
    end
    for f in constructors(Generators)
        startswith(bare(f()), "curand") && continue             # on CUDA contexts only
        drawn(g) = sample!(half!, zeros(Float32, 20, 1),
                           Sampler(Context(), Schedule("vp"), "ddpm"; prediction = :noise, steps = 3,
                                   rng = Rng(1), generator = g))
        @test drawn(f()) == drawn(bare(f()))
    end
    @test string(Samplers.reab(scale = :mixed)) == string(Samplers.reab(scale = "mixed"))
    @test occursin("unit_input=yes", string(Samplers.ddim(unit_input = true)))
end

@testset "examples" begin
    for (name, arguments) in (("checkpoint", []), ("ddim", []), ("fashion", [1]), ("list", []),
                              ("recipes", []), ("train", []), ("transform", []))
        file = joinpath(PACKAGE, "examples", "$name.jl")
        command = `$(Base.julia_cmd()) --startup-file=no --project=$PACKAGE $file $arguments`
        # Pkg.test hides the standard libraries that the package itself does not use.
        shown = withenv(() -> read(command, String), "JULIA_LOAD_PATH" => nothing)
        @test shown == read(joinpath(PACKAGE, "..", "..", "examples", "c", "expected", "$name.txt"),
                            String)
    end
end

end
