// SPDX-License-Identifier: Apache-2.0
//! Owns where libnoisewright is: NWR_LIB_DIR, then pkg-config, then this repository's build.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const LINK_NAME: &str = "libnoisewright.so";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=NWR_LIB_DIR");
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");
    if env::var_os("CARGO_FEATURE_DOC_ONLY").is_some() {
        return;
    }
    println!("cargo::rustc-link-lib=dylib=noisewright");
    let found = match env::var_os("NWR_LIB_DIR") {
        Some(dir) => vec![PathBuf::from(dir)],
        None => match pkg_config() {
            Some(dirs) => dirs,
            None => vec![build_of_repository().unwrap_or_else(|| {
                refuse(&format!(
                    "{LINK_NAME} was not found: set NWR_LIB_DIR to its directory, or install it \
                     so that pkg-config finds noisewright"
                ))
            })],
        },
    };
    for dir in found {
        // An absolute path: the linker and the tests run in other directories.
        let dir = dir.canonicalize().unwrap_or(dir);
        if !dir.join(LINK_NAME).exists() {
            refuse(&format!("{} has no {LINK_NAME}", dir.display()));
        }
        println!("cargo::rerun-if-changed={}", dir.join(LINK_NAME).display());
        println!("cargo::rustc-link-search=native={}", dir.display());
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", dir.display());
        println!("cargo::metadata=lib_dir={}", dir.display());
        link_for_cargo(&dir);
    }
}

fn refuse(why: &str) -> ! {
    eprintln!("noisewright-sys: {why}");
    std::process::exit(1);
}

/// The directories that pkg-config names, none where the linker's own will do; or no answer.
fn pkg_config() -> Option<Vec<PathBuf>> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(program)
        .args(["--libs-only-L", "noisewright"])
        .output()
        .ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    let text = String::from_utf8(text).ok()?;
    Some(
        text.split_whitespace()
            .filter_map(|word| word.strip_prefix("-L").map(PathBuf::from))
            .collect(),
    )
}

fn build_of_repository() -> Option<PathBuf> {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR")?).join("../../..");
    ["build/release", "build"]
        .iter()
        .map(|place| root.join(place))
        .find(|dir| dir.join(LINK_NAME).exists())
}

/// Cargo puts those search directories that lie in its own target directory on the loader's path,
/// which is the only way for a doctest to find a library that is not installed.
fn link_for_cargo(dir: &Path) {
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        return;
    };
    let Ok(entries) = dir.read_dir() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(LINK_NAME) {
            let link = out.join(&name);
            let _ = std::fs::remove_file(&link);
            #[cfg(unix)]
            let _ = std::os::unix::fs::symlink(entry.path(), link);
        }
    }
    println!("cargo::rustc-link-search=native={}", out.display());
}
