//! A rewrite under full write load: ours beside BGREWRITEAOF, on a hot set of keys and on all of them, on each server
//! that takes the module, and beside Redis 6.2, whose AOF rewrite was the last to stream the diffs through pipes.

use std::time::Duration;

use crate::contender::{Contender, Ours, Stock};
use crate::editions;
use crate::fill::fill;
use crate::generator::Generator;
use crate::plot;
use crate::report::{Section, count, megabytes};
use crate::rewrite_run::{Watched, watch};
use crate::rounds::median;
use crate::scale::Scale;
use crate::support::{Server, ServerBuilder};

const HOT_KEYS: u64 = 1_000;
/// The last server with the old AOF, by the name of its folder.
const PIPES: &str = "redis-6.2";

/// A log on a server: two of a plot's lines come from the first server, one from 6.2.
struct Side {
    server_name: String,
    log: &'static str,
    who: Contender,
    drawn: bool,
    build: ServerBuilder,
}

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let mut section = Section::new(
        "A rewrite under full write load",
        "50 clients write with a pipeline of 16, under everysec. `hot`: to 1000 keys, `uniform`: to all of them. Waits are\n\
         the longest of a prober that sends PING 2000 times a second; those before the rewrite are what the load alone\n\
         does. Memory is what server and child have beyond what the server had before. The log's size is that of all its\n\
         files at the end of the rewrite, what was written meanwhile included. Redis 6.2 can't load the module: its AOF\n\
         streams diffs through pipes to the child, with an RDB preamble and without.",
        &[
            "keys written",
            "server",
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
        for (side, _server, rounds) in measure(scale, pattern, keys, &mut section) {
            section.row(row(pattern, &side, &rounds));
            if side.drawn {
                let name = format!("{}, {}", side.log, side.server_name);
                lines.extend(rounds.into_iter().last().map(|last| (name, last.timeline)));
            }
        }
        let title = format!("Writes a second, {pattern} keys, a rewrite in the middle");
        let named: Vec<_> = lines
            .iter()
            .map(|(name, line)| (name.as_str(), line.clone()))
            .collect();
        section.plot(file, plot::lines(&title, &named));
    }
    section
}

/// Every side that there is; the section is told of those that there are not.
fn sides(pattern: &str, section: &mut Section) -> Vec<Side> {
    let mut sides = Vec::new();
    for (place, edition) in editions::compared().into_iter().enumerate() {
        match edition {
            Ok(edition) => {
                for (log, who) in [("ours", Ours), ("AOF", Stock)] {
                    sides.push(Side {
                        server_name: edition.name.clone(),
                        log,
                        who,
                        drawn: place == 0,
                        build: who.build(&edition.binary, "everysec"),
                    });
                }
            }
            Err((name, why)) => section.unmeasured(&[pattern, name], &why),
        }
    }
    match editions::fetched(PIPES) {
        Ok(edition) => {
            for (log, preamble) in [("AOF, preamble", "yes"), ("AOF, commands", "no")] {
                let build = Stock.build(&edition.binary, "everysec").before_seven();
                sides.push(Side {
                    server_name: edition.name.clone(),
                    log,
                    who: Stock,
                    drawn: preamble == "yes",
                    build: build.config("aof-use-rdb-preamble", preamble),
                });
            }
        }
        Err(why) => section.unmeasured(&[pattern, PIPES], &why),
    }
    sides
}

fn measure(
    scale: &Scale,
    pattern: &str,
    keys: u64,
    section: &mut Section,
) -> Vec<(Side, Server, Vec<Watched>)> {
    let around = Duration::from_secs_f64(scale.seconds * 1.5);
    let mut all: Vec<_> = sides(pattern, section)
        .into_iter()
        .map(|side| {
            let server = side.build.clone().start();
            fill(&server, side.who.set(), "durable:", scale.rewrite_keys);
            (side, server, Vec::new())
        })
        .collect();
    for _ in 0..scale.rewrite_rounds {
        for (side, server, seen) in &mut all {
            let command = format!("{} durable:__rand_int__ __value__", side.who.set());
            let load = Generator::new(50, 16, keys, &command);
            seen.push(watch(side.who, server, Some(&load), around));
        }
    }
    all
}

fn row(pattern: &str, side: &Side, rounds: &[Watched]) -> Vec<String> {
    let of = |number: &dyn Fn(&Watched) -> f64| median(&rounds.iter().map(number).collect::<Vec<_>>());
    let good = rounds.iter().filter(|round| round.status == "ok").count();
    let ended = match rounds.iter().find(|round| round.status != "ok") {
        Some(bad) => format!("{good} of {} ok, else {}", rounds.len(), bad.status),
        None => "ok".to_owned(),
    };
    let mut row = vec![
        pattern.to_owned(),
        side.server_name.clone(),
        side.log.to_owned(),
        ended,
    ];
    row.push(format!("{:.2}", of(&|round| round.seconds)));
    row.extend((0..3).map(|at| count(of(&|round| round.rates[at]))));
    row.extend((0..3).map(|at| format!("{:.1}", of(&|round| round.waits_ms[at]))));
    row.push(megabytes(of(&|round| round.extra_memory)));
    row.push(megabytes(of(&|round| round.log_bytes)));
    row
}
