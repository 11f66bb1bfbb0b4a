// SPDX-License-Identifier: Apache-2.0
//! Two conversions: score from a noise prediction; SDE drift from a velocity and a score, with an
//! amount of diffusion that has a name. The second once more as numbers, for hosts that do the arithmetic themselves.

use noisewright::{At, Context, Quantity, Result, Schedule, TensorMut, TensorRef};

fn main() -> Result<()> {
    const SHAPE: [usize; 2] = [1, 4];
    let (x, eps) = ([1f32, 2.0, 3.0, 4.0], [0.1f32, 0.2, 0.3, 0.4]);
    let (mut velocity, mut score, mut drift) = ([0f32; 4], [0f32; 4], [0f32; 4]);
    let t = 0.25;
    let context = Context::new()?;
    let vp = Schedule::new("vp")?;

    let mut v = TensorMut::new(&mut velocity, &SHAPE)?;
    let mut s = TensorMut::new(&mut score, &SHAPE)?;
    context.transform(
        &vp,
        t,
        &[
            (Quantity::State, &TensorRef::new(&x, &SHAPE)?),
            (Quantity::Noise, &TensorRef::new(&eps, &SHAPE)?),
        ],
        &mut [(Quantity::Score, &mut s), (Quantity::Velocity, &mut v)],
    )?;
    let diffusion = vp.weigh("diffusion(form=sigma,norm=0.5)", &[t])?[0]; // w(t)^2
    context.transform(
        &vp,
        At::from(t).diffusion(diffusion),
        &[(Quantity::Velocity, &v), (Quantity::Score, &s)],
        &mut [(Quantity::Drift, &mut TensorMut::new(&mut drift, &SHAPE)?)],
    )?;

    let known = [Quantity::Velocity, Quantity::Score];
    let f = vp.factors(t, diffusion, &known, Quantity::Drift)?;
    println!(
        "score {:.4}  velocity {:.4}  drift {:.4} = {:.2}*velocity {:+.2}*score",
        score[0], velocity[0], drift[0], f[0], f[1]
    );
    Ok(())
}
