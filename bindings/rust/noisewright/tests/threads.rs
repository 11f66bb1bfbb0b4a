// SPDX-License-Identifier: Apache-2.0
//! What may be shared and what may move, and stopping a run from another thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::thread;

use noisewright::{Context, Rng, Sampler, Schedule, Start, Stop, TensorMut, TensorRef};

fn end_of_run(context: &Context, schedule: &Schedule, seed: u64) -> Vec<f32> {
    let builder = Sampler::builder("ddim(eta=1)").steps(8).rng(Rng::new(seed));
    let mut sampler = builder.build(context, schedule).unwrap();
    let (mut data, mut out) = (vec![0f32; 64], vec![0f32; 64]);
    let mut x = TensorMut::new(&mut data, &[4, 16]).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    while sampler.next().unwrap().is_some() {
        let from = x.as_slice::<f32>().unwrap();
        out.iter_mut().zip(from).for_each(|(out, x)| *out = 0.5 * x);
        sampler
            .step(&mut x, &TensorRef::new(&out, &[4, 16]).unwrap())
            .unwrap();
    }
    data
}

#[test]
fn contexts_and_schedules_are_shared() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let context = Context::builder().threads(2).build().unwrap();
    let schedule = Schedule::custom(0.0, 1.0, |t, c| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        (c.alpha, c.sigma, c.dalpha, c.dsigma) = (t, 1.0 - t, 1.0, -1.0);
        Ok(())
    });
    let schedule = schedule.unwrap();
    let alone: Vec<_> = (0..4)
        .map(|seed| end_of_run(&context, &schedule, seed))
        .collect();
    thread::scope(|scope| {
        for _ in 0..2 {
            for (seed, alone) in alone.iter().enumerate() {
                let (context, schedule) = (&context, &schedule);
                scope.spawn(move || {
                    assert_eq!(end_of_run(context, schedule, seed as u64), *alone);
                });
            }
        }
    });
    assert!(CALLS.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_sampler_moves_and_ends_on_another_thread() {
    let token = Arc::new(());
    let held = token.clone();
    let (context, schedule) = (Context::new().unwrap(), Schedule::new("linear").unwrap());
    let mut sampler = Sampler::builder("euler")
        .noise(move |_, out| {
            let _held = &held;
            out.as_mut_slice::<f32>()?.fill(0.0);
            Ok(())
        })
        .build(&context, &schedule)
        .unwrap();
    thread::spawn(move || {
        let mut data = [1f32; 4];
        let mut x = TensorMut::new(&mut data, &[4]).unwrap();
        sampler.start(&mut x, Start::Prior).unwrap();
        assert_eq!(data, [0.0; 4]);
    })
    .join()
    .unwrap();
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_run_is_cancelled_from_another_thread_and_goes_on() {
    let (context, schedule) = (Context::new().unwrap(), Schedule::new("linear").unwrap());
    let builder = Sampler::builder("euler").steps(1000).rng(Rng::new(1));
    let mut sampler = builder.build(&context, &schedule).unwrap();
    let canceller = sampler.canceller();
    let mut data = [0f32; 4];
    let mut x = TensorMut::new(&mut data, &[4]).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    let (begin, begun) = channel();
    let (done, cancelled) = channel();
    let other = thread::spawn(move || {
        begun.recv().unwrap();
        canceller.cancel();
        done.send(()).unwrap();
        canceller
    });
    let stop = sampler.run(&mut x, |eval, x, outputs| {
        if eval.index == 10 {
            begin.send(()).unwrap();
            cancelled.recv().unwrap();
        }
        outputs[0]
            .as_mut_slice::<f32>()?
            .copy_from_slice(x.as_slice()?);
        Ok::<_, noisewright::Error>(())
    });
    assert!(matches!(stop, Err(Stop::Cancelled)));
    assert_eq!(sampler.position().unwrap().index, 11);
    let stop = sampler.run(&mut x, |_, x, outputs| {
        outputs[0]
            .as_mut_slice::<f32>()?
            .copy_from_slice(x.as_slice()?);
        Ok::<_, noisewright::Error>(())
    });
    stop.unwrap();
    drop(sampler);
    other.join().unwrap().cancel(); // nothing is left to stop
}
