// SPDX-License-Identifier: Apache-2.0
//! The algebra's calls on slices: in place, strided, with times of every form.

use noisewright::{
    At, Bf16, Context, Distribution, Kind, Numbers, Quantity, Rng, Schedule, TensorMut, TensorRef,
    F16,
};

fn linear() -> (Context, Schedule) {
    (Context::new().unwrap(), Schedule::new("linear").unwrap())
}

#[test]
fn an_input_may_be_the_output() {
    let (context, linear) = linear();
    let (data, noise) = ([1f32, 2.0], [0.5f32, 4.0]);
    let mut x = data;
    let address = x.as_ptr();
    let mut view = TensorMut::new(&mut x, &[2]).unwrap();
    let noise = [(Quantity::Noise, &TensorRef::new(&noise, &[2]).unwrap())];
    let conversion = (Quantity::Data, Quantity::State);
    context
        .transform_in_place(&linear, 0.25, &mut view, conversion, &noise)
        .unwrap();
    assert_eq!(view.as_slice::<f32>().unwrap().as_ptr(), address);
    assert_eq!(x, [0.625, 3.5]);
    let mut view = TensorMut::new(&mut x, &[2]).unwrap();
    let back = (Quantity::State, Quantity::Data);
    context
        .transform_in_place(&linear, 0.25, &mut view, back, &noise)
        .unwrap();
    assert_eq!(x, data);
}

