//! The rewrite in the parent: fork, feed, handshake, switch; and the decision when a rewrite begins.
//!
//! All of this runs on the event loop, except the switch, which has its own threads. The event loop never reads, writes,
//! syncs, renames or removes the log.

#![forbid(unsafe_code)]

mod child;
mod finish;
mod pipes;
pub(crate) mod progress_page;
mod run;
pub(crate) mod server_children;
mod space;
mod stats;
pub(crate) mod yielding;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::server::log;
use mylog_core::format::header::Identity;
use mylog_core::io::Fs;
use mylog_core::log::failure::Healing;
use mylog_core::rewrite::courtesy::Courtesy;
use mylog_core::rewrite::healing::HealingSchedule;
use mylog_core::rewrite::schedule::{BackOff, space_needed};

use crate::engine;
use crate::keyspace::native_effects;
use crate::lifecycle::startup;
use crate::settings::config;
use run::{BeginError, Phase, Running};
use server_children::Waiting;
pub(crate) use space::Shortage;
pub(crate) use stats::Stats;

/// For how long no fork is tried after the server has refused one: the server logs each refusal.
const BUSY_REST: Duration = Duration::from_secs(1);

/// The state of rewrites, owned by the event loop.
pub(crate) struct Rewriter {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    /// The identity of the live file.
    pub(crate) identity: Identity,
    pub(crate) run: u64,
    /// The epoch of the last rewrite that was begun, `>= identity.epoch`. Each attempt has its own epoch and so its own file
    /// name: a thread removes the file of an aborted attempt, and must not remove the file of the next one.
    last_epoch: u64,
    /// Size of the live file's header and snapshot section: growth is measured against this size.
    pub(crate) base_size: u64,
    running: Option<Running>,
    /// A rewrite begins as soon as the server can fork.
    scheduled: bool,
    back_off: BackOff,
    healing: HealingSchedule,
    /// Whether the rewrite stands back for the server's other children.
    courtesy: Courtesy,
    /// The server refused to fork because it saves: the next try is not before this time.
    busy_until: Option<Duration>,
    /// An automatic rewrite waits for room on the disk, and the server's log already has the line about it.
    short_of_room: bool,
    epoch_of_clock: Instant,
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

/// The answer to `MYLOG.REWRITE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requested {
    /// The rewrite runs.
    Started,
    /// The rewrite begins as soon as it can.
    Scheduled,
    /// A rewrite runs already.
    InProgress,
    /// The disk has too little room.
    NoRoom(Shortage),
    /// The fork or what it needs failed; the server's log says why.
    Failed,
}

