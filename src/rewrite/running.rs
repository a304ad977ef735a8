//! A running rewrite: its phase, and all that belongs to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use module_api::own_context;
use mylog_core::format::header::Identity;
use mylog_core::rewrite::ack_up::AckUp;
use mylog_core::rewrite::cancel_flag::CancelFlag;
use mylog_core::rewrite::wire::Report;

use super::pipes::ParentEnds;
use super::server_children::{self, Waiting};

/// The state of a rewrite. The child passes `Feeding`, `Stopped` and `Reported` in this order.
pub(super) enum Phase {
    /// The child writes, and gets the groups that are sealed meanwhile.
    Feeding,
    /// The child has asked for the end of the stream, and the parent has answered with this `H`.
    Stopped(u64),
    /// The child's report was received, for this `H`.
    Reported(u64, Report),
    /// The child was killed; the server's fork-done callback has yet to report its end.
    Aborted,
    /// The child has exited well, and the switch to the new file runs.
    Switching(Arc<CancelFlag>, Report),
}

/// A running rewrite.
pub(super) struct Running {
    pub(super) phase: Phase,
    pub(super) pid: i32,
    /// The server has waited for the child: the pid may belong to another process by now.
    pub(super) is_reaped: bool,
    /// `None` once the child has ended or was aborted.
    pub(super) ends: Option<ParentEnds>,
    /// The event loop watches the data pipe for being writable.
    pub(super) sending: bool,
    /// The bytes that ack up has received so far.
    pub(super) up: AckUp,
    pub(super) watch: Watch,
    /// Which of the server's own children wait for this one.
    pub(super) waiting: Waiting,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) started: Instant,
    pub(super) forked: Instant,
}

impl Running {
    /// True while a child writes.
    pub(super) fn has_child(&self) -> bool {
        matches!(
            self.phase,
            Phase::Feeding | Phase::Stopped(_) | Phase::Reported(..)
        )
    }

    /// The child's pid, for a signal. `None` if the child was reaped, or may have been, since the server has no child any more.
    pub(super) fn pid_to_kill(&self, server_has_child: bool) -> Option<i32> {
        (server_has_child && !self.is_reaped).then_some(self.pid)
    }
}

/// Time between two checks: each check makes the event loop build three sections of INFO.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The checks on the server's waiting children, for one rewrite.
pub(super) struct Watch {
    /// The number of BGSAVEs at the fork.
    bgsaves: u64,
    next: Instant,
}

impl Watch {
    /// Begins the checks, at a fork.
    pub(super) fn begin() -> Self {
        Self {
            bgsaves: own_context().map_or(0, server_children::bgsaves),
            next: Instant::now() + LOOK_EVERY,
        }
    }

    /// True once a second.
    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = now >= self.next;
        if due {
            self.next = now + LOOK_EVERY;
        }
        due
    }

    /// True if a client asked for a BGSAVE since the fork. CONFIG RESETSTAT sets the server's count to zero; the comparison then
    /// starts from there.
    pub(super) fn has_seen_bgsave(&mut self, counted: u64) -> bool {
        self.bgsaves = self.bgsaves.min(counted);
        counted > self.bgsaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reaped_child_is_not_killed() {
        let mut running = Running {
            phase: Phase::Feeding,
            pid: 7,
            is_reaped: false,
            ends: None,
            sending: false,
            up: AckUp::default(),
            watch: Watch::begin(),
            waiting: Waiting::default(),
            path: PathBuf::new(),
            identity: Identity {
                uuid: [0; 16],
                epoch: 1,
                salt: 0,
            },
            started: Instant::now(),
            forked: Instant::now(),
        };
        assert_eq!(running.pid_to_kill(true), Some(7));
        assert_eq!(running.pid_to_kill(false), None);
        running.is_reaped = true;
        assert_eq!(running.pid_to_kill(true), None);
    }
}
