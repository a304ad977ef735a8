//! Writes a second: `MYLOG.SET` beside native SET of the same server, and beside a stock server with its AOF.

use crate::contender::{Ours, POLICIES, Stock};
use crate::generator::Generator;
use crate::plot::{self, Group};
use crate::report::{Section, count, two};
use crate::rounds::{Cell, ratio, take_turns};
use crate::scale::Scale;

const CLIENTS: u32 = 50;
const PIPELINES: [u32; 2] = [1, 16];

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let mut section = Section::new(
        "Writes a second",
        "50 clients, values of 100 bytes. `native` is SET in the server with the module, its AOF off; `AOF` is SET in a\n\
         stock server with its AOF under the same policy. The last columns are the time that the event loop ran per\n\
         command, in microseconds.",
        &[
            "policy",
            "pipeline",
            "MYLOG.SET",
            "native",
            "AOF",
            "to native",
            "to AOF",
            "cpu ours",
            "cpu native",
            "cpu AOF",
        ],
    );
    let mut groups = Vec::new();
    for policy in POLICIES {
        measure(scale, policy, &mut section, &mut groups);
    }
    let names = ["MYLOG.SET", "native SET, no log", "SET with AOF"];
    section.plot("writes", plot::bars("Writes a second", &names, &groups));
    section
}

fn measure(scale: &Scale, policy: &str, section: &mut Section, groups: &mut Vec<Group>) {
    let (ours, stock) = (Ours.start(policy), Stock.start(policy));
    let mut cells = Vec::new();
    for pipeline in PIPELINES {
        for (server, command) in [
            (&ours, "MYLOG.SET durable:__rand_int__ __value__"),
            (&ours, "SET cache:__rand_int__ __value__"),
            (&stock, "SET durable:__rand_int__ __value__"),
        ] {
            cells.push(Cell::new(
                server,
                Generator::new(CLIENTS, pipeline, scale.keys, command),
            ));
        }
    }
    take_turns(&mut cells, scale);
    for (pipeline, cells) in PIPELINES.iter().zip(cells.chunks(3)) {
        let rates: Vec<Vec<f64>> = cells.iter().map(|cell| cell.each(|sample| sample.rate)).collect();
        let medians: Vec<f64> = cells
            .iter()
            .map(|cell| cell.median(|sample| sample.rate))
            .collect();
        let mut row = vec![policy.to_owned(), pipeline.to_string()];
        row.extend(medians.iter().map(|&rate| count(rate)));
        row.extend([two(ratio(&rates[0], &rates[1])), two(ratio(&rates[0], &rates[2]))]);
        row.extend(cells.iter().map(|cell| two(cell.median(|sample| sample.cpu_us))));
        section.row(row);
        groups.push((format!("{policy}, pipeline {pipeline}"), medians));
    }
}
