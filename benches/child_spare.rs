//! The same children beside a server that has time to spare: what a client notices that does not itself take all there is.

use std::thread;
use std::time::Duration;

use crate::child_trouble::{CASES, PACE, TOO_NOISY, misbehaves, noise, writer};
use crate::contender::Ours;
use crate::editions::{self, Edition};
use crate::fill::fill;
use crate::paced::Paced;
use crate::probe::Probe;
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::support::Server;
use crate::targets::Limit::AtMost;
use crate::trouble::{Fate, Trouble};

/// GETs of cache keys a second.
const READS: u64 = 5_000;
/// Between two rewrites: after a failure the module itself waits for a second. Each fork stops the server for the time
/// that it takes, and a client that does not wait for the others' replies would see five of them a second in its p99.
const PERIOD: Duration = Duration::from_secs(1);
const CACHE_KEYS: u64 = 20_000;

/// One round of a row.
struct Round {
    p99_ms: f64,
    children: u64,
}

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "{} GETs of cache keys and {PACE} durable writes a second, and a prober that sends PING 2000 times a second, whose p99\n\
         this is: a server that has time to spare, as most have. Rewrites begin a second apart. Everything else as above.",
        count(READS as f64)
    );
    let head = ["server", "child", "p99 ms", "ratio p99", "noise", "children"];
    let mut section = Section::new("A child that misbehaves, with time to spare", &about, &head);
    for edition in editions::compared() {
        match edition {
            Ok(edition) => tell(&mut section, &edition.name, &measure(scale, &edition)),
            Err((name, why)) => {
                section.unmeasured(&[name], &why);
                for (case, _) in CASES.iter().filter(|(_, fate)| misbehaves(*fate)) {
                    target(&mut section, name, case, TOO_NOISY, None);
                }
            }
        }
    }
    section
}

fn measure(scale: &Scale, edition: &Edition) -> Vec<Vec<Round>> {
    let server = Ours.build(&edition.binary, "everysec").start();
    fill(&server, Ours.set(), "durable:", scale.rewrite_keys);
    fill(&server, "SET", "cache:", CACHE_KEYS);
    let mut cases: Vec<Vec<Round>> = CASES.iter().map(|_| Vec::new()).collect();
    let rounds = if scale.quick { 1 } else { scale.rounds };
    for turns in 0..rounds {
        for turn in 0..CASES.len() {
            let place = (turns + turn) % CASES.len();
            cases[place].push(round(&server, scale, CASES[place].1));
        }
    }
    cases
}

fn round(server: &Server, scale: &Scale, fate: Option<Fate>) -> Round {
    let reader = Paced::start(server, READS, |n| {
        vec!["GET".to_owned(), format!("cache:{:012}", n % CACHE_KEYS)]
    });
    let writer = writer(server, scale.rewrite_keys);
    let trouble = fate.map(|fate| Trouble::start(server, fate, PERIOD));
    let probe = Probe::start(server);
    thread::sleep(Duration::from_secs_f64(scale.seconds * 2.0));
    let p99_ms = probe.stop().p99_ms();
    let children = trouble.map_or(0, Trouble::stop);
    for answers in [reader.stop(), writer.stop()] {
        assert_eq!(answers.not_good(), 0, "{answers:?}");
    }
    Round { p99_ms, children }
}

fn tell(section: &mut Section, server: &str, cases: &[Vec<Round>]) {
    let p99 = |case: &[Round]| case.iter().map(|round| round.p99_ms).collect::<Vec<f64>>();
    let noise = noise(&p99(&cases[0]), &p99(&cases[1]));
    for ((name, fate), case) in CASES.iter().zip(cases) {
        let slower = ratio(&p99(case), &p99(&cases[0]));
        section.row([
            server.to_owned(),
            (*name).to_owned(),
            two(median(&p99(case))),
            two(slower),
            two(noise),
            case.iter().map(|round| round.children).sum::<u64>().to_string(),
        ]);
        if misbehaves(*fate) {
            target(
                section,
                server,
                name,
                noise,
                (noise <= TOO_NOISY).then_some(slower),
            );
        }
    }
}

fn target(section: &mut Section, server: &str, case: &str, noise: f64, figure: Option<f64>) {
    section.target(
        format!("{case}, time to spare: p99 to no rewrite; the limit is the noise ({server})"),
        AtMost(noise),
        figure,
    );
}
