//! Every fdatasync takes 20 ms more: what GETs of other clients pay for 20 clients that write under `always`.

use std::time::Duration;

use crate::beside_writers::{Round, round};
use crate::contender::{Contender, Ours, Stock};
use crate::editions::{self, Edition};
use crate::plot;
use crate::report::{Section, count, two};
use crate::rounds::{median, ratio};
use crate::scale::Scale;
use crate::slow_syncs::SlowSyncs;
use crate::support::Server;
use crate::targets::Limit::{AtLeast, AtMost};

/// Added to each sync.
pub const DELAY: Duration = Duration::from_millis(20);
/// Clients that write.
pub const WRITERS: u32 = 20;
const READERS: u32 = 30;

/// A row: who, and whether anybody writes.
struct Case {
    name: &'static str,
    who: Contender,
    writers: u32,
    rounds: Vec<Round>,
}

impl Case {
    fn new(name: &'static str, who: Contender, writers: u32) -> Self {
        Self {
            name,
            who,
            writers,
            rounds: Vec::new(),
        }
    }

    fn all() -> [Self; 4] {
        [
            Self::new("ours", Ours, 0),
            Self::new("ours, always", Ours, WRITERS),
            Self::new("AOF", Stock, 0),
            Self::new("AOF, always", Stock, WRITERS),
        ]
    }

    fn measure(&mut self, scale: &Scale, ours: &Server, stock: &Server) {
        let server = if self.who == Ours { ours } else { stock };
        self.rounds
            .push(round(scale, self.who, server, READERS, self.writers));
    }

    fn each(&self, of: fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }
}

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "{READERS} clients GET cache keys while {WRITERS} others write durable ones (AOF: SET) under `always`, and every\n\
         fdatasync of either server is held up for {} ms before it begins.\n\
         `to none` is p99 to that without writers, `AOF to it` is p99 of the stock server with its writers to it.",
        DELAY.as_millis()
    );
    let head = [
        "server",
        "log",
        "writers",
        "GET/s",
        "p99 ms",
        "to none",
        "AOF to it",
        "writes/s",
    ];
    let mut section = Section::new("A slow disk: readers beside writers", &about, &head);
    let mut bars = Vec::new();
    for edition in editions::compared() {
        match edition {
            Ok(edition) => match measure(scale, &edition) {
                Ok(cases) => rows(&mut section, &edition.name, &cases, &mut bars),
                Err(why) => unmeasured(&mut section, &edition.name, &why),
            },
            Err((name, why)) => unmeasured(&mut section, name, &why),
        }
    }
    section.plot(
        "delayed-readers",
        plot::bars(
            "p99 of GET beside 20 writers, each fdatasync 20 ms longer, ms",
            &["p99"],
            &bars,
        ),
    );
    section
}

fn measure(scale: &Scale, edition: &Edition) -> Result<[Case; 4], String> {
    let slow = SlowSyncs::new(&edition.binary, DELAY)?;
    let [ours, stock] = [Ours, Stock].map(|who| who.build(&slow.program(), "always").start());
    let mut cases = Case::all();
    let count = cases.len();
    for turns in 0..scale.slow_rounds {
        for turn in 0..count {
            cases[(turns + turn) % count].measure(scale, &ours, &stock);
        }
    }
    Ok(cases)
}

fn rows(section: &mut Section, server: &str, cases: &[Case; 4], bars: &mut Vec<plot::Group>) {
    let p99 = |case: &Case| case.each(|round| round.p99_ms);
    let slow = p99(&cases[3]);
    for case in cases {
        let alone = &cases[if case.who == Ours { 0 } else { 2 }];
        let of_none = ratio(&p99(case), &p99(alone));
        let of_slow = ratio(&slow, &p99(case));
        section.row([
            server.to_owned(),
            case.name.to_owned(),
            case.writers.to_string(),
            count(median(&case.each(|round| round.gets))),
            two(median(&p99(case))),
            two(of_none),
            two(of_slow),
            count(median(&case.each(|round| round.writes))),
        ]);
        bars.push((format!("{server}, {}", case.name), vec![median(&p99(case))]));
    }
    let ours = p99(&cases[1]);
    targets(
        section,
        server,
        Some([ratio(&ours, &p99(&cases[0])), ratio(&slow, &ours)]),
    );
}

fn unmeasured(section: &mut Section, server: &str, why: &str) {
    section.unmeasured(&[server], why);
    targets(section, server, None);
}

/// Of the p99: ours with writers to ours without, and stock with writers to that.
fn targets(section: &mut Section, server: &str, ratios: Option<[f64; 2]>) {
    section.target(
        format!("slow disk: GET p99 beside writers, to without writers ({server})"),
        AtMost(1.3),
        ratios.map(|[to_none, _]| to_none),
    );
    section.target(
        format!("slow disk: GET p99 of stock `always`, to ours ({server})"),
        AtLeast(10.0),
        ratios.map(|[_, stock]| stock),
    );
}
