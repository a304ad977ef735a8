//! The rewrite in the parent: fork, feed, handshake, switch; and the decision when a rewrite begins.
//!
//! All of this runs on the event loop, except the switch, which has its own threads. The event loop never reads, writes,
//! syncs, renames or removes the log.

#![forbid(unsafe_code)]

mod child;
mod finish;
mod pipes;
pub(crate) mod progress_page;
mod rewriter;
mod run;
mod running;
pub(crate) mod server_children;
mod space;
mod stats;
pub(crate) mod yielding;

use std::time::Duration;

use module_api::context::Flags;
use module_api::server::log;
use mylog_core::log::failure::Healing;
use mylog_core::rewrite::schedule::space_needed;

use crate::engine;
use crate::keyspace::{load_state, native_effects};
use crate::settings::config;
pub(crate) use rewriter::{Aborted, schedule, start, with};
use rewriter::{Reason, failed, healing};
use run::BeginError;
use running::Running;
pub(crate) use space::Shortage;

/// For how long no fork is tried after the server has refused one: the server logs each refusal.
const BUSY_REST: Duration = Duration::from_secs(1);

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

fn can_fork() -> bool {
    load_state::serves() && !Flags::of_server().any(Flags::ACTIVE_CHILD | Flags::LOADING)
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
    yielding::check_again();
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

/// Aborts a child that can't follow the changes, at once and not only at the end of the turn. Called after whole databases were
/// flushed or swapped, or the store was replaced.
pub(crate) fn heed() {
    run::heed_feed();
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
