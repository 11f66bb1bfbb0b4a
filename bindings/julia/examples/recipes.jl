# SPDX-License-Identifier: Apache-2.0
# Short recipes around a sampler: a configuration of another library, image-to-image, inpainting,
# scaling noise in and out, requests of different length in one batch. The model is exact, for data
# that are normal with mean 0.5 and deviation 0.2.
using Noisewright
using Printf

const WIDTH, ROWS = 256, 3

const TEXT = """
    {"_class_name": "DPMSolverMultistepScheduler", "beta_schedule": "scaled_linear",
     "beta_start": 0.00085, "beta_end": 0.012, "use_karras_sigmas": true,
     "clip_sample": false, "made_up": 1}"""

# A configuration of another library: three calls.
context  = Context()
schedule = import_schedule(TEXT; steps = 20)
config   = imported(schedule)
times    = grid(schedule, config.grid, config.steps)
make(times, seed) = Sampler(context, schedule, config.sampler; prediction = config.prediction,
                            clock = config.clock, times = times, rng = Rng(seed))

# The noise in one sample at time t.
function predict!(noise, x, t)
    c = schedule(t)
    variance = c.alpha^2 * 0.04 + c.sigma^2
    noise .= c.sigma .* (x .- c.alpha * 0.5) ./ variance
end
model!(noise, x, eval) = predict!(noise, x, eval.t)
mean(x) = sum(Float64, x) / length(x)
blank() = zeros(Float32, WIDTH, 1)      # one sample: the batch is last

x = sample!(model!, blank(), make(times, 42); start = config.start)
@printf("%s on %s: mean %.2f\n", config.sampler, config.grid, mean(x))
foreach(warning -> println("warning: ", warning), config.warnings)

# Image-to-image: a part of the grid, from a picture.
half = WIDTH ÷ 2
picture = blank()
picture[1:half] .= 0.3
picture[half+1:end] .= 0.7
first_step = grid_skip(config.steps, 0.4)
x = sample!(model!, copy(picture), make(times[1+first_step:end], 42); start = :data)
@printf("strength 0.4 runs %d of %d steps: halves %.1f and %.1f\n", config.steps - first_step,
        config.steps, mean(x[1:half]), mean(x[half+1:end]))

# Inpainting: the first half is known. After each step it stands where it is known, noised to the
# time of the state. The mask is 1 where the model paints.
mask = blank()
mask[half+1:end] .= 1
run, output, noised = make(times, 42), blank(), blank()
start!(x, run, config.start)
for eval in run
    predict!(output, x, eval.t)
    step!(x, run, output)
    now = Eval(run).t                   # the time at which x stands
    corrupt!((state = noised,), context, schedule, now, (data = picture,), Rng(7))
    blend!(x, context, noised, mask)
end
@printf("inpainted: what is known is %s, the rest has mean %.1f\n",
        x[1:half] == picture[1:half] ? "as it was" : "changed", mean(x[half+1:end]))

# Noise in and out: the state of a picture without noise is alpha times the picture.
alpha = schedule(times[13]).alpha
combine!(x, context, alpha => picture)
combine!(x, context, 1 / alpha => x)
println("scaled in and out: ", all(abs.(x .- picture) .< 1e-6) ? "the picture" : "something else")

# Requests that begin at different times, of different length: each has a sampler on its own part of
# one array; the model sees all parts that still run. The bits are those of runs alone.
lengths = (20, 12, 6)
request(i) = make(grid(schedule, config.grid, lengths[i]), i - 1)
alone = hcat((sample!(model!, blank(), request(i); start = config.start) for i in 1:ROWS)...)
function in_rounds!(x)
    requests, output = Dict{Int,Sampler}(), blank()
    active, calls, round = true, 0, 0
    while active
        active = false
        for i in 1:ROWS
            part = view(x, :, i:i)
            if round == 3 * (i - 1)     # a request arrives
                requests[i] = request(i)
                start!(part, requests[i], config.start)
            end
            haskey(requests, i) && !Base.isdone(requests[i]) || continue
            predict!(output, part, Eval(requests[i]).t)     # together in a real model
            step!(part, requests[i], output)
            active = true
        end
        calls += active
        round += 1
    end
    return calls
end
together = zeros(Float32, WIDTH, ROWS)
calls = in_rounds!(together)
println("3 requests in ", calls, " calls of the model: ",
        together == alone ? "the same bits as alone" : "other bits")
