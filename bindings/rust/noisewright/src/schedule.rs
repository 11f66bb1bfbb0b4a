// SPDX-License-Identifier: Apache-2.0
//! Owns schedules: x_t = alpha(t) data + sigma(t) noise + gamma(t) latent.

use std::ffi::{c_void, CStr};
use std::mem::size_of;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{self, NonNull};

use noisewright_sys as sys;

use crate::context::no_handle;
use crate::error::{call_for_c, check, check_library, BoxError};
use crate::tensor::pointer;
use crate::{Result, Spec};

/// The coefficients at one time, with derivatives in t.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coeffs {
    /// Factor of data.
    pub alpha: f64,
    /// Factor of noise.
    pub sigma: f64,
    /// Factor of the latent.
    pub gamma: f64,
    /// d alpha/dt.
    pub dalpha: f64,
    /// d sigma/dt.
    pub dsigma: f64,
    /// gamma d gamma/dt, which stays finite where d gamma/dt does not.
    pub gamma_dgamma: f64,
    /// log(alpha).
    pub log_alpha: f64,
    /// Its derivative: the drift f of the forward SDE.
    pub dlog_alpha: f64,
    /// log(alpha/sigma), half the log-SNR.
    pub lambda: f64,
    /// The forward SDE's squared diffusion.
    pub diffusion2: f64,
}

const _: () = assert!(size_of::<Coeffs>() == size_of::<sys::nwr_coeffs>());

/// What a schedule is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScheduleInfo<'a> {
    /// Recreates the schedule, unless it is a table or a closure.
    pub spec: &'a str,
    /// Where sampling begins.
    pub t_noise: f64,
    /// Where sampling ends.
    pub t_data: f64,
}

/// x_t = alpha(t) data + sigma(t) noise + gamma(t) latent. Immutable and shared freely.
///
/// ```
/// use noisewright::{kinds::schedules::Cosine, Schedule};
///
/// let named = Schedule::new("cosine(s=0.01)")?;
/// let typed = Schedule::new(Cosine { s: 0.01, ..Default::default() })?;
/// assert_eq!(named.at(0.3)?, typed.at(0.3)?);
/// assert_eq!(Schedule::new("cosin").unwrap_err().kind(), noisewright::Kind::NotFound);
/// # Ok::<(), noisewright::Error>(())
/// ```
#[derive(Debug)]
pub struct Schedule(NonNull<sys::nwr_schedule>);

// SAFETY: the library takes schedules by pointer to const alone, which any thread may use at once;
// closures that it keeps are Send and Sync.
unsafe impl Send for Schedule {}
// SAFETY: as above.
unsafe impl Sync for Schedule {}

impl Schedule {
    /// The schedule of a name, with its settings.
    pub fn new(spec: impl Into<Spec>) -> Result<Self> {
        Self::table(spec, &[])
    }

    /// A discrete schedule of your own numbers, which are copied: alpha_bar of each index, falling,
    /// or its betas with the spec `"table(betas=yes)"`.
    pub fn table(spec: impl Into<Spec>, table: &[f64]) -> Result<Self> {
        check_library()?;
        let name = spec.into().to_c()?;
        let options = sys::nwr_schedule_options {
            table: pointer(table),
            table_count: table.len(),
            ..Default::default()
        };
        let (status, handle) = Self::create(&name, options);
        Self::own(status, handle)
    }

    /// A schedule of your own formulas, from `t_noise` to `t_data`. The closure sets alpha and
    /// sigma, finite and at least 0; gamma and gamma_dgamma come in as 0, the rest as NaN: what it
    /// leaves is derived from alpha and sigma. It may be called from several threads at once; its
    /// error is the source of the error of the call that needed it.
    ///
    /// ```
    /// use noisewright::Schedule;
    ///
    /// let mine = Schedule::custom(0.0, 1.0, |t, c| {
    ///     (c.alpha, c.sigma) = (t, 1.0 - t);
    ///     (c.dalpha, c.dsigma) = (1.0, -1.0);
    ///     Ok(())
    /// })?;
    /// assert_eq!(mine.at(0.25)?.sigma, 0.75);
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn custom<F>(t_noise: f64, t_data: f64, coeffs: F) -> Result<Self>
    where
        F: Fn(f64, &mut Coeffs) -> std::result::Result<(), BoxError> + Send + Sync + 'static,
    {
        check_library()?;
        let user = Box::into_raw(Box::new(coeffs));
        let options = sys::nwr_schedule_options {
            t_noise,
            t_data,
            coeffs: Some(coeffs_for_c::<F>),
            release: Some(release_for_c::<F>),
            user: user.cast(),
            ..Default::default()
        };
        let (status, handle) = Self::create(c"custom", options);
        if status.0 < 0 {
            // SAFETY: a schedule that was not made does not release what it was given.
            drop(unsafe { Box::from_raw(user) });
        }
        Self::own(status, handle)
    }

