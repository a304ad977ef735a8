//! What the last load of the log found, for INFO.

use std::sync::OnceLock;

/// Numbers of a load.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) records: u64,
    pub(crate) msec: u64,
    pub(crate) torn_bytes: u64,
}

static LAST: OnceLock<Load> = OnceLock::new();

/// Keeps the numbers of the load.
pub(crate) fn note(load: Load) {
    let _ = LAST.set(load);
}

/// The numbers of the last load; zeros if there was none.
pub(crate) fn last() -> Load {
    LAST.get().copied().unwrap_or_default()
}
