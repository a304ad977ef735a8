//! Gated clients that the server has been asked to close: by CLIENT KILL, for their output, to make room. It frees no protected
//! client, so they are let go at once. They get nothing of what they were told: who is to be closed is not written to.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::api::client_list::{self, field};
use crate::unit;

/// So many are looked at in one tick of the server's cron.
const IN_A_TICK: usize = 256;

/// A command has come that may close clients.
static ASKED: AtomicBool = AtomicBool::new(false);

/// The filter has seen CLIENT KILL.
pub(crate) fn may_have_come() {
    ASKED.store(true, Ordering::Relaxed);
}

/// True once behind `may_have_come`.
pub(super) fn were_asked_for() -> bool {
    ASKED.load(Ordering::Relaxed) && ASKED.swap(false, Ordering::Relaxed)
}

/// The part of the gated that this tick looks at, behind `last`: all are looked at in turns.
pub(super) fn part(mut gated: Vec<u64>, last: u64) -> Vec<u64> {
    gated.sort_unstable();
    let begin = gated.partition_point(|id| *id <= last);
    gated.rotate_left(begin);
    gated.truncate(IN_A_TICK);
    gated
}

/// Those of these clients that are to be closed.
pub(super) fn among(gated: &[u64]) -> Vec<u64> {
    of_each(gated, to_be_closed)
}

/// The sockets of these clients.
pub(super) fn sockets(gated: &[u64]) -> Vec<RawFd> {
    of_each(gated, socket)
}

/// What the lines of CLIENT LIST tell of these clients.
fn of_each<R>(gated: &[u64], what: fn(&str) -> Option<R>) -> Vec<R> {
    let text = unit::context().map_or_else(String::new, |ctx| client_list::of(ctx, gated));
    text.lines().filter_map(what).collect()
}

/// The id in a line of CLIENT LIST, of a client that the server is about to close.
fn to_be_closed(line: &str) -> Option<u64> {
    let id = || field(line, "id")?.parse().ok();
    field(line, "flags")?.contains('A').then(id)?
}

/// The socket in a line of CLIENT LIST.
fn socket(line: &str) -> Option<RawFd> {
    field(line, "fd")?.parse().ok().filter(|fd| *fd >= 0)
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
        assert_eq!(socket("id=3 addr=/s:0 fd=8 name=fd=9"), Some(8));
        assert_eq!(socket("id=3 fd=-1 name="), None);
        assert_eq!(socket(""), None);
    }

    #[test]
    fn all_are_looked_at_in_turns() {
        let gated: Vec<u64> = (1..=600).collect();
        let (mut last, mut seen) = (0, Vec::new());
        for _ in 0..3 {
            let part = part(gated.clone(), last);
            assert_eq!(part.len(), IN_A_TICK);
            last = *part.last().unwrap();
            seen.extend(part);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, gated);
    }
}
