# SPDX-License-Identifier: Apache-2.0
# Two conversions: score from a noise prediction; SDE drift from a velocity and a score, with an
# amount of diffusion that has a name. The second once more as numbers, for those who do the arithmetic themselves.
using Noisewright
using Printf

context, vp = Context(), Schedule("vp")
x = reshape(Float32[1, 2, 3, 4], 4, 1)                # one sample of four numbers
eps = reshape(Float32[0.1, 0.2, 0.3, 0.4], 4, 1)
velocity, score, drift = similar(x), similar(x), similar(x)

transform!((score = score, velocity = velocity), context, vp, 0.25, (state = x, noise = eps))
w2 = weigh(vp, "diffusion(form=sigma,norm=0.5)", [0.25])[1]                 # w(t)^2
transform!((drift = drift,), context, vp, 0.25, (velocity = velocity, score = score);
           diffusion = w2)

f = factors(vp, 0.25, (:velocity, :score), :drift; diffusion = w2)
@printf("score %.4f  velocity %.4f  drift %.4f = %.2f*velocity %+.2f*score\n", score[1],
        velocity[1], drift[1], f[1], f[2])
