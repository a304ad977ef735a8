//! Waiting for a condition: the one place where a test may sleep.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longest that any condition of a test may take, on a slow and busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Returns when `condition` holds; panics with `what` when it does not within `DEADLINE`.
pub fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    assert!(
        holds_within(DEADLINE, condition),
        "waited {DEADLINE:?} in vain for: {what}"
    );
}

/// Whether `condition` came to hold within `limit`.
pub fn holds_within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        sleep(Duration::from_millis(2));
    }
}