#[test]
fn times_are_one_number_or_one_a_sample() {
    let (context, linear) = linear();
    let (one, minus) = ([1f32; 3], [-1f32; 3]);
    let (data, noise) = (
        TensorRef::new(&one, &[3]).unwrap(),
        TensorRef::new(&minus, &[3]).unwrap(),
    );
    let wide = [0.0, 0.25, 0.5];
    let narrow = wide.map(|t| t as f32);
    let tensor = TensorRef::new(&wide, &[3]).unwrap();
    let forms: [(Numbers<'_>, [f32; 3]); 4] = [
        (0.25.into(), [-0.5; 3]),
        ((&wide).into(), [-1.0, -0.5, 0.0]),
        ((&narrow).into(), [-1.0, -0.5, 0.0]),
        ((&tensor).into(), [-1.0, -0.5, 0.0]),
    ];
    for (t, expected) in forms {
        let mut state = [0f32; 3];
        let mut out = TensorMut::new(&mut state, &[3]).unwrap();
        let inputs = [(Quantity::Data, &data), (Quantity::Noise, &noise)];
        context
            .transform(&linear, t, &inputs, &mut [(Quantity::State, &mut out)])
            .unwrap();
        assert_eq!(state, expected);
    }
}

#[test]
fn a_drift_is_velocity_and_a_share_of_the_score() {
    let (context, linear) = linear();
    let (velocity, score) = (2f32, 3f32);
    let mut drift = [0f32; 2];
    let same = [velocity; 2];
    context
        .transform(
            &linear,
            At::from(0.5).diffusion(&[0.0, 1.0]),
            &[
                (Quantity::Velocity, &TensorRef::new(&same, &[2]).unwrap()),
                (Quantity::Score, &TensorRef::scalar(&score)),
            ],
            &mut [(
                Quantity::Drift,
                &mut TensorMut::new(&mut drift, &[2]).unwrap(),
            )],
        )
        .unwrap();
    assert_eq!(drift, [2.0, 3.5]);
}

#[test]
fn noise_drawn_in_the_pass_is_that_of_random_fill() {
    let (context, linear) = linear();
    let data = [0f32; 6];
    let (mut state, mut drawn, mut filled) = ([0f32; 6], [0f32; 6], [0f32; 6]);
    let rngs = [Rng::with_stream(5, 0), Rng::with_stream(5, 1)]; // one a sample
    context
        .corrupt(
            &linear,
            0.5,
            (Quantity::Noise, &rngs),
            &[(Quantity::Data, &TensorRef::new(&data, &[2, 3]).unwrap())],
            &mut [
                (
                    Quantity::State,
                    &mut TensorMut::new(&mut state, &[2, 3]).unwrap(),
                ),
                (
                    Quantity::Noise,
                    &mut TensorMut::new(&mut drawn, &[2, 3]).unwrap(),
                ),
            ],
        )
        .unwrap();
    let mut out = TensorMut::new(&mut filled, &[2, 3]).unwrap();
    context
        .random_fill(Distribution::Normal, &rngs, &mut out)
        .unwrap();
    assert_eq!(drawn, filled);
    assert_eq!(state, filled.map(|x| 0.5 * x));
}

#[test]
fn sums_go_into_another_tensor_or_one_of_their_own() {
    let (context, _) = linear();
    let (a, b) = ([1f32, 2.0], [10f64, 20.0]);
    let mut sum = [0f32; 2];
    let terms = [
        (3.0, &TensorRef::new(&a, &[2]).unwrap()),
        (-0.5, &TensorRef::new(&b, &[2]).unwrap()),
    ];
    context
        .combine(&terms, &mut TensorMut::new(&mut sum, &[2]).unwrap())
        .unwrap();
    assert_eq!(sum, [-2.0, -4.0]);
    let mut x = TensorMut::new(&mut sum, &[2]).unwrap();
    context.combine_in_place(2.0, &mut x, &terms[..1]).unwrap();
    assert_eq!(sum, [-1.0, -2.0]);
}

#[test]
fn a_blend_takes_the_side_that_the_mask_says() {
    let (context, _) = linear();
    let mut x = [1f32, f32::NAN, 3.0];
    let other = TensorRef::new(&[f32::NAN, 20.0, 5.0], &[3]).unwrap();
    let mask = TensorRef::new(&[1f32, 0.0, 0.5], &[3]).unwrap();
    context
        .blend(&mut TensorMut::new(&mut x, &[3]).unwrap(), &other, &mask)
        .unwrap();
    assert_eq!(x, [1.0, 20.0, 4.0]);
}

#[test]
fn strided_views_and_other_dtypes_are_copied_by_value() {
    let (context, _) = linear();
    let rows = [1f32, 2.0, 3.0, 4.0, 5.0, 6.0]; // 2 by 3
    let mut columns = [F16::default(); 6]; // 3 by 2
    let transposed = TensorRef::strided(&rows, 0, &[3, 2], &[1, 3]).unwrap();
    context
        .copy(
            &transposed,
            &mut TensorMut::new(&mut columns, &[3, 2]).unwrap(),
        )
        .unwrap();
    assert_eq!(columns.map(f32::from), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let mut backwards = [Bf16::default(); 6];
    let mut view = TensorMut::strided(&mut backwards, 5, &[6], &[-1]).unwrap();
    context
        .copy(&TensorRef::new(&rows, &[6]).unwrap(), &mut view)
        .unwrap();
    assert_eq!(backwards.map(f32::from), [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_written() {
    let (context, linear) = linear();
    let mut data = [7f32; 4];
    let mut folded = TensorMut::strided(&mut data, 0, &[4], &[0]).unwrap();
    let what = Distribution::Normal;
    let error = context
        .random_fill(what, &[Rng::new(1)], &mut folded)
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
    let noise = [1f32; 4];
    let error = context.transform(
        &linear,
        0.0,
        &[(Quantity::Noise, &TensorRef::new(&noise, &[4]).unwrap())],
        &mut [(
            Quantity::Data,
            &mut TensorMut::new(&mut data, &[4]).unwrap(),
        )],
    );
    assert_eq!(error.unwrap_err().kind(), Kind::Singular);
    let mut empty: [f32; 0] = [];
    let mut none = TensorMut::new(&mut empty, &[0]).unwrap();
    assert!(context
        .random_fill(what, &[Rng::new(1)], &mut none)
        .is_err());
    assert_eq!(data, [7.0; 4]);
}

#[test]
fn names_and_unknown_numbers_survive() {
    assert_eq!("velocity".parse::<Quantity>().unwrap(), Quantity::Velocity);
    assert_eq!(Quantity::Score.to_string(), "score");
    assert_eq!(
        "speed".parse::<Quantity>().unwrap_err().kind(),
        Kind::NotFound
    );
    assert_eq!(Quantity::from(4711), Quantity::Unknown(4711));
    assert_eq!(i32::from(Quantity::Unknown(4711)), 4711);
    assert_eq!(Quantity::Unknown(4711).to_string(), "4711");
}
