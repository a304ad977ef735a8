//! What the writer does with what it is handed, as a state machine without a thread: append, sync by policy,
//! keep groups while writing fails, give a tainted file up, go over to a new one. It gets the time as a value.
//! It must never report a seq as durable that is not on disk in the file that has the live name.

mod flight;
mod health;
mod syncing;
mod trouble;

use std::sync::Arc;

use super::clock::Now;
use super::failure::Failure;
use super::file::{AppendError, LogFile, TaintStage, errno};
use super::home::Home;
use super::policy::{FsyncPolicy, NextSync, next_sync};
use super::queue::{Job, JobQueue};
use super::successor_slot::Successor;
use super::syncer::Syncer;
use super::watermarks::{Counters, Watermarks};
use crate::group::Group;
use flight::Flight;
use trouble::Trouble;

/// How long after a failed write the next one is tried.
pub const PROBE_MS: u64 = 1000;
/// How often the live name is looked at.
pub const PATH_CHECK_MS: u64 = 1000;
/// How long nothing must have been appended before the last group is vouched for. Long against the time
/// between two commits of a busy client, so that `always` never pays for it; short against the time in which
/// a disk goes bad. The vouching frame gets no sync of its own: lost in a power cut, it is merely absent.
pub const VOUCH_IDLE_MS: u64 = 100;

/// Hears from the writer, on the writer's thread, which holds no lock at that time. Must be quick.
pub trait Listener: Send + Sync {
    /// Everything up to `seq` is on disk.
    fn on_durable(&self, seq: u64);
    /// Nothing new becomes durable until [`Listener::on_recovered`].
    fn on_failure(&self, failure: &Failure);
    /// The log makes progress again.
    fn on_recovered(&self);
}

/// When to step again, or how it ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// At the next job, or at this steady time.
    WaitUntil(u64),
    /// Never.
    Stopped(StopReport),
}

/// How the writer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReport {
    /// Last seq on disk.
    pub durable_seq: u64,
    /// Groups that did not get into the file.
    pub unwritten_groups: usize,
    /// The file ends with the mark of a clean stop.
    pub sealed: bool,
}

/// The writer's state.
pub struct Committer {
    home: Home,
    file: LogFile,
    queue: Arc<JobQueue>,
    watermarks: Arc<Watermarks>,
    listener: Arc<dyn Listener>,
    policy: FsyncPolicy,
    /// Dequeued, not in `file`, in seq order; the first follows on the last of `file`.
    pending: Vec<Arc<Group>>,
    /// When the first of `pending` was submitted; `None` if it is empty.
    pending_since: Option<u64>,
    /// Last seq taken from the queue; `>= file.last_seq()`, with equality if `pending` is empty.
    dequeued: u64,
    /// Last seq on disk; `<= file.last_seq()`, with equality if `unsynced_since` is `None`. A sync that runs
    /// beside the writing is not yet in it.
    durable: u64,
    unsynced_since: Option<u64>,
    sync_wanted: bool,
    /// Syncs beside this; `None`: it syncs by itself under every policy.
    syncer: Option<Box<dyn Syncer>>,
    flight: Option<Flight>,
    trouble: Trouble,
    /// The present trouble in words, empty if there is none.
    trouble_text: String,
    /// Somebody asked for a rewrite: a file that was moved away is waited for no longer.
    reclaim: bool,
    last_append_ms: u64,
    next_probe_ms: u64,
    next_check_ms: u64,
}

impl Committer {
    /// Takes over a live file, of which everything is on disk but perhaps a Run frame.
    pub fn new(
        home: Home,
        file: LogFile,
        policy: FsyncPolicy,
        queue: Arc<JobQueue>,
        listener: Arc<dyn Listener>,
    ) -> Self {
        let watermarks = Arc::clone(queue.watermarks());
        let seq = file.last_seq();
        Self {
            home,
            file,
            queue,
            watermarks,
            listener,
            policy,
            pending: Vec::new(),
            pending_since: None,
            dequeued: seq,
            durable: seq,
            unsynced_since: None,
            sync_wanted: false,
            syncer: None,
            flight: None,
            trouble: Trouble::None,
            trouble_text: String::new(),
            reclaim: false,
            last_append_ms: 0,
            next_probe_ms: 0,
            next_check_ms: 0,
        }
    }

