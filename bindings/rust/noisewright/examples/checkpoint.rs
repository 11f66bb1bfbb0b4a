// SPDX-License-Identifier: Apache-2.0
//! Stops runs half way, saves them, loads them into new samplers and ends on the same bits.
//! Two samplers: one that remembers an earlier output, one that draws random numbers.

use noisewright::{Context, Result, Rng, Sampler, Schedule, Start, TensorMut, TensorRef};

const N: usize = 1000;
const STEPS: u32 = 20;
const BREAK_AT: u32 = 9;

/// Stands for a network: any function of x and t will do.
fn model(t: f64, x: &[f32], velocity: &mut [f32]) {
    for (x, v) in x.iter().zip(velocity) {
        *v = t as f32 - 0.5 * x;
    }
}

/// Goes on until the end, or until so many evaluations are done.
fn go_on(run: &mut Sampler, x: &mut TensorMut<'_>, until: u32) -> Result<()> {
    let mut velocity = [0f32; N];
    while let Some(eval) = run.next()?.filter(|eval| eval.index < until) {
        model(eval.clock, x.as_slice()?, &mut velocity);
        run.step(x, &TensorRef::new(&velocity, &[1, N])?)?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let (mut whole, mut broken) = ([0f32; N], [0f32; N]);
    let context = Context::new()?;
    let schedule = Schedule::new("linear")?;
    let mut equal = true;
    for spec in ["dpmpp-2m", "ddim(eta=1)"] {
        let mut run = Sampler::builder(spec)
            .steps(STEPS)
            .rng(Rng::new(7))
            .build(&context, &schedule)?;
        let mut x = TensorMut::new(&mut whole, &[1, N])?;
        run.start(&mut x, Start::Prior)?;
        go_on(&mut run, &mut x, STEPS)?;

        // The same sampler begins again, with the same noise.
        let mut x = TensorMut::new(&mut broken, &[1, N])?;
        run.start(&mut x, Start::Prior)?;
        go_on(&mut run, &mut x, BREAK_AT)?;
        let bytes = run.save()?; // x is the caller's: save it too
        run = Sampler::load(&context, &schedule, &bytes)?;
        go_on(&mut run, &mut x, STEPS)?;

        let same = whole.map(f32::to_bits) == broken.map(f32::to_bits);
        equal &= same;
        let verdict = if same { "same bits" } else { "DIFFERENT" };
        println!("{spec:12} saved after {BREAK_AT} of {STEPS} evaluations: {verdict} at the end");
    }
    std::process::exit(i32::from(!equal));
}
