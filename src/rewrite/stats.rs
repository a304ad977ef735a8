//! The numbers of rewrites that INFO shows.

use std::time::Duration;

/// Counts and last values, for INFO.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stats {
    pub(crate) rewrites: u64,
    pub(crate) failures: u64,
    /// Whether the last rewrite that ended has failed; false before the first.
    pub(crate) last_failed: bool,
    /// Why the last rewrite that ended has failed; empty if it did not.
    pub(crate) last_error: String,
    /// How often a rewrite has given way to another child.
    pub(crate) yields: u64,
    pub(crate) last: Duration,
    pub(crate) last_entries: u64,
    /// Rounds over the entries that changed after the child had written them.
    pub(crate) last_rounds: u64,
    pub(crate) last_fork: Duration,
    /// Time that handing the residual over took on the event loop.
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
    /// Counts a failure.
    pub(super) fn failed(&mut self, why: &str) {
        self.failures += 1;
        self.last_failed = true;
        why.clone_into(&mut self.last_error);
    }

    /// Records how long handing the residual over took.
    pub(super) fn finalized(&mut self, took: Duration) {
        self.last_finalize = took;
        self.max_finalize = self.max_finalize.max(took);
    }
}