    /// Lets its syncs run beside it, but under `always`.
    pub fn with_syncer(mut self, syncer: Box<dyn Syncer>) -> Self {
        self.syncer = Some(syncer);
        self
    }

    /// When it syncs.
    pub(crate) fn policy(&self) -> FsyncPolicy {
        self.policy
    }

    /// Does all of `jobs` and whatever else is due. All groups in them share one append and one sync.
    /// `oldest` is when the first group among them was submitted.
    pub fn step(&mut self, jobs: &mut Vec<Job>, oldest: Option<u64>, now: Now) -> Step {
        let mut stop = None;
        self.pending_since = self.pending_since.or(oldest);
        self.hear_of_sync();
        for job in jobs.drain(..) {
            match job {
                Job::Frame(group) => {
                    self.dequeued = group.last_seq();
                    self.pending.push(group);
                }
                Job::Sync => self.sync_wanted = true,
                Job::SetPolicy(policy) => {
                    // A stricter policy must cover what was written under the weaker one, and a weaker one
                    // must not strand those who wait under the stricter.
                    self.sync_wanted |= policy != self.policy;
                    self.policy = policy;
                }
                Job::Reclaim => {
                    self.reclaim = true;
                    self.next_check_ms = now.steady_ms;
                }
                Job::Switch(successor) => self.switch(successor, now),
                Job::Stop { seal } => {
                    stop = Some(seal);
                    break;
                }
            }
        }
        self.look_around(now);
        if let Some(seal) = stop {
            return Step::Stopped(self.finish(seal, now));
        }
        self.begin_run_if_due(now);
        self.write_pending(now);
        self.sync_if_due(now);
        self.vouch_if_idle(now);
        Step::WaitUntil(self.next_wake(now))
    }

    fn may_write(&self, now: Now) -> bool {
        match self.trouble {
            Trouble::None => true,
            Trouble::Write(_) => now.steady_ms >= self.next_probe_ms,
            Trouble::Displaced(_) | Trouble::Tainted(_) => false,
        }
    }

    /// The start found no room for its Run frame: the disk is full from the first.
    fn begin_run_if_due(&mut self, now: Now) {
        if !self.file.run_is_due() || !self.may_write(now) {
            return;
        }
        match self.file.begin_run(self.file.run(), self.durable, now.wall_ms) {
            Ok(_) if matches!(self.trouble, Trouble::Write(_)) => self.recover(),
            Ok(_) => {}
            Err(failed) => self.append_failed(failed, now),
        }
    }

    fn write_pending(&mut self, now: Now) {
        if self.pending.is_empty() || self.file.run_is_due() || !self.may_write(now) {
            return;
        }
        match self.file.append(&self.pending, self.durable) {
            Ok(_) => {
                self.took(self.pending.len(), now);
                if matches!(self.trouble, Trouble::Write(_)) {
                    self.recover();
                }
            }
            Err(failed) => self.append_failed(failed, now),
        }
    }

    fn append_failed(&mut self, failed: AppendError, now: Now) {
        let text = failed.to_string();
        let trouble = match failed {
            AppendError::CutBack { kept, source, .. } => {
                self.took(kept, now);
                self.next_probe_ms = now.steady_ms + PROBE_MS;
                Trouble::Write(errno(&source))
            }
            AppendError::Tainted(taint) => Trouble::Tainted(taint),
            AppendError::Gap { .. } => Trouble::Tainted(self.file.set_taint(TaintStage::Sequence, 0)),
        };
        Counters::add(&self.watermarks.counters().write_failures, 1);
        self.enter(trouble, text);
    }

    /// The first `count` of the pending groups are in the file.
    fn took(&mut self, count: usize, now: Now) {
        if count == 0 {
            return;
        }
        let since = self.pending_since.unwrap_or(now.steady_ms);
        self.note_unsynced(since);
        self.last_append_ms = now.steady_ms;
        self.forget_pending(count);
        self.watermarks.set_written(self.file.last_seq(), self.file.end());
        Counters::add(&self.watermarks.counters().appends, 1);
        Counters::add(&self.watermarks.counters().groups, count as u64);
    }

