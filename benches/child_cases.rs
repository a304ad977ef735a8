//! What becomes of a rewrite's child, case by case, and the table of what a client notices of each.

use crate::contender::Ours;
use crate::editions::{self, Edition};
use crate::fill::fill;
use crate::generator::VALUE_BYTES;
use crate::paced::Paced;
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::support::Server;
use crate::targets::Limit::AtMost;
use crate::trouble::Fate;

/// Durable writes a second in every row, so that there is something to stream.
pub const PACE: u64 = 1_000;
/// Keys that are read.
pub const CACHE_KEYS: u64 = 20_000;
/// Past this the two rows without a rewrite are too far apart to compare anything with.
const TOO_NOISY: f64 = 2.0;
/// The first two are the same: how far they are apart is the noise.
const CASES: [(&str, Option<Fate>); 7] = [
    ("no rewrite", None),
    ("no rewrite, again", None),
    ("rewrites, good ones", Some(Fate::Good)),
    ("child stopped", Some(Fate::Stopped)),
    ("child runs 1 ms of 10", Some(Fate::Slow)),
    ("no child, a spinner runs 1 ms of 10", Some(Fate::Spinner)),
    ("child killed", Some(Fate::Killed)),
];

/// One round of a row.
pub struct Round {
    /// Commands a second, where the client takes all that it gets.
    pub rate: Option<f64>,
    pub p99_ms: f64,
    pub children: u64,
}

/// One way to look at all of the cases.
pub struct View {
    pub title: &'static str,
    pub about: String,
    /// What is measured, behind the name of a case in a target.
    pub target: &'static str,
    /// True if the rounds have a rate.
    pub rates: bool,
}

/// Measures them on each server: `prepare` makes what the rounds on it need, `round` is one of them.
pub fn section<P>(
    scale: &Scale,
    view: &View,
    prepare: impl Fn(&Server) -> P,
    round: impl Fn(&Server, &P, Option<Fate>) -> Round,
) -> Section {
    let rates: &[&str] = if view.rates { &["GET/s", "ratio"] } else { &[] };
    let head = [
        &["server", "child"],
        rates,
        &["p99 ms", "ratio p99", "noise", "children"],
    ]
    .concat();
    let mut section = Section::new(view.title, &view.about, &head);
    for edition in editions::compared() {
        match edition {
            Ok(edition) => {
                let server = filled(scale, &edition);
                let prepared = prepare(&server);
                let cases = take_turns(scale, |fate| round(&server, &prepared, fate));
                tell(&mut section, view, &edition.name, &cases);
            }
            Err((name, why)) => {
                section.unmeasured(&[name], &why);
                for (case, _) in CASES.iter().filter(|(_, fate)| misbehaves(*fate)) {
                    target(&mut section, view, name, case, TOO_NOISY, None);
                }
            }
        }
    }
    section
}

fn filled(scale: &Scale, edition: &Edition) -> Server {
    let server = Ours.build(&edition.binary, "everysec").start();
    fill(&server, Ours.set(), "durable:", scale.rewrite_keys);
    fill(&server, "SET", "cache:", CACHE_KEYS);
    server
}

fn take_turns(scale: &Scale, round: impl Fn(Option<Fate>) -> Round) -> Vec<Vec<Round>> {
    let mut cases: Vec<Vec<Round>> = CASES.iter().map(|_| Vec::new()).collect();
    let rounds = if scale.quick { 1 } else { scale.rounds };
    for turns in 0..rounds {
        for turn in 0..CASES.len() {
            let place = (turns + turn) % CASES.len();
            cases[place].push(round(CASES[place].1));
        }
    }
    cases
}

/// Durable writes to keys all over the data.
pub fn writer(server: &Server, keys: u64) -> Paced {
    Paced::start(server, PACE, move |n| {
        let key = format!("durable:{:012}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % keys);
        vec!["MYLOG.SET".to_owned(), key, "v".repeat(VALUE_BYTES)]
    })
}

fn tell(section: &mut Section, view: &View, server: &str, cases: &[Vec<Round>]) {
    let rate = |case: &[Round]| case.iter().filter_map(|round| round.rate).collect::<Vec<f64>>();
    let p99 = |case: &[Round]| case.iter().map(|round| round.p99_ms).collect::<Vec<f64>>();
    let noise = noise(&p99(&cases[0]), &p99(&cases[1]));
    if noise > TOO_NOISY {
        section.note(format!(
            "{server}: the machine is too noisy to compare; the two p99 without a rewrite differ by up to {} times.",
            two(noise)
        ));
    }
    for ((name, fate), case) in CASES.iter().zip(cases) {
        let slower = ratio(&p99(case), &p99(&cases[0]));
        let mut cells = vec![server.to_owned(), (*name).to_owned()];
        if view.rates {
            cells.push(count(median(&rate(case))));
            cells.push(two(ratio(&rate(case), &rate(&cases[0]))));
        }
        cells.extend([two(median(&p99(case))), two(slower), two(noise)]);
        cells.push(case.iter().map(|round| round.children).sum::<u64>().to_string());
        section.row(cells);
        if misbehaves(*fate) {
            let figure = (noise <= TOO_NOISY).then_some(slower);
            target(section, view, server, name, noise, figure);
        }
    }
}

/// True for what must not be noticed.
fn misbehaves(fate: Option<Fate>) -> bool {
    !matches!(fate, None | Some(Fate::Good | Fate::Spinner))
}

fn target(section: &mut Section, view: &View, server: &str, case: &str, noise: f64, figure: Option<f64>) {
    section.target(
        format!(
            "{case}{} to no rewrite; the limit is the noise ({server})",
            view.target
        ),
        AtMost(noise),
        figure,
    );
}

/// The largest ratio of two measurements of the same in any round, the larger to the smaller.
fn noise(one: &[f64], other: &[f64]) -> f64 {
    let ratios = one.iter().zip(other).map(|(one, other)| one / other);
    ratios.map(|ratio| ratio.max(1.0 / ratio)).fold(1.0, f64::max)
}
