// SPDX-License-Identifier: Apache-2.0
//! Closures that fail, panic or cancel: what comes out, and that everything works afterwards.

use std::error::Error as _;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

use noisewright::{
    Context, Eval, Kind, Quantity, Rng, Sampler, Schedule, Start, Stop, TensorMut, TensorRef,
};

const SHAPE: [usize; 2] = [2, 8];

fn sampler(spec: &str) -> Sampler {
    let (context, linear) = (Context::new().unwrap(), Schedule::new("linear").unwrap());
    let builder = Sampler::builder(spec).steps(6).rng(Rng::new(3));
    builder.build(&context, &linear).unwrap() // the handles end here: the sampler keeps them
}

fn half(x: &TensorRef<'_>, out: &mut TensorMut<'_>) {
    let x = x.as_slice::<f32>().unwrap();
    for (x, out) in x.iter().zip(out.as_mut_slice::<f32>().unwrap()) {
        *out = 0.5 * x;
    }
}

fn model(
    _: &Eval<'_>,
    x: &TensorRef<'_>,
    outputs: &mut [TensorMut<'_>],
) -> Result<(), &'static str> {
    outputs.iter_mut().for_each(|out| half(x, out));
    Ok(())
}

/// The state at the end of an unbroken run.
fn unbroken(sampler: &mut Sampler) -> [f32; 16] {
    let mut data = [0f32; 16];
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    sampler.run(&mut x, model).unwrap();
    data
}

fn panic_of(call: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("no panic came out");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).into(),
    }
}

#[test]
fn a_model_that_fails_or_panics_leaves_a_run_that_goes_on_to_the_same_bits() {
    let mut sampler = sampler("ddim(eta=1)");
    let expected = unbroken(&mut sampler);
    let mut data = [0f32; 16];
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    let stop = sampler.run(&mut x, |eval, x, outputs| match eval.index {
        2 => Err(vec![1, 2, 3]), // any type will do
        _ => model(eval, x, outputs).map_err(|_| Vec::new()),
    });
    assert!(matches!(stop, Err(Stop::Model(ref error)) if *error == [1, 2, 3]));
    assert_eq!(sampler.position().unwrap().index, 2);

    let text = panic_of(|| {
        let _ = sampler.run(&mut x, |eval, x, outputs| {
            assert!(eval.index < 4, "the network fell over at {}", eval.index);
            model(eval, x, outputs)
        });
    });
    assert_eq!(text, "the network fell over at 4");
    sampler.run(&mut x, model).unwrap();
    assert_eq!(data, expected);
}

#[test]
fn progress_sees_every_step_and_can_stop_the_run() {
    let mut sampler = sampler("heun");
    let expected = unbroken(&mut sampler);
    let mut data = [0f32; 16];
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    let mut seen = Vec::new();
    let stop = sampler.run_with_progress(&mut x, model, |eval, _| {
        seen.push(eval.index);
        if eval.index == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(stop, Err(Stop::Cancelled)));
    assert_eq!(seen, [0, 1, 2, 3]);
    let text = panic_of(|| {
        let _ = sampler.run_with_progress(&mut x, model, |_, _| panic!("no terminal"));
    });
    assert_eq!(text, "no terminal");
    sampler.run(&mut x, model).unwrap();
    assert_eq!(data, expected);
}

#[test]
fn arrays_are_not_copied_on_the_way_to_a_model() {
    let mut sampler = sampler("euler");
    let mut data = [0f32; 16];
    let address = data.as_ptr();
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    assert_eq!(x.as_slice::<f32>().unwrap().as_ptr(), address);
    sampler.start(&mut x, Start::Prior).unwrap();
    let stop = sampler.run(&mut x, |eval, x, outputs| {
        assert_eq!(x.as_slice::<f32>().unwrap().as_ptr(), address);
        assert_eq!(x.shape(), SHAPE);
        model(eval, x, outputs)
    });
    stop.unwrap();
}

#[test]
fn guidance_gives_a_model_two_outputs_and_takes_two() {
    let mut guided = sampler("euler(guidance=3)");
    let mut data = [0f32; 16];
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    guided.start(&mut x, Start::Prior).unwrap();
    let run = guided.run(&mut x, |_, x, outputs| {
        let [conditional, unconditional] = outputs else {
            return Err("two, please");
        };
        half(x, conditional);
        unconditional.as_mut_slice::<f32>().unwrap().fill(0.25);
        Ok(())
    });
    run.unwrap();
    let by_run = data;

    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    guided.start(&mut x, Start::Prior).unwrap();
    let (mut conditional, unconditional) = ([0f32; 16], [0.25f32; 16]);
    while guided.next().unwrap().is_some() {
        half(&x, &mut TensorMut::new(&mut conditional, &SHAPE).unwrap());
        let conditional = TensorRef::new(&conditional, &SHAPE).unwrap();
        let error = guided.step(&mut x, &conditional).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidArgument);
        let unconditional = TensorRef::new(&unconditional, &SHAPE).unwrap();
        guided
            .step_guided(&mut x, &conditional, &unconditional)
            .unwrap();
    }
    assert_eq!(data, by_run);
}

