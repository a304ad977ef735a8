//! The state of rewrites, owned by the event loop. The files that act on the state import this one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use module_api::gil::Gil;
use mylog_core::format::header::Identity;
use mylog_core::io::Fs;
use mylog_core::log::failure::Healing;
use mylog_core::rewrite::courtesy::Courtesy;
use mylog_core::rewrite::healing::HealingSchedule;
use mylog_core::rewrite::schedule::BackOff;

use super::progress_page;
use super::running::{Phase, Running};
use super::server_children::Waiting;
use super::stats::Stats;
use crate::engine;

/// The state of rewrites: the running one, the scheduled one, and when the next may begin.
pub(crate) struct Rewriter {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    /// The identity of the live file.
    pub(crate) identity: Identity,
    pub(crate) run: u64,
    /// The epoch of the last rewrite that was begun, `>= identity.epoch`. Each attempt has its own epoch and so its own file
    /// name: a thread removes the file of an aborted attempt, and must not remove the file of the next one.
    pub(super) last_epoch: u64,
    /// Size of the live file's header and snapshot section: growth is measured against this size.
    pub(crate) base_size: u64,
    pub(super) running: Option<Running>,
    /// A rewrite begins as soon as the server can fork.
    pub(super) scheduled: bool,
    pub(super) back_off: BackOff,
    pub(super) healing: HealingSchedule,
    /// Whether the rewrite stands back for the server's other children.
    pub(super) courtesy: Courtesy,
    /// The server refused to fork because it saves: the next try is not before this time.
    pub(super) busy_until: Option<Duration>,
    /// An automatic rewrite waits for room on the disk, and the server's log already has the line about it.
    pub(super) short_of_room: bool,
    pub(super) epoch_of_clock: Instant,
    pub(crate) stats: Stats,
}

static REWRITER: Gil<Option<Rewriter>> = Gil::new(None);

/// Runs `f` with the rewriter; `None` before the log is open.
pub(crate) fn with<R>(f: impl FnOnce(&mut Rewriter) -> R) -> Option<R> {
    REWRITER.with(|rewriter| rewriter.as_mut().map(f))
}

/// Creates the rewriter, once OnLoad has opened the log.
pub(crate) fn start(fs: Arc<dyn Fs>, dir: &Path, identity: Identity, run: u64, base_size: u64) {
    let rewriter = Rewriter {
        fs,
        dir: dir.to_owned(),
        identity,
        run,
        last_epoch: identity.epoch,
        base_size,
        running: None,
        scheduled: false,
        back_off: BackOff::default(),
        healing: HealingSchedule::default(),
        courtesy: Courtesy::default(),
        busy_until: None,
        short_of_room: false,
        epoch_of_clock: Instant::now(),
        stats: Stats::default(),
    };
    REWRITER.with(|slot| *slot = Some(rewriter));
}

/// Why a rewrite begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A client asked with `MYLOG.REWRITE`.
    Asked,
    /// The log has grown.
    Growth,
    /// The log's file can't be used any more, and only a new file, written from memory, helps.
    Healing,
    /// The rewrite was scheduled.
    Scheduled,
}

impl Rewriter {
    /// Time since the rewriter was created: the clock of the schedules.
    pub(super) fn now(&self) -> Duration {
        self.epoch_of_clock.elapsed()
    }

    /// True from the fork to the end of the switch.
    pub(crate) fn in_progress(&self) -> bool {
        self.running.is_some()
    }

    /// True if a rewrite is scheduled.
    pub(crate) fn is_scheduled(&self) -> bool {
        self.scheduled
    }

    /// For how long automatic rewrites are still held back after failures.
    pub(crate) fn next_retry(&self) -> Duration {
        match healing() {
            Healing::NotNeeded => self.back_off.remaining(self.now()),
            Healing::Waiting | Healing::Ready => self.healing.wait(self.now()),
        }
    }

    /// Progress of the running rewrite, 0 to 1: the fraction of the entries that the child has passed.
    pub(crate) fn progress(&self) -> f64 {
        match self.running.as_ref().map(|running| &running.phase) {
            None => 0.0,
            Some(Phase::Switching(..)) => 1.0,
            Some(_) => progress_page::progress(),
        }
    }

    /// Which of the server's own children wait for the rewrite's child.
    pub(crate) fn in_the_way_of(&self) -> Waiting {
        let running = self.running.as_ref().filter(|running| running.has_child());
        running.map_or_else(Waiting::default, |running| running.waiting)
    }
}

/// The answer to `MYLOG.REWRITE ABORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aborted {
    /// The rewrite is aborted.
    Done,
    /// No rewrite runs.
    None,
    /// The switch is in its last step.
    TooLate,
}

/// Schedules a rewrite: `turn` begins it as soon as the server can fork.
pub(crate) fn schedule() {
    with(|rewriter| rewriter.scheduled = true);
}

/// Whether the log needs a new file, and whether one can be written.
pub(super) fn healing() -> Healing {
    engine::with(|engine| engine.marks().healing()).unwrap_or(Healing::NotNeeded)
}

/// Counts a failure, and starts the back-off.
pub(super) fn failed(why: &str) {
    with(|rewriter| {
        rewriter.stats.failed(why);
        rewriter.courtesy.reset();
        let now = rewriter.now();
        rewriter.back_off.failed(now);
        rewriter.healing.failed(now);
    });
}
