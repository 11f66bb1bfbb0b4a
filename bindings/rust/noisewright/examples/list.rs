// SPDX-License-Identifier: Apache-2.0
//! Lists what the library has: schedules, grids, samplers, weights, densities and
//! generators, with their settings. A menu or a config file's checker can be made of the same calls.

use noisewright::{entries, Domain, Entry};

/// A number as C's %g writes it.
fn general(value: f64) -> String {
    let text = format!("{value:.5e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        return trim(&format!("{value:.*}", (5 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(digits), exponent.abs())
}

fn list_settings(entry: &Entry) {
    for p in entry.params() {
        let default = general(p.default_value);
        print!("      {:18} {}; ", p.name, p.summary);
        match p.choices {
            Some(words) => println!("one of {words}; default {default}"),
            None => println!(
                "{} to {}, default {default}",
                general(p.min),
                general(p.max)
            ),
        }
    }
}

fn list_domain(domain: Domain, title: &str) {
    println!("{title}");
    for e in entries(domain) {
        print!("  {:26} {}", e.name, e.summary);
        if domain == Domain::Sampler {
            let plural = if e.evals_per_step == 1 { "" } else { "s" };
            let kind = if e.stochastic { ", stochastic" } else { "" };
            print!(
                " (order {}, {} evaluation{plural} a step{kind})",
                e.order, e.evals_per_step
            );
        }
        println!();
        list_settings(&e);
    }
}

fn main() {
    list_domain(Domain::Schedule, "schedules");
    list_domain(Domain::Grid, "grids");
    list_domain(Domain::Sampler, "samplers");
    list_domain(Domain::Weight, "weights");
    list_domain(Domain::Density, "densities of random times");
    list_domain(Domain::Generator, "generators of random numbers");
}
