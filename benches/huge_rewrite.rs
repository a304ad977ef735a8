//! A rewrite of one huge hash, idle and while the hash is written to.

use std::time::Duration;

use crate::contender::{Contender, Ours, Stock};
use crate::editions;
use crate::generator::Generator;
use crate::huge_steps::allow_much;
use crate::huge_values::{DURABLE, NATIVE, Shape, build};
use crate::report::{Section, count, megabytes, two};
use crate::rewrite_run::{Watched, watch};
use crate::scale::Scale;
use crate::support::Server;

/// Clients that write to it, one command at a time.
const WRITERS: u32 = 4;

/// Measures it on the own server.
pub fn section(scale: &Scale) -> Section {
    let edition = editions::own();
    let about = format!(
        "One hash of {} fields ({}), under everysec. `written`: {WRITERS} clients set fields of it, any of them, as fast as\n\
         they get answers. The log's size is that of all its files at the end of the rewrite, what was written meanwhile\n\
         included; `to idle` is its ratio to the idle one's. Each is run once.",
        count(scale.huge as f64),
        edition.name
    );
    let head = [
        "log",
        "hash",
        "ended",
        "s",
        "writes/s before",
        "during",
        "wait ms before",
        "during",
        "at the end",
        "extra memory",
        "log after",
        "to idle",
    ];
    let mut section = Section::new("A rewrite of a huge hash", &about, &head);
    for (name, who) in [("ours", Ours), ("AOF", Stock)] {
        let server = who.build(&edition.binary, "everysec").start();
        match fill(scale, who, &server) {
            Ok(()) => rows(&mut section, scale, name, who, &server),
            Err(why) => section.unmeasured(&[name], &why),
        }
    }
    section
}

fn fill(scale: &Scale, who: Contender, server: &Server) -> Result<(), String> {
    let mut client = server.client();
    if who == Ours {
        allow_much(&mut client);
    }
    let kind = if who == Ours { DURABLE } else { NATIVE };
    build(Shape::Hash, kind, &mut client, scale, "huge", None)
}

fn rows(section: &mut Section, scale: &Scale, name: &str, who: Contender, server: &Server) {
    let around = Duration::from_secs_f64(scale.seconds);
    let command = match who {
        Ours => "MYLOG.HSET huge field:__rand_int__ 0123456789",
        Stock => "HSET huge field:__rand_int__ 0123456789",
    };
    let load = Generator::new(WRITERS, 1, scale.huge, command);
    let idle = watch(who, server, None, around);
    let written = watch(who, server, Some(&load), around);
    for (hash, seen) in [("idle", &idle), ("written", &written)] {
        section.row(row(name, hash, seen, &idle));
    }
}

fn row(name: &str, hash: &str, seen: &Watched, idle: &Watched) -> Vec<String> {
    vec![
        name.to_owned(),
        hash.to_owned(),
        seen.status.clone(),
        two(seen.seconds),
        count(seen.rates[0]),
        count(seen.rates[1]),
        format!("{:.1}", seen.waits_ms[0]),
        format!("{:.1}", seen.waits_ms[1]),
        format!("{:.1}", seen.waits_ms[2]),
        megabytes(seen.extra_memory),
        megabytes(seen.log_bytes),
        two(seen.log_bytes / idle.log_bytes),
    ]
}
