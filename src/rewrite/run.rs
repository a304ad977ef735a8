//! One rewrite, from its fork to the end of its child: feed, handshake, and every way in which it can end early.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use module_api::context::Flags;
use module_api::server::event_loop::Ready;
use module_api::server::{event_loop, latency, log, process};
use mylog_core::format::header::Identity;
use mylog_core::log::names;
use mylog_core::rewrite::ack_up::{AckUp, Garbled, Said};
use mylog_core::rewrite::backlog::{Backlog, OverLimit};
use mylog_core::rewrite::residual::Residual;
use mylog_core::rewrite::wire::{REPORT_BYTES, answer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::pipes::{self, Taken, give, take};
use super::rewriter::{Aborted, Reason, failed, schedule, with};
use super::running::{Phase, Running, Watch};
use super::server_children::Waiting;
use super::{child, finish, progress_page};
use crate::engine;
use crate::engine::feed::{Feed, GiveUp};
use crate::engine::lazyfree;
use crate::settings::config;

/// System calls on the data pipe in one turn. Unsent groups wait for the next turn.
const SENDS_PER_TURN: usize = 4;
/// Enough reads for all that a child ever sends through ack up: its question, its report, and the end of the file.
const ACK_READS: usize = 3;

/// Why a rewrite could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum BeginError {
    /// The pipes or the random bytes could not be had.
    #[error("{0}")]
    Resources(#[from] io::Error),
    /// The event loop refused a pipe.
    #[error("the event loop refused a pipe: {0}; raise maxclients")]
    EventLoop(#[from] module_api::Refused),
    /// The server saves, or has another child.
    #[error("the server forks nothing while it saves")]
    Busy,
    /// The server refused, and has logged the reason.
    #[error("the fork failed; see the line before")]
    Fork,
}

/// Makes the pipes, seals, and forks.
pub(super) fn fork(reason: Reason) -> Result<(), BeginError> {
    let started = Instant::now();
    let (ends, child_ends) = pipes::make()?;
    let setup = sealed_setup()?;
    progress_page::clear();
    let watch = Watch::begin();
    let forking = Instant::now();
    let pid = match process::fork(ended) {
        process::Forked::Child => {
            drop(ends);
            let mut store = engine::with(|engine| std::mem::take(&mut engine.store)).unwrap_or_default();
            child::run(&setup, child_ends, &mut store)
        }
        process::Forked::Parent(pid) => pid,
        process::Forked::Busy => return Err(BeginError::Busy),
        process::Forked::Failed => return Err(BeginError::Fork),
    };
    let fork_took = forking.elapsed();
    latency::sample(c"mylog-fork", fork_took.as_millis() as i64);
    // 2. Close the child's ends: with the child's ack up still open here, the parent would never read an end of file when
    //    the child dies.
    drop(child_ends);
    // 3. Feed the child from the very next group on: a group that is missed here is missing in the new file for ever.
    let fork_seq = setup.fork_seq;
    engine::with(|engine| engine.feed = Feed::Child(Backlog::new(fork_seq)));
    let watched = event_loop::add(std::os::fd::AsFd::as_fd(&ends.ack_up), Ready::Read, on_ack_up);
    let epoch = setup.identity.epoch;
    with(|rewriter| {
        rewriter.last_epoch = epoch;
        rewriter.stats.last_fork = fork_took;
        rewriter.running = Some(Running {
            phase: Phase::Feeding,
            pid,
            is_reaped: false,
            ends: Some(ends),
            sending: false,
            up: AckUp::default(),
            watch,
            waiting: Waiting::default(),
            path: setup.path,
            identity: setup.identity,
            started,
            forked: Instant::now(),
        });
    });
    log_begun(reason, epoch, pid, fork_seq, fork_took);
    if watched.is_err() {
        abort("the event loop refused the pipe from the child; raise maxclients");
    }
    Ok(())
}

/// Seals the group, and collects all that the child has to know.
fn sealed_setup() -> Result<child::Setup, BeginError> {
    let (last, run, dir) = with(|rewriter| {
        let last = Identity {
            epoch: rewriter.last_epoch,
            ..rewriter.identity
        };
        (last, rewriter.run, rewriter.dir.clone())
    })
    .ok_or(BeginError::Fork)?;
    let identity = mylog_core::log::ids::successor(&last)?;
    // 1. Seal before the fork: the child would get a half-built group twice, in its copy of the store and in the stream.
    let fork_seq = engine::with(|engine| {
        engine.seal();
        engine.last_seq()
    })
    .ok_or(BeginError::Fork)?;
    Ok(child::Setup {
        path: dir.join(names::rewrite(identity.epoch)),
        identity,
        run,
        fork_seq,
        wall_ms: engine::wall_ms(),
        parent: nix::unistd::getpid().as_raw(),
        urgent: engine::with(|engine| engine.refusal().is_some()) == Some(true),
    })
}

fn log_begun(reason: Reason, epoch: u64, pid: i32, fork_seq: u64, fork_took: Duration) {
    let (keys, live, size) = engine::with(|engine| {
        let store = &engine.store;
        (store.len(), store.live_bytes(), engine.marks().current_size())
    })
    .unwrap_or_default();
    log::notice(&format!(
        "log rewrite: epoch {epoch} begun ({}), child {pid}, {keys} keys of about {live} bytes as of seq {fork_seq}, \
         log of {size} bytes, fork took {} us",
        match reason {
            Reason::Asked => "asked for",
            Reason::Growth => "the log has grown",
            Reason::Healing => "the log's file can't be trusted any more",
            Reason::Scheduled => "scheduled",
        },
        fork_took.as_micros(),
    ));
}

/// Runs after each seal: sends the new groups, or aborts if the feed has passed its limit.
pub(super) fn after_seal() {
    heed_feed();
    let waits =
        |engine: &mut engine::Engine| matches!(&engine.feed, Feed::Child(backlog) if !backlog.is_empty());
    if engine::with(waits) == Some(true) {
        with(|rewriter| rewriter.running.as_mut().map(Running::send_when_writable));
    }
}

/// Gives up the rewrite if the feed has asked for that.
pub(super) fn heed_feed() {
    match engine::with(|engine| engine.give_up.take()).flatten() {
        None => {}
        Some(GiveUp::OverLimit(over)) => over_limit(over),
        Some(GiveUp::StoreReplaced) => start_anew(),
    }
}

/// Aborts the running child and schedules a rewrite: databases were flushed or swapped, or the store was replaced, and the child
/// can't follow that. It is no failure.
fn start_anew() {
    let feeding = with(|rewriter| rewriter.running.as_ref().is_some_and(Running::has_child));
    if feeding == Some(true) {
        abort("the data set was flushed or its databases swapped; it begins anew");
        schedule();
    }
}

/// Gives up the rewrite because its feed uses too much memory. A switch in its last step goes on, since it is nearly done.
fn over_limit(over: OverLimit) {
    let child = with(|rewriter| rewriter.running.as_ref().map(Running::has_child)).flatten();
    match child {
        Some(true) => give_up(&over.to_string()),
        Some(false) if finish::cancel_switch() != Aborted::TooLate => {
            log::warning(&format!("log rewrite: the switch is given up: {over}"));
            failed(&over.to_string());
        }
        Some(false) | None => {}
    }
}

impl Running {
    fn send_when_writable(&mut self) {
        let Some(ends) = &self.ends else { return };
        if !self.sending {
            let data = std::os::fd::AsFd::as_fd(&ends.data);
            self.sending = event_loop::add(data, Ready::Write, on_data_writable).is_ok();
        }
    }

    fn stop_sending(&mut self) {
        let Some(ends) = &self.ends else { return };
        if std::mem::take(&mut self.sending) {
            let _ = event_loop::remove(std::os::fd::AsFd::as_fd(&ends.data), Ready::Write);
        }
    }

    /// Removes the pipes from the event loop, then closes them. In this order: a closed descriptor's number may belong to
    /// another file by the next turn, and the event loop would then watch that file.
    fn close(&mut self) {
        self.stop_sending();
        if let Some(ends) = self.ends.take() {
            let _ = event_loop::remove(std::os::fd::AsFd::as_fd(&ends.ack_up), Ready::Read);
        }
    }
}

/// The event loop calls this when the data pipe has room.
fn on_data_writable() {
    with(|rewriter| {
        let Some(running) = &mut rewriter.running else {
            return;
        };
        let Some(ends) = &running.ends else { return };
        let drained = engine::with(|engine| {
            let Feed::Child(backlog) = &mut engine.feed else {
                return true;
            };
            for _ in 0..SENDS_PER_TURN {
                // The pipe of a dead child is broken. The fork-done callback will report its end.
                match backlog.send(|slices| give(&ends.data, slices)) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
            let sent = backlog.take_sent();
            if !sent.is_empty() {
                lazyfree::give_back(sent);
            }
            backlog.is_empty()
        });
        if drained != Some(false) {
            running.stop_sending();
        }
    });
}

/// The event loop calls this when the child has sent `!` or its report, or has closed its end.
fn on_ack_up() {
    if let Some(garbled) = hear() {
        give_up(&garbled.to_string());
    }
}

/// Reads and handles what the child has sent. Returns an error if the protocol does not have such bytes there.
fn hear() -> Option<Garbled> {
    with(|rewriter| {
        let running = rewriter.running.as_mut()?;
        let mut buf = [0; REPORT_BYTES + 1];
        let ends = running.ends.as_ref()?;
        let said = match take(&ends.ack_up, &mut buf) {
            Ok(Taken::Bytes(n)) => running.up.push(buf.get(..n).unwrap_or_default()),
            Ok(Taken::Nothing) => Ok(Said::Nothing),
            // The child sends nothing any more. The fork-done callback will report its end.
            Ok(Taken::Closed) | Err(_) => {
                let _ = event_loop::remove(std::os::fd::AsFd::as_fd(&ends.ack_up), Ready::Read);
                Ok(Said::Nothing)
            }
        };
        match (said, &running.phase) {
            (Ok(Said::Asks), Phase::Feeding) => running.answer(),
            (Ok(Said::Reports(report)), Phase::Stopped(h)) => {
                rewriter.stats.last_child = running.forked.elapsed();
                running.phase = Phase::Reported(*h, report);
            }
            (Err(garbled), _) => return Some(garbled),
            (Ok(_), _) => {}
        }
        None
    })
    .flatten()
}

impl Running {
    /// Ends the stream at once and answers with `H`. Groups that are not in the pipe as a whole become the residual.
    fn answer(&mut self) {
        self.stop_sending();
        let h = engine::with(|engine| match std::mem::take(&mut engine.feed) {
            Feed::Child(backlog) => {
                let (h, residual) = backlog.stop();
                engine.feed = Feed::Residual(Arc::new(Residual::new(residual)));
                Some(h)
            }
            other => {
                engine.feed = other;
                None
            }
        });
        let (Some(Some(h)), Some(ends)) = (h, &self.ends) else {
            return;
        };
        self.phase = Phase::Stopped(h);
        self.up.answered(h);
        // Ack down is empty, so it has room. If the answer fails all the same, the child waits in vain until `watch_age` ends it.
        let _ = give(&ends.ack_down, &[io::IoSlice::new(&answer(h))]);
    }
}

/// Aborts the child: closes the pipes and kills it. The server reaps it as any child. RM_KillForkChild must not be used: it
/// waits for the child on the event loop, and for ever if the child is stopped.
pub(super) fn abort(why: &str) {
    let aborted = with(|rewriter| {
        let running = rewriter.running.as_mut().filter(|running| running.has_child())?;
        running.close();
        running.phase = Phase::Aborted;
        if let Some(pid) = running.pid_to_kill(server_has_child()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        Some((running.pid, running.forked.elapsed()))
    });
    if let Some(Some((pid, age))) = aborted {
        let (held, _) = engine::with(|engine| engine.feed.bytes()).unwrap_or_default();
        drop_feed();
        log::warning(&format!(
            "log rewrite: child {pid} is given up after {} ms, {} % of the entries passed, {held} bytes of diffs not taken: {why}",
            age.as_millis(),
            (progress_page::progress() * 100.0) as u32,
        ));
    }
}

/// Aborts the child, and counts a failure.
fn give_up(why: &str) {
    abort(why);
    failed(why);
}

/// The server's fork-done callback: the child has ended.
fn ended(exit_code: i32, signal: i32) {
    // The server still counts the child as its own.
    with(|rewriter| rewriter.running.as_mut().map(|running| running.is_reaped = true));
    heed_feed();
    let began = Instant::now();
    // After a long turn the report may still be unread although the child has ended: the report is read first.
    let garbled = (0..ACK_READS).find_map(|_| hear());
    let Some(Some(mut running)) = with(|rewriter| rewriter.running.take()) else {
        return;
    };
    running.close();
    progress_page::clear();
    let verdict = match running.phase {
        Phase::Reported(h, report) if exit_code == 0 && signal == 0 && report.base_seq == h => Some(report),
        _ => None,
    }
    .filter(|_| garbled.is_none());
    match verdict {
        Some(report) => {
            finish::hand_over(running, report);
            let took = began.elapsed();
            latency::sample(c"mylog-finalize", took.as_millis() as i64);
            with(|rewriter| rewriter.stats.finalized(took));
        }
        None => {
            let how = match garbled {
                Some(garbled) => garbled.to_string(),
                None => format!("the child ended with exit code {exit_code}, signal {signal}"),
            };
            fell_through(running, &how);
        }
    }
}

/// Drops the groups that were kept for the new log, on the thread that frees: they may be many, or large.
fn drop_feed() {
    let feed = engine::with(|engine| {
        engine.give_up = None;
        std::mem::take(&mut engine.feed)
    });
    if let Some(feed) = feed {
        lazyfree::give_back(feed);
    }
}

/// Cleans up after a child that failed: the live log is unchanged, the child's file is removed.
fn fell_through(running: Running, how: &str) {
    drop_feed();
    if !matches!(running.phase, Phase::Aborted) {
        log::warning(&format!(
            "log rewrite: {how}, {} ms after it began; the live log is as it was",
            running.started.elapsed().as_millis()
        ));
        failed(how);
    }
    remove_elsewhere(running.path);
}

fn server_has_child() -> bool {
    Flags::of_server().any(Flags::ACTIVE_CHILD)
}

/// Notices that the server has killed the child without calling the fork-done callback: a SHUTDOWN does so, and may then fail,
/// for example for lack of room for the RDB.
pub(super) fn watch_for_lost_child() {
    let awaited = with(|rewriter| {
        let running = rewriter.running.as_ref();
        running.is_some_and(|running| running.has_child() || matches!(running.phase, Phase::Aborted))
    });
    if awaited != Some(true) || server_has_child() {
        return;
    }
    if let Some(Some(mut running)) = with(|rewriter| rewriter.running.take()) {
        running.close();
        progress_page::clear();
        fell_through(running, "the server ended the child in a SHUTDOWN that failed");
    }
}

/// Removes the file on a thread: the removal of a large file takes too long for the event loop.
fn remove_elsewhere(path: PathBuf) {
    let thread = std::thread::Builder::new().name("mylog-sweep".to_owned());
    // If no thread starts, the next start of the server removes the file.
    let _ = thread.spawn(move || std::fs::remove_file(path));
}

/// Ends a child that is older than `mylog.rewrite-timeout`.
pub(super) fn watch_age() {
    let limit = Duration::from_secs(config::rewrite_timeout_s());
    let old = with(|rewriter| {
        rewriter
            .running
            .as_ref()
            .is_some_and(|running| running.has_child() && running.forked.elapsed() > limit)
    });
    if old == Some(true) {
        give_up(&format!(
            "it took longer than mylog.rewrite-timeout ({} s)",
            limit.as_secs()
        ));
    }
}

/// The server ends, and calls no callback any more. The child would die with its parent anyway; its file would stay.
pub(super) fn shut_down() {
    let Some(Some(mut running)) = with(|rewriter| rewriter.running.take()) else {
        return;
    };
    if let Phase::Switching(cancel, _) = &running.phase {
        cancel.cancel();
        return;
    }
    running.close();
    let _ = kill(Pid::from_raw(running.pid), Signal::SIGKILL);
    engine::with(|engine| engine.feed = Feed::None);
    let _ = std::fs::remove_file(&running.path);
}