    fn create(
        name: &CStr,
        mut options: sys::nwr_schedule_options,
    ) -> (sys::nwr_status, *mut sys::nwr_schedule) {
        options.struct_size = size_of::<sys::nwr_schedule_options>() as u32;
        options.name = name.as_ptr();
        let mut out = ptr::null_mut();
        // SAFETY: options is valid for the call; what is kept is owned by the schedule.
        let status = unsafe { sys::nwr_schedule_create(&options, &mut out) };
        (status, out)
    }

    pub(crate) fn own(status: sys::nwr_status, handle: *mut sys::nwr_schedule) -> Result<Self> {
        check(status)?;
        NonNull::new(handle).map(Self).ok_or_else(no_handle)
    }

    pub(crate) fn raw(&self) -> *const sys::nwr_schedule {
        self.0.as_ptr()
    }

    /// What the schedule is and between which times it runs.
    pub fn info(&self) -> Result<ScheduleInfo<'_>> {
        let mut raw = sys::nwr_schedule_info {
            struct_size: size_of::<sys::nwr_schedule_info>() as u32,
            ..Default::default()
        };
        // SAFETY: raw is valid and says its size.
        check(unsafe { sys::nwr_schedule_get_info(self.raw(), &mut raw) })?;
        // SAFETY: the string lives as long as the handle, which is borrowed.
        let spec = unsafe { CStr::from_ptr(raw.spec) };
        Ok(ScheduleInfo {
            spec: spec.to_str().unwrap_or_default(),
            t_noise: raw.t_noise,
            t_data: raw.t_data,
        })
    }

    /// The coefficients at one time between the ends.
    pub fn at(&self, t: f64) -> Result<Coeffs> {
        let mut out = Coeffs::default();
        // SAFETY: one time, and room for its coefficients, which have the layout of C's.
        check(unsafe {
            sys::nwr_schedule_eval(self.raw(), &t, 1, ptr::from_mut(&mut out).cast())
        })?;
        Ok(out)
    }

    /// The coefficients at each time. Values that are infinite at an end are infinities.
    pub fn eval(&self, times: &[f64]) -> Result<Vec<Coeffs>> {
        let mut out = vec![Coeffs::default(); times.len()];
        // SAFETY: as many coefficients as times, with the layout of C's.
        check(unsafe {
            sys::nwr_schedule_eval(
                self.raw(),
                pointer(times),
                times.len(),
                out.as_mut_ptr().cast(),
            )
        })?;
        Ok(out)
    }

    /// The times at which log(alpha/sigma) has these values.
    pub fn invert(&self, lambdas: &[f64]) -> Result<Vec<f64>> {
        let mut out = vec![0.0; lambdas.len()];
        // SAFETY: as many times as values.
        check(unsafe {
            sys::nwr_schedule_invert(
                self.raw(),
                pointer(lambdas),
                lambdas.len(),
                out.as_mut_ptr(),
            )
        })?;
        Ok(out)
    }

    /// A named function of the schedule at each time: a diffusion w^2, or the weight of a training
    /// loss, such as `"snr(most=5)"`.
    pub fn weigh(&self, weight: impl Into<Spec>, times: &[f64]) -> Result<Vec<f64>> {
        let name = weight.into().to_c()?;
        let options = sys::nwr_weight_options {
            struct_size: size_of::<sys::nwr_weight_options>() as u32,
            name: name.as_ptr(),
            ..Default::default()
        };
        let mut out = vec![0.0; times.len()];
        // SAFETY: as many numbers as times.
        check(unsafe {
            sys::nwr_schedule_weigh(
                self.raw(),
                &options,
                pointer(times),
                times.len(),
                out.as_mut_ptr(),
            )
        })?;
        Ok(out)
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        // SAFETY: this is the only release of the handle.
        unsafe { sys::nwr_schedule_destroy(self.0.as_ptr()) }
    }
}

unsafe extern "C" fn coeffs_for_c<F>(user: *mut c_void, t: f64, out: *mut sys::nwr_coeffs) -> i32
where
    F: Fn(f64, &mut Coeffs) -> std::result::Result<(), BoxError>,
{
    // SAFETY: user is the closure that the schedule keeps; out has the layout of Coeffs.
    let (closure, out) = unsafe { (&*user.cast::<F>(), &mut *out.cast::<Coeffs>()) };
    call_for_c(|| closure(t, out))
}

/// Drops what a handle kept.
pub(crate) unsafe extern "C" fn release_for_c<F>(user: *mut c_void) {
    // SAFETY: user came from Box::into_raw and is released once.
    let call = AssertUnwindSafe(|| drop(unsafe { Box::from_raw(user.cast::<F>()) }));
    // A panic of a destructor has nowhere to go.
    let _ = catch_unwind(call);
}
