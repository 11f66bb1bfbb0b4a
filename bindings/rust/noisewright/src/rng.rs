// SPDX-License-Identifier: Apache-2.0
//! Owns positions in random streams, and filling tensors from them.

use std::mem::size_of;

use noisewright_sys as sys;

use crate::error::check;
use crate::open_enum::open_enum;
use crate::tensor::pointer;
use crate::{Context, Result, Schedule, Spec, TensorMut};

/// A position in a Philox4x32-10 stream: a value, not an object. Counters are laid out as by
/// `curand_init(seed, stream, offset)`. For [other generators](Context::random_generate) the three
/// numbers mean what the page on noise says.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rng {
    /// The key.
    pub seed: u64,
    /// Which of the key's streams.
    pub stream: u64,
    /// In elements.
    pub offset: u64,
}

const _: () = assert!(size_of::<Rng>() == size_of::<sys::nwr_rng>());

impl Rng {
    /// The beginning of stream 0.
    pub const fn new(seed: u64) -> Self {
        Self::with_stream(seed, 0)
    }

    /// The beginning of a stream, such as one a sample.
    pub const fn with_stream(seed: u64, stream: u64) -> Self {
        Self {
            seed,
            stream,
            offset: 0,
        }
    }

    /// The position so many elements further on.
    #[must_use]
    pub const fn advanced(self, elements: u64) -> Self {
        Self {
            offset: self.offset.wrapping_add(elements),
            ..self
        }
    }

    pub(crate) fn raw(rngs: &[Self]) -> *const sys::nwr_rng {
        pointer(rngs).cast()
    }
}

open_enum! {
    /// What random numbers to draw.
    Distribution, nwr_distribution, Distribution {
        /// Mean 0, variance 1; the same f32 numbers whatever the dtype, rounded or widened to it.
        Normal = NWR_NORMAL,
        /// Between 0 and 1, both excluded.
        Uniform = NWR_UNIFORM,
    }
}

impl Context {
    /// Fills a tensor. One generator numbers all elements in row-major order from its offset on;
    /// one a sample number those of their own samples. Generators are not advanced: add what you
    /// used with [`Rng::advanced`].
    ///
    /// ```
    /// use noisewright::{Context, Distribution, Rng, TensorMut};
    ///
    /// let context = Context::new()?;
    /// let mut x = [0f32; 4];
    /// context.random_fill(Distribution::Normal, &[Rng::new(7)], &mut TensorMut::new(&mut x, &[4])?)?;
    /// let mut rest = [0f32; 2];
    /// let later = Rng::new(7).advanced(2);
    /// context.random_fill(Distribution::Normal, &[later], &mut TensorMut::new(&mut rest, &[2])?)?;
    /// assert_eq!(x[2..], rest);
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn random_fill(
        &self,
        what: Distribution,
        rngs: &[Rng],
        out: &mut TensorMut<'_>,
    ) -> Result<()> {
        // SAFETY: rngs and out are valid for the call.
        check(unsafe {
            sys::nwr_random_fill(
                self.raw(),
                what.raw(),
                Rng::raw(rngs),
                rngs.len(),
                &out.raw(),
            )
        })
    }

    /// Fills a tensor from any generator, `"torch-cpu"` or a struct of
    /// [`kinds::generators`](crate::kinds::generators), and moves `rngs` on, so that calls continue
    /// each other: the position is all in them. With one the tensor is one draw, else each sample
    /// is one.
    ///
    /// ```
    /// use noisewright::{Context, Distribution, Rng, TensorMut};
    ///
    /// let context = Context::new()?;
    /// let (mut x, mut rngs) = ([0f32; 2], [Rng::new(42)]);
    /// let mut out = TensorMut::new(&mut x, &[2])?;
    /// context.random_generate("torch-cpu", Distribution::Normal, &mut rngs, &mut out)?;
    /// assert!((x[0] - 0.33669037).abs() < 1e-6); // torch.manual_seed(42); torch.randn(2)
    /// assert_eq!(rngs[0].offset, 4);
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn random_generate(
        &self,
        generator: impl Into<Spec>,
        what: Distribution,
        rngs: &mut [Rng],
        out: &mut TensorMut<'_>,
    ) -> Result<()> {
        self.generate(&generator.into(), what, [0.0; 2], rngs, out)
    }

    /// Fills a tensor with the increment of a path, `"brownian"` or `"torchsde"`, from one level of
    /// sigma/alpha to another, over the root of the length: unit normals again.
    pub fn random_increment(
        &self,
        path: impl Into<Spec>,
        from_level: f64,
        to_level: f64,
        rngs: &mut [Rng],
        out: &mut TensorMut<'_>,
    ) -> Result<()> {
        let levels = [from_level, to_level];
        self.generate(&path.into(), Distribution::Normal, levels, rngs, out)
    }

    fn generate(
        &self,
        generator: &Spec,
        what: Distribution,
        [from_level, to_level]: [f64; 2],
        rngs: &mut [Rng],
        out: &mut TensorMut<'_>,
    ) -> Result<()> {
        let name = generator.to_c()?;
        let options = sys::nwr_random_options {
            struct_size: size_of::<sys::nwr_random_options>() as u32,
            what: what.raw(),
            name: name.as_ptr(),
            from_level,
            to_level,
            ..Default::default()
        };
        // SAFETY: options, rngs, which have the layout of C's, and out are valid for the call.
        check(unsafe {
            sys::nwr_random_generate(
                self.raw(),
                &options,
                rngs.as_mut_ptr().cast(),
                rngs.len(),
                &out.raw(),
            )
        })
    }

    /// Fills a tensor in ordinary memory with random times of the schedule, for training, one
    /// number of the generators a time. A density is `"uniform"`, `"logit-normal"`, ...
    pub fn random_times(
        &self,
        schedule: &Schedule,
        density: impl Into<Spec>,
        rngs: &[Rng],
        out: &mut TensorMut<'_>,
    ) -> Result<()> {
        let name = density.into().to_c()?;
        let options = sys::nwr_density_options {
            struct_size: size_of::<sys::nwr_density_options>() as u32,
            name: name.as_ptr(),
            ..Default::default()
        };
        // SAFETY: options, rngs and out are valid for the call.
        check(unsafe {
            sys::nwr_random_times(
                self.raw(),
                schedule.raw(),
                &options,
                Rng::raw(rngs),
                rngs.len(),
                &out.raw(),
            )
        })
    }
}
