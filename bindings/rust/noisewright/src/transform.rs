// SPDX-License-Identifier: Apache-2.0
//! Owns the algebra's calls: from quantities that are known at times t to others.

use std::ptr;

use noisewright_sys as sys;

use crate::error::check;
use crate::open_enum::open_enum;
use crate::{Context, Result, Rng, Schedule, TensorMut, TensorRef};

open_enum! {
    /// Everything a model can predict or a solver can need, at one time t.
    Quantity, nwr_quantity, Quantity {
        /// x_t itself.
        State = NWR_STATE,
        /// The clean end.
        Data = NWR_DATA,
        /// The other end: epsilon, or the base sample.
        Noise = NWR_NOISE,
        /// The third leg, where gamma is not 0.
        Latent = NWR_LATENT,
        /// dx_t/dt.
        Velocity = NWR_VELOCITY,
        /// Gradient of log density; needs a Gaussian noise or latent.
        Score = NWR_SCORE,
        /// alpha*noise - sigma*data, known as v.
        Angular = NWR_ANGULAR,
        /// Drift of the SDE with these marginals that runs to data.
        Drift = NWR_DRIFT,
        /// Minus the latent: what nami and the code of Albergo et al. call eta.
        NegativeLatent = NWR_NEGATIVE_LATENT,
        /// Velocity without the third leg: alpha'*data + sigma'*noise.
        PathVelocity = NWR_PATH_VELOCITY,
        /// The third leg's own velocity: velocity = path velocity + mirror velocity.
        MirrorVelocity = NWR_MIRROR_VELOCITY,
        /// Drift of the SDE with these marginals that runs to noise.
        ForwardDrift = NWR_FORWARD_DRIFT,
        /// The raw output F of a network with EDM's preconditioning (the setting sigma_data).
        Preconditioned = NWR_PRECONDITIONED,
        /// path velocity + gamma*gamma'*score, as nami had it before 0.1.0. It moves no density.
        NamiDrift = NWR_NAMI_DRIFT,
        /// +gamma*gamma'*score, nami's mirror velocity: `MirrorVelocity` with time reversed.
        NamiMirror = NWR_NAMI_MIRROR,
    }
}

/// One number, or one a sample.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Numbers<'a> {
    /// The same for every sample.
    One(f64),
    /// One a sample.
    F64(&'a [f64]),
    /// One a sample.
    F32(&'a [f32]),
    /// A tensor of f32 or f64, of rank 0 or 1.
    Tensor(&'a TensorRef<'a>),
}

impl Numbers<'_> {
    fn with<R>(&self, call: impl FnOnce(*const sys::nwr_tensor) -> Result<R>) -> Result<R> {
        match self {
            Self::One(value) => call(&TensorRef::scalar(value).raw()),
            Self::F64(values) => call(&TensorRef::new(values, &[values.len()])?.raw()),
            Self::F32(values) => call(&TensorRef::new(values, &[values.len()])?.raw()),
            Self::Tensor(tensor) => call(&tensor.raw()),
        }
    }
}

macro_rules! numbers {
    ($($variant:ident: $kind:ty,)*) => {
        $(impl<'a> From<&'a [$kind]> for Numbers<'a> {
            fn from(values: &'a [$kind]) -> Self {
                Self::$variant(values)
            }
        }

        impl<'a> From<&'a Vec<$kind>> for Numbers<'a> {
            fn from(values: &'a Vec<$kind>) -> Self {
                Self::$variant(values)
            }
        }

        impl<'a, const N: usize> From<&'a [$kind; N]> for Numbers<'a> {
            fn from(values: &'a [$kind; N]) -> Self {
                Self::$variant(values)
            }
        })*
    };
}

numbers! { F64: f64, F32: f32, }

impl From<f64> for Numbers<'_> {
    fn from(value: f64) -> Self {
        Self::One(value)
    }
}

impl<'a> From<&'a TensorRef<'a>> for Numbers<'a> {
    fn from(tensor: &'a TensorRef<'a>) -> Self {
        Self::Tensor(tensor)
    }
}

/// The times of a transform, and the diffusion that drifts need.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    t: Numbers<'a>,
    diffusion: Option<Numbers<'a>>,
}

impl<'a> At<'a> {
    /// With w(t)^2 >= 0, for [`Quantity::Drift`] and [`Quantity::ForwardDrift`].
    #[must_use]
    pub fn diffusion(self, diffusion: impl Into<Numbers<'a>>) -> Self {
        Self {
            diffusion: Some(diffusion.into()),
            ..self
        }
    }
}

