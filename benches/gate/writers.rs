//! Rounds a second of clients that write in every way that there is, beside stock with its AOF.

use super::kinds::Kind;
use super::sides::{ALWAYS, Case, Condition, EVERYSEC, NO, SLOW};
use super::{Figures, Measured, length, on_each};
use crate::contender::{Ours, Stock};
use crate::plot::{self, Group};
use crate::report::{Section, count, two};
use crate::scale::Scale;
use crate::targets::Limit::{AtLeast, AtMost};

const CLIENTS: [u32; 2] = [20, 50];
const CONDITIONS: [Condition; 4] = [ALWAYS, SLOW, EVERYSEC, NO];

/// Measures it on each server.
pub fn section(scale: &Scale) -> Section {
    let about = format!(
        "Rounds a second of 20 and of 50 clients, values of 100 bytes. A client sends a round in one go, and the next one when\n\
        it has all replies: `SET` is one, `EXEC` is MULTI, two SETs and EXEC, `pipeline` is 16 SETs, `script` is EVALSHA of\n\
        two SETs; of `pop` half of the clients LPUSH and the others BLPOP; of `mix` each does all of that, one after the\n\
        other. Both sides are sent the same native commands: the keys of ours are captured. `+5 ms`: every fdatasync is\n\
        held up for 5 ms before it begins. `waited` is the longest that the event loop of ours waited for the disk in any\n\
        turn, in microseconds a second. The load generator is of our own, one thread. {}",
        length(scale)
    );
    let head = [
        "server", "policy", "disk", "round", "ours, 20", "AOF, 20", "ratio", "ours, 50", "AOF, 50", "ratio",
        "waited",
    ];
    let mut section = Section::new("The gate: rounds of writes", &about, &head);
    let mut bars: Vec<Group> = Kind::ALL.map(|kind| (kind.name().to_owned(), Vec::new())).into();
    on_each(
        scale,
        &mut section,
        &CONDITIONS,
        |_| cases(),
        |section, measured| {
            for pair in measured.cases.chunks(CLIENTS.len()) {
                section.row(row(measured, pair));
                let bar = bars.iter_mut().find(|bar| bar.0 == pair[0].name());
                if let (true, Some(bar)) = (measured.first, bar) {
                    bar.1.push(pair[0].ratio(|turn| turn.writers.rate));
                }
            }
            targets(section, measured);
        },
    );
    let names = CONDITIONS.map(Condition::name);
    let title = "Rounds a second of 20 clients, ours to stock's with its AOF";
    section.plot(
        "gate-writers",
        plot::bars(title, &names.each_ref().map(String::as_str), &bars),
    );
    section
}

/// Those of a kind are side by side.
fn cases() -> Vec<Case> {
    let of = |kind| CLIENTS.map(|clients| Case::new(Some(kind), clients, 0));
    Kind::ALL.into_iter().flat_map(of).collect()
}

fn row(measured: &Measured, pair: &[Case]) -> Vec<String> {
    let mut row = vec![
        measured.server.clone(),
        measured.condition.policy.to_owned(),
        measured.condition.disk().to_owned(),
        pair[0].name().to_owned(),
    ];
    for case in pair {
        row.extend([Ours, Stock].map(|who| count(case.median(who, |turn| turn.writers.rate))));
        row.push(two(case.ratio(|turn| turn.writers.rate)));
    }
    row.push(count(pair.iter().map(Case::waited_us).fold(0.0, f64::max)));
    row
}

/// The least of the rates to stock's, and the most of the waits.
fn targets(section: &mut Section, measured: &Measured) {
    let (condition, server) = (measured.condition, &measured.server);
    let (mut rates, mut waits) = (Figures::default(), Figures::default());
    for case in &measured.cases {
        let row = format!("{} by {}", case.name(), case.writers);
        if case.kind.is_some_and(Kind::judged) {
            rates.add(row.clone(), case.ratio(|turn| turn.writers.rate));
        }
        waits.add(row, case.waited_us());
    }
    let name = condition.name();
    if condition != NO {
        let least = if condition == SLOW { 1.0 } else { 0.95 };
        let (row, figure) = rates.lowest();
        let what = format!("gate, {name}: rounds/s to stock, {row} ({server})");
        section.target(what, AtLeast(least), figure);
    }
    if condition.is_strict() {
        let (row, figure) = waits.highest();
        let what = format!("gate, {name}: us/s that the event loop waited, {row} ({server})");
        section.target(what, AtMost(0.0), figure);
    }
}
