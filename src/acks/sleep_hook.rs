//! The part of a turn after the module's BEFORE_SLEEP hook: what runs then is not in the turn's group.

use std::sync::atomic::{AtomicBool, Ordering};

/// True from BEFORE_SLEEP until the event loop has slept. Redis 7.0 runs the next command of a released client in that time:
/// what the command writes would stay unsealed until something else wakes the event loop.
static PAST: AtomicBool = AtomicBool::new(false);

/// True between BEFORE_SLEEP and the sleep: what a command writes then is not in the group that this turn has sealed.
pub(crate) fn is_past() -> bool {
    PAST.load(Ordering::Relaxed)
}

/// BEFORE_SLEEP has ended (true), or the event loop has slept (false).
pub(crate) fn set_past(past: bool) {
    PAST.store(past, Ordering::Relaxed);
}