    fn forget_pending(&mut self, count: usize) {
        let bytes = self.pending.drain(..count).map(|group| group.memory()).sum();
        self.watermarks.sub_unwritten(bytes);
        if self.pending.is_empty() {
            self.pending_since = None;
        }
        self.queue.publish_unwritten_since(self.pending_since);
    }

    /// Lets an empty frame vouch for the last group, once: without it, damage there reads as a torn tail.
    fn vouch_if_idle(&mut self, now: Now) {
        if !self.vouch_wanted() || now.steady_ms < self.last_append_ms + VOUCH_IDLE_MS {
            return;
        }
        self.last_append_ms = now.steady_ms;
        match self.file.vouch(self.durable, now.wall_ms) {
            Ok(_) => {
                self.watermarks.set_written(self.file.last_seq(), self.file.end());
                Counters::add(&self.watermarks.counters().vouches, 1);
            }
            Err(AppendError::Tainted(taint)) => self.enter(Trouble::Tainted(taint), taint.to_string()),
            // A full disk: no group waits, so nothing is failing yet.
            Err(AppendError::CutBack { .. } | AppendError::Gap { .. }) => self.last_append_ms += PROBE_MS,
        }
    }

    fn vouch_wanted(&self) -> bool {
        self.trouble == Trouble::None
            && !self.file.run_is_due()
            && self.pending.is_empty()
            && self.unsynced_since.is_none()
            && self.file.vouched_seq() < self.durable
    }

    fn switch(&mut self, mut successor: Box<dyn Successor>, now: Now) {
        let Some(file) = successor.publish(self.dequeued, self.file.id(), now) else {
            successor.conclude(None);
            return;
        };
        let retired = std::mem::replace(&mut self.file, file);
        self.home.renewed();
        self.forget_flight();
        let last_seq = self.file.last_seq();
        let covered = self
            .pending
            .iter()
            .take_while(|group| group.last_seq() <= last_seq)
            .count();
        self.forget_pending(covered);
        self.watermarks.set_written(last_seq, self.file.end());
        self.next_check_ms = now.steady_ms + PATH_CHECK_MS;
        Counters::add(&self.watermarks.counters().switches, 1);
        if let Some(taint) = self.file.taint() {
            self.enter(Trouble::Tainted(taint), taint.to_string());
        } else {
            self.set_durable(last_seq, None);
            if self.trouble != Trouble::None {
                self.recover();
            }
        }
        successor.conclude(Some(retired));
    }

    fn finish(&mut self, seal: bool, now: Now) -> StopReport {
        self.next_probe_ms = now.steady_ms;
        self.begin_run_if_due(now);
        self.next_probe_ms = now.steady_ms;
        self.write_pending(now);
        self.await_sync();
        self.sync();
        let complete = self.trouble == Trouble::None
            && !self.file.run_is_due()
            && self.pending.is_empty()
            && self.unsynced_since.is_none();
        let sealed = seal && complete && self.file.seal(now.wall_ms).is_ok() && self.file.sync().is_ok();
        self.watermarks.set_written(self.file.last_seq(), self.file.end());
        StopReport {
            durable_seq: self.durable,
            unwritten_groups: self.pending.len(),
            sealed,
        }
    }

    fn next_wake(&self, now: Now) -> u64 {
        let mut wake = self.next_check_ms;
        if matches!(self.trouble, Trouble::Tainted(_)) {
            return wake;
        }
        let waits = !self.pending.is_empty() || self.file.run_is_due();
        if matches!(self.trouble, Trouble::Write(_)) && waits {
            wake = wake.min(self.next_probe_ms);
        }
        if self.may_begin_sync() {
            if let NextSync::At(due) = next_sync(self.policy, now.steady_ms, self.unsynced_since, false) {
                wake = wake.min(due);
            }
        }
        if self.vouch_wanted() {
            wake = wake.min(self.last_append_ms + VOUCH_IDLE_MS);
        }
        wake
    }
}
