// SPDX-License-Identifier: Apache-2.0
//! What other libraries say: configurations, names, strength, generators.

use noisewright::{
    entries, kinds::generators, Clock, Context, Distribution, Domain, ImportOptions, Kind,
    Quantity, Rng, Sampler, Schedule, Start, Strength, TensorMut,
};

#[test]
fn a_configuration_is_a_schedule_and_what_it_says_besides() {
    let text = r#"{"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0, "other": [1]}"#;
    let options = ImportOptions::default().steps(12);
    let schedule = Schedule::import(text, &options).unwrap();
    let config = schedule.imported().unwrap();
    assert_eq!(config.source, "FlowMatchEulerDiscreteScheduler");
    assert_eq!((config.prediction, config.steps), (Quantity::Velocity, 12));
    assert_eq!((config.clock, config.clock_scale), (Clock::T, 1000.0));
    assert_eq!(config.start, Start::Unit);
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].starts_with("\"other\"="), "{config:?}");
    assert_eq!(schedule.grid(config.grid, 13).unwrap().len(), 13);
    assert!(Sampler::builder(config.sampler)
        .times(&schedule.grid(config.grid, 13).unwrap())
        .build(&Context::new().unwrap(), &schedule)
        .is_ok());
    assert!(Schedule::new("vp").unwrap().imported().is_none());
}

#[test]
fn options_of_an_import_are_taken_or_refused_by_name() {
    let ddim = r#"{"_class_name": "DDIMScheduler", "clip_sample": false}"#;
    let eta = ImportOptions::default().param("eta", 0.25);
    let schedule = Schedule::import(ddim, &eta).unwrap();
    assert!(schedule.imported().unwrap().sampler.contains("eta=0.25"));
    let names = Schedule::import("euler normal", &ImportOptions::default().schedule("vp"));
    assert!(names.unwrap().info().unwrap().spec.starts_with("vp("));

    let kind = |text: &str, options| Schedule::import(text, &options).unwrap_err().kind();
    let plain = ImportOptions::default;
    assert_eq!(kind(ddim, plain().param("mu", 1.0)), Kind::NotFound);
    assert_eq!(
        kind(ddim, plain().param("a\0b", 1.0)),
        Kind::InvalidArgument
    );
    assert_eq!(kind("{\0}", plain()), Kind::InvalidArgument);
    assert_eq!(kind("no such sampler", plain()), Kind::NotFound);
    let error = Schedule::import(r#"{"_class_name": "Nope"}"#, &plain()).unwrap_err();
    assert!(error.kind() == Kind::NotFound && error.message().contains("DDIMScheduler"));
}

#[test]
fn a_strength_leaves_steps_out_by_both_rules() {
    let skip = |rule: Strength, steps, strength| rule.skip(steps, strength).unwrap();
    assert_eq!(skip(Strength::Floor, 50, 0.75), 13);
    assert_eq!(skip(Strength::Floor, 100, 0.29), 72);
    assert_eq!(skip(Strength::Ceil, 100, 0.29), 71);
    assert_eq!(skip(Strength::Floor, 20, 0.0), 20);
    assert_eq!("ceil".parse::<Strength>().unwrap(), Strength::Ceil);
    assert_eq!(Strength::Floor.to_string(), "floor");
    let error = Strength::Floor.skip(20, 1.5).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
    assert!(Strength::Unknown(7).skip(20, 0.5).is_err());
}

#[test]
fn generators_continue_where_they_stopped() {
    let context = Context::new().unwrap();
    let draw = |rngs: &mut [Rng], out: &mut [f32], shape: &[usize]| {
        let mut out = TensorMut::new(out, shape).unwrap();
        let torch = generators::TorchCpu;
        context.random_generate(torch, Distribution::Uniform, rngs, &mut out)
    };
    let (mut whole, mut parts) = ([0f32; 40], [0f32; 40]);
    let (mut one, mut two) = ([Rng::new(5)], [Rng::new(5)]);
    draw(&mut one, &mut whole, &[40]).unwrap();
    draw(&mut two, &mut parts[..24], &[24]).unwrap();
    draw(&mut two, &mut parts[24..], &[16]).unwrap();
    assert_eq!((whole, one), (parts, two));
    let mut each = [Rng::new(5), Rng::new(6)]; // one a sample
    draw(&mut each, &mut parts, &[2, 20]).unwrap();
    assert_eq!(parts[..20], whole[..20]);
    assert_eq!(each[1].offset, 20);
    assert!(draw(&mut [], &mut parts, &[2, 20]).is_err());
    assert!(entries(Domain::Generator).any(|entry| entry.name == "torchsde"));
}

#[test]
fn increments_of_a_path_add_up() {
    let context = Context::new().unwrap();
    let increment = |from, to| {
        let (mut numbers, mut rngs) = ([0f64; 8], [Rng::new(9)]);
        let mut out = TensorMut::new(&mut numbers, &[8]).unwrap();
        context
            .random_increment("brownian", from, to, &mut rngs, &mut out)
            .unwrap();
        assert_eq!(rngs[0], Rng::new(9)); // a path takes nothing
        numbers
    };
    // The path runs over the angle of (alpha, sigma), by which the lengths are roots of a half.
    let (whole, first, second) = (
        increment(f64::INFINITY, 0.0),
        increment(f64::INFINITY, 1.0),
        increment(1.0, 0.0),
    );
    for i in 0..8 {
        let sum = 0.5f64.sqrt() * (first[i] + second[i]);
        assert!((whole[i] - sum).abs() < 1e-6, "{} {sum}", whole[i]);
    }
}

#[test]
fn a_sampler_draws_from_the_generator_that_it_is_given() {
    let (context, vp) = (Context::new().unwrap(), Schedule::new("vp").unwrap());
    let mut x = [0f32; 20];
    let mut expected = [0f32; 20];
    let sampler = Sampler::builder("euler").rng(Rng::new(42));
    let mut sampler = sampler.generator("torch-cpu").build(&context, &vp).unwrap();
    let mut view = TensorMut::new(&mut x, &[1, 20]).unwrap();
    sampler.start(&mut view, Start::Unit).unwrap();
    let mut out = TensorMut::new(&mut expected, &[1, 20]).unwrap();
    let normal = Distribution::Normal;
    context
        .random_generate("torch-cpu", normal, &mut [Rng::new(42)], &mut out)
        .unwrap();
    assert_eq!(x, expected);
    let refused = Sampler::builder("euler")
        .generator("dice")
        .build(&context, &vp);
    assert_eq!(refused.unwrap_err().kind(), Kind::NotFound);
}
