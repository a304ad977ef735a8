//! Gated clients that keep the server from sleeping. Its event loop would go round and round for as long as a sync hangs. They speak
//! TLS, and there are two ways:
//!
//! 1. The TLS library has decrypted more of a client than the server has read. The server does not sleep while there is such a
//!    client, and does not read one who is protected. So he is let be read, from a timer on: that is the last of a turn, and next
//!    the server takes what is decrypted. It takes no more, since it has looked at the sockets before.
//! 2. The server still watches the socket (`api::epoll`). The kernel tells it of the bytes once, then.
//!
//! Nobody tells who it is, so all are tried, once each time they are gated and in parts, when the loop goes round in vain.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use module_api::clients::epoll;
use module_api::gil::Gil;
use module_api::server::server_settings;
use module_api::{clients, own_context};

use super::{gate, leavers};

/// A server that has slept for less did not sleep: it has looked at its sockets.
const NO_SLEEP: Duration = Duration::from_micros(100);
/// So many turns in a row without a command and without sleep are in vain.
const IN_VAIN: u32 = 8;
/// So many may be read at once. Each costs two calls of the kernel, and the first of them that runs a command ends it for all.
const READ_AT_ONCE: usize = 8;
/// So many are asked for at once.
const ASK_AT_ONCE: usize = 256;
/// All were tried, and the loop goes round: it is somebody else, or a command with several large arguments, which the server
/// reads one by one.
const AGAIN: Duration = Duration::from_secs(1);

/// Turns of the event loop in which it did not sleep.
#[derive(Debug)]
struct Turns {
    in_vain: u32,
    sleeps_since: Option<Instant>,
}

impl Turns {
    const NONE: Self = Self {
        in_vain: 0,
        sleeps_since: None,
    };

    fn sleeps(&mut self, now: Instant) {
        self.sleeps_since = Some(now);
    }

    fn wakes(&mut self, now: Instant) {
        let slept = self.sleeps_since.take().map(|since| now.duration_since(since));
        if slept.is_none_or(|slept| slept >= NO_SLEEP) {
            self.in_vain = 0;
        }
    }

    /// A turn ends. True if the loop goes round in vain.
    fn end(&mut self, a_command_ran: bool) -> bool {
        self.in_vain = if a_command_ran { 0 } else { self.in_vain + 1 };
        let goes_round = self.in_vain >= IN_VAIN;
        if goes_round {
            self.in_vain = 0;
        }
        goes_round
    }
}

/// What was tried with a client since it was gated last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    /// It could be read.
    Read,
    /// As well, the kernel was told not to tell of it for ever.
    Quiet,
}

#[derive(Default)]
struct Tries {
    of: HashMap<u64, Tried>,
    /// Whose bytes the server is told of once.
    quiet: HashMap<u64, RawFd>,
    /// Those who are to be read next.
    next: Vec<u64>,
    /// Those who can be read now.
    open: Vec<u64>,
    /// When all had been tried.
    ended: Option<Instant>,
}

static TURNS: Gil<Turns> = Gil::new(Turns::NONE);
static TRIES: Gil<Option<Tries>> = Gil::new(None);
/// There is something in it.
static TRIED: AtomicBool = AtomicBool::new(false);
/// A command has run in this turn, while somebody was gated.
static COMMAND: AtomicBool = AtomicBool::new(false);
/// Clients can be read now that are gated.
static OPEN: AtomicBool = AtomicBool::new(false);
/// There were such in this turn.
static OPENED: AtomicBool = AtomicBool::new(false);

fn with<R>(f: impl FnOnce(&mut Tries) -> R) -> R {
    TRIES.with(|tries| f(tries.get_or_insert_with(Tries::default)))
}

/// Before each command while somebody is gated. It may run for long, and the server sends meanwhile.
pub(super) fn command_comes() {
    COMMAND.store(true, Ordering::Relaxed);
    let closed = close();
    if !closed.is_empty() {
        with(|tries| tries.next.extend(closed));
    }
}

/// BEFORE_SLEEP, before all else: the server has taken what there was.
pub(crate) fn reads_end() {
    let closed = close();
    if !closed.is_empty() {
        TRIED.store(true, Ordering::Relaxed);
        with(|tries| tries.of.extend(closed.into_iter().map(|id| (id, Tried::Read))));
    }
}

/// Protects those again who can be read, and returns who it was.
fn close() -> Vec<u64> {
    if !OPEN.load(Ordering::Relaxed) {
        return Vec::new();
    }
    OPEN.store(false, Ordering::Relaxed);
    let mut open = with(|tries| std::mem::take(&mut tries.open));
    open.retain(|id| gate::holds(*id));
    open.iter().for_each(|id| {
        clients::protect(*id);
    });
    open
}

