//! A rewrite under full write load: ours beside BGREWRITEAOF, on a hot set of keys and on all of them.

use std::time::Duration;

use crate::contender::{Contender, Ours, Stock};
use crate::fill::fill;
use crate::generator::Generator;
use crate::plot;
use crate::report::{Section, count, megabytes};
use crate::rewrite_run::{Watched, watch};
use crate::rounds::median;
use crate::scale::Scale;

const HOT_KEYS: u64 = 1_000;

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let mut section = Section::new(
        "A rewrite under full write load",
        "50 clients write with a pipeline of 16, under everysec. `hot`: to 1000 keys, `uniform`: to all of them. Waits are\n\
         the longest of a prober that sends PING 2000 times a second; those before the rewrite are what the load alone\n\
         does. Memory is what server and child have beyond what the server had before. The log's size is that of all its\n\
         files at the end of the rewrite, what was written meanwhile included.",
        &[
            "keys written",
            "log",
            "ended",
            "s",
            "writes/s before",
            "during",
            "after",
            "wait ms before",
            "during",
            "at the end",
            "extra memory",
            "log after",
        ],
    );
    for (pattern, keys, file) in [
        ("hot", HOT_KEYS, "rewrite-hot"),
        ("uniform", scale.rewrite_keys, "rewrite-uniform"),
    ] {
        let mut lines = Vec::new();
        for (name, rounds) in measure(scale, keys) {
            section.row(row(pattern, name, &rounds));
            lines.extend(rounds.into_iter().last().map(|last| (name, last.timeline)));
        }
        let title = format!("Writes a second, {pattern} keys, a rewrite in the middle");
        section.plot(file, plot::lines(&title, &lines));
    }
    section
}

fn measure(scale: &Scale, keys: u64) -> [(&'static str, Vec<Watched>); 2] {
    let around = Duration::from_secs_f64(scale.seconds * 2.0);
    let mut seen = [("ours", Vec::new()), ("AOF", Vec::new())];
    let both: [(Contender, _); 2] = [Ours, Stock].map(|who| {
        let server = who.start("everysec");
        fill(&server, who.set(), "durable:", scale.rewrite_keys);
        (who, server)
    });
    for _ in 0..scale.rewrite_rounds {
        for ((who, server), (_, seen)) in both.iter().zip(&mut seen) {
            let command = format!("{} durable:__rand_int__ __value__", who.set());
            let load = Generator::new(50, 16, keys, &command);
            seen.push(watch(*who, server, &load, around));
        }
    }
    seen
}

fn row(pattern: &str, name: &str, rounds: &[Watched]) -> Vec<String> {
    let of = |number: &dyn Fn(&Watched) -> f64| median(&rounds.iter().map(number).collect::<Vec<_>>());
    let good = rounds.iter().filter(|round| round.status == "ok").count();
    let ended = match rounds.iter().find(|round| round.status != "ok") {
        Some(bad) => format!("{good} of {} ok, else {}", rounds.len(), bad.status),
        None => "ok".to_owned(),
    };
    let mut row = vec![pattern.to_owned(), name.to_owned(), ended];
    row.push(format!("{:.2}", of(&|round| round.seconds)));
    row.extend((0..3).map(|at| count(of(&|round| round.rates[at]))));
    row.extend((0..3).map(|at| format!("{:.1}", of(&|round| round.waits_ms[at]))));
    row.push(megabytes(of(&|round| round.extra_memory)));
    row.push(megabytes(of(&|round| round.log_bytes)));
    row
}
