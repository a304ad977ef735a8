//! What is left of a round that fails when everything is taken away that it fails without.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::{Duration, Instant};

use super::rounds::Round;
use super::server;
use super::sides::Answered;
use crate::support::Server;

/// Longest time that is spent on it.
const PATIENCE: Duration = Duration::from_secs(120);

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a round; its first difference, if there is one.
pub fn outcome(
    round: &Round,
    server: &mut Server,
    protocol: u8,
    each: impl FnMut(Answered),
) -> Result<(), String> {
    hush();
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(|| round.run(server, protocol, each)));
    QUIET.set(false);
    result.map_err(|panic| text(&*panic))
}

/// Panics that are only looked at are not shown.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
}

fn text(panic: &(dyn Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    owned
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

/// Ends the test with the smallest round that was found to fail.
pub fn report(round: &Round, protocol: u8, again: &str, why: &str) -> ! {
    let in_short = |round: &Round| outcome(round, &mut server().start(), protocol, |_| {}).err();
    let Some(first) = in_short(round) else {
        panic!("{why}\n\n{again}: but not alone: only after the rounds before it");
    };
    let (mut round, mut why) = (round.clone(), first);
    let start = Instant::now();
    let mut step = calls(&round).max(2) / 2;
    while step > 0 && start.elapsed() < PATIENCE {
        let before = calls(&round);
        let mut at = 0;
        while at < calls(&round) && start.elapsed() < PATIENCE {
            let smaller = without(&round, at, step);
            match in_short(&smaller) {
                Some(still) => (round, why) = (smaller, still),
                None => at += step,
            }
        }
        step = if step == 1 && calls(&round) < before {
            1
        } else {
            step / 2
        };
    }
    panic!("{why}\n\n{again}: shrunk, RESP{protocol}:\n{}", shown(&round));
}

fn calls(round: &Round) -> usize {
    round
        .parts
        .iter()
        .flat_map(|(steps, _)| steps)
        .map(|step| step.calls().len().max(1))
        .sum()
}

/// The round without so many of its commands.
fn without(round: &Round, from: usize, many: usize) -> Round {
    let mut round = round.clone();
    let mut number = 0;
    for (steps, _) in &mut round.parts {
        let mut left = Vec::new();
        for step in steps.drain(..) {
            let mut kept = Some(step.clone());
            for at in (0..step.calls().len().max(1)).rev() {
                if (from..from + many).contains(&(number + at)) {
                    kept = kept.and_then(|step| step.without(at));
                }
            }
            number += step.calls().len().max(1);
            left.extend(kept);
        }
        *steps = left;
    }
    round
}

fn shown(round: &Round) -> String {
    let mut text = format!("{:?}\n", round.settings);
    for (steps, end) in &round.parts {
        for step in steps {
            text.push_str(&format!("  {step:?}\n"));
        }
        text.push_str(&format!("  then {end:?}\n"));
    }
    text
}
