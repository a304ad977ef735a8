//! The changes that a command has seen and that are not durable yet. Under `mylog.read-mode committed` the command's reply
//! waits for them, as if the command had made them.
//!
//! The common path inspects no key: all changes are durable, or no client waits for changes.

use std::cell::Cell;

use module_api::keys::key::Contents;
use module_api::server::server_state;
use mylog_core::log::policy::FsyncPolicy;

use crate::engine::value_handle::entry_of;
use crate::engine::{self, Engine};
use crate::settings::{always_keys, config};

/// No seq is above this.
const NOTHING: u64 = u64::MAX;

/// The changes that a command sees and that its reply has to wait for.
#[derive(Debug)]
pub(crate) struct Sight {
    /// Changes up to this one don't count.
    above: u64,
    /// Changes of all keys count, not only of those under `mylog.always-prefixes`.
    every_name: bool,
    /// The seq of the last change that was seen and counts; 0 for none.
    seen: Cell<u64>,
}

impl Sight {
    /// At the start of a command. Readers on a replica do not wait.
    pub(crate) fn begin(engine: &Engine) -> Self {
        let marks = engine.marks();
        let down = marks.is_down();
        if !down && !always_keys::anything() {
            return Self::none();
        }
        let above = match config::fsync_policy() {
            // Under `no` clients are promised the write and no sync, and a log that works is about to write.
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

    /// For a command whose reply waits for no change that it sees.
    pub(crate) fn none() -> Self {
        Self {
            above: NOTHING,
            every_name: false,
            seen: Cell::new(0),
        }
    }

    /// True if the reply has to wait for no change that the command might see.
    pub(crate) fn is_clear(&self) -> bool {
        self.above == NOTHING
    }

    /// The command sees what the keyspace contains under a key.
    pub(crate) fn note(&self, db: u32, name: &[u8], contents: Contents) {
        if self.is_clear() {
            return;
        }
        let slot = match contents {
            Contents::Ours(_, handle) => match entry_of(handle) {
                Some(id) => Some(id.slot),
                // A loaded value that is not registered yet: it has no record in the log.
                None => return,
            },
            Contents::Nothing | Contents::Foreign => None,
        };
        let seq = engine::with(|engine| match slot {
            Some(slot) => engine.changes.of_entry(db, slot),
            None => engine.changes.of_missing(db, name),
        });
        self.count(seq.unwrap_or(0), name);
    }

    /// The command sees something of a key without opening it.
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

    /// The seq of the last change that was seen and counts.
    pub(crate) fn seen(&self) -> Option<u64> {
        Some(self.seen.get()).filter(|&seq| seq > 0)
    }
}
