//! When the log is synced, and what a sync proves. Under `always` the writer syncs itself: nobody is acknowledged
//! before. Under the other policies a sync runs beside it (`syncer.rs`), and what is written meanwhile is for
//! the next one. Never two at once on one file, and none behind one that failed.

use std::time::Instant;

use super::super::file::{TaintStage, errno};
use super::super::policy::{FsyncPolicy, NextSync, next_sync};
use super::super::syncer::Synced;
use super::super::watermarks::Counters;
use super::flight::Flight;
use super::trouble::Trouble;
use super::{Committer, Now};

impl Committer {
    pub(super) fn sync_if_due(&mut self, now: Now) {
        if !self.may_begin_sync() {
            return;
        }
        let due = next_sync(self.policy, now.steady_ms, self.unsynced_since, self.sync_wanted);
        if due == NextSync::Now && !self.begin_sync() {
            self.sync();
        }
        // While writing fails the wish stays: it is for the pending groups too.
        let left = !self.flies() && self.unsynced_since.is_some();
        self.sync_wanted &= !self.pending.is_empty() || left;
    }

    /// False while a sync runs whose end has to be awaited: the writer is woken then.
    pub(super) fn may_begin_sync(&self) -> bool {
        !self.flies()
    }

    /// True while a sync of the file that is the log runs beside the writer.
    fn flies(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.current)
    }

    /// Begins a sync beside the writer, where that is the way.
    fn begin_sync(&mut self) -> bool {
        // A sync of the file before a switch may hang for as long as it likes. Until it ends the writer syncs by
        // itself, or nothing would become durable in the new file.
        if self.policy == FsyncPolicy::Always || self.flight.is_some() || !self.may_sync() {
            return false;
        }
        let Some(syncer) = &mut self.syncer else {
            return false;
        };
        // Without a second handle the writer syncs by itself.
        let Ok(file) = self.file.second() else {
            return false;
        };
        syncer.begin(file);
        self.flight = Some(Flight {
            seq: self.file.last_seq(),
            current: true,
            behind: None,
        });
        true
    }

    fn may_sync(&self) -> bool {
        self.unsynced_since.is_some() && !matches!(self.trouble, Trouble::Displaced(_) | Trouble::Tainted(_))
    }

    /// Notes that a group, submitted at `since`, is in the file and not synced.
    pub(super) fn note_unsynced(&mut self, since: u64) {
        if let Some(flight) = &mut self.flight {
            flight.behind.get_or_insert(since);
        }
        self.unsynced_since.get_or_insert(since);
        self.watermarks.set_unsynced_since(self.unsynced_since);
    }

    /// The log is another file now, all of it on disk: a sync of the old one may end as it likes.
    pub(super) fn forget_flight(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.current = false;
        }
    }

    /// Hears of a sync that has ended meanwhile.
    pub(super) fn hear_of_sync(&mut self) {
        if let Some(synced) = self.syncer.as_mut().and_then(|syncer| syncer.take()) {
            self.landed(synced);
        }
    }

    /// Waits for the sync that runs, if its end matters.
    pub(super) fn await_sync(&mut self) {
        if self.flies() {
            if let Some(synced) = self.syncer.as_mut().map(|syncer| syncer.wait()) {
                self.landed(synced);
            }
        }
    }

    fn landed(&mut self, synced: Synced) {
        let Some(flight) = self.flight.take().filter(|flight| flight.current) else {
            return;
        };
        if let Err(source) = &synced.result {
            let taint = self.file.set_taint(TaintStage::Fsync, errno(source));
            return self.enter(Trouble::Tainted(taint), taint.to_string());
        }
        // Displaced or tainted meanwhile: it proves nothing of the file that has the live name.
        if !self.may_sync() {
            return;
        }
        match self.file.look() {
            Ok(()) => {
                self.watermarks.fsync_times().record(synced.took);
                self.durable_up_to(flight.seq, flight.behind);
            }
            Err(taint) => self.enter(Trouble::Tainted(taint), taint.to_string()),
        }
    }

    /// Syncs, and waits for it.
    pub(super) fn sync(&mut self) {
        if !self.may_sync() {
            return;
        }
        let began = Instant::now();
        match self.file.sync() {
            Ok(()) => {
                self.watermarks.fsync_times().record(began.elapsed());
                self.durable_up_to(self.file.last_seq(), None);
            }
            Err(taint) => self.enter(Trouble::Tainted(taint), taint.to_string()),
        }
    }

    fn durable_up_to(&mut self, seq: u64, unsynced_since: Option<u64>) {
        Counters::add(&self.watermarks.counters().fsyncs, 1);
        self.set_durable(seq, unsynced_since);
    }

    /// Everything up to `seq` is on disk; what is behind it was submitted since `unsynced_since`.
    pub(super) fn set_durable(&mut self, seq: u64, unsynced_since: Option<u64>) {
        self.durable = seq;
        self.unsynced_since = unsynced_since;
        self.watermarks.set_unsynced_since(unsynced_since);
        self.queue.clients_leave();
        self.watermarks.set_durable(seq);
        self.listener.on_durable(seq);
    }
}
