//! What the last load of the log found, for INFO.

use std::sync::OnceLock;

/// What the load found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) records: u64,
    pub(crate) msec: u64,
    pub(crate) torn_bytes: u64,
}

static LAST: OnceLock<Load> = OnceLock::new();

/// Takes note of it.
pub(crate) fn note(load: Load) {
    let _ = LAST.set(load);
}

/// What it was.
pub(crate) fn last() -> Load {
    LAST.get().copied().unwrap_or_default()
}
