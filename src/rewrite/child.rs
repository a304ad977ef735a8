//! The forked child process. It uses the parent's memory as of the fork, takes no lock (another thread may have held it
//! at the fork, and no thread is left to release it), and ends only through `exit_from_child`.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use module_api::server::{log, panic, process};
use mylog_core::format::header::Identity;
use mylog_core::io::os::{OsFs, block_size_signal};
use mylog_core::rewrite::child::{Child, ChildError, Got, ParentLink, Stage};
use mylog_core::rewrite::snapshot_file::SnapshotFile;
use mylog_core::rewrite::wire::{ANSWER_BYTES, Report, STOP, parse_answer};
use mylog_core::store::Store;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::pipes::{ChildEnds, Taken, take};
use super::progress_page;

/// Time between two heartbeats. The server reads the pipe that they go through once a second, and a full pipe blocks the child.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Longest wait for the parent, in ms. After that time the child checks its pipes again, and sends its heartbeat.
const WAIT_MS: u16 = 100;
/// In ms: long enough for some turns of the parent's event loop.
const NAP_MS: u16 = 5;

/// All that the child needs from its parent.
pub(super) struct Setup {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) run: u64,
    pub(super) fork_seq: u64,
    pub(super) wall_ms: u64,
    /// Pid of the parent.
    pub(super) parent: i32,
    /// Durable writes are refused until this rewrite is done: the child does not pause.
    pub(super) urgent: bool,
}

struct Link {
    ends: ChildEnds,
    urgent: bool,
    start: Instant,
    answer: Vec<u8>,
    done: f64,
    last_heartbeat: Duration,
}

impl Link {
    /// Sends the server a heartbeat with the progress, also while the child waits for the parent or writes one large value.
    fn beat(&mut self) {
        let now = self.now();
        if now - self.last_heartbeat >= HEARTBEAT {
            self.last_heartbeat = now;
            process::heartbeat(self.done);
        }
    }

    fn poll(&self, longest_ms: u16) -> io::Result<()> {
        let of = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds = [of(self.ends.data.as_fd()), of(self.ends.ack_down.as_fd())];
        match poll(&mut fds, PollTimeout::from(longest_ms)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl ParentLink for Link {
    fn read_diffs(&mut self, buf: &mut [u8]) -> io::Result<Got> {
        self.beat();
        Ok(match take(&self.ends.data, buf)? {
            Taken::Bytes(n) => Got::Bytes(n),
            Taken::Nothing => Got::Nothing,
            Taken::Closed => Got::Closed,
        })
    }

    fn ask(&mut self) -> io::Result<()> {
        (&self.ends.ack_up).write_all(&[STOP])
    }

    fn answer(&mut self) -> io::Result<Option<u64>> {
        let mut buf = [0; ANSWER_BYTES];
        let want = ANSWER_BYTES.saturating_sub(self.answer.len());
        let room = buf.get_mut(..want).unwrap_or_default();
        match take(&self.ends.ack_down, room)? {
            Taken::Bytes(n) => self.answer.extend_from_slice(room.get(..n).unwrap_or_default()),
            Taken::Nothing => {}
            Taken::Closed => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        Ok(parse_answer(&self.answer))
    }

    fn wait(&mut self) -> io::Result<()> {
        self.poll(WAIT_MS)
    }

    fn nap(&mut self) -> io::Result<()> {
        self.poll(NAP_MS)
    }

    fn pause(&mut self) {
        if !self.urgent {
            process::let_others_run();
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn progress(&mut self, done: f64) {
        progress_page::tell_progress(done);
        self.done = self.done.max(done);
        self.beat();
    }

    fn stage(&mut self, stage: Stage) {
        progress_page::pass(stage);
    }
}

/// Runs the rewrite and ends the process.
pub(super) fn run(setup: &Setup, ends: ChildEnds, store: &mut Store) -> ! {
    panic::set_in_child();
    // The start of the next server removes left-over rewrite files, and a child that outlived its parent would go on writing
    // to the removed one.
    process::end_with_parent(setup.parent);
    process::lower_priority();
    block_size_signal();
    let code = match rewrite(setup, ends, store) {
        Ok(()) => 0,
        Err(error) => {
            // The child removes its file itself, before the parent learns of the failure: on a full disk the log needs that
            // room at once.
            let _ = std::fs::remove_file(&setup.path);
            log::warning(&format!("log rewrite, child: {error}"));
            1
        }
    };
    process::exit_from_child(code)
}

fn rewrite(setup: &Setup, ends: ChildEnds, store: &mut Store) -> Result<(), ChildError> {
    let Setup {
        path,
        identity,
        run,
        fork_seq,
        wall_ms,
        urgent,
        ..
    } = setup;
    let report_to = ends.ack_up.try_clone().map_err(ChildError::Pipe)?;
    let link = Link {
        ends,
        urgent: *urgent,
        start: Instant::now(),
        answer: Vec::new(),
        done: 0.0,
        last_heartbeat: Duration::ZERO,
    };
    let out = SnapshotFile::create(&OsFs, path, identity, *run, *wall_ms)?;
    let report: Report = Child::new(store, *fork_seq, link, out).run(*wall_ms)?;
    (&report_to).write_all(&report.encode()).map_err(ChildError::Pipe)
}
