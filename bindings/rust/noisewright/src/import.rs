// SPDX-License-Identifier: Apache-2.0
//! Owns schedules made of other libraries' configurations, and what these say besides.

use std::ffi::{c_char, CStr, CString};
use std::mem::size_of;
use std::ptr;

use noisewright_sys as sys;

use crate::error::{check, check_library};
use crate::tensor::pointer;
use crate::{Clock, Error, Quantity, Result, Schedule, Spec, Start};

/// What a configuration leaves open.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ImportOptions {
    steps: u32,
    params: Vec<(String, f64)>,
    schedule: Option<Spec>,
}

impl ImportOptions {
    /// Steps of the run, on which some settings depend; 50 unless said.
    pub fn steps(mut self, steps: u32) -> Self {
        self.steps = steps;
        self
    }

    /// What the class takes when it is called: `eta`, `s_noise`, `order`, `strength`, `mu`,
    /// `tokens`, `even`. [`Kind::NotFound`](crate::Kind::NotFound) for one that it does not take.
    pub fn param(mut self, name: &str, value: f64) -> Self {
        self.params.push((name.into(), value));
        self
    }

    /// The model's schedule, of which names alone say nothing; `"sd15"` unless said.
    pub fn schedule(mut self, schedule: impl Into<Spec>) -> Self {
        self.schedule = Some(schedule.into());
        self
    }
}

/// What a configuration says besides the schedule, for grids and samplers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Import<'a> {
    /// What the model returns.
    pub prediction: Quantity,
    /// What the model reads, once multiplied by `clock_scale`.
    pub clock: Clock,
    /// 1000 where timesteps are a flow's sigma times 1000.
    pub clock_scale: f64,
    /// How the other library begins a run.
    pub start: Start,
    /// The class, or the names in lower case.
    pub source: &'a str,
    /// The spec of the grid.
    pub grid: &'a str,
    /// The spec of the sampler.
    pub sampler: &'a str,
    /// The steps that it is for: ask the grid for one time more.
    pub steps: u32,
    /// What was not followed, as `"key=value: reason"`.
    pub warnings: Vec<&'a str>,
}

impl Schedule {
    /// The schedule of another library's configuration: the JSON of a scheduler_config.json of
    /// diffusers, or the name that k-diffusion, ComfyUI, A1111 or stable-diffusion.cpp gives a
    /// sampler, of which a grid's may follow. [`imported`](Self::imported) tells the rest.
    ///
    /// ```
    /// use noisewright::{Context, ImportOptions, Rng, Sampler, Schedule};
    ///
    /// let schedule = Schedule::import("DPM++ 2M Karras", &ImportOptions::default().steps(20))?;
    /// let config = schedule.imported().unwrap();
    /// let times = schedule.grid(config.grid, config.steps as usize + 1)?;
    /// let sampler = Sampler::builder(config.sampler)
    ///     .predicts(config.prediction)
    ///     .clock(config.clock)
    ///     .times(&times)
    ///     .rng(Rng::new(42))
    ///     .build(&Context::new()?, &schedule)?; // and start(&mut x, config.start)
    /// assert!(config.warnings[0].starts_with("schedule"), "{:?}", config.warnings); // it is sd15
    /// # Ok::<(), noisewright::Error>(())
    /// ```
    pub fn import(text: &str, options: &ImportOptions) -> Result<Self> {
        check_library()?;
        let to_c = |text: &str, what| {
            let message = || Error::invalid(format!("the {what} holds a NUL character"));
            CString::new(text).map_err(|_| message())
        };
        let text = to_c(text, "configuration")?;
        let names = options.params.iter().map(|(name, _)| to_c(name, "name"));
        let names = names.collect::<Result<Vec<_>>>()?;
        let params: Vec<_> = std::iter::zip(&names, &options.params)
            .map(|(name, (_, value))| sys::nwr_param {
                name: name.as_ptr(),
                value: *value,
            })
            .collect();
        let schedule = options.schedule.as_ref().map(Spec::to_c).transpose()?;
        let given = sys::nwr_import_options {
            struct_size: size_of::<sys::nwr_import_options>() as u32,
            steps: options.steps,
            param_count: params.len() as u32,
            params: pointer(&params),
            schedule: schedule.as_ref().map_or(ptr::null(), |spec| spec.as_ptr()),
            ..Default::default()
        };
        let mut out = ptr::null_mut();
        // SAFETY: text and options are valid for the call.
        let status = unsafe { sys::nwr_schedule_import(text.as_ptr(), &given, &mut out) };
        Self::own(status, out)
    }

    /// What [`import`](Self::import) read; none for other schedules.
    pub fn imported(&self) -> Option<Import<'_>> {
        let mut raw = sys::nwr_import {
            struct_size: size_of::<sys::nwr_import>() as u32,
            ..Default::default()
        };
        // SAFETY: raw is valid and says its size.
        check(unsafe { sys::nwr_schedule_get_import(self.raw(), &mut raw) }).ok()?;
        // SAFETY: the strings live as long as the handle, which is borrowed.
        let text = |raw: *const c_char| unsafe { CStr::from_ptr(raw) }.to_str().unwrap_or_default();
        // SAFETY: the library has written as many warnings as it says, if any.
        let warning = |i| text(unsafe { *raw.warnings.add(i) });
        Some(Import {
            prediction: raw.prediction.0.into(),
            clock: raw.clock.0.into(),
            clock_scale: raw.clock_scale,
            start: raw.start.0.into(),
            source: text(raw.source),
            grid: text(raw.grid),
            sampler: text(raw.sampler),
            steps: raw.steps,
            warnings: (0..raw.warning_count as usize).map(warning).collect(),
        })
    }
}
