// SPDX-License-Identifier: Apache-2.0
//! Short recipes around a sampler: a configuration of another library, image-to-image, inpainting,
//! scaling noise in and out, requests of different length in one batch. The model is exact, for
//! data that are normal with mean 0.5 and deviation 0.2.

use noisewright::{
    Context, Import, ImportOptions, Quantity, Result, Rng, Sampler, Schedule, Start, Strength,
    TensorMut, TensorRef,
};

const WIDTH: usize = 256;
const ROWS: usize = 3;
const SHAPE: [usize; 2] = [1, WIDTH];

const TEXT: &str = r#"{"_class_name": "DPMSolverMultistepScheduler",
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
    "use_karras_sigmas": true, "clip_sample": false, "made_up": 1}"#;

/// The noise in one sample at time t.
fn predict(schedule: &Schedule, t: f64, x: &[f32], noise: &mut [f32]) -> Result<()> {
    let c = schedule.at(t)?;
    let variance = c.alpha * c.alpha * 0.04 + c.sigma * c.sigma;
    for (x, noise) in x.iter().zip(noise) {
        *noise = (c.sigma * (f64::from(*x) - c.alpha * 0.5) / variance) as f32;
    }
    Ok(())
}

fn mean(x: &[f32]) -> f64 {
    x.iter().copied().map(f64::from).sum::<f64>() / x.len() as f64
}

/// What the recipes share.
struct World<'a> {
    context: &'a Context,
    schedule: &'a Schedule,
    config: &'a Import<'a>,
}

impl World<'_> {
    fn sampler(&self, times: &[f64], seed: u64) -> Result<Sampler> {
        Sampler::builder(self.config.sampler)
            .predicts(self.config.prediction)
            .clock(self.config.clock)
            .times(times)
            .rng(Rng::new(seed))
            .build(self.context, self.schedule)
    }

    /// A run from its start to its end.
    fn sample(&self, run: &mut Sampler, x: &mut [f32], start: Start) -> Result<()> {
        let mut output = [0f32; WIDTH];
        let mut x = TensorMut::new(x, &SHAPE)?;
        run.start(&mut x, start)?;
        while let Some(eval) = run.next()? {
            predict(self.schedule, eval.t, x.as_slice()?, &mut output)?;
            run.step(&mut x, &TensorRef::new(&output, &SHAPE)?)?;
        }
        Ok(())
    }

    /// A state at time t of known data, with noise of its own.
    fn noise_to(&self, t: f64, data: &[f32], state: &mut [f32]) -> Result<()> {
        let mut state = TensorMut::new(state, &SHAPE)?;
        self.context.corrupt(
            self.schedule,
            t,
            (Quantity::Noise, &[Rng::new(7)]),
            &[(Quantity::Data, &TensorRef::new(data, &SHAPE)?)],
            &mut [(Quantity::State, &mut state)],
        )
    }

    /// After each step what is known stands where it is known, noised to the time of the state.
    /// The mask is 1 where the model paints.
    fn inpaint(&self, run: &mut Sampler, x: &mut [f32], known: &[f32], mask: &[f32]) -> Result<()> {
        let (mut output, mut noised) = ([0f32; WIDTH], [0f32; WIDTH]);
        run.start(&mut TensorMut::new(x, &SHAPE)?, self.config.start)?;
        while let Some(eval) = run.next()? {
            predict(self.schedule, eval.t, x, &mut output)?;
            let output = TensorRef::new(&output, &SHAPE)?;
            run.step(&mut TensorMut::new(x, &SHAPE)?, &output)?;
            let now = run.position()?.t; // the time at which x stands
            self.noise_to(now, known, &mut noised)?;
            self.context.blend(
                &mut TensorMut::new(x, &SHAPE)?,
                &TensorRef::new(&noised, &SHAPE)?,
                &TensorRef::new(mask, &SHAPE)?,
            )?;
        }
        Ok(())
    }

    /// Requests that begin at different times, of different length: each has a sampler on its own
    /// slice; the model sees all slices that still run. How often the model is called.
    fn in_rounds(&self, times: &[Vec<f64>; ROWS], x: &mut [f32]) -> Result<usize> {
        let mut output = [0f32; WIDTH];
        let mut requests = [None, None, None];
        let (mut active, mut calls) = (ROWS, 0);
        for round in 0.. {
            if active == 0 {
                break;
            }
            active = 0;
            for (i, slice) in x.chunks_exact_mut(WIDTH).enumerate() {
                let mut slice = TensorMut::new(slice, &SHAPE)?;
                if round == 3 * i {
                    // a request arrives
                    let mut run = self.sampler(&times[i], i as u64)?;
                    run.start(&mut slice, self.config.start)?;
                    requests[i] = Some(run);
                }
                let Some(run) = &mut requests[i] else {
                    continue;
                };
                let Some(eval) = run.next()? else { continue };
                // Together in a real model.
                predict(self.schedule, eval.t, slice.as_slice()?, &mut output)?;
                run.step(&mut slice, &TensorRef::new(&output, &SHAPE)?)?;
                active += 1;
            }
            calls += usize::from(active > 0);
        }
        Ok(calls)
    }
}

