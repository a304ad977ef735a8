//! A rewrite of the test server: the real child with a pipe in memory, then the real switch. The parent's turns
//! run whenever the child looks at the pipe.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use mylog_core::format::header::Identity;
use mylog_core::log::names;
use mylog_core::rewrite::backlog::Backlog;
use mylog_core::rewrite::cancel_flag::CancelFlag;
use mylog_core::rewrite::child::{Child, ChildError, Got, ParentLink, Stage};
use mylog_core::rewrite::residual::Residual;
use mylog_core::rewrite::snapshot_file::{SnapshotFile, SnapshotReport};
use mylog_core::rewrite::switch::{EXCLUSIVE_BYTES, catch_up};
use mylog_core::rewrite::switch_plan::SwitchPlan;
use mylog_core::rewrite::wire::Report;

use crate::oracle::dir;
use crate::server::{Feed, Server, Switching, kept, live};

/// Backlog past which the server takes no writes.
const MOST_BACKLOG: u64 = 1 << 20;

/// How a rewrite is to go.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// The server runs its turns while the child does; else it stands still.
    pub busy: bool,
    /// The server is killed with a chance of one in this, whenever the child looks at the pipe.
    pub killed_one_in: Option<u64>,
}

/// How a rewrite ended, as far as the hand-over to the writer.
#[derive(Debug)]
pub enum Ended {
    /// The writer will go over, or has refused.
    HandedOver,
    /// A flush gave it up.
    Aborted,
    /// The server was killed.
    Killed,
    /// The child failed.
    Failed(ChildError),
}

struct Link<'a> {
    server: &'a RefCell<Server>,
    course: Course,
    pipe: VecDeque<u8>,
    pipe_bytes: usize,
    answer: Option<u64>,
}

impl Link<'_> {
    fn turn(&mut self) {
        let mut server = self.server.borrow_mut();
        if self.course.killed_one_in.is_some_and(|n| server.rng.one_in(n)) {
            server.dead = true;
        }
        // As a server does that gives up past its limit: a pipe that takes less than comes would never be empty.
        let backlogged = matches!(&server.feed, Feed::Child(backlog) if backlog.bytes() > MOST_BACKLOG);
        if self.course.busy && !backlogged {
            server.turn();
        }
        let room = self.pipe_bytes - self.pipe.len();
        let most = server.rng.below(room as u64 + 1) as usize;
        let Feed::Child(backlog) = &mut server.feed else {
            return;
        };
        if most > 0 {
            let pipe = &mut self.pipe;
            let send = |slices: &[io::IoSlice<'_>]| {
                let before = pipe.len();
                pipe.extend(slices.iter().flat_map(|slice| slice.iter()).take(most));
                Ok(pipe.len() - before)
            };
            backlog.send(send).unwrap();
        }
    }

    fn is_closed(&self) -> bool {
        let server = self.server.borrow();
        server.dead || server.aborted
    }
}

impl ParentLink for Link<'_> {
    fn read_diffs(&mut self, buf: &mut [u8]) -> io::Result<Got> {
        self.turn();
        if self.is_closed() {
            return Ok(Got::Closed);
        }
        if self.pipe.is_empty() {
            return Ok(Got::Nothing);
        }
        let most = 1 + self.server.borrow_mut().rng.below(buf.len() as u64) as usize;
        let n = most.min(self.pipe.len());
        for (to, from) in buf.iter_mut().zip(self.pipe.drain(..n)) {
            *to = from;
        }
        Ok(Got::Bytes(n))
    }

    fn ask(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn answer(&mut self) -> io::Result<Option<u64>> {
        self.turn();
        if self.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut server = self.server.borrow_mut();
        if self.answer.is_none() && server.rng.one_in(3) {
            if let Feed::Child(backlog) = std::mem::take(&mut server.feed) {
                let (h, residual) = backlog.stop();
                server.feed = Feed::Residual(Arc::new(Residual::new(residual)));
                self.answer = Some(h);
            }
        }
        Ok(self.answer)
    }

    fn wait(&mut self) -> io::Result<()> {
        self.turn();
        Ok(())
    }

    fn nap(&mut self) -> io::Result<()> {
        self.wait()
    }

    fn pause(&mut self) {}

    fn now(&self) -> Duration {
        Duration::from_millis(self.server.borrow().now.steady_ms)
    }

    fn progress(&mut self, done: f64) {
        assert!((0.0..=1.0).contains(&done));
    }

    fn stage(&mut self, _: Stage) {
        self.turn();
    }
}

