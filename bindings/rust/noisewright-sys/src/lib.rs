// SPDX-License-Identifier: Apache-2.0
//! Raw bindings to libnoisewright, one-to-one with `noisewright.h`: its comments are the reference.
//! Enums are newtypes of `i32`, for they are open. The crate
//! `noisewright` is the safe layer.
#![no_std]
#![allow(non_camel_case_types)]
// The comments are C's: brackets in them are arrays.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("noisewright needs a 64-bit target");

mod bindings;

pub use bindings::*;
