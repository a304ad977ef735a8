//! The rewrite in the parent: fork, feed, handshake, switch; and when to begin one.
//!
//! All of it runs on the event loop but the switch, which has threads of its own. It never reads, writes,
//! syncs, renames or removes the log.

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

/// How long a fork that the server refused is not tried again: it logs each refusal.
const BUSY_REST: Duration = Duration::from_secs(1);

/// The rewrite as the event loop knows it.
pub(crate) struct Rewriter {
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) dir: PathBuf,
    /// Of the live file.
    pub(crate) identity: Identity,
    pub(crate) run: u64,
    /// Of the last rewrite that was begun, `>= identity.epoch`. No two attempts share a file name: the file of
    /// one that was given up is removed by a thread, which must not meet the next one's.
    last_epoch: u64,
    /// Size of the live file's header and snapshot section: what growth is measured against.
    pub(crate) base_size: u64,
    running: Option<Running>,
    /// One is to begin as soon as it can.
    scheduled: bool,
    back_off: BackOff,
    healing: HealingSchedule,
    /// Whether it stands back for another child.
    courtesy: Courtesy,
    /// The server refused to fork while it saves: not before this one is tried again.
    busy_until: Option<Duration>,
    /// An automatic one waits for room on the disk, and that has been said.
    short_of_room: bool,
    epoch_of_clock: Instant,
    pub(crate) stats: Stats,
}

static REWRITER: Gil<Option<Rewriter>> = Gil::new(None);

/// Opens the rewriter; `None` before the log is open.
pub(crate) fn with<R>(f: impl FnOnce(&mut Rewriter) -> R) -> Option<R> {
    REWRITER.with(|rewriter| rewriter.as_mut().map(f))
}

/// Puts the rewriter in place, at the end of a good load.
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

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requested {
    /// It runs.
    Started,
    /// It begins as soon as it can.
    Scheduled,
    /// One runs already.
    InProgress,
    /// The disk has too little room.
    NoRoom(Shortage),
    /// The fork or what it needs failed; the server's log says why.
    Failed,
}

/// What became of an attempt to begin.
enum Begun {
    Yes,
    /// It is scheduled: the server saves.
    Later,
    NoRoom(Shortage),
    No,
}

/// Why a rewrite begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Somebody asked.
    Asked,
    /// The log has grown.
    Growth,
    /// The log needs a new file, from memory: nothing else helps.
    Healing,
    /// It was scheduled.
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

    /// True if one is to begin.
    pub(crate) fn is_scheduled(&self) -> bool {
        self.scheduled
    }

    /// How long automatic ones are held back after failures.
    pub(crate) fn next_retry(&self) -> Duration {
        match healing() {
            Healing::NotNeeded => self.back_off.remaining(self.now()),
            Healing::Waiting | Healing::Ready => self.healing.wait(self.now()),
        }
    }

    /// How far the present one is, 0 to 1: the part of the entries that the child has passed.
    pub(crate) fn progress(&self) -> f64 {
        match self.running.as_ref().map(|running| &running.phase) {
            None => 0.0,
            Some(Phase::Switching(..)) => 1.0,
            Some(_) => progress_page::progress(),
        }
    }

    /// What of the server's own waits for the child.
    pub(crate) fn in_the_way_of(&self) -> Waiting {
        let running = self.running.as_ref().filter(|running| running.has_child());
        running.map_or_else(Waiting::default, |running| running.waiting)
    }
}

/// `MYLOG.REWRITE`. `in_unit`: inside MULTI or a script, where a fork would see half a unit.
pub(crate) fn request(in_unit: bool) -> Requested {
    let state = with(|rewriter| {
        rewriter.back_off.reset();
        rewriter.healing.healed();
        (rewriter.in_progress(), rewriter.courtesy.stands_back())
    });
    let Some((false, stands_back)) = state else {
        return Requested::InProgress;
    };
    // The folder is gone, or takes no file: it is made ready if it can be, and the rewrite begins then.
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

/// Schedules one: the state was replaced as a whole.
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

/// The server saves without a child of its own, or with one that no flag told of: that is no failure. One line for a save.
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

/// Begins one that nobody waits for. Without room for it, it is tried again until there is some: that costs
/// nothing, so it is said and counted once and nothing is backed off from.
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

/// Every turn of the event loop, after the group was sealed.
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

/// The server's cron: the log's health and growth, the child's age, and who waits for it.
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

/// Whether only a new file helps the log.
fn healing() -> Healing {
    engine::with(|engine| engine.marks().healing()).unwrap_or(Healing::NotNeeded)
}

/// The state was flushed or its databases swapped, which a child can't follow: what runs is given up, and
/// one begins anew. That is no failure.
pub(crate) fn start_anew() {
    let feeding = with(|rewriter| rewriter.running.as_ref().is_some_and(Running::has_child));
    if feeding == Some(true) {
        run::abort("the data set was flushed or its databases swapped; it begins anew");
        schedule();
    }
}

/// `MYLOG.REWRITE ABORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aborted {
    /// It is given up.
    Done,
    /// None runs.
    None,
    /// It is too late.
    TooLate,
}

/// Gives up the rewrite that runs, or that is scheduled.
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

/// At shutdown: no callback will tell of the child's end.
pub(crate) fn shut_down() {
    run::shut_down();
}

/// Counts a failure.
fn failed(why: &str) {
    with(|rewriter| {
        rewriter.stats.failed(why);
        rewriter.courtesy.reset();
        let now = rewriter.now();
        rewriter.back_off.failed(now);
        rewriter.healing.failed(now);
    });
}
