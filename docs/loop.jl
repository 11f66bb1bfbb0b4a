# SPDX-License-Identifier: Apache-2.0
# What the README's loop stands in when docs/check runs it; any function will do for a network.
using Noisewright, Printf

network(t, x) = Float32.(Float64.(x) .* t)

THE_LOOP
hash = foldl((h, byte) -> (h ⊻ byte) * 0x100000001b3, reinterpret(UInt8, vec(x)); init = 0xcbf29ce484222325)
@printf("%d evaluations, hash %016x\n", Eval(run).index, hash)
