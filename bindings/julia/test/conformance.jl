# SPDX-License-Identifier: Apache-2.0
# Owns the Julia runner of the conformance cases: tests/conformance/README.md says what it reads and
# prints.   julia --project=bindings/julia bindings/julia/test/conformance.jl CASES [THREADS]
using Noisewright

# ---- the file ------------------------------------------------------------------------------------

# What a key was given, line by line.
const Case = Dict{String,Vector{Vector{String}}}

const KEYS = split("schedule table seed shape dtype times distribution density grid count " *
                   "lambdas weight input output diffusion drawn sampler predict steps clock " *
                   "start init model model2 model3 model4 keep resume after domain call says " *
                   "generator levels text set rule strength array factors mask")

function read_cases(path)
    cases = Tuple{String,String,Case}[]
    inside = false
    for line in eachline(path)
        words = split(first(split(line, '#'; limit = 2)))
        if isempty(words)
            inside &= startswith(line, '#')
        elseif !inside
            words[1] == "case" && length(words) == 3 || error("case NAME KIND, please: $line")
            push!(cases, (words[2], words[3], Case()))
            inside = true
        else
            words[1] in KEYS || error("unknown key: $line")
            push!(get!(cases[end][3], words[1], []), words[2:end])
        end
    end
    return cases
end

value(c, key, otherwise = nothing) = haskey(c, key) ? only(only(c[key])) : otherwise
lines(c, key) = get(c, key, Vector{String}[])
numbers(words) = parse.(Float64, words)
numbers(c::Case, key) = haskey(c, key) ? numbers(only(c[key])) : nothing
generator(words) = Rng(parse.(UInt64, words)...)
generators(c) = Rng[generator(words) for words in lines(c, "seed")]
whole(c, key) = parse(Int, value(c, key, "0"))

const TYPES = Dict("f16" => Float16, "bf16" => BFloat16, "f32" => Float32, "f64" => Float64,
                   "i64" => Int64)

# The case's shape has the batch first, a Julia array last.
function blank(c)
    shape = parse.(Int, only(c["shape"]))
    return fill!(Array{TYPES[value(c, "dtype", "f32")]}(undef, reverse(shape)...), 0)
end

function fnv1a(bytes)
    h = 0xcbf29ce484222325
    for byte in bytes
        h = (h ⊻ byte) * 0x00000100000001b3
    end
    return string(h; base = 16, pad = 16)
end
fnv1a(x::Array) = fnv1a(reinterpret(UInt8, vec(x)))
fnv1a(x::Vector{UInt8}) = invoke(fnv1a, Tuple{Any}, x)

# ---- calls that several kinds share --------------------------------------------------------------

make_schedule(c) = Schedule(value(c, "schedule", "linear"); table = numbers(c, "table"))
fill_grid(c, s) = grid(s, value(c, "grid", "uniform"), whole(c, "count") - 1)
# Times that are NULL cannot be said but in the raw layer.
weights(c, s) = haskey(c, "times") ?
    weigh(s, value(c, "weight", "diffusion"), numbers(c, "times")) :
    Noisewright.check(Noisewright.Raw.nwr_schedule_weigh(s, C_NULL, C_NULL, 0, C_NULL))
random_times(c, ctx, s) =
    times!(blank(c), ctx, s, generators(c); density = value(c, "density", "uniform"))

# Filled from a generator that has a name, and where the next call goes on.
function generate(c, ctx, s)
    x, levels = blank(c), numbers(c, "levels")
    rngs = generate!(x, ctx, generators(c), value(c, "generator", "philox");
                     distribution = value(c, "distribution", "normal"),
                     levels = levels === nothing ? nothing : Tuple(levels))
    return string(fnv1a(x), (" $(r.seed) $(r.stream) $(r.offset)" for r in rngs)...)
end

function import_case(c, ctx, s)
    set = (; (Symbol(words[1]) => parse(Float64, words[2]) for words in lines(c, "set"))...)
    schedule = import_schedule(join(only(c["text"]), " "); steps = whole(c, "steps"),
                               schedule = value(c, "schedule"), set...)
    i, domain = imported(schedule), Noisewright.Raw
    number(domain, name) = Noisewright.constant(domain, name)
    text = string(i.source, "\n", info(schedule).spec, "\n", i.grid, "\n", i.sampler, "\n",
                  i.prediction.value, " ", number(domain.NWR_DOMAIN_CLOCK, i.clock), " ",
                  number(domain.NWR_DOMAIN_START, i.start), " ", Int(i.clock_scale), " ", i.steps,
                  "\n", (string(w, "\n") for w in i.warnings)...)
    return string(fnv1a(codeunits(text)), " warnings ", length(i.warnings))
