//! Backpressure: durable writes are refused while the disk is too slow, so that neither the memory of changes that wait nor
//! the span of time that a crash may lose grows without bound. What the server does by itself (expiry and eviction) is never
//! refused, nor what a primary sends: no client would be notified of that.

use std::time::Duration;

use module_api::server::{latency, log};

use super::pressure::Change;
use super::refusal::Refusal;
use crate::engine;

/// Why durable writes are refused now, if they are. Asked before each: nothing has changed then.
pub(crate) fn refusal() -> Option<Refusal> {
    if engine::with(|engine| engine.takes_all()) == Some(true) {
        return None;
    }
    check_size();
    engine::with(|engine| engine.refusal()).unwrap_or(Some(Refusal::NotOpen))
}

/// True while durable writes are taken.
pub(crate) fn takes_writes() -> bool {
    check_size();
    engine::with(|engine| engine.refusal().is_none()) == Some(true)
}

/// Before a durable write: the changes of this turn may have taken the size past its bound.
pub(crate) fn check_size() {
    let over = engine::with(|engine| engine.has_too_much_unwritten() && !engine.pressure.is_on());
    if over == Some(true) {
        sample();
    }
}

/// Measures in every turn of the event loop, and from the cron: a turn may take long, or never end.
pub(crate) fn sample() {
    let changes = engine::with(|engine| {
        // The common turn of a cache does not even read the clock.
        if engine.marks().nothing_waits() && engine.building_bytes() == 0 && !engine.pressure.is_on() {
            return [None, None];
        }
        let gauges = engine.gauges();
        [
            engine.pressure.check_age(gauges),
            engine.pressure.check_size(gauges),
        ]
    });
    let changes: Vec<Change> = changes.into_iter().flatten().flatten().collect();
    for change in &changes {
        tell(*change);
    }
    if !changes.is_empty() {
        engine::refresh_attention();
    }
}

fn tell(change: Change) {
    let ended = |took: Duration| {
        latency::sample(
            c"mylog-backpressure",
            i64::try_from(took.as_millis()).unwrap_or(i64::MAX),
        );
        took.as_millis()
    };
    match change {
        Change::AgeBegins(age) => log::warning(&format!(
            "durable writes are refused: the oldest write that is not on disk is {age} ms old (mylog.max-unsynced-age)"
        )),
        Change::SizeBegins(bytes) => log::warning(&format!(
            "durable writes are refused: {bytes} bytes wait to be written (mylog.max-unwritten)"
        )),
        Change::AgeEnds(most, took) => log::notice(&format!(
            "the disk has caught up after {} ms: the oldest write was up to {most} ms old; durable writes are taken",
            ended(took)
        )),
        Change::SizeEnds(most, took) => log::notice(&format!(
            "the disk has caught up after {} ms: up to {most} bytes waited to be written; durable writes are taken",
            ended(took)
        )),
    }
}
