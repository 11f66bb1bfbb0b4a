// SPDX-License-Identifier: Apache-2.0
//! The conformance cases and the small programs, against what C prints.

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../examples/conformance.rs"]
mod runner;

/// The repository's file, or none where the crate stands alone.
fn repository(file: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .join(file);
    if !path.exists() {
        eprintln!("skipped: {} is missing", path.display());
        return None;
    }
    Some(path)
}

/// Compares line by line, so that a failure shows the line.
fn assert_same(found: &str, expected: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
fn every_case_gives_the_bits_of_c() {
    let Some(cases) = repository("tests/conformance/cases.txt") else {
        return;
    };
    let expected = std::fs::read_to_string(cases.with_file_name("expected.txt")).unwrap();
    let cases = std::fs::read_to_string(cases).unwrap();
    let (found, passed) = runner::run_cases(&cases, 2).unwrap();
    assert_same(&found, &expected);
    assert!(passed);
}

/// Runs an example and compares with what C's prints.
fn example_prints_what_that_of_c_prints(name: &str, arguments: &[&str]) {
    let Some(expected) = repository(&format!("examples/c/expected/{name}.txt")) else {
        return;
    };
    let test = std::env::current_exe().unwrap();
    let programs = test.ancestors().nth(2).unwrap().join("examples");
    let output = Command::new(programs.join(name))
        .args(arguments)
        .output()
        .expect("cargo builds examples");
    assert!(output.status.success(), "{name}: {output:?}");
    let expected = std::fs::read_to_string(expected).unwrap();
    assert_same(&String::from_utf8(output.stdout).unwrap(), &expected);
}

#[test]
fn the_small_programs_print_what_those_of_c_print() {
    for name in [
        "ddim",
        "train",
        "transform",
        "checkpoint",
        "list",
        "recipes",
    ] {
        example_prints_what_that_of_c_prints(name, &[]);
    }
}

#[test]
fn the_network_draws_the_pictures_of_c() {
    let Ok(network) = std::env::var("NWR_FASHION") else {
        eprintln!("skipped: NWR_FASHION does not name libfashion.so");
        return;
    };
    example_prints_what_that_of_c_prints("fashion", &[&network, "1"]);
}