/// In a timer: lets some be read.
fn open() {
    let next = with(|tries| {
        let from = tries.next.len().saturating_sub(READ_AT_ONCE);
        tries.next.split_off(from)
    });
    for id in next.into_iter().rev().filter(|id| gate::holds(*id)) {
        with(|tries| tries.open.push(id));
        OPEN.store(true, Ordering::Relaxed);
        clients::unprotect(id);
    }
    OPENED.store(true, Ordering::Relaxed);
}

/// A client that is gated already has run another command: it may have bytes of both kinds.
pub(super) fn gated_again(id: u64) {
    if TRIED.load(Ordering::Relaxed) {
        with(|tries| tries.of.remove(&id));
    }
}

/// A client is gated no longer.
pub(super) fn let_go(id: u64) {
    if !TRIED.load(Ordering::Relaxed) {
        return;
    }
    let quiet = with(|tries| {
        tries.of.remove(&id);
        let quiet = tries.quiet.remove(&id);
        TRIED.store(
            !(tries.of.is_empty() && tries.quiet.is_empty()),
            Ordering::Relaxed,
        );
        quiet
    });
    if let Some(socket) = quiet {
        epoll::tell_as_before(socket);
    }
}

/// AFTER_SLEEP.
pub(super) fn woke_up(now: Instant) {
    TURNS.with(|turns| turns.wakes(now));
}

/// The last of BEFORE_SLEEP, while somebody is gated.
pub(super) fn turn_ends() {
    if !server_settings::is_tls_on() {
        return;
    }
    let now = Instant::now();
    let a_command_ran = COMMAND.swap(false, Ordering::Relaxed);
    let goes_round = TURNS.with(|turns| {
        turns.sleeps(now);
        turns.end(a_command_ran)
    });
    let opened = OPENED.swap(false, Ordering::Relaxed);
    if goes_round && !opened {
        begin(now);
    }
    let (Some(ctx), true) = (own_context(), goes_round || opened) else {
        return;
    };
    if with(|tries| !tries.next.is_empty()) {
        ctx.after_commands(open);
    }
}

/// Finds who is to be tried, and in which way.
fn begin(now: Instant) {
    let all = gate::all_gated();
    let still = |tried: Option<Tried>| -> Vec<u64> {
        let of = |id: &u64| with(|tries| tries.of.get(id).copied());
        all.iter().copied().filter(|id| of(id) == tried).collect()
    };
    let unread = still(None);
    if !unread.is_empty() {
        return with(|tries| tries.next = unread);
    }
    let mut loud = still(Some(Tried::Read));
    loud.truncate(ASK_AT_ONCE);
    if !loud.is_empty() {
        return quiet(&loud);
    }
    with(|tries| {
        if tries.ended.is_none_or(|ended| now.duration_since(ended) >= AGAIN) {
            tries.ended = Some(now);
            tries.of.clear();
        }
    });
}

/// Has the kernel tell the server once of what these have sent, where it still watches them.
fn quiet(gated: &[u64]) {
    let mut sockets = leavers::sockets(gated);
    sockets.retain(|_, socket| epoll::tell_once(*socket));
    with(|tries| {
        tries.of.extend(gated.iter().map(|id| (*id, Tried::Quiet)));
        tries.quiet.extend(sockets);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of turns, each with a command or without, and with so many microseconds of sleep behind it.
    fn goes_round(turns: &[(bool, u64)]) -> bool {
        let (mut now, mut seen, mut last) = (Instant::now(), Turns::NONE, false);
        for (command, sleep) in turns {
            last = seen.end(*command);
            seen.sleeps(now);
            now += Duration::from_micros(*sleep);
            seen.wakes(now);
        }
        last
    }

    #[test]
    fn a_loop_goes_round_in_vain_if_it_neither_runs_commands_nor_sleeps() {
        assert!(goes_round(&[(false, 2); 8]));
        assert!(!goes_round(&[(false, 2); 7]));
        assert!(!goes_round(&[(false, 100); 8]));
        assert!(!goes_round(&[(true, 2); 8]));
        let seven_behind = |turn| [&[(false, 2); 4][..], &[turn], &[(false, 2); 7]].concat();
        assert!(!goes_round(&seven_behind((true, 2))));
        assert!(!goes_round(&seven_behind((false, 100))));
        assert!(goes_round(&seven_behind((false, 99))[..8]));
    }
}
