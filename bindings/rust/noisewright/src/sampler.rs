// SPDX-License-Identifier: Apache-2.0
//! Owns runs through time: the loop of next and step, and the same by a closure.

use std::any::Any;
use std::cell::Cell;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::size_of;
use std::ops::ControlFlow;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::sync::{Arc, Weak};

use noisewright_sys as sys;

use crate::context::no_handle;
use crate::error::{call_for_c, check, check_news, BoxError};
use crate::open_enum::open_enum;
use crate::schedule::release_for_c;
use crate::{Context, Quantity, Result, Rng, Schedule, Spec, Stop, TensorMut, TensorRef};

open_enum! {
    /// The clock that a model was trained to read.
    Clock, nwr_clock, Clock {
        /// The schedule's own t.
        T = NWR_CLOCK_T,
        /// The step number of a discrete schedule.
        Index = NWR_CLOCK_INDEX,
        /// sigma/alpha.
        Sigma = NWR_CLOCK_SIGMA,
        /// The log-SNR.
        Logsnr = NWR_CLOCK_LOGSNR,
        /// log(sigma/alpha).
        LogSigma = NWR_CLOCK_LOG_SIGMA,
        /// log(sigma/alpha)/4, which EDM's networks read.
        Edm = NWR_CLOCK_EDM,
    }
}

open_enum! {
    /// What x holds when a run begins.
    Start, nwr_start, Start {
        /// Nothing: fill it with noise of the first time's sigma.
        Prior = NWR_START_PRIOR,
        /// x is already a state at the first time.
        State = NWR_START_STATE,
        /// x is clean: noise it to the first time.
        Data = NWR_START_DATA,
        /// Nothing: fill it with unit normals, whatever the first time's sigma.
        Unit = NWR_START_UNIT,
    }
}

/// The evaluation that a sampler waits for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Eval<'a> {
    /// Evaluations done.
    pub index: u32,
    /// Evaluations in all, if known.
    pub count: Option<u32>,
    /// The time of the first row.
    pub t: f64,
    /// The same on the model's clock.
    pub clock: f64,
    /// What to multiply x by before the model sees it.
    pub input_scale: f64,
    /// All rows: one, or one a sample when samples have times of their own.
    pub t_rows: &'a [f64],
    /// The same on the model's clock.
    pub clock_rows: &'a [f64],
    /// Factors of x, a row each.
    pub input_scale_rows: &'a [f64],
    /// How many outputs the model must give, which may differ from one evaluation to the next: 1;
    /// with guidance, where it acts, 2 or 3; and one more for the setting `variance=learned_range`.
    pub output_count: u32,
    /// Times turn back here: the step only adds noise, and the model need not be asked.
    pub noises: bool,
}

impl Eval<'_> {
    #[inline]
    fn for_c() -> sys::nwr_eval {
        sys::nwr_eval {
            struct_size: size_of::<sys::nwr_eval>() as u32,
            ..Default::default()
        }
    }

    /// # Safety
    /// The rows are valid for the lifetime, which the caller chooses.
    #[inline]
    unsafe fn from_c<'a>(raw: &sys::nwr_eval) -> Eval<'a> {
        let rows = |first| {
            // SAFETY: each array has row_count numbers.
            unsafe { std::slice::from_raw_parts(first, raw.row_count as usize) }
        };
        Eval {
            index: raw.index,
            count: (raw.count > 0).then_some(raw.count),
            t: raw.t,
            clock: raw.clock,
            input_scale: raw.input_scale,
            t_rows: rows(raw.t_rows),
            clock_rows: rows(raw.clock_rows),
            input_scale_rows: rows(raw.input_scale_rows),
            output_count: raw.output_count,
            noises: raw.noises != 0,
        }
    }
}

/// More than any evaluation asks for.
const MOST_OUTPUTS: usize = 8;

#[derive(Debug)]
struct Handle(NonNull<sys::nwr_sampler>);

// SAFETY: what a sampler keeps is Send. Sharing is left to Sampler, which does not, and to
// Canceller, which only asks the run to stop: the library allows that from any thread.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: this is the only release of the handle.
        unsafe { sys::nwr_sampler_destroy(self.0.as_ptr()) }
    }
}

/// One run through time. It moves between threads but is not shared:
///
/// ```
/// fn moves<T: Send>() {}
/// moves::<noisewright::Sampler>();
/// ```
///
/// ```compile_fail
/// fn is_shared<T: Sync>() {}
/// is_shared::<noisewright::Sampler>();
/// ```
#[derive(Debug)]
pub struct Sampler {
    handle: Arc<Handle>,
    _not_sync: PhantomData<Cell<()>>,
}

