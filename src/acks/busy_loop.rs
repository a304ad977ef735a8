//! Gated clients that keep the server from sleeping: its event loop would turn without a pause for as long as a sync hangs.
//! Such clients speak TLS, and there are two cases:
//!
//! 1. The TLS library has decrypted more of a client's bytes than the server has read. The server does not sleep while there
//!    is such a client, and does not read from a protected one. So the client is *opened*: its protection is ended for an
//!    instant, from a timer. Timers run last in a turn, and next the server reads what is decrypted. It reads no more than
//!    that, since it has polled the sockets before.
//! 2. The server still watches the client's socket (`module_api::clients::epoll`). Then the kernel is asked to report the
//!    bytes that are there only once.
//!
//! The server does not say which client it is. So when the loop turns in vain, all gated clients are tried in portions, each
//! once every time it is gated.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use module_api::clients::epoll;
use module_api::gil::Gil;
use module_api::server::server_settings;
use module_api::{clients, own_context};

use super::{gated, leavers};

/// A server that has slept for less did not sleep: it has only polled its sockets.
const NO_SLEEP: Duration = Duration::from_micros(100);
/// After so many turns in a row without a command and without sleep, the loop turns in vain.
const IN_VAIN: u32 = 8;
/// So many clients are opened at once. Each costs two system calls, and the first of them that runs a command ends the
/// attempt for all.
const READ_AT_ONCE: usize = 8;
/// For so many clients the socket is asked for at once.
const ASK_AT_ONCE: usize = 256;
/// Time until all clients are tried again if the loop still turns in vain after all were tried. Then its cause is another
/// client, or a command with several large arguments, which the server reads one by one.
const AGAIN: Duration = Duration::from_secs(1);

/// Counts the turns of the event loop without a command and without sleep.
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

    /// At the end of a turn. True if the loop turns in vain.
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
    /// The server could read from it.
    Read,
    /// And the kernel was asked to report its bytes only once.
    Quiet,
}

#[derive(Default)]
struct Tries {
    of: HashMap<u64, Tried>,
    /// The sockets whose bytes the kernel reports only once, by the client's id.
    quiet: HashMap<u64, RawFd>,
    /// The clients that are to be opened next.
    next: Vec<u64>,
    /// The clients that are open: the server can read from them.
    open: Vec<u64>,
    /// When all had been tried.
    ended: Option<Instant>,
}

static TURNS: Gil<Turns> = Gil::new(Turns::NONE);
static TRIES: Gil<Option<Tries>> = Gil::new(None);
/// `Tries` has entries in `of` or `quiet`.
static TRIED: AtomicBool = AtomicBool::new(false);
/// A command has run in this turn while a client was gated.
static COMMAND: AtomicBool = AtomicBool::new(false);
/// Gated clients are open now.
static OPEN: AtomicBool = AtomicBool::new(false);
/// Gated clients were open in this turn.
static OPENED: AtomicBool = AtomicBool::new(false);

fn with<R>(f: impl FnOnce(&mut Tries) -> R) -> R {
    TRIES.with(|tries| f(tries.get_or_insert_with(Tries::default)))
}

/// Before each command while a client is gated: protects the open clients again, which are opened another time. The command
/// may run for long, and the server may send replies meanwhile.
pub(super) fn command_comes() {
    COMMAND.store(true, Ordering::Relaxed);
    let closed = close();
    if !closed.is_empty() {
        with(|tries| tries.next.extend(closed));
    }
}

/// BEFORE_SLEEP, before all else: protects the open clients again. The server has read what was decrypted of them.
pub(crate) fn reads_end() {
    let closed = close();
    if !closed.is_empty() {
        TRIED.store(true, Ordering::Relaxed);
        with(|tries| tries.of.extend(closed.into_iter().map(|id| (id, Tried::Read))));
    }
}

/// Protects the open clients again, and returns those that are still gated.
fn close() -> Vec<u64> {
    if !OPEN.load(Ordering::Relaxed) {
        return Vec::new();
    }
    OPEN.store(false, Ordering::Relaxed);
    let mut open = with(|tries| std::mem::take(&mut tries.open));
    open.retain(|id| gated::contains(*id));
    open.iter().for_each(|id| {
        clients::protect(*id);
    });
    open
}

/// From a timer: opens the next clients.
fn open() {
    let next = with(|tries| {
        let from = tries.next.len().saturating_sub(READ_AT_ONCE);
        tries.next.split_off(from)
    });
    for id in next.into_iter().rev().filter(|id| gated::contains(*id)) {
        with(|tries| tries.open.push(id));
        OPEN.store(true, Ordering::Relaxed);
        clients::unprotect(id);
    }
    OPENED.store(true, Ordering::Relaxed);
}

/// A gated client has run another command: it may have unread bytes of both kinds again.
pub(super) fn gated_again(id: u64) {
    if TRIED.load(Ordering::Relaxed) {
        with(|tries| tries.of.remove(&id));
    }
}

/// A client is gated no longer.
pub(super) fn released(id: u64) {
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

/// Last in BEFORE_SLEEP, while a client is gated.
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

/// Finds the clients that are to be tried, and how.
fn begin(now: Instant) {
    let all = gated::all();
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

/// Asks the kernel to report the bytes of these clients only once, where the server still watches their sockets.
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

    /// True if the loop turns in vain after these turns, each with or without a command, and with so many microseconds of
    /// sleep after it.
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
