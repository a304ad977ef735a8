//! `make bench`: this module beside the server's own AOF, in one run on one machine.
//!
//! It tells what it measured, whoever wins, and never fails for a number. What it compares takes turns, round
//! by round, so that noise of the machine meets both sides alike; what it shows are medians. Ratios are
//! medians of the rounds' own ratios.
#![allow(clippy::print_stdout, reason = "telling is what it is for")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is a failed run"
)]

#[path = "../tests/support/mod.rs"]
mod support;

mod beside_cache;
mod contender;
mod fill;
mod filter_cost;
mod generator;
mod load_time;
mod machine;
mod memory;
mod plot;
mod probe;
mod readers;
mod report;
mod rewrite;
mod rewrite_run;
mod rounds;
mod scale;
mod writes;

use std::env;
use std::time::Instant;

use report::Report;
use scale::Scale;

/// Measures one part and returns its tables and plots.
type Part = fn(&Scale) -> report::Section;

/// The parts by the name that `ONLY=` takes.
const PARTS: [(&str, Part); 6] = [
    ("writes", writes::section),
    ("readers", readers::section),
    ("rewrite", rewrite::section),
    ("load", load_time::section),
    ("cache", beside_cache::section),
    ("filter", filter_cost::section),
];

fn main() {
    let scale = Scale::of_environment();
    let only = env::var("ONLY").unwrap_or_default();
    let mut report = Report::new(&scale, &machine::describe());
    for (name, part) in PARTS {
        if only.is_empty() || only.split(',').any(|wanted| wanted == name) {
            let start = Instant::now();
            let section = part(&scale);
            println!(
                "{}({name} took {:.0} s)\n",
                section.text(),
                start.elapsed().as_secs_f64()
            );
            report.add(section);
        }
    }
    println!(
        "written: {}",
        report.write(&scale.folder(only.is_empty())).display()
    );
}