/// Stops a run on another thread.
#[derive(Clone, Debug)]
pub struct Canceller(Weak<Handle>);

impl Canceller {
    /// Makes [`Sampler::run`] return [`Stop::Cancelled`] at its next evaluation.
    pub fn cancel(&self) {
        if let Some(handle) = self.0.upgrade() {
            // SAFETY: the handle is alive, and this may be called from any thread.
            unsafe { sys::nwr_sampler_cancel(handle.0.as_ptr()) }
        }
    }
}

impl Sampler {
    /// Begins the options of a sampler: `"ddim(eta=0.5)"`, or a struct of
    /// [`kinds::samplers`](crate::kinds::samplers).
    pub fn builder(spec: impl Into<Spec>) -> SamplerBuilder {
        SamplerBuilder {
            spec: spec.into(),
            prediction: Quantity::Velocity,
            steps: 0,
            times: Vec::new(),
            time_rows: 0,
            rngs: Vec::new(),
            clock: Clock::T,
            keep_denoised: false,
            generator: None,
            noise: None,
        }
    }

    /// Makes the sampler that was [saved](Self::save), to go on to the same bits. The schedule must
    /// be the one that it was saved on.
    pub fn load(context: &Context, schedule: &Schedule, bytes: &[u8]) -> Result<Self> {
        let mut out = ptr::null_mut();
        // SAFETY: the bytes are valid for the call, the handles are counted inside.
        check(unsafe {
            sys::nwr_sampler_load(
                context.raw(),
                schedule.raw(),
                bytes.as_ptr().cast(),
                bytes.len(),
                &mut out,
            )
        })?;
        Self::own(out)
    }

    fn own(raw: *mut sys::nwr_sampler) -> Result<Self> {
        let handle = Arc::new(Handle(NonNull::new(raw).ok_or_else(no_handle)?));
        Ok(Self {
            handle,
            _not_sync: PhantomData,
        })
    }

    #[inline]
    fn raw(&self) -> *mut sys::nwr_sampler {
        self.handle.0.as_ptr()
    }

    /// Begins, or begins the same run again, with the same noise. Fixes x's shape, dtype and device.
    pub fn start(&mut self, x: &mut TensorMut<'_>, start: Start) -> Result<()> {
        // SAFETY: x is valid for the call and exclusive.
        check(unsafe { sys::nwr_sampler_start(self.raw(), &x.raw(), start.raw()) })
    }