/// The result of an attempt to begin a rewrite.
enum Begun {
    Yes,
    /// The server saves, so the rewrite is scheduled.
    Later,
    NoRoom(Shortage),
    No,
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
    fn now(&self) -> Duration {
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

/// `MYLOG.REWRITE`. `in_unit`: the command is inside MULTI or a script, where a fork would copy half a unit.
pub(crate) fn request(in_unit: bool) -> Requested {
    let state = with(|rewriter| {
        rewriter.back_off.reset();
        rewriter.healing.healed();
        (rewriter.in_progress(), rewriter.courtesy.stands_back())
    });
    let Some((false, stands_back)) = state else {
        return Requested::InProgress;
    };
    // The folder is missing, or takes no file: the writer makes it ready if it can, and the scheduled rewrite begins after that.
    let unready = engine::with(|engine| {
        let waits = engine.marks().healing() == Healing::Waiting;
        if waits {
            engine.writer.reclaim();
        }
        waits
    });
    if in_unit || stands_back || unready == Some(true) || !can_fork() {
        schedule();
        return Requested::Scheduled;
    }
    match begin(Reason::Asked) {
        Begun::Yes => Requested::Started,
        Begun::Later => Requested::Scheduled,
        Begun::NoRoom(shortage) => {
            log::warning(&format!("log rewrite: it can't begin: {shortage}"));
            Requested::NoRoom(shortage)
        }
        Begun::No => Requested::Failed,
    }
}

/// Schedules a rewrite: `turn` begins it as soon as the server can fork.
pub(crate) fn schedule() {
    with(|rewriter| rewriter.scheduled = true);
}

fn can_fork() -> bool {
    startup::serves() && !Flags::of_server().any(Flags::ACTIVE_CHILD | Flags::LOADING)
}

fn begin(reason: Reason) -> Begun {
    if engine::with(|engine| engine.mute) != Some(false) {
        return Begun::No;
    }
    if let Some(shortage) = space::shortage() {
        return Begun::NoRoom(shortage);
    }
    native_effects::settle(native_effects::Cause::Command);
    let free = engine::with(|engine| engine.marks().free_bytes()).unwrap_or(u64::MAX);
    with(|rewriter| {
        rewriter.scheduled = false;
        rewriter.short_of_room = false;
        rewriter.healing.began(free);
    });
    match run::fork(reason) {
        Ok(()) => {
            with(|rewriter| rewriter.busy_until = None);
            Begun::Yes
        }
        Err(BeginError::Busy) => {
            later();
            Begun::Later
        }
        Err(error) => {
            log::warning(&format!("log rewrite: it could not begin: {error}"));
            failed(&error.to_string());
            Begun::No
        }
    }
}

/// Schedules the rewrite again: the server saves in its own process, or has a child that the context flags did not show.
/// That is no failure. The server's log gets one line for each save.
fn later() {
    let news = with(|rewriter| {
        rewriter.scheduled = true;
        rewriter
            .busy_until
            .replace(rewriter.epoch_of_clock.elapsed() + BUSY_REST)
            .is_none()
    });
    if news == Some(true) {
        log::notice("log rewrite: the server forks nothing while it saves; it begins behind that");
    }
}

/// Begins a rewrite that no client asked for. Without room on the disk the attempt is repeated until there is room. An attempt
/// costs nothing, so the lack of room is logged and counted once, and causes no back-off.
fn begin_by_itself(reason: Reason) {
    let Begun::NoRoom(shortage) = begin(reason) else {
        return;
    };
    let news = with(|rewriter| {
        let news = !std::mem::replace(&mut rewriter.short_of_room, true);
        if news {
            rewriter.stats.failed(&shortage.to_string());
        }
        news
    });
    if news == Some(true) {
        log::warning(&format!("log rewrite: it waits for room on the disk: {shortage}"));
    }
}

/// Runs in every turn of the event loop, after the group was sealed.
pub(crate) fn turn() {
    run::after_seal();
    finish::conclude_switch();
    let due = with(|rewriter| {
        let rests = rewriter.busy_until.is_some_and(|until| rewriter.now() < until);
        rewriter.scheduled && rewriter.running.is_none() && !rests && !rewriter.courtesy.stands_back()
    });
    if due == Some(true) && healing() != Healing::Waiting && can_fork() {
        begin_by_itself(Reason::Scheduled);
    }
}

/// Runs in the server's cron: the health and growth of the log, the age of the child, and the server's children that wait for it.
pub(crate) fn cron() {
    run::watch_for_lost_child();
    run::watch_age();
    yielding::watch();
    yielding::look_again();
    let due = with(|rewriter| {
        if rewriter.running.is_some() || rewriter.scheduled {
            return None;
        }
        let due = engine::with(|engine| {
            let marks = engine.marks();
            match marks.healing() {
                Healing::NotNeeded => {}
                state => {
                    let (now, ready) = (rewriter.now(), state == Healing::Ready);
                    let needed = space_needed(engine.store.live_bytes());
                    let due = rewriter.healing.is_due(now, ready, marks.free_bytes(), needed);
                    return due.then_some(Reason::Healing);
                }
            }
            let due = rewriter.back_off.remaining(rewriter.now()).is_zero()
                && config::growth().is_due(marks.current_size(), rewriter.base_size);
            due.then_some(Reason::Growth)
        })
        .flatten();
        rewriter.short_of_room &= due.is_some();
        due
    })
    .flatten();
    if let (Some(reason), true) = (due, can_fork()) {
        begin_by_itself(reason);
    }
}

/// Whether the log needs a new file, and whether one can be written.
fn healing() -> Healing {
    engine::with(|engine| engine.marks().healing()).unwrap_or(Healing::NotNeeded)
}

/// Aborts the running child and schedules a rewrite: the data set was flushed or its databases were swapped, and the child
/// can't follow that. It is no failure.
pub(crate) fn start_anew() {
    let feeding = with(|rewriter| rewriter.running.as_ref().is_some_and(Running::has_child));
    if feeding == Some(true) {
        run::abort("the data set was flushed or its databases swapped; it begins anew");
        schedule();
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

/// Aborts the running or scheduled rewrite.
pub(crate) fn abort() -> Aborted {
    let (running, child) = with(|rewriter| {
        let scheduled = std::mem::take(&mut rewriter.scheduled);
        rewriter.courtesy.reset();
        (
            rewriter.in_progress() || scheduled,
            rewriter.running.as_ref().is_some_and(Running::has_child),
        )
    })
    .unwrap_or((false, false));
    match (running, child) {
        (false, _) => Aborted::None,
        (true, true) => {
            run::abort("MYLOG.REWRITE ABORT");
            Aborted::Done
        }
        (true, false) => finish::cancel_switch(),
    }
}

/// At shutdown, after which the server calls no fork-done callback.
pub(crate) fn shut_down() {
    run::shut_down();
}

/// Counts a failure, and starts the back-off.
fn failed(why: &str) {
    with(|rewriter| {
        rewriter.stats.failed(why);
        rewriter.courtesy.reset();
        let now = rewriter.now();
        rewriter.back_off.failed(now);
        rewriter.healing.failed(now);
    });
}
