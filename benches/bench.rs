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

mod apart;
mod backpressure;
mod beside_cache;
mod child_cases;
mod child_spare;
mod child_trouble;
mod contender;
mod disk_full;
mod editions;
mod fill;
mod filter_cost;
mod gate;
mod generator;
mod huge_rewrite;
mod huge_steps;
mod huge_values;
mod load_time;
mod longest_step;
mod machine;
mod memory;
mod paced;
mod plot;
mod probe;
mod report;
mod rewrite;
mod rewrite_run;
mod rounds;
mod scale;
mod settings;
mod slow_syncs;
mod small_disk;
mod stall;
mod table;
mod targets;
mod trouble;
mod types;
mod value_memory;

use std::env;
use std::panic;
use std::process::ExitCode;
use std::time::Instant;

use report::Report;
use scale::Scale;

/// Measures one part and returns its tables and plots.
type Part = fn(&Scale) -> report::Section;

/// The parts by their names; `ONLY=` takes these, or how they begin.
const PARTS: [(&str, Part); 15] = [
    ("gate-writers", gate::writers::section),
    ("gate-readers", gate::readers::section),
    ("rewrite", rewrite::section),
    ("child", child_trouble::section),
    ("child", child_spare::section),
    ("full", disk_full::section),
    ("stall", backpressure::section),
    ("huge", longest_step::section),
    ("huge", huge_steps::section),
    ("huge", huge_rewrite::section),
    ("load", load_time::section),
    ("cache", beside_cache::section),
    ("filter", filter_cost::section),
    ("memory", value_memory::section),
    ("types", types::section),
];

fn main() -> ExitCode {
    let scale = Scale::of_environment();
    let only = env::var("ONLY").unwrap_or_default();
    let wanted: Vec<&str> = only.split(',').filter(|name| !name.is_empty()).collect();
    for name in &wanted {
        assert!(
            PARTS.iter().any(|(part, _)| part.starts_with(name)),
            "ONLY names no part: {name}. Parts: {}",
            names()
        );
    }
    let mut report = Report::new(&scale, &machine::describe());
    let mut failed = Vec::new();
    for (name, part) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.starts_with(wanted)) {
            let start = Instant::now();
            // A part that fails takes neither the others' numbers nor their time with it.
            let Ok(section) = panic::catch_unwind(|| part(&scale)) else {
                failed.push(name);
                continue;
            };
            println!(
                "{}({name} took {:.0} s)\n",
                section.text(),
                start.elapsed().as_secs_f64()
            );
            report.add(section);
        }
    }
    println!("{}", report.targets());
    let whole = wanted.is_empty() && failed.is_empty();
    println!("written: {}", report.write(&scale.folder(whole)).display());
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("FAILED, see above: {}", failed.join(" "));
        ExitCode::FAILURE
    }
}

fn names() -> String {
    let mut names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    names.dedup();
    names.join(" ")
}
