// SPDX-License-Identifier: Apache-2.0
//! Owns the list of what the loaded library has by name.

use std::ffi::{c_char, CStr, CString};
use std::fmt;
use std::mem::size_of;
use std::ops::Range;

use noisewright_sys as sys;

use crate::error::check;
use crate::{Error, Result};

/// The kinds of named thing that the library can list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Domain {
    /// Outcomes of calls.
    Status,
    /// Element types.
    Dtype,
    /// Memory spaces.
    Device,
    /// What models predict and solvers need.
    Quantity,
    /// Schedules.
    Schedule,
    /// Grids of times.
    Grid,
    /// Samplers.
    Sampler,
    /// The clocks that models read.
    Clock,
    /// Distributions of random numbers.
    Distribution,
    /// What x holds when a run begins.
    Start,
    /// Weights and diffusions.
    Weight,
    /// Densities of random times.
    Density,
    /// Rules for where image-to-image begins.
    Strength,
    /// Sources of random numbers, which have names only.
    Generator,
    /// A value that this version of the crate has no name for.
    Unknown(i32),
}

impl Domain {
    fn raw(self) -> sys::nwr_domain {
        match self {
            Self::Status => sys::nwr_domain::NWR_DOMAIN_STATUS,
            Self::Dtype => sys::nwr_domain::NWR_DOMAIN_DTYPE,
            Self::Device => sys::nwr_domain::NWR_DOMAIN_DEVICE,
            Self::Quantity => sys::nwr_domain::NWR_DOMAIN_QUANTITY,
            Self::Schedule => sys::nwr_domain::NWR_DOMAIN_SCHEDULE,
            Self::Grid => sys::nwr_domain::NWR_DOMAIN_GRID,
            Self::Sampler => sys::nwr_domain::NWR_DOMAIN_SAMPLER,
            Self::Clock => sys::nwr_domain::NWR_DOMAIN_CLOCK,
            Self::Distribution => sys::nwr_domain::NWR_DOMAIN_DISTRIBUTION,
            Self::Start => sys::nwr_domain::NWR_DOMAIN_START,
            Self::Weight => sys::nwr_domain::NWR_DOMAIN_WEIGHT,
            Self::Density => sys::nwr_domain::NWR_DOMAIN_DENSITY,
            Self::Strength => sys::nwr_domain::NWR_DOMAIN_STRENGTH,
            Self::Generator => sys::nwr_domain::NWR_DOMAIN_GENERATOR,
            Self::Unknown(value) => sys::nwr_domain(value),
        }
    }
}

/// One named thing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The C enum's constant.
    pub value: i32,
    /// Lower case, stable: what config files say.
    pub name: &'static str,
    /// One line about it.
    pub summary: &'static str,
    /// Consumes random numbers.
    pub stochastic: bool,
    /// The number of evaluations is not known in advance.
    pub adaptive: bool,
    /// Usable in this process, plugins considered.
    pub available: bool,
    /// Samplers: order of accuracy; else 0.
    pub order: u32,
    /// Samplers: evaluations a step.
    pub evals_per_step: u32,
    param_count: u32,
    domain: Domain,
    index: usize,
}

/// One named setting of an entry.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Param {
    /// As a spec writes it.
    pub name: &'static str,
    /// One line about it.
    pub summary: &'static str,
    /// What it is when left out.
    pub default_value: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The words for the values 0, 1, 2 ..., as `"small,large"`; none for a number.
    pub choices: Option<&'static str>,
}

/// The entries of a domain; none for a domain that the loaded library does not know.
///
/// ```
/// use noisewright::{entries, Domain};
///
/// let ddim = entries(Domain::Sampler).find(|entry| entry.name == "ddim").unwrap();
/// assert_eq!(ddim.order, 1);
/// assert!(ddim.params().any(|param| param.name == "eta"));
/// ```
pub fn entries(domain: Domain) -> Entries {
    // SAFETY: no conditions.
    let count = unsafe { sys::nwr_catalog_size(domain.raw()) };
    Entries {
        domain,
        indices: 0..count,
    }
}

/// The iterator of [`entries`].
#[derive(Clone, Debug)]
pub struct Entries {
    domain: Domain,
    indices: Range<usize>,
}

impl Iterator for Entries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let index = self.indices.next()?;
        let mut raw = sys::nwr_entry {
            struct_size: size_of::<sys::nwr_entry>() as u32,
            ..Default::default()
        };
        // SAFETY: raw is valid and says its size.
        check(unsafe { sys::nwr_catalog_entry(self.domain.raw(), index, &mut raw) }).ok()?;
        let has = |flag: sys::nwr_entry_flags| raw.flags.0 & flag.0 != 0;
        Some(Entry {
            value: raw.value,
            // SAFETY: strings of no handle live for ever.
            name: unsafe { text(raw.name) }?,
            // SAFETY: as above.
            summary: unsafe { text(raw.summary) }?,
            stochastic: has(sys::nwr_entry_flags::NWR_ENTRY_STOCHASTIC),
            adaptive: has(sys::nwr_entry_flags::NWR_ENTRY_ADAPTIVE),
            available: has(sys::nwr_entry_flags::NWR_ENTRY_AVAILABLE),
            order: raw.order,
            evals_per_step: raw.evals_per_step,
            param_count: raw.param_count,
            domain: self.domain,
            index,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.indices.size_hint()
    }
}

impl Entry {
    /// Its settings.
    pub fn params(&self) -> impl ExactSizeIterator<Item = Param> {
        let (domain, index) = (self.domain, self.index);
        (0..self.param_count as usize).map(move |place| {
            let mut raw = sys::nwr_param_info {
                struct_size: size_of::<sys::nwr_param_info>() as u32,
                ..Default::default()
            };
            // SAFETY: raw is valid and says its size.
            let status = unsafe { sys::nwr_catalog_param(domain.raw(), index, place, &mut raw) };
            // The library itself said how many there are.
            assert_eq!(status, sys::nwr_status::NWR_OK);
            Param {
                // SAFETY: strings of no handle live for ever.
                name: unsafe { text(raw.name) }.unwrap_or_default(),
                // SAFETY: as above.
                summary: unsafe { text(raw.summary) }.unwrap_or_default(),
                default_value: raw.default_value,
                min: raw.min,
                max: raw.max,
                // SAFETY: as above.
                choices: unsafe { text(raw.choices) },
            }
        })
    }
}

/// The enum constant that a name, or one of its aliases, stands for.
pub fn find(domain: Domain, name: &str) -> Result<i32> {
    let name = CString::new(name).map_err(|_| Error::invalid("the name holds a NUL character"))?;
    let mut value = 0;
    // SAFETY: name is NUL-terminated, value is valid.
    check(unsafe { sys::nwr_catalog_find(domain.raw(), name.as_ptr(), &mut value) })?;
    Ok(value)
}

pub(crate) fn write_name(f: &mut fmt::Formatter<'_>, domain: Domain, value: i32) -> fmt::Result {
    match entries(domain).find(|entry| entry.value == value) {
        Some(entry) => f.pad(entry.name),
        None => write!(f, "{value}"),
    }
}

/// # Safety
/// NULL, or a NUL-terminated string that lives for ever.
unsafe fn text(raw: *const c_char) -> Option<&'static str> {
    if raw.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(raw) }.to_str().ok()
}
