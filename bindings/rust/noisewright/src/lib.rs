// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]
#![deny(unsafe_op_in_unsafe_fn, missing_docs)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod catalog;
mod context;
mod error;
mod grid;
mod import;
pub mod kinds;
mod open_enum;
mod rng;
mod sampler;
mod schedule;
mod spec;
mod tensor;
mod transform;

pub use catalog::{entries, find, Domain, Entries, Entry, Param};
pub use context::{Allocator, Context, ContextBuilder, Device, Memory};
pub use error::{BoxError, Error, Kind, Result, Stop};
pub use grid::Strength;
pub use import::{Import, ImportOptions};
pub use rng::{Distribution, Rng};
pub use sampler::{Canceller, Clock, Eval, Sampler, SamplerBuilder, Start};
pub use schedule::{Coeffs, Schedule, ScheduleInfo};
pub use spec::Spec;
pub use tensor::{Bf16, Dtype, Element, TensorMut, TensorRef, F16, MAX_RANK};
pub use transform::{At, Numbers, Quantity};

pub use noisewright_sys as sys;