/// Runs once by a closure and once step by step, with a model that tells its outputs apart, and
/// gives the ends and the outputs that each evaluation asked for.
fn both_ways(sampler: &mut Sampler) -> ([f32; 16], [f32; 16], Vec<u32>) {
    let share = |place: usize| 0.5 / (place + 1) as f32;
    let (mut by_run, mut by_step, mut asked) = ([0f32; 16], [0f32; 16], Vec::new());
    let mut x = TensorMut::new(&mut by_run, &SHAPE).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    let run = sampler.run(&mut x, |eval, x, outputs| {
        assert!(!eval.noises);
        assert_eq!(outputs.len(), eval.output_count as usize);
        for (place, out) in outputs.iter_mut().enumerate() {
            let x = x.as_slice::<f32>().unwrap();
            for (x, out) in x.iter().zip(out.as_mut_slice::<f32>().unwrap()) {
                *out = share(place) * x;
            }
        }
        Ok::<(), ()>(())
    });
    run.unwrap();

    let mut x = TensorMut::new(&mut by_step, &SHAPE).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    while let Some(eval) = sampler.next().unwrap() {
        asked.push(if eval.noises { 0 } else { eval.output_count });
        let count = *asked.last().unwrap() as usize;
        let arrays: Vec<Vec<f32>> = (0..4)
            .map(|place| {
                let x = x.as_slice::<f32>().unwrap();
                x.iter().map(|x| share(place) * x).collect()
            })
            .collect();
        let views: Vec<_> = arrays
            .iter()
            .map(|array| TensorRef::new(array, &SHAPE).unwrap())
            .collect();
        let outputs: Vec<_> = views.iter().collect();
        for wrong in (0..=4).filter(|&wrong| count > 0 && wrong != count) {
            let error = sampler.step_outputs(&mut x, &outputs[..wrong]).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidArgument);
        }
        let too_many = [&views[0]; 9];
        assert!(count == 0 || sampler.step_outputs(&mut x, &too_many).is_err());
        sampler.step_outputs(&mut x, &outputs[..count]).unwrap();
    }
    (by_run, by_step, asked)
}

fn ddpm(spec: &str, times: Option<&[f64]>) -> Sampler {
    let (context, ddpm) = (Context::new().unwrap(), Schedule::new("ddpm").unwrap());
    let builder = Sampler::builder(spec).predicts(Quantity::Noise);
    let builder = match times {
        Some(times) => builder.times(times),
        None => builder.steps(4),
    };
    builder.rng(Rng::new(3)).build(&context, &ddpm).unwrap()
}

#[test]
fn evaluations_ask_for_one_to_four_outputs_or_none() {
    let interval = "euler(guidance=3,guidance_begin=0.25,guidance_end=0.75)";
    let all = "ddpm(variance=learned_range,guidance=3,guidance_image=2,guidance_end=0.5)";
    let turning = [999.0, 500.0, 999.0, 500.0, 0.0, -1.0];
    for (mut sampler, expected) in [
        (ddpm(interval, None), vec![1, 2, 2, 1]),
        (ddpm("euler(guidance=3,guidance_image=2)", None), vec![3; 4]),
        (ddpm("ddpm(variance=learned_range)", None), vec![2; 4]),
        (ddpm(all, None), vec![4, 4, 2, 2]),
        (ddpm("ddpm", Some(&turning)), vec![1, 0, 1, 1, 1]),
    ] {
        let (by_run, by_step, asked) = both_ways(&mut sampler);
        assert_eq!(asked, expected);
        assert_eq!(by_run, by_step);
    }
}

#[test]
fn a_run_out_of_order_is_refused_before_the_model_is_called() {
    let mut sampler = sampler("euler");
    let mut data = [0f32; 16];
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    let never = |_: &Eval<'_>, _: &TensorRef<'_>, _: &mut [TensorMut<'_>]| -> Result<(), ()> {
        panic!("called")
    };
    let stop = sampler.run(&mut x, never);
    assert!(matches!(stop, Err(Stop::Library(error)) if error.kind() == Kind::InvalidState));
    sampler.start(&mut x, Start::Prior).unwrap();
    let mut other = [0f32; 4];
    let stop = sampler.run(&mut TensorMut::new(&mut other, &[4]).unwrap(), never);
    assert!(matches!(stop, Err(Stop::Library(error)) if error.kind() == Kind::InvalidArgument));
}

#[test]
fn noise_of_a_closure_takes_the_place_of_generators() {
    let (context, linear) = (Context::new().unwrap(), Schedule::new("linear").unwrap());
    let builder = || Sampler::builder("ddim(eta=1)").steps(6);
    let mut expected = [0f32; 16];
    let mut x = TensorMut::new(&mut expected, &SHAPE).unwrap();
    let mut plain = builder().rng(Rng::new(3)).build(&context, &linear).unwrap();
    plain.start(&mut x, Start::Prior).unwrap();
    plain.run(&mut x, model).unwrap();

    let fill = Context::new().unwrap();
    let mut own = builder()
        .noise(move |draw, out| {
            let rng = Rng::new(3).advanced(16 * draw);
            fill.random_fill(noisewright::Distribution::Normal, &[rng], out)?;
            Ok(())
        })
        .build(&context, &linear)
        .unwrap();
    let mut data = [0f32; 16];
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    own.start(&mut x, Start::Prior).unwrap();
    own.run(&mut x, model).unwrap();
    assert_eq!(data, expected);
    assert_eq!(own.save().unwrap_err().kind(), Kind::Unsupported);
}

