//! The state of the gate: which clients are gated, and the seq that each waits for.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use module_api::gil::Gil;

use super::execution_unit;
use super::queue::Queue;
use super::release_pace::Spread;

const NO_SEQ: u64 = u64::MAX;

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: Queue,
    /// The clients that were gated in this turn.
    pub(super) turn: Vec<u64>,
    pub(super) spread: Spread,
    /// The last time at which all gated clients were known to be protected: no command had run since they were.
    pub(super) sure: Option<Instant>,
    /// When the present trouble of the log began.
    pub(super) trouble: Option<Instant>,
    /// Why the gate can't be used; `None` where it can.
    pub(super) off: Option<&'static str>,
}

static STATE: Gil<Option<State>> = Gil::new(None);
static ON: AtomicBool = AtomicBool::new(false);
/// The lowest seq that a gated client waits for: the writer thread wakes the event loop once it is durable.
static LEAST: AtomicU64 = AtomicU64::new(NO_SEQ);

/// Opens the state.
pub(super) fn with<R>(f: impl FnOnce(&mut State) -> R) -> R {
    STATE.with(|state| f(state.get_or_insert_with(State::default)))
}

impl State {
    /// Gates a client until `seq` is durable. True if the client was not gated before.
    pub(super) fn add(&mut self, id: u64, seq: u64) -> bool {
        let is_new = self.queue.add(id, seq);
        if self.turn.last() != Some(&id) {
            self.turn.push(id);
        }
        self.publish();
        is_new
    }

    /// Publishes the lowest seq that a gated client waits for.
    pub(super) fn publish(&self) {
        LEAST.store(self.queue.least().unwrap_or(NO_SEQ), Ordering::Relaxed);
    }

    /// These clients are gated no longer.
    pub(super) fn forget(&mut self, gone: &[u64]) {
        let gone: HashSet<u64> = gone.iter().copied().collect();
        self.queue.forget(&gone);
        // `before_sleep` protects the clients of `turn` again, and the server never frees a protected client.
        self.turn.retain(|id| !gone.contains(id));
        self.publish();
    }
}

/// True while any client is gated.
#[inline]
pub(super) fn are_any() -> bool {
    LEAST.load(Ordering::Relaxed) != NO_SEQ
}

/// True if a gated client waits for `seq`, or for less.
pub(super) fn waits_for(seq: u64) -> bool {
    seq >= LEAST.load(Ordering::Relaxed)
}

/// True where the gate is used: replies wait in their clients' output buffers.
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Notes whether the gate is used from now on.
pub(super) fn set_on(on: bool) {
    ON.store(on, Ordering::Relaxed);
}

/// Number of clients that are gated now.
pub(crate) fn count() -> usize {
    with(|state| state.queue.len())
}

/// Waits on the event loop, if necessary, until all that gated clients wait for is durable. False if the log fails, or takes
/// longer than `mylog.max-wait`.
pub(super) fn all_are_durable() -> bool {
    let last = with(|state| state.queue.last());
    last.is_none_or(|last| execution_unit::wait_in_place(last).is_none())
}

/// The ids of all gated clients.
pub(super) fn all() -> Vec<u64> {
    with(|state| state.queue.ids().collect())
}

/// True if the client with this id is gated.
pub(super) fn contains(id: u64) -> bool {
    with(|state| state.queue.contains(id))
}

/// The longest time for which a client that is still gated has waited.
pub(super) fn longest_wait() -> Duration {
    let oldest = with(|state| state.queue.oldest());
    oldest.map_or(Duration::ZERO, |since| since.elapsed())
}
