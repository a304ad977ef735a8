//! The reasons for which the filter handles more than flushes, as the bits of one byte.

use std::sync::atomic::{AtomicU8, Ordering};

/// Keys are captured.
pub(super) const CAPTURES: u8 = 1;
/// The log is down: every command is checked.
pub(crate) const DOWN: u8 = 2;
/// Replies may have to wait for the disk: the filter notes the client of each command.
pub(crate) const WATCHED: u8 = 4;

static ATTENTION: AtomicU8 = AtomicU8::new(0);

/// Sets or clears a bit, and returns whether it was set before.
pub(crate) fn set(what: u8, on: bool) -> bool {
    let before = match on {
        true => ATTENTION.fetch_or(what, Ordering::Relaxed),
        false => ATTENTION.fetch_and(!what, Ordering::Relaxed),
    };
    before & what != 0
}

/// True while this bit is set.
pub(crate) fn is_on(what: u8) -> bool {
    ATTENTION.load(Ordering::Relaxed) & what != 0
}

/// True while any bit is set.
pub(crate) fn is_any() -> bool {
    ATTENTION.load(Ordering::Relaxed) != 0
}
