//! What INFO tells of rewrites.

use std::time::Duration;

/// Counts and last values, for INFO.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stats {
    pub(crate) rewrites: u64,
    pub(crate) failures: u64,
    /// Of the last rewrite that ended; true before the first.
    pub(crate) last_failed: bool,
    pub(crate) last: Duration,
    pub(crate) last_entries: u64,
    pub(crate) last_fork: Duration,
    /// What handing the residual over cost the event loop.
    pub(crate) last_finalize: Duration,
    pub(crate) max_finalize: Duration,
    pub(crate) last_exclusive_usec: u64,
    pub(crate) backlog_peak: u64,
    pub(crate) absorbed: u64,
    pub(crate) emitted: u64,
    pub(crate) last_residual_bytes: u64,
    /// From the fork's return to the child's report.
    pub(crate) last_child: Duration,
}

impl Stats {
    /// Counts a finalize.
    pub(super) fn finalized(&mut self, took: Duration) {
        self.last_finalize = took;
        self.max_finalize = self.max_finalize.max(took);
    }
}