/// One rewrite, from the fork to the hand-over.
pub fn rewrite(server: &RefCell<Server>, course: Course) -> Ended {
    let (identity, path) = begin(&mut server.borrow_mut());
    let child = run_child(server, course, &identity, &path);
    let mut parent = server.borrow_mut();
    if parent.dead {
        return Ended::Killed;
    }
    match child {
        Ok(report) if !parent.aborted => {
            hand_over(&mut parent, identity, path, report);
            Ended::HandedOver
        }
        failed => {
            parent.feed = Feed::None;
            // Left over, it is swept at the next start.
            let _ = parent.fs.remove(&path);
            match failed {
                Err(error) if !parent.aborted => Ended::Failed(error),
                _ => Ended::Aborted,
            }
        }
    }
}

fn begin(server: &mut Server) -> (Identity, PathBuf) {
    server.seal();
    server.aborted = false;
    server.outcome = None;
    let epoch = server.next_epoch;
    server.next_epoch += 1;
    server.feed = Feed::Child(Backlog::new(server.groups.last_seq()));
    let identity = Identity {
        uuid: server.identity.uuid,
        epoch,
        salt: server.rng.next() as u32,
    };
    (identity, dir().join(names::rewrite(epoch)))
}

/// The child after the fork: a copy of the store, and the pipe.
pub fn run_child(
    server: &RefCell<Server>,
    course: Course,
    identity: &Identity,
    path: &std::path::Path,
) -> Result<Report, ChildError> {
    let (mut copy, fork_seq, fs, run, pipe_bytes) = {
        let mut parent = server.borrow_mut();
        let pipe_bytes = 1 + parent.rng.below(4000) as usize * (1 + parent.shape.value_bytes as usize / 500);
        let fork_seq = parent.groups.last_seq();
        (
            parent.store.clone(),
            fork_seq,
            Arc::clone(&parent.fs),
            parent.run,
            pipe_bytes,
        )
    };
    let out = SnapshotFile::create(fs.as_ref(), path, identity, run, 1)?;
    let link = Link {
        server,
        course,
        pipe: VecDeque::new(),
        pipe_bytes,
        answer: None,
    };
    Child::new(&mut copy, fork_seq, link, out).run(2)
}

fn hand_over(server: &mut Server, identity: Identity, temp: PathBuf, report: Report) {
    let Feed::Residual(residual) = &server.feed else {
        panic!("a child that reports has had its answer");
    };
    let residual = Arc::clone(residual);
    // Catching up in many small rounds, or leaving it all to the last step.
    let exclusive_bytes = if server.rng.one_in(2) { 1 } else { EXCLUSIVE_BYTES };
    let (done, outcome) = channel();
    let cancel = Arc::new(CancelFlag::default());
    let plan = SwitchPlan {
        fs: Arc::clone(&server.fs),
        temp,
        live: live(),
        history: server.keeps_history.then(|| kept(server.identity.epoch)),
        identity,
        run: server.run,
        report: SnapshotReport {
            bytes: report.bytes,
            file_id: report.file,
            records: report.records,
            base_seq: report.base_seq,
        },
        residual,
        exclusive_bytes,
        cancel: Arc::clone(&cancel),
    };
    server.switching = Some(Switching {
        outcome,
        identity,
        cancel,
    });
    let on_done = Box::new(move |outcome| drop(done.send(outcome)));
    catch_up(plan, &server.queue, on_done);
}
