// SPDX-License-Identifier: Apache-2.0
//! What this crate adds to one next and step on 16 elements: the loop as a C program has it, on
//! the raw functions, beside the same loop on the safe ones. `cargo bench`

use std::hint::black_box;
use std::mem::size_of;
use std::time::Instant;

use noisewright::{sys, Context, Result, Sampler, Schedule, Start, TensorMut, TensorRef};

const STEPS: u32 = 1_000;
const ROUNDS: usize = 3_000;
const SHAPE: [i64; 2] = [1, 16];

fn view(data: &mut [f32; 16]) -> sys::nwr_tensor {
    sys::nwr_tensor {
        data: data.as_mut_ptr().cast(),
        device: sys::nwr_device::NWR_CPU,
        ndim: 2,
        dtype: sys::nwr_dtype::NWR_F32,
        shape: SHAPE.as_ptr(),
        ..Default::default()
    }
}

/// A run in C's way: nanoseconds a step.
fn raw_run(context: *const sys::nwr_context, schedule: *const sys::nwr_schedule) -> f64 {
    let (mut x, mut out) = ([0f32; 16], [0f32; 16]);
    let (x, out) = (view(&mut x), view(&mut out));
    let options = sys::nwr_sampler_options {
        struct_size: size_of::<sys::nwr_sampler_options>() as u32,
        steps: STEPS,
        ..Default::default()
    };
    let mut eval = sys::nwr_eval {
        struct_size: size_of::<sys::nwr_eval>() as u32,
        ..Default::default()
    };
    let mut sampler = std::ptr::null_mut();
    // SAFETY: handles, views and structs are valid throughout.
    unsafe {
        let made = sys::nwr_sampler_create(context, schedule, &options, &mut sampler);
        assert_eq!(made, sys::nwr_status::NWR_OK);
        let begun = sys::nwr_sampler_start(sampler, &x, sys::nwr_start::NWR_START_STATE);
        assert_eq!(begun, sys::nwr_status::NWR_OK);
        let clock = Instant::now();
        while sys::nwr_sampler_next(sampler, &mut eval) == sys::nwr_status::NWR_OK {
            black_box(eval.clock);
            assert_eq!(
                sys::nwr_sampler_step(sampler, &x, &out, 1),
                sys::nwr_status::NWR_OK
            );
        }
        let time = clock.elapsed().as_nanos() as f64;
        sys::nwr_sampler_destroy(sampler);
        time / f64::from(STEPS)
    }
}

fn safe_run(context: &Context, schedule: &Schedule) -> Result<f64> {
    let (mut x, out) = ([0f32; 16], [0f32; 16]);
    let mut x = TensorMut::new(&mut x, &[1, 16])?;
    let out = TensorRef::new(&out, &[1, 16])?;
    let mut sampler = Sampler::builder("euler")
        .steps(STEPS)
        .build(context, schedule)?;
    sampler.start(&mut x, Start::State)?;
    let clock = Instant::now();
    while let Some(eval) = sampler.next()? {
        black_box(eval.clock);
        sampler.step(&mut x, &out)?;
    }
    Ok(clock.elapsed().as_nanos() as f64 / f64::from(STEPS))
}

fn main() -> Result<()> {
    let (mut raw_context, mut raw_schedule) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: NULL options are the defaults.
    unsafe {
        let made = sys::nwr_context_create(std::ptr::null(), &mut raw_context);
        assert_eq!(made, sys::nwr_status::NWR_OK);
        let made = sys::nwr_schedule_create(std::ptr::null(), &mut raw_schedule);
        assert_eq!(made, sys::nwr_status::NWR_OK);
    }
    let (context, schedule) = (Context::new()?, Schedule::new("linear")?);
    // The best of many short runs, in turn: what other programs take only makes runs longer.
    let (mut raw, mut safe) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        raw = raw.min(raw_run(raw_context, raw_schedule));
        safe = safe.min(safe_run(&context, &schedule)?);
    }
    println!("next and step on 16 elements, best of {ROUNDS} runs of {STEPS} steps:");
    println!(
        "  raw  {raw:6.1} ns\n  safe {safe:6.1} ns\n  added {:5.1} ns",
        safe - raw
    );
    // SAFETY: the only release of each.
    unsafe {
        sys::nwr_schedule_destroy(raw_schedule);
        sys::nwr_context_destroy(raw_context);
    }
    Ok(())
}
