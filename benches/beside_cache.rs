//! What a cache beside the durable keys costs a rewrite: its child must visit the durable keys only.

use crate::contender::Ours;
use crate::fill::{fill, fill_cache};
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::support::Server;
use crate::targets::Limit::AtMost;

/// Measures it.
pub fn section(scale: &Scale) -> Section {
    let (durable, cache) = (count(scale.durable_keys as f64), count(scale.cache_keys as f64));
    let about = format!(
        "An idle rewrite of {durable} durable keys, alone and beside {cache} cache keys. Child: from fork's return to its\n\
         report. The fork itself copies the page tables of the cache, too, and is shown for that."
    );
    let head = ["server", "child ms", "ratio", "entries visited", "fork ms"];
    let mut section = Section::new("A rewrite beside a cache", &about, &head);
    let servers = [0, scale.cache_keys].map(|cache| {
        let server = Ours.start("everysec");
        fill(&server, Ours.set(), "durable:", scale.durable_keys);
        if cache > 0 {
            fill_cache(&mut server.client(), cache);
        }
        server
    });
    let mut rounds: [Vec<Idle>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..5 {
        for (server, rounds) in servers.iter().zip(&mut rounds) {
            rounds.push(Idle::run(server));
        }
    }
    let child = |rounds: &[Idle]| rounds.iter().map(|round| round.child_ms).collect::<Vec<_>>();
    let alone = child(&rounds[0]);
    for (name, rounds) in ["alone", "with the cache"].iter().zip(&rounds) {
        let forks: Vec<f64> = rounds.iter().map(|round| round.fork_ms).collect();
        section.row([
            (*name).to_owned(),
            count(median(&child(rounds))),
            two(ratio(&child(rounds), &alone)),
            count(rounds.last().map_or(0, |round| round.entries) as f64),
            two(median(&forks)),
        ]);
    }
    section.target(
        "beside a cache: time of a rewrite's child, to alone",
        AtMost(1.2),
        Some(ratio(&child(&rounds[1]), &alone)),
    );
    section
}

/// A rewrite without load.
struct Idle {
    child_ms: f64,
    fork_ms: f64,
    entries: u64,
}

impl Idle {
    fn run(server: &Server) -> Self {
        let mut client = server.client();
        Ours.rewrite_and_wait(&mut client);
        let mut number = |field: &str| client.info_u64("mylog", field);
        Self {
            child_ms: number("mylog_last_rewrite_child_usec") as f64 / 1000.0,
            fork_ms: number("mylog_last_fork_usec") as f64 / 1000.0,
            entries: number("mylog_last_rewrite_entries"),
        }
    }
}
