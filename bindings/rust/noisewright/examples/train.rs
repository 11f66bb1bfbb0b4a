// SPDX-License-Identifier: Apache-2.0
//! One training batch: a random time per sample, then the noisy state and the regression target in
//! one pass over memory. The noise is made on the way and stored nowhere.

use noisewright::{Context, Quantity, Result, Rng, Schedule, TensorMut, TensorRef};

const B: usize = 4;
const D: usize = 6;

fn main() -> Result<()> {
    let data: [f32; B * D] = std::array::from_fn(|i| i as f32 / 10.0);
    let (mut state, mut target) = ([0f32; B * D], [0f32; B * D]);
    let mut t = [0f32; B]; // one time per sample

    let context = Context::new()?;
    let flow = Schedule::new("linear")?; // rectified flow
                                         // Two streams of one seed; the next batch would begin where this one ends: Rng::advanced.
    let (now, draw) = (Rng::with_stream(1, 0), Rng::with_stream(1, 1));
    let mut times = TensorMut::new(&mut t, &[B])?;
    context.random_times(&flow, "logit-normal", &[now], &mut times)?;
    context.corrupt(
        &flow,
        &t,
        (Quantity::Noise, &[draw]),
        &[(Quantity::Data, &TensorRef::new(&data, &[B, D])?)],
        &mut [
            (Quantity::State, &mut TensorMut::new(&mut state, &[B, D])?),
            (
                Quantity::Velocity,
                &mut TensorMut::new(&mut target, &[B, D])?,
            ),
        ],
    )?;

    for (b, t) in t.iter().enumerate() {
        let i = b * D;
        let noise = data[i] - target[i]; // of a straight line, the target is data - noise
        let wrong = (state[i] - (t * data[i] + (1.0 - t) * noise)).abs();
        let verdict = if wrong < 1e-5 { "as by hand" } else { "WRONG" };
        println!(
            "t={t:.3}  x_t={:+.3}  target={:+.3}  {verdict}",
            state[i], target[i]
        );
    }
    Ok(())
}