    /// What to evaluate, or none at the end. Changes nothing: it is the condition of a loop.
    #[inline]
    pub fn next(&self) -> Result<Option<Eval<'_>>> {
        let mut raw = Eval::for_c();
        // SAFETY: raw is valid and says its size.
        let status = check_news(unsafe { sys::nwr_sampler_next(self.raw(), &mut raw) })?;
        if status == sys::nwr_status::NWR_DONE {
            return Ok(None);
        }
        // SAFETY: the rows are valid until the sampler moves, which needs it exclusively.
        Ok(Some(unsafe { Eval::from_c(&raw) }))
    }

    /// Where the run stands: what to evaluate, or at the end its time and the evaluations done.
    pub fn position(&self) -> Result<Eval<'_>> {
        let mut raw = Eval::for_c();
        // SAFETY: raw is valid and says its size.
        check(unsafe { sys::nwr_sampler_next(self.raw(), &mut raw) })?;
        // SAFETY: as in next.
        Ok(unsafe { Eval::from_c(&raw) })
    }

    /// Takes the model's output at (x, eval), of any float dtype, and writes the next point to
    /// evaluate into x, in one pass.
    #[inline]
    pub fn step(&mut self, x: &mut TensorMut<'_>, output: &TensorRef<'_>) -> Result<()> {
        self.step_with(x, &[output.raw()])
    }

    /// The same for an evaluation that asks for two outputs, as those of a sampler with a guidance
    /// other than 1 do where it acts.
    pub fn step_guided(
        &mut self,
        x: &mut TensorMut<'_>,
        conditional: &TensorRef<'_>,
        unconditional: &TensorRef<'_>,
    ) -> Result<()> {
        self.step_with(x, &[conditional.raw(), unconditional.raw()])
    }

    /// The same with as many outputs as the evaluation asks for ([`Eval::output_count`]): with all
    /// conditions; where there is `guidance_image`, with the image alone; where guidance acts, with
    /// none; and with `variance=learned_range` the share of the variance. None at all will do where
    /// the step only adds noise ([`Eval::noises`]).
    ///
    /// ```
    /// use noisewright::{Context, Rng, Sampler, Schedule, Start, TensorMut, TensorRef};
    ///
    /// let (context, schedule) = (Context::new()?, Schedule::new("linear")?);
    /// let mut sampler = Sampler::builder("euler(guidance=3,guidance_begin=0.25)")
    ///     .steps(4).rng(Rng::new(1)).build(&context, &schedule)?;
    /// let (mut image, with, without) = ([0f32; 8], [0.5f32; 8], [0.25f32; 8]);
    /// let mut x = TensorMut::new(&mut image, &[1, 8])?;
    /// sampler.start(&mut x, Start::Prior)?;
    /// while let Some(eval) = sampler.next()? {
    ///     let count = eval.output_count as usize; // 1, then three times 2
    ///     let outputs = [&TensorRef::new(&with, &[1, 8])?, &TensorRef::new(&without, &[1, 8])?];
    ///     sampler.step_outputs(&mut x, &outputs[..count])?;
    /// }
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn step_outputs(
        &mut self,
        x: &mut TensorMut<'_>,
        outputs: &[&TensorRef<'_>],
    ) -> Result<()> {
        let mut raw = [sys::nwr_tensor::default(); MOST_OUTPUTS];
        let Some(raw) = raw.get_mut(..outputs.len()) else {
            let message = format!("{} outputs, but at most {MOST_OUTPUTS}", outputs.len());
            return Err(crate::Error::invalid(message));
        };
        for (raw, output) in raw.iter_mut().zip(outputs) {
            *raw = output.raw();
        }
        self.step_with(x, raw)
    }

    #[inline]
    fn step_with(&mut self, x: &mut TensorMut<'_>, outputs: &[sys::nwr_tensor]) -> Result<()> {
        // SAFETY: the views are valid for the call and x exclusive.
        check(unsafe {
            sys::nwr_sampler_step(self.raw(), &x.raw(), outputs.as_ptr(), outputs.len())
        })
    }

    /// Writes the last evaluation's estimate of the clean sample: a preview, or the last step's x0.
    /// Needs [`SamplerBuilder::keep_denoised`].
    pub fn denoised(&self, out: &mut TensorMut<'_>) -> Result<()> {
        // SAFETY: out is valid for the call and exclusive.
        check(unsafe { sys::nwr_sampler_denoised(self.raw(), &out.raw()) })
    }

    /// The loop of next, model and step, from the present point to the end. The model reads x and
    /// writes as many tensors as the evaluation asks for ([`Eval::output_count`]), one unless the
    /// sampler's settings say otherwise, in the order of [`step_outputs`](Self::step_outputs). It is
    /// not called where the step only adds noise.
    ///
    /// Its error comes back as [`Stop::Model`], its panic goes on; x is then where it was before the
    /// evaluation, and `run` can go on from there.
    ///
    /// ```
    /// use noisewright::{Context, Sampler, Schedule, Start, Stop, TensorMut};
    ///
    /// let (context, schedule) = (Context::new()?, Schedule::new("linear")?);
    /// let mut sampler = Sampler::builder("heun").steps(4).build(&context, &schedule)?;
    /// let mut image = [1f32; 8];
    /// let mut x = TensorMut::new(&mut image, &[1, 8])?;
    /// sampler.start(&mut x, Start::State)?;
    /// let stop = sampler.run(&mut x, |eval, x, outputs| {
    ///     if eval.index == 3 {
    ///         return Err("the network is out of memory");
    ///     }
    ///     let (x, out) = (x.as_slice::<f32>().unwrap(), outputs[0].as_mut_slice().unwrap());
    ///     out.copy_from_slice(x);
    ///     Ok(())
    /// });
    /// assert!(matches!(stop, Err(Stop::Model("the network is out of memory"))));
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn run<E, M>(&mut self, x: &mut TensorMut<'_>, model: M) -> std::result::Result<(), Stop<E>>
    where
        M: FnMut(&Eval<'_>, &TensorRef<'_>, &mut [TensorMut<'_>]) -> std::result::Result<(), E>,
    {
        self.run_with_progress(x, model, |_, _| ControlFlow::Continue(()))
    }

    /// The same with a closure that sees each evaluation done and the state so far, and may stop
    /// the run.
    pub fn run_with_progress<E, M, P>(
        &mut self,
        x: &mut TensorMut<'_>,
        model: M,
        progress: P,
    ) -> std::result::Result<(), Stop<E>>
    where
        M: FnMut(&Eval<'_>, &TensorRef<'_>, &mut [TensorMut<'_>]) -> std::result::Result<(), E>,
        P: FnMut(&Eval<'_>, &TensorRef<'_>) -> ControlFlow<()>,
    {
        let raw = x.raw();
        let mut call = Call {
            model,
            progress,
            error: None,
            panic: None,
        };
        let callbacks = sys::nwr_callbacks {
            struct_size: size_of::<sys::nwr_callbacks>() as u32,
            model: Some(model_for_c::<E, M, P>),
            progress: Some(progress_for_c::<E, M, P>),
            user: ptr::from_mut(&mut call).cast(),
            ..Default::default()
        };
        // SAFETY: x is valid for the call and exclusive; call outlives it and has these types.
        let status = unsafe { sys::nwr_sampler_run(self.raw(), &raw, &callbacks) };
        if let Some(panic) = call.panic {
            resume_unwind(panic);
        }
        if let Some(error) = call.error {
            return Err(Stop::Model(error));
        }
        match check_news(status)? {
            sys::nwr_status::NWR_CANCELLED => Err(Stop::Cancelled),
            _ => Ok(()),
        }
    }

    /// Stops this sampler's runs from other threads.
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::downgrade(&self.handle))
    }

    /// All but x, portably. [`Kind::Unsupported`](crate::Kind::Unsupported) where noise comes from
    /// a closure.
    pub fn save(&self) -> Result<Vec<u8>> {
        let mut size = 0;
        // SAFETY: with capacity 0 only the size is written.
        check(unsafe { sys::nwr_sampler_save(self.raw(), ptr::null_mut(), 0, &mut size) })?;
        let mut bytes = vec![0u8; size];
        // SAFETY: the buffer has room for size bytes.
        check(unsafe {
            sys::nwr_sampler_save(self.raw(), bytes.as_mut_ptr().cast(), size, &mut size)
        })?;
        Ok(bytes)
    }
}

/// What the callbacks of one run share, on its stack.
struct Call<E, M, P> {
    model: M,
    progress: P,
    error: Option<E>,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn model_for_c<E, M, P>(
    user: *mut c_void,
    eval: *const sys::nwr_eval,
    x: *const sys::nwr_tensor,
    output: *const sys::nwr_tensor,
) -> i32
where
    M: FnMut(&Eval<'_>, &TensorRef<'_>, &mut [TensorMut<'_>]) -> std::result::Result<(), E>,
{
    // SAFETY: user is the Call of this run; nothing else holds it while the library runs.
    let call = unsafe { &mut *user.cast::<Call<E, M, P>>() };
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the library's arguments are valid for the callback, and the outputs ours alone.
        let (output_count, eval, x, mut first) = unsafe {
            (
                (*eval).output_count as usize,
                Eval::from_c(&*eval),
                TensorRef::from_c(&*x),
                TensorMut::from_c(&*output),
            )
        };
        if output_count <= 1 {
            return (call.model)(&eval, &x, std::slice::from_mut(&mut first));
        }
        let rest = (1..output_count).map(|i| {
            // SAFETY: the library said how many outputs there are.
            unsafe { TensorMut::from_c(&*output.add(i)) }
        });
        let mut outputs: Vec<_> = std::iter::once(first).chain(rest).collect();
        (call.model)(&eval, &x, &mut outputs)
    }));
    match result {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => call.error = Some(error),
        Err(panic) => call.panic = Some(panic),
    }
    -1
}

unsafe extern "C" fn progress_for_c<E, M, P>(
    user: *mut c_void,
    eval: *const sys::nwr_eval,
    x: *const sys::nwr_tensor,
) -> i32
where
    P: FnMut(&Eval<'_>, &TensorRef<'_>) -> ControlFlow<()>,
{
    // SAFETY: as in model_for_c.
    let call = unsafe { &mut *user.cast::<Call<E, M, P>>() };
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the library's arguments are valid for the callback.
        let (eval, x) = unsafe { (Eval::from_c(&*eval), TensorRef::from_c(&*x)) };
        (call.progress)(&eval, &x)
    }));
    match result {
        Ok(ControlFlow::Continue(())) => 0,
        Ok(ControlFlow::Break(())) => 1,
        Err(panic) => {
            call.panic = Some(panic);
            -1
        }
    }
}

