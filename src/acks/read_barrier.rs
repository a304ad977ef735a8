//! What a command has seen that is not durable yet. Under `mylog.read-mode committed` its reply waits for
//! that, as if the command had made the change.
//!
//! The common path looks at nothing: all is durable, or nobody waits.

use std::cell::Cell;

use module_api::keys::key::Holds;
use module_api::server::server_state;
use mylog_core::log::policy::FsyncPolicy;

use crate::engine::value_handle::Word;
use crate::engine::{self, Engine};
use crate::settings::{always_keys, config};

/// No change is after this.
const NOTHING: u64 = u64::MAX;

/// What a command sees of changes that its reply has to wait for.
#[derive(Debug)]
pub(crate) struct Sight {
    /// Changes up to this one don't count.
    above: u64,
    /// Those of every name count, not only those under `mylog.always-prefixes`.
    every_name: bool,
    /// The last change seen; 0 for none.
    seen: Cell<u64>,
}

impl Sight {
    /// At the start of a command. A replica's readers wait for nobody.
    pub(crate) fn begin(engine: &Engine) -> Self {
        let marks = engine.marks();
        let down = marks.is_down();
        if !down && !always_keys::anything() {
            return Self::none();
        }
        let above = match config::fsync_policy() {
            // Under `no` nobody expects more than the write, and a log that works is about to do it.
            FsyncPolicy::No if down => marks.written(),
            _ => marks.durable(),
        };
        let looks = above < engine.last_seq()
            && config::reads_committed()
            && !server_state::is_replica()
            && !server_state::is_loading();
        Self {
            above: if looks { above } else { NOTHING },
            every_name: down,
            seen: Cell::new(0),
        }
    }

    /// That of a command for which nothing counts.
    pub(crate) fn none() -> Self {
        Self {
            above: NOTHING,
            every_name: false,
            seen: Cell::new(0),
        }
    }

    /// True while nothing that might be seen would have to be waited for.
    pub(crate) fn is_clear(&self) -> bool {
        self.above == NOTHING
    }

    /// The command sees what a name holds.
    pub(crate) fn note(&self, db: u32, name: &[u8], holds: Holds) {
        if self.is_clear() {
            return;
        }
        let slot = match holds {
            Holds::Ours(_, word) => match Word::read(word) {
                Word::Entry(id) => Some(id.slot),
                // Loaded and not the log's yet: no seq speaks of it.
                Word::Loaded(_) => return,
            },
            Holds::Nothing | Holds::Foreign => None,
        };
        let seq = engine::with(|engine| match slot {
            Some(slot) => engine.changes.of_entry(db, slot),
            None => engine.changes.of_missing(db, name),
        });
        self.count(seq.unwrap_or(0), name);
    }

    /// The command sees something of a name, without opening it.
    pub(crate) fn note_name(&self, db: u32, name: &[u8]) {
        if self.is_clear() {
            return;
        }
        let seq = engine::with(|engine| match engine.store.find(db, name) {
            Some(id) => engine.changes.of_entry(db, id.slot),
            None => engine.changes.of_missing(db, name),
        });
        self.count(seq.unwrap_or(0), name);
    }

    fn count(&self, seq: u64, name: &[u8]) {
        if seq > self.above && seq > self.seen.get() && (self.every_name || always_keys::is_name(name)) {
            self.seen.set(seq);
        }
    }

    /// The last change that was seen and counts.
    pub(crate) fn seen(&self) -> Option<u64> {
        Some(self.seen.get()).filter(|&seq| seq > 0)
    }
}
