// SPDX-License-Identifier: Apache-2.0
// What the README's loop stands in when docs/check runs it; any function will do for a network.
use noisewright::{Context, Quantity, Result, Rng, Sampler, Schedule, Start, TensorMut, TensorRef};

fn network(t: f64, from: &[f32], to: &mut [f32]) {
    for (from, to) in from.iter().zip(to) {
        *to = (f64::from(*from) * t) as f32;
    }
}

fn main() -> Result<()> {
    THE_LOOP
    let count = run.position()?.index;
    let hash = image.iter().flat_map(|v| v.to_ne_bytes()).fold(0xcbf29ce484222325u64, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x100000001b3)
    });
    println!("{count} evaluations, hash {hash:016x}");
    Ok(())
}
