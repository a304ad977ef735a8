//! The common part of adoptions and releases: how one ends, and when it has to wait.

use module_api::server;
use module_api::server::server_state;

use crate::engine::backpressure;
use crate::keyspace::load_state;

/// How an adoption or a release ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// None has ended yet.
    None,
    /// The walk has visited every key.
    Done,
    /// It was ended before that: the text says why.
    Aborted(&'static str),
}

/// True while the log can't take effects, or the server can't execute writes.
pub(crate) fn must_wait() -> bool {
    !backpressure::takes_writes()
        || server_state::is_loading()
        || !load_state::serves()
        || server::writes_are_paused()
}