end

first_step(c, ctx, s) = string(grid_skip(whole(c, "steps"), only(numbers(c, "strength"));
                                         rule = value(c, "rule", "floor")))

function make_sampler(c, ctx, s)
    rows = numbers.(lines(c, "times"))
    return Sampler(ctx, s, value(c, "sampler", "euler");
                   prediction = value(c, "predict", "velocity"), steps = whole(c, "steps"),
                   times = isempty(rows) ? nothing : reduce(hcat, rows), rng = generators(c),
                   clock = value(c, "clock", "t"), keep_denoised = haskey(c, "keep"),
                   generator = value(c, "generator"))
end

# ---- models --------------------------------------------------------------------------------------

working(T) = T === Float64 ? Float64 : Float32

# One number for each sample, or one for all, along the last axis of x.
along(values, x) = reshape(values, ntuple(i -> i == ndims(x) ? length(values) : 1, ndims(x)))

function evaluate!(out, words, sampler, x)
    T = eltype(x)
    R = working(T)
    a, b = R(parse(Float64, words[2])), length(words) > 2 ? R(parse(Float64, words[3])) : R(0)
    now = rows(sampler)
    clock, scale = along(R.(now.clock), x), along(R.(now.input_scale), x)
    y = R.(x)
    if words[1] == "scale"
        out .= T.(a .* y)
    elseif words[1] == "affine"
        out .= T.(a .* y .+ b)
    elseif words[1] == "cubic"
        out .= T.(y .- ((a .* y) .* y) .* y)
    elseif words[1] == "clock"
        out .= T.(a .* y .+ clock)
    elseif words[1] == "unit"
        out .= T.(a .* (scale .* y))
    else
        error("unknown model: $(words[1])")
    end
end

models(c) = [only(c[key]) for key in ("model", "model2", "model3", "model4") if haskey(c, key)]

function begin!(c, ctx, sampler)
    x = blank(c)
    haskey(c, "init") && random!(x, ctx, generator(only(c["init"])))
    return start!(x, sampler, value(c, "start", "prior"))
end

# By next and step, until so many evaluations are done; how many there were in all.
function go_on!(c, sampler, x, until = typemax(Int))
    outs = [similar(x) for _ in models(c)]
    for eval in sampler
        eval.index >= until && break
        asked = eval.noises ? 0 : eval.output_count
        foreach((out, words) -> evaluate!(out, words, sampler, x), outs[1:asked], models(c))
        step!(x, sampler, outs[1:asked]...)
    end
end

function run!(c, sampler, x)
    sample!(x, sampler; start = nothing) do out, x, eval
        outs = out isa Tuple ? out : (out,)
        foreach((o, words) -> evaluate!(o, words, sampler, x), outs, models(c))
    end
end

# ---- the kinds -----------------------------------------------------------------------------------

kinds = Dict{String,Function}()

kinds["random"] = (c, ctx, s) -> haskey(c, "generator") ? generate(c, ctx, s) :
    fnv1a(random!(blank(c), ctx, generators(c); distribution = value(c, "distribution", "normal")))
kinds["density"] = (c, ctx, s) -> fnv1a(random_times(c, ctx, s))
kinds["grid"] = (c, ctx, s) -> fnv1a(fill_grid(c, s))
kinds["eval"] = (c, ctx, s) -> fnv1a(s(numbers(c, "times")))
kinds["import"] = import_case
kinds["strength"] = first_step
kinds["invert"] = (c, ctx, s) -> fnv1a(invert(s, numbers(c, "lambdas")))
kinds["weigh"] = (c, ctx, s) -> fnv1a(weights(c, s))

one_or_each(x) = x !== nothing && length(x) == 1 ? only(x) : x