fn main() -> Result<()> {
    let context = Context::new()?;

    // A configuration of another library: three calls.
    let schedule = Schedule::import(TEXT, &ImportOptions::default().steps(20))?;
    let config = schedule.imported().expect("it is an import");
    let times = schedule.grid(config.grid, config.steps as usize + 1)?;
    let world = World {
        context: &context,
        schedule: &schedule,
        config: &config,
    };
    let mut x = [0f32; WIDTH];
    let mut run = world.sampler(&times, 42)?;
    world.sample(&mut run, &mut x, config.start)?;
    println!(
        "{} on {}: mean {:.2}",
        config.sampler,
        config.grid,
        mean(&x)
    );
    for warning in &config.warnings {
        println!("warning: {warning}");
    }

    // Image-to-image: a part of the grid, from a picture.
    let picture: [f32; WIDTH] = std::array::from_fn(|i| if i < WIDTH / 2 { 0.3 } else { 0.7 });
    let first = Strength::Floor.skip(config.steps, 0.4)?;
    let mut run = world.sampler(&times[first as usize..], 42)?;
    x = picture;
    world.sample(&mut run, &mut x, Start::Data)?;
    println!(
        "strength 0.4 runs {} of {} steps: halves {:.1} and {:.1}",
        config.steps - first,
        config.steps,
        mean(&x[..WIDTH / 2]),
        mean(&x[WIDTH / 2..])
    );

    // Inpainting: the first half is known.
    let mask: [f32; WIDTH] = std::array::from_fn(|i| if i < WIDTH / 2 { 0.0 } else { 1.0 });
    let mut run = world.sampler(&times, 42)?;
    world.inpaint(&mut run, &mut x, &picture, &mask)?;
    let kept = x[..WIDTH / 2] == picture[..WIDTH / 2];
    println!(
        "inpainted: what is known is {}, the rest has mean {:.1}",
        if kept { "as it was" } else { "changed" },
        mean(&x[WIDTH / 2..])
    );

    // Noise in and out: the state of a picture without noise is alpha times the picture.
    let alpha = schedule.at(times[12])?.alpha;
    x = picture;
    let mut state = TensorMut::new(&mut x, &SHAPE)?;
    context.combine_in_place(alpha, &mut state, &[])?;
    context.combine_in_place(1.0 / alpha, &mut state, &[])?;
    let same = x.iter().zip(&picture).all(|(x, p)| (x - p).abs() < 1e-6);
    println!(
        "scaled in and out: {}",
        if same {
            "the picture"
        } else {
            "something else"
        }
    );

    // Requests of different length in one batch: the bits are those of runs alone.
    let (mut alone, mut together) = ([0f32; ROWS * WIDTH], [0f32; ROWS * WIDTH]);
    let mut own: [Vec<f64>; ROWS] = Default::default();
    for (i, (steps, slice)) in [20, 12, 6]
        .iter()
        .zip(alone.chunks_exact_mut(WIDTH))
        .enumerate()
    {
        own[i] = schedule.grid(config.grid, steps + 1)?;
        world.sample(&mut world.sampler(&own[i], i as u64)?, slice, config.start)?;
    }
    let calls = world.in_rounds(&own, &mut together)?;
    let same = alone.map(f32::to_bits) == together.map(f32::to_bits);
    println!(
        "3 requests in {calls} calls of the model: {}",
        if same {
            "the same bits as alone"
        } else {
            "other bits"
        }
    );
    Ok(())
}
