# SPDX-License-Identifier: Apache-2.0
# One training batch: a random time per sample, then the noisy state and the regression target in
# one pass over memory. The noise is made on the way and stored nowhere.
using Noisewright
using Printf

const B, D = 4, 6
context, flow = Context(), Schedule()                       # rectified flow
x1 = Float32.(reshape(0:B*D-1, D, B) ./ 10)
t, xt, target = zeros(Float32, B), similar(x1), similar(x1)

# Two streams of one seed; the next batch would begin where this one ends: at Rng(1) + B.
times!(t, context, flow, Rng(1, stream = 0); density = "logit-normal")
corrupt!((state = xt, velocity = target), context, flow, t, (data = x1,), Rng(1, stream = 1))

for b in 1:B
    eps = x1[1, b] - target[1, b]       # of a straight line, the target is data - noise
    wrong = abs(xt[1, b] - (t[b] * x1[1, b] + (1 - t[b]) * eps))
    @printf("t=%.3f  x_t=%+.3f  target=%+.3f  %s\n", t[b], xt[1, b], target[1, b],
            wrong < 1e-5 ? "as by hand" : "WRONG")
end
