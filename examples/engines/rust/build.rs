// SPDX-License-Identifier: Apache-2.0
//! Where libonnxruntime.so is: ONNXRUNTIME_DIR/lib, or where examples/engines/setup puts it.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ONNXRUNTIME_DIR");
    let dir = std::env::var("ONNXRUNTIME_DIR")
        .unwrap_or_else(|_| "../../../build/engines/onnxruntime".into());
    let lib = Path::new(&dir).join("lib");
    match lib.canonicalize() {
        Ok(lib) => {
            println!("cargo::rustc-link-search=native={}", lib.display());
            println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
        }
        Err(e) => {
            eprintln!("{}: {e}; examples/engines/setup makes it", lib.display());
            std::process::exit(1);
        }
    }
}
