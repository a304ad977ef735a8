//! Room for the new file, checked before the fork. The writer measures the free space: the event loop never asks the
//! disk.

use std::path::PathBuf;

use mylog_core::rewrite::schedule::space_needed;

use super::rewriter::with;
use crate::engine;

/// The disk has too little room for a rewrite. The error's text is the reply to a client, and a line of the server's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it needs about {needed} bytes, {free} are free in {}", dir.display())]
pub(crate) struct Shortage {
    needed: u64,
    free: u64,
    dir: PathBuf,
}

/// The room that a rewrite lacks; `None` if there is enough, or if the free space is unknown.
pub(super) fn shortage() -> Option<Shortage> {
    let (needed, free) = engine::with(|engine| {
        (
            space_needed(engine.store.live_bytes()),
            engine.marks().free_bytes(),
        )
    })?;
    if free >= needed {
        return None;
    }
    let dir = with(|rewriter| rewriter.dir.clone())?;
    Some(Shortage { needed, free, dir })
}
