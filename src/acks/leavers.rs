//! Gated clients that the server is about to close: because of CLIENT KILL, for the size of their output, for
//! `maxmemory-clients`. The server frees no protected client, so their protection is ended at once. They get none of the
//! replies that were kept: the server sends nothing to a client that it is about to close.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use module_api::clients::list;
use module_api::clients::list::field;
use module_api::gil::Gil;
use module_api::own_context;

use super::gated;

/// So many clients are inspected in a second: each costs the server some 4 us. The number does not depend on the rate of the
/// server's cron, which rises with the number of clients: a number for each tick, made for ten ticks a second, took a tenth
/// of a processor.
const IN_A_SECOND: usize = 1024;

/// Inspects the gated clients in portions.
#[derive(Default)]
struct Round {
    /// The clients that are still to be inspected, the last one first.
    left: Vec<u64>,
    /// When a portion was inspected last.
    last: Option<Instant>,
}

impl Round {
    /// The next portion. `all` returns the clients of a new round.
    fn part(&mut self, now: Instant, all: impl FnOnce() -> Vec<u64>) -> Vec<u64> {
        let since = self.last.map_or(Duration::ZERO, |last| now.duration_since(last));
        self.last = Some(now);
        if self.left.is_empty() {
            self.left = all();
        }
        let since_ms = usize::try_from(since.as_millis()).unwrap_or(usize::MAX);
        let count = (since_ms.min(1000) * IN_A_SECOND / 1000).max(1);
        self.left.split_off(self.left.len().saturating_sub(count))
    }
}

static ROUND: Gil<Option<Round>> = Gil::new(None);

/// The filter has seen a command that may close clients.
static ASKED: AtomicBool = AtomicBool::new(false);

/// The filter has seen CLIENT KILL.
pub(crate) fn may_have_come() {
    ASKED.store(true, Ordering::Relaxed);
}

/// True once after [`may_have_come`].
pub(super) fn were_asked_for() -> bool {
    ASKED.load(Ordering::Relaxed) && ASKED.swap(false, Ordering::Relaxed)
}

/// The gated clients that this tick of the server's cron inspects.
pub(super) fn part() -> Vec<u64> {
    ROUND.with(|round| {
        round
            .get_or_insert_with(Round::default)
            .part(Instant::now(), gated::all)
    })
}

/// Those of these clients that the server is about to close.
pub(super) fn among(gated: &[u64]) -> Vec<u64> {
    of_each(gated, to_be_closed)
}

/// The sockets of these clients.
pub(super) fn sockets(gated: &[u64]) -> HashMap<u64, RawFd> {
    of_each(gated, socket)
}

/// What `what` finds in the lines of CLIENT LIST of these clients.
fn of_each<R, C: FromIterator<R>>(gated: &[u64], what: fn(&str) -> Option<R>) -> C {
    let text = own_context().map_or_else(String::new, |ctx| list::of(ctx, gated));
    text.lines().filter_map(what).collect()
}

/// The id in a line of CLIENT LIST, of a client that the server is about to close.
fn to_be_closed(line: &str) -> Option<u64> {
    let id = || field(line, "id")?.parse().ok();
    field(line, "flags")?.contains('A').then(id)?
}

/// The id and the socket in a line of CLIENT LIST.
fn socket(line: &str) -> Option<(u64, RawFd)> {
    let fd = field(line, "fd")?.parse().ok().filter(|fd| *fd >= 0)?;
    Some((field(line, "id")?.parse().ok()?, fd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_be_closed_is_told_by_a_flag() {
        assert_eq!(to_be_closed("id=3 name=A flags=A db=0"), Some(3));
        assert_eq!(to_be_closed("id=4 name=A flags=bx db=0"), None);
        assert_eq!(to_be_closed(""), None);
    }

    #[test]
    fn who_has_no_socket_has_none() {
        assert_eq!(socket("id=3 addr=/s:0 fd=8 name=fd=9"), Some((3, 8)));
        assert_eq!(socket("id=3 fd=-1 name="), None);
        assert_eq!(socket(""), None);
    }

    #[test]
    fn all_are_looked_at_in_turns_and_not_many_at_a_time() {
        let (mut round, mut now, mut seen) = (Round::default(), Instant::now(), Vec::new());
        let gated: Vec<u64> = (1..=1000).collect();
        for tick_ms in [0, 100, 100, 10, 2000] {
            now += Duration::from_millis(tick_ms);
            let part = round.part(now, || gated.clone());
            seen.push(part.len());
        }
        assert_eq!(seen, [1, 102, 102, 10, 785]);
        assert!(round.left.is_empty());
        assert_eq!(round.part(now, || vec![7]), [7]);
        assert_eq!(round.part(now, Vec::new), [0; 0]);
    }
}