type Noise =
    Box<dyn FnMut(u64, &mut TensorMut<'_>) -> std::result::Result<(), BoxError> + Send + 'static>;

/// The options of a [`Sampler`].
#[must_use]
pub struct SamplerBuilder {
    spec: Spec,
    prediction: Quantity,
    steps: u32,
    times: Vec<f64>,
    time_rows: u32,
    rngs: Vec<Rng>,
    clock: Clock,
    keep_denoised: bool,
    generator: Option<Spec>,
    noise: Option<Noise>,
}

impl SamplerBuilder {
    /// What the model returns; velocity unless said.
    pub fn predicts(mut self, prediction: Quantity) -> Self {
        self.prediction = prediction;
        self
    }

    /// Steps of a default grid; 50 unless said.
    pub fn steps(mut self, steps: u32) -> Self {
        self.steps = steps;
        self
    }

    /// The times to step through, 2 or more, such as those of [`Schedule::grid`]. They may turn back,
    /// to go through a stretch again (see [`Eval::noises`]).
    pub fn times(self, times: &[f64]) -> Self {
        self.times_per_sample(times, 1)
    }

    /// Times of its own for each sample, row by row.
    pub fn times_per_sample(mut self, times: &[f64], rows: u32) -> Self {
        self.times = times.to_vec();
        self.time_rows = rows;
        self
    }

    /// Where noise comes from: one generator, or one a sample so that results ignore batching.
    pub fn rngs(mut self, rngs: &[Rng]) -> Self {
        self.rngs = rngs.to_vec();
        self
    }

    /// One generator.
    pub fn rng(self, rng: Rng) -> Self {
        self.rngs(&[rng])
    }

    /// In which [`Eval::clock`] is told; t unless said.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Keeps each evaluation's estimate of the clean sample for [`Sampler::denoised`].
    pub fn keep_denoised(mut self) -> Self {
        self.keep_denoised = true;
        self
    }

    /// What draws from the generators' positions: `"torch-cpu"`, `"brownian"`, or a struct of
    /// [`kinds::generators`](crate::kinds::generators); Philox, in the pass itself, unless said.
    pub fn generator(mut self, generator: impl Into<Spec>) -> Self {
        self.generator = Some(generator.into());
        self
    }

    /// A closure that writes unit normals for draw number so and so, in place of generators. Its
    /// error is the source of the error of the call that needed it.
    pub fn noise<F>(mut self, noise: F) -> Self
    where
        F: FnMut(u64, &mut TensorMut<'_>) -> std::result::Result<(), BoxError> + Send + 'static,
    {
        self.noise = Some(Box::new(noise));
        self
    }

    /// Makes the sampler and its table of coefficients. [`Kind::Singular`](crate::Kind::Singular)
    /// if at some time the prediction does not determine the step.
    pub fn build(self, context: &Context, schedule: &Schedule) -> Result<Sampler> {
        let name = self.spec.to_c()?;
        let generator = self.generator.as_ref().map(Spec::to_c).transpose()?;
        let rows = self.time_rows.max(1) as usize;
        if self.times.len() % rows != 0 {
            return Err(crate::Error::invalid(format!(
                "{} times are not {rows} rows",
                self.times.len()
            )));
        }
        let mut options = sys::nwr_sampler_options {
            struct_size: size_of::<sys::nwr_sampler_options>() as u32,
            prediction: self.prediction.raw(),
            name: name.as_ptr(),
            steps: self.steps,
            rngs: Rng::raw(&self.rngs),
            rng_count: self.rngs.len() as u32,
            clock: self.clock.raw(),
            generator: generator.as_ref().map_or(ptr::null(), |g| g.as_ptr()),
            ..Default::default()
        };
        if self.time_rows > 0 {
            options.times = self.times.as_ptr();
            options.time_count = (self.times.len() / rows) as u32;
            options.time_rows = self.time_rows;
        }
        if self.keep_denoised {
            options.flags = sys::nwr_sampler_flags::NWR_SAMPLER_KEEP_DENOISED.0 as u32;
        }
        let kept = self.noise.map(|noise| Box::into_raw(Box::new(noise)));
        if let Some(user) = kept {
            options.noise = Some(noise_for_c);
            options.release = Some(release_for_c::<Noise>);
            options.user = user.cast();
        }
        let mut out = ptr::null_mut();
        // SAFETY: options is valid for the call; what is kept is owned by the sampler.
        let status =
            unsafe { sys::nwr_sampler_create(context.raw(), schedule.raw(), &options, &mut out) };
        if let (true, Some(user)) = (status.0 < 0, kept) {
            // SAFETY: a sampler that was not made does not release what it was given.
            drop(unsafe { Box::from_raw(user) });
        }
        check(status)?;
        Sampler::own(out)
    }
}

unsafe extern "C" fn noise_for_c(user: *mut c_void, draw: u64, out: *const sys::nwr_tensor) -> i32 {
    // SAFETY: user is the closure that the sampler keeps, in use by this call alone; out is ours.
    let (noise, mut out) = unsafe { (&mut *user.cast::<Noise>(), TensorMut::from_c(&*out)) };
    call_for_c(|| noise(draw, &mut out))
}