#[test]
fn noise_that_fails_or_panics_comes_out_of_the_call_that_needed_it() {
    let (context, linear) = (Context::new().unwrap(), Schedule::new("linear").unwrap());
    let token = Arc::new(());
    let held = token.clone();
    let mut calls = 0;
    let mut sampler = Sampler::builder("euler")
        .noise(move |_, out| {
            let _held = &held;
            calls += 1;
            match calls {
                1 => Err("the device is gone".into()),
                2 => panic!("worse"),
                _ => {
                    out.as_mut_slice::<f32>()?.fill(1.0);
                    Ok(())
                }
            }
        })
        .build(&context, &linear)
        .unwrap();
    let mut data = [0f32; 16];
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    let error = sampler.start(&mut x, Start::Prior).unwrap_err();
    assert_eq!(error.kind(), Kind::Callback);
    assert_eq!(error.source().unwrap().to_string(), "the device is gone");
    let text = panic_of(|| drop(sampler.start(&mut x, Start::Prior)));
    assert_eq!(text, "worse");
    sampler.start(&mut x, Start::Prior).unwrap();
    assert_eq!(x.as_slice::<f32>().unwrap(), [1.0; 16]);
    assert_eq!(Arc::strong_count(&token), 2);
    drop(sampler);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_schedule_of_formulas_gives_the_numbers_of_the_named_one() {
    let mine = Schedule::custom(0.0, 1.0, |t, c| {
        (c.alpha, c.sigma) = (t, 1.0 - t);
        Ok(())
    });
    let (mine, linear) = (mine.unwrap(), Schedule::new("linear").unwrap());
    for t in [0.1, 0.5, 0.9] {
        let (a, b) = (mine.at(t).unwrap(), linear.at(t).unwrap());
        assert_eq!((a.alpha, a.sigma), (b.alpha, b.sigma));
        assert!((a.dalpha - b.dalpha).abs() < 1e-9 && (a.lambda - b.lambda).abs() < 1e-12);
    }
}

#[test]
fn formulas_that_fail_or_panic_come_out_and_are_released() {
    let token = Arc::new(());
    let held = token.clone();
    let refused = Schedule::custom(0.0, 1.0, move |_, _| {
        let _held = &held;
        Err("no table was loaded".into())
    });
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), Kind::Callback);
    assert_eq!(error.source().unwrap().to_string(), "no table was loaded");
    assert_eq!(Arc::strong_count(&token), 1, "a refused closure is dropped");

    let held = token.clone();
    let text = panic_of(|| {
        drop(Schedule::custom(0.0, 1.0, move |t, _| {
            let _held = &held;
            panic!("at {t}")
        }));
    });
    assert_eq!(text, "at 0");
    assert_eq!(
        Arc::strong_count(&token),
        1,
        "a panicking closure is dropped"
    );

    let held = token.clone();
    let schedule = Schedule::custom(0.0, 1.0, move |t, c| {
        let _held = &held;
        if t == 0.5 {
            return Err("not there".into());
        }
        assert!(t != 0.75, "nor there");
        (c.alpha, c.sigma, c.dalpha, c.dsigma) = (t, 1.0 - t, 1.0, -1.0);
        Ok(())
    })
    .unwrap();
    assert_eq!(
        schedule.at(0.5).unwrap_err().source().unwrap().to_string(),
        "not there"
    );
    assert_eq!(panic_of(|| drop(schedule.at(0.75))), "nor there");
    assert_eq!(schedule.at(0.25).unwrap().alpha, 0.25);

    // Through a model's closure, which the sampler's frames surround.
    let context = Context::new().unwrap();
    let mut sampler = Sampler::builder("euler")
        .steps(2)
        .build(&context, &schedule);
    assert!(sampler.is_err(), "the grid passes 0.5");
    sampler = Sampler::builder("euler")
        .steps(3)
        .rng(Rng::new(1))
        .build(&context, &schedule);
    let mut sampler = sampler.unwrap();
    let mut data = [0f32; 16];
    let mut x = TensorMut::new(&mut data, &SHAPE).unwrap();
    sampler.start(&mut x, Start::Prior).unwrap();
    let text = panic_of(|| {
        let _ = sampler.run(&mut x, |_, _, _| schedule.at(0.75).map(drop));
    });
    assert_eq!(text, "nor there");
    drop((sampler, schedule));
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn an_error_of_another_kind_has_no_source() {
    let error = Schedule::new("linear").unwrap().at(f64::NAN).unwrap_err();
    assert!(error.source().is_none());
    let known = [Quantity::State];
    let linear = Schedule::new("linear").unwrap();
    let error = linear
        .factors(0.5, 0.0, &known, Quantity::Data)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Singular);
}
