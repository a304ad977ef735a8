//! What clients that GET cache keys, and write nothing, get of the server beside clients that wait for the disk.

use super::kinds::Kind;
use super::sides::{ALWAYS, Case, Condition, EVERYSEC, NO, SLOW};
use super::{Figures, Measured, length, on_each};
use crate::contender::{Ours, Stock};
use crate::plot::{self, Group};
use crate::report::{Section, count, two};
use crate::rounds::ratio;
use crate::scale::Scale;
use crate::targets::Limit::{AtLeast, AtMost};

const WRITERS: u32 = 20;
const READERS: u32 = 20;
/// Kinds that have a target together, and the least rate to stock's beside them on the real disk.
const WANTED: [([Kind; 2], f64); 2] = [
    ([Kind::Single, Kind::Exec], 1.6),
    ([Kind::Pipeline, Kind::Script], 1.0),
];
/// The least of any kind on the slow disk.
const WANTED_SLOW: f64 = 10.0;

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "20 clients GET cache keys while 20 others write as above, or while nobody writes. Who writes more leaves less to\n\
        readers, so the rounds a second are shown, too. `to none` is p99 to that of the same side without writers;\n\
        that of `native` is beside clients of ours that write as much as often, but natively and spread over the time: nothing that\n\
        waits for no disk can be better. Readers have a thread of the generator, writers another. {}",
        length(scale)
    );
    let head = [
        "server",
        "policy",
        "disk",
        "writers",
        "GET/s ours",
        "GET/s AOF",
        "ratio",
        "p99 ms ours",
        "p99 ms AOF",
        "to none ours",
        "to none AOF",
        "to none native",
        "rounds/s ours",
        "rounds/s AOF",
        "waited",
    ];
    let mut section = Section::new("The gate: readers beside writers", &about, &head);
    let mut bars = Vec::new();
    on_each(
        scale,
        &mut section,
        &[ALWAYS, SLOW, EVERYSEC, NO],
        cases,
        |section, measured| {
            let cases = &measured.cases;
            for case in cases {
                section.row(row(measured, case, &cases[0]));
            }
            if measured.first && measured.condition == SLOW {
                bars = cases.iter().map(bar).collect();
            }
            if measured.condition.is_strict() {
                targets(section, measured);
            }
        },
    );
    section.plot(
        "gate-readers",
        plot::bars(
            "p99 of GET beside 20 writers, always, each fdatasync 5 ms longer, ms",
            &["ours", "stock with its AOF"],
            &bars,
        ),
    );
    section
}

/// First the one without writers. Where nobody waits for the disk the simplest of writers tell enough.
fn cases(condition: Condition) -> Vec<Case> {
    let kinds = if condition.is_strict() {
        &Kind::ALL[..]
    } else {
        &[Kind::Single]
    };
    let mut cases = vec![Case::new(None, 0, READERS)];
    cases.extend(kinds.iter().map(|&kind| Case::new(Some(kind), WRITERS, READERS)));
    cases
}

fn to_none(case: &Case, none: &Case) -> [f64; 2] {
    [Ours, Stock].map(|who| {
        let p99 = |case: &Case| case.each(who, |turn| turn.readers.p99_ms);
        ratio(&p99(case), &p99(none))
    })
}

/// The same beside native writers, where that was measured.
fn native_to_none(case: &Case, none: &Case) -> Option<f64> {
    let native = case.native_p99_ms();
    let none = none.each(Ours, |turn| turn.readers.p99_ms);
    (!native.is_empty()).then(|| ratio(&native, &none))
}

fn row(measured: &Measured, case: &Case, none: &Case) -> Vec<String> {
    let mut row = vec![
        measured.server.clone(),
        measured.condition.policy.to_owned(),
        measured.condition.disk().to_owned(),
        case.name().to_owned(),
    ];
    row.extend([Ours, Stock].map(|who| count(case.median(who, |turn| turn.readers.rate))));
    row.push(two(case.ratio(|turn| turn.readers.rate)));
    row.extend([Ours, Stock].map(|who| two(case.median(who, |turn| turn.readers.p99_ms))));
    row.extend(to_none(case, none).map(two));
    row.push(native_to_none(case, none).map_or_else(String::new, two));
    row.extend([Ours, Stock].map(|who| count(case.median(who, |turn| turn.writers.rate))));
    row.push(count(case.waited_us()));
    row
}

fn bar(case: &Case) -> Group {
    let p99 = [Ours, Stock].map(|who| case.median(who, |turn| turn.readers.p99_ms));
    (case.name().to_owned(), p99.into())
}

fn targets(section: &mut Section, measured: &Measured) {
    let (name, server) = (measured.condition.name(), &measured.server);
    for (kinds, least) in WANTED {
        let mut rates = Figures::default();
        let of_these = |case: &&Case| case.kind.is_some_and(|kind| kinds.contains(&kind));
        for case in measured.cases.iter().filter(of_these) {
            rates.add(case.name().to_owned(), case.ratio(|turn| turn.readers.rate));
        }
        let (row, figure) = rates.lowest();
        let beside = kinds.map(Kind::name).join(", ");
        let what = format!("gate, {name}: GET/s beside {beside}, to stock's, {row} ({server})");
        let slow = measured.condition == SLOW;
        section.target(what, AtLeast(if slow { WANTED_SLOW } else { least }), figure);
    }
    let (mut tails, mut waits) = (Figures::default(), Figures::default());
    for case in &measured.cases {
        if case.kind.is_some() {
            tails.add(case.name().to_owned(), to_none(case, &measured.cases[0])[0]);
        }
        waits.add(case.name().to_owned(), case.waited_us());
    }
    if measured.condition == SLOW {
        let (row, figure) = tails.highest();
        let what = format!("gate, {name}: GET p99 beside writers, to without, {row} ({server})");
        section.target(what, AtMost(1.3), figure);
    }
    let (row, figure) = waits.highest();
    let what = format!("gate, {name}: us/s that the event loop waited beside readers, {row} ({server})");
    section.target(what, AtMost(0.0), figure);
}