kinds["transform"] = function (c, ctx, s)
    inputs = [words[1] => random!(blank(c), ctx, generator(words[2:4]))
              for words in lines(c, "input")]
    outputs = [only(words) => blank(c) for words in lines(c, "output")]
    t = one_or_each(numbers(c, "times"))
    if haskey(c, "drawn")
        words = only(c["drawn"])
        corrupt!(outputs, ctx, s, t, inputs, generator(words[2:4]); drawn = words[1])
    else
        transform!(outputs, ctx, s, t, inputs; diffusion = one_or_each(numbers(c, "diffusion")))
    end
    return join((fnv1a(last(o)) for o in outputs), " ")
end

arrays(c, ctx) = [random!(blank(c), ctx, generator(words)) for words in lines(c, "array")]

kinds["combine"] = (c, ctx, s) ->
    fnv1a(combine!(blank(c), ctx, map(=>, numbers(c, "factors"), arrays(c, ctx))...))

kinds["blend"] = function (c, ctx, s)
    mask = random!(blank(c), ctx, generator(only(c["mask"])); distribution = "uniform")
    x, other = arrays(c, ctx)
    return fnv1a(blend!(x, ctx, other, mask))
end

kinds["coeffs"] = (c, ctx, s) ->
    fnv1a(factors(s, only(numbers(c, "times")), first.(lines(c, "input")), value(c, "output");
                  diffusion = parse(Float64, value(c, "diffusion", "0"))))

function sample(c, ctx, s)
    keep, resume = haskey(c, "keep"), whole(c, "resume")
    ends = []
    finish(sampler, x) = push!(ends, (x, keep ? denoised!(similar(x), sampler) : nothing,
                                      Eval(sampler).index))
    sampler = make_sampler(c, ctx, s)
    x = begin!(c, ctx, sampler)
    go_on!(c, sampler, x)
    finish(sampler, x)
    x = begin!(c, ctx, sampler)
    run!(c, sampler, x)
    finish(sampler, x)
    if resume > 0
        x = begin!(c, ctx, sampler)
        go_on!(c, sampler, x, resume)
        again = Noisewright.load(ctx, s, Noisewright.save(sampler))
        go_on!(c, again, x)
        finish(again, x)
    end
    same = all(e -> map(bits, e) == map(bits, ends[1]), ends)
    x, estimate, count = ends[1]
    return string(same ? fnv1a(x) : "DIFFER", " evals ", count, resume > 0 ? " resumed" : "",
                  keep ? " denoised " * fnv1a(estimate) : "")
end
kinds["sample"] = sample

bits(x::Array) = reinterpret(UInt8, vec(x))
bits(x) = x

kinds["save"] = function (c, ctx, s)
    sampler = make_sampler(c, ctx, s)
    x = begin!(c, ctx, sampler)
    go_on!(c, sampler, x, whole(c, "after"))
    bytes = Noisewright.save(sampler)
    return string(fnv1a(bytes), " bytes ", length(bytes))
end

kinds["catalog"] = (c, ctx, s) ->
    fnv1a(codeunits(join(string(e.name, " ", e.value, " ", length(e.settings), "\n")
                         for e in catalog(whole(c, "domain")))))

function report_error(f, c)
    try
        f()
        return "0 silent"
    catch e
        e isa NoisewrightError || rethrow()
        said = all(word -> occursin(word, e.message), vcat(lines(c, "says")...))
        return string(e.status, said ? " says" : " silent")
    end
end

const calls = Dict("grid" => (c, ctx, s) -> fill_grid(c, s),
                   "sampler" => (c, ctx, s) -> close(make_sampler(c, ctx, s)),
                   "weigh" => (c, ctx, s) -> weights(c, s), "density" => random_times,
                   "random" => generate, "import" => import_case, "strength" => first_step)
kinds["error"] = (c, ctx, s) -> report_error(() -> calls[value(c, "call")](c, ctx, s), c)

function main(path, threads = "0")
    context = Context(threads = parse(Int, threads))
    failed = false
    for (name, kind, c) in read_cases(path)
        result = try
            if value(c, "call") == "schedule"
                report_error(() -> close(make_schedule(c)), c)
            else
                kinds[kind](c, context, make_schedule(c))
            end
        catch e
            e isa NoisewrightError || rethrow()
            println(stderr, name, ": ", e.message)
            failed = true
            "FAILED"
        end
        println(name, " ", result)
    end
    exit(failed ? 1 : 0)
end

main(ARGS...)
