//! A rewrite child that is stopped, slow, or killed again and again: what GETs of the cache notice of it.

use std::time::Duration;

use crate::contender::Ours;
use crate::editions::{self, Edition};
use crate::fill::fill;
use crate::generator::{Generator, Seen, VALUE_BYTES};
use crate::paced::Paced;
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::support::Server;
use crate::targets::Limit::AtMost;
use crate::trouble::{Fate, Trouble};

const READERS: u32 = 30;
/// Durable writes a second in every row, so that there is something to stream.
pub const PACE: u64 = 1_000;
/// Between two rewrites.
const PERIOD: Duration = Duration::from_millis(200);
/// Past this the two rows without a rewrite are too far apart to compare anything with.
pub const TOO_NOISY: f64 = 2.0;
/// The first two are the same: how far they are apart is the noise.
pub const CASES: [(&str, Option<Fate>); 7] = [
    ("no rewrite", None),
    ("no rewrite, again", None),
    ("rewrites, good ones", Some(Fate::Good)),
    ("child stopped", Some(Fate::Stopped)),
    ("child runs 1 ms of 10", Some(Fate::Slow)),
    ("no child, a spinner runs 1 ms of 10", Some(Fate::Spinner)),
    ("child killed", Some(Fate::Killed)),
];

/// One round of a row.
struct Round {
    seen: Seen,
    children: u64,
}

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "{READERS} clients GET cache keys, beside {PACE} durable writes a second, while the child of a rewrite of {} keys\n\
         misbehaves. Ratios are to `no rewrite`, which is measured twice; the noise is the largest ratio of the two p99 in\n\
         any round. Rewrites begin 200 ms apart: good ones, and killed ones, fork anew; a stopped child does not. The generator and the server leave\n\
         no processor idle on a machine of two: there whatever else runs shows. `a spinner` is a process that has nothing to\n\
         do with either and runs as the slow child does.",
        count(scale.rewrite_keys as f64)
    );
    let head = [
        "server",
        "child",
        "GET/s",
        "ratio",
        "p99 ms",
        "ratio p99",
        "noise",
        "children",
    ];
    let mut section = Section::new("A child that misbehaves", &about, &head);
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
    fill(&server, "SET", "cache:", scale.keys.min(20_000));
    let read = Generator::new(READERS, 1, scale.keys.min(20_000), "GET cache:__rand_int__");
    let requests = ((read.run(&server, 20_000).rate * scale.seconds) as u64).max(2_000);
    let mut cases: Vec<Vec<Round>> = CASES.iter().map(|_| Vec::new()).collect();
    let rounds = if scale.quick { 1 } else { scale.rounds };
    for turns in 0..rounds {
        for turn in 0..CASES.len() {
            let place = (turns + turn) % CASES.len();
            cases[place].push(round(
                &server,
                scale.rewrite_keys,
                &read,
                requests,
                CASES[place].1,
            ));
        }
    }
    cases
}

fn round(server: &Server, keys: u64, read: &Generator, requests: u64, fate: Option<Fate>) -> Round {
    let writer = writer(server, keys);
    let trouble = fate.map(|fate| Trouble::start(server, fate, PERIOD));
    let seen = read.run(server, requests);
    let children = trouble.map_or(0, Trouble::stop);
    let answers = writer.stop();
    assert_eq!(answers.not_good(), 0, "{answers:?}");
    Round { seen, children }
}

/// Durable writes to keys all over the data.
pub fn writer(server: &Server, keys: u64) -> Paced {
    Paced::start(server, PACE, move |n| {
        let key = format!("durable:{:012}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % keys);
        vec!["MYLOG.SET".to_owned(), key, "v".repeat(VALUE_BYTES)]
    })
}

fn tell(section: &mut Section, server: &str, cases: &[Vec<Round>]) {
    let each =
        |case: &[Round], of: fn(&Seen) -> f64| case.iter().map(|round| of(&round.seen)).collect::<Vec<f64>>();
    let rate = |case: &[Round]| each(case, |seen| seen.rate);
    let p99 = |case: &[Round]| each(case, |seen| seen.p99_ms);
    let p99_noise = noise(&p99(&cases[0]), &p99(&cases[1]));
    if p99_noise > TOO_NOISY {
        section.note(format!(
            "{server}: the machine is too noisy to compare; the two p99 without a rewrite differ by up to {} times.",
            two(p99_noise)
        ));
    }
    for ((name, fate), case) in CASES.iter().zip(cases) {
        let slower = ratio(&p99(case), &p99(&cases[0]));
        let speed = ratio(&rate(case), &rate(&cases[0]));
        section.row([
            server.to_owned(),
            (*name).to_owned(),
            count(median(&rate(case))),
            two(speed),
            two(median(&p99(case))),
            two(slower),
            two(p99_noise),
            case.iter().map(|round| round.children).sum::<u64>().to_string(),
        ]);
        if misbehaves(*fate) {
            let figure = (p99_noise <= TOO_NOISY).then_some(slower);
            target(section, server, name, p99_noise, figure);
        }
    }
}

/// True for what must not be noticed.
pub fn misbehaves(fate: Option<Fate>) -> bool {
    !matches!(fate, None | Some(Fate::Good | Fate::Spinner))
}

fn target(section: &mut Section, server: &str, case: &str, noise: f64, figure: Option<f64>) {
    section.target(
        format!("{case}: GET p99 to no rewrite; the limit is the noise ({server})"),
        AtMost(noise),
        figure,
    );
}

/// The largest ratio of two measurements of the same in any round, the larger to the smaller.
pub fn noise(one: &[f64], other: &[f64]) -> f64 {
    let ratios = one.iter().zip(other).map(|(one, other)| one / other);
    ratios.map(|ratio| ratio.max(1.0 / ratio)).fold(1.0, f64::max)
}
