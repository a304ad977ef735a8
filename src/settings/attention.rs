//! What the filter has to look for, in one byte: while it is zero, only flushes.

use std::sync::atomic::{AtomicU8, Ordering};

/// Keys are captured.
pub(super) const CAPTURES: u8 = 1;
/// The log is down: every command is looked at.
pub(crate) const DOWN: u8 = 2;
/// Replies may have to wait for the disk: it counts whose command each is.
pub(crate) const WATCHED: u8 = 4;

static ATTENTION: AtomicU8 = AtomicU8::new(0);

/// Sets one of these, or takes it back; tells whether it was set.
pub(crate) fn set(what: u8, on: bool) -> bool {
    let before = match on {
        true => ATTENTION.fetch_or(what, Ordering::Relaxed),
        false => ATTENTION.fetch_and(!what, Ordering::Relaxed),
    };
    before & what != 0
}

/// True while this is to be looked for.
pub(crate) fn is_on(what: u8) -> bool {
    ATTENTION.load(Ordering::Relaxed) & what != 0
}

/// True while there is anything to look for.
pub(crate) fn is_any() -> bool {
    ATTENTION.load(Ordering::Relaxed) != 0
}
