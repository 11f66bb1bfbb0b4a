// SPDX-License-Identifier: Apache-2.0
//! Lets this crate's own tests and examples run with a library that is not installed.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(dir) = std::env::var("DEP_NOISEWRIGHT_LIB_DIR") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{dir}");
    }
}