impl<'a, T: Into<Numbers<'a>>> From<T> for At<'a> {
    fn from(t: T) -> Self {
        Self {
            t: t.into(),
            diffusion: None,
        }
    }
}

/// Tensors for C with the operands that point at them.
struct Operands {
    tensors: Vec<sys::nwr_tensor>,
    quantities: Vec<Quantity>,
}

impl Operands {
    fn of(list: &[(Quantity, &TensorRef<'_>)]) -> Self {
        Self {
            tensors: list.iter().map(|(_, tensor)| tensor.raw()).collect(),
            quantities: list.iter().map(|(quantity, _)| *quantity).collect(),
        }
    }

    fn of_mut(list: &[(Quantity, &mut TensorMut<'_>)]) -> Self {
        Self {
            tensors: list.iter().map(|(_, tensor)| tensor.raw()).collect(),
            quantities: list.iter().map(|(quantity, _)| *quantity).collect(),
        }
    }

    fn raw(&self) -> Vec<sys::nwr_operand> {
        let pair = |(quantity, tensor): (&Quantity, &sys::nwr_tensor)| sys::nwr_operand {
            quantity: quantity.raw(),
            reserved: 0,
            tensor,
        };
        self.quantities
            .iter()
            .zip(&self.tensors)
            .map(pair)
            .collect()
    }
}

impl Context {
    /// From inputs known at times t, writes outputs, in one pass: any inputs that determine an
    /// output will do. [`Kind::Singular`](crate::Kind::Singular) where they do not.
    ///
    /// ```
    /// use noisewright::{Context, Quantity, Schedule, TensorMut, TensorRef};
    ///
    /// let (context, linear) = (Context::new()?, Schedule::new("linear")?);
    /// let (data, noise) = ([1.0f32, 2.0], [0.5f32, 0.5]);
    /// let (mut state, mut velocity) = ([0f32; 2], [0f32; 2]);
    /// context.transform(
    ///     &linear,
    ///     0.25,
    ///     &[
    ///         (Quantity::Data, &TensorRef::new(&data, &[2])?),
    ///         (Quantity::Noise, &TensorRef::new(&noise, &[2])?),
    ///     ],
    ///     &mut [
    ///         (Quantity::State, &mut TensorMut::new(&mut state, &[2])?),
    ///         (Quantity::Velocity, &mut TensorMut::new(&mut velocity, &[2])?),
    ///     ],
    /// )?;
    /// assert_eq!((state, velocity), ([0.625, 0.875], [0.5, 1.5]));
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn transform<'a>(
        &self,
        schedule: &Schedule,
        at: impl Into<At<'a>>,
        inputs: &[(Quantity, &TensorRef<'_>)],
        outputs: &mut [(Quantity, &mut TensorMut<'_>)],
    ) -> Result<()> {
        self.apply(
            schedule,
            at.into(),
            &Operands::of(inputs),
            &Operands::of_mut(outputs),
        )
    }

    /// The same where one tensor is both an input and the output.
    pub fn transform_in_place<'a>(
        &self,
        schedule: &Schedule,
        at: impl Into<At<'a>>,
        x: &mut TensorMut<'_>,
        (from, to): (Quantity, Quantity),
        inputs: &[(Quantity, &TensorRef<'_>)],
    ) -> Result<()> {
        let mut known = Operands::of(inputs);
        known.tensors.push(x.raw());
        known.quantities.push(from);
        self.apply(schedule, at.into(), &known, &Operands::of_mut(&[(to, x)]))
    }

    fn apply(
        &self,
        schedule: &Schedule,
        at: At<'_>,
        inputs: &Operands,
        outputs: &Operands,
    ) -> Result<()> {
        let (inputs, outputs) = (inputs.raw(), outputs.raw());
        at.t.with(|t| {
            let call = |diffusion| {
                // SAFETY: all views are valid for the call and the outputs exclusive, but for an
                // input that is the same view as an output.
                check(unsafe {
                    sys::nwr_transform_apply(
                        self.raw(),
                        schedule.raw(),
                        t,
                        diffusion,
                        inputs.as_ptr(),
                        inputs.len(),
                        outputs.as_ptr(),
                        outputs.len(),
                    )
                })
            };
            match at.diffusion {
                Some(diffusion) => diffusion.with(call),
                None => call(ptr::null()),
            }
        })
    }

    /// As [`transform`](Self::transform), with one more input that nobody stores: `drawn`,
    /// [`Quantity::Noise`] or [`Quantity::Latent`], is made of unit normals during the pass, the
    /// numbers that [`random_fill`](Self::random_fill) would write. It is itself an output where it
    /// is wanted. Generators: one, or one a sample.
    pub fn corrupt<'a>(
        &self,
        schedule: &Schedule,
        t: impl Into<Numbers<'a>>,
        (drawn, rngs): (Quantity, &[Rng]),
        inputs: &[(Quantity, &TensorRef<'_>)],
        outputs: &mut [(Quantity, &mut TensorMut<'_>)],
    ) -> Result<()> {
        let (inputs, outputs) = (Operands::of(inputs), Operands::of_mut(outputs));
        let (inputs, outputs) = (inputs.raw(), outputs.raw());
        t.into().with(|t| {
            // SAFETY: all views are valid for the call and the outputs exclusive.
            check(unsafe {
                sys::nwr_transform_corrupt(
                    self.raw(),
                    schedule.raw(),
                    t,
                    drawn.raw(),
                    Rng::raw(rngs),
                    rngs.len(),
                    inputs.as_ptr(),
                    inputs.len(),
                    outputs.as_ptr(),
                    outputs.len(),
                )
            })
        })
    }

    /// Writes the sum of factor times tensor, up to 8: guidance, averaging, scaling. A factor of 0
    /// leaves its tensor out, NaN or not.
    pub fn combine(&self, terms: &[(f64, &TensorRef<'_>)], out: &mut TensorMut<'_>) -> Result<()> {
        let factors: Vec<_> = terms.iter().map(|(factor, _)| *factor).collect();
        let tensors: Vec<_> = terms.iter().map(|(_, tensor)| tensor.raw()).collect();
        self.sum(&factors, &tensors, out)
    }

    /// x = factor * x + the sum of the terms.
    pub fn combine_in_place(
        &self,
        factor: f64,
        x: &mut TensorMut<'_>,
        terms: &[(f64, &TensorRef<'_>)],
    ) -> Result<()> {
        let mut factors = vec![factor];
        factors.extend(terms.iter().map(|(factor, _)| *factor));
        let mut tensors = vec![x.raw()];
        tensors.extend(terms.iter().map(|(_, tensor)| tensor.raw()));
        self.sum(&factors, &tensors, x)
    }

    /// Makes x mask * x + (1 - mask) * other: inpainting between two steps, where other is what is
    /// known, noised by [`Context::corrupt`]. Where the mask is 1 x stays and where it is 0 other is
    /// taken, whatever the other side holds.
    pub fn blend(
        &self,
        x: &mut TensorMut<'_>,
        other: &TensorRef<'_>,
        mask: &TensorRef<'_>,
    ) -> Result<()> {
        // SAFETY: all views are valid for the call, and x is exclusive.
        check(unsafe { sys::nwr_tensor_blend(self.raw(), &x.raw(), &other.raw(), &mask.raw()) })
    }

    fn sum(
        &self,
        factors: &[f64],
        tensors: &[sys::nwr_tensor],
        out: &mut TensorMut<'_>,
    ) -> Result<()> {
        let tensors: Vec<*const sys::nwr_tensor> = tensors.iter().map(ptr::from_ref).collect();
        // SAFETY: all views are valid for the call and out exclusive, but for an input that is the
        // same view; factors and tensors are of one length.
        check(unsafe {
            sys::nwr_tensor_combine(
                self.raw(),
                factors.as_ptr(),
                tensors.as_ptr(),
                tensors.len(),
                &out.raw(),
            )
        })
    }
}

impl Schedule {
    /// A transform as numbers: the factor of each input, 0 for one that is not needed. For hosts
    /// that differentiate.
    pub fn factors(
        &self,
        t: f64,
        diffusion: f64,
        inputs: &[Quantity],
        output: Quantity,
    ) -> Result<Vec<f64>> {
        let quantities: Vec<_> = inputs.iter().map(|quantity| quantity.raw()).collect();
        let mut out = vec![0.0; inputs.len()];
        // SAFETY: out has room for a number an input.
        check(unsafe {
            sys::nwr_transform_coeffs(
                self.raw(),
                t,
                diffusion,
                quantities.as_ptr(),
                quantities.len(),
                output.raw(),
                out.as_mut_ptr(),
            )
        })?;
        Ok(out)
    }
}
