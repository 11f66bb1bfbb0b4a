# SPDX-License-Identifier: Apache-2.0
# What the blocks of a page about Julia stand in when docs/check runs them.
using Noisewright

network(x, t) = x .* Float32(t)
seed = 1
t, images = zeros(Float32, 16), zeros(Float32, 28, 28, 1, 16)
target = similar(images)

THE_LOOP
