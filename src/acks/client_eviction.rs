//! `maxmemory-clients`: at that limit the server closes clients, the largest first, until the rest have room. It frees no
//! protected client, so it would go on to innocent ones. The gated among those that it would close are let go before it looks:
//! before each command, and before it sleeps.

use std::sync::atomic::{AtomicU64, Ordering};

use module_api::clients::{list, memory};
use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::{clients, own_context};

/// What was found when the server was asked last.
#[derive(Clone, Copy)]
struct Look {
    /// Bytes of all clients that can be closed.
    clients: usize,
    /// All memory in use then.
    used: usize,
}

/// The server's count runs ahead of the memory in use by what it counts late: the struct of a new client, a buffer. So the
/// gated are closed before its limit, by a sixteenth of it, or by this where that is less.
const AHEAD: usize = 128 << 10;

static LAST: Gil<Option<Look>> = Gil::new(None);
static CLOSED: AtomicU64 = AtomicU64::new(0);

/// Gated clients that were closed since the start to make room.
pub(crate) fn evicted() -> u64 {
    CLOSED.load(Ordering::Relaxed)
}

/// What is known is old.
pub(super) fn look_again() {
    LAST.with(|last| *last = None);
}

/// How many bytes the clients have to give up. The server is asked anew each turn, and when the memory in use has grown by half
/// of what was left.
pub(super) fn missing() -> Option<usize> {
    let limit = memory::limit();
    if limit == 0 || Flags::of_server().any(Flags::LUA) || memory::is_inside_a_command() {
        return None;
    }
    let used = memory::used();
    if let Some(last) = LAST.with(|last| *last) {
        if used.saturating_sub(last.used) < limit.saturating_sub(last.clients) / 2 {
            return None;
        }
    }
    let memory = own_context()?.server_info(c"memory");
    let clients = usize::try_from(memory.number("mem_clients_normal")).ok()?;
    LAST.with(|last| *last = Some(Look { clients, used }));
    let limit = begins_at(limit);
    (clients >= limit).then(|| clients - limit + 1)
}

/// The bytes of all clients at which the gated are closed.
fn begins_at(limit: usize) -> usize {
    limit - (limit / 16).max(AHEAD).min(limit / 2)
}

/// Closes those of them that the server would have closed. Returns who is gated no longer.
pub(super) fn make(missing: usize, is_gated: impl Fn(u64) -> bool) -> Vec<u64> {
    let text = own_context().map_or_else(String::new, list::of_all);
    let closed = gated_to_close(&text, missing, is_gated);
    closed.iter().copied().for_each(clients::close);
    CLOSED.fetch_add(closed.len() as u64, Ordering::Relaxed);
    closed
}

/// The gated among the largest clients, of those that CLIENT LIST tells of, that have so many bytes together. The server
/// goes by powers of two: among clients of one power any may be the first.
fn gated_to_close(list: &str, missing: usize, is_gated: impl Fn(u64) -> bool) -> Vec<u64> {
    let mut clients: Vec<(usize, u64)> = list.lines().filter_map(size).collect();
    clients.sort_by_key(|(bytes, id)| std::cmp::Reverse((bytes.checked_ilog2(), is_gated(*id), *bytes)));
    let mut freed = 0;
    clients
        .into_iter()
        .take_while(|(bytes, _)| {
            let there_is_room = freed >= missing;
            freed += *bytes;
            !there_is_room
        })
        .map(|(_, id)| id)
        .filter(|id| is_gated(*id))
        .collect()
}

/// Size and id in a line of CLIENT LIST, of a client that may be closed to make room.
fn size(line: &str) -> Option<(usize, u64)> {
    let field = |name: &str| list::field(line, name);
    let spared = field("flags")?.contains(['S', 'M', 'e']);
    (!spared).then_some((field("tot-mem")?.parse().ok()?, field("id")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{begins_at, gated_to_close};

    #[test]
    fn the_gated_are_closed_before_the_server_looks_for_others() {
        assert_eq!(begins_at(64 << 20), 60 << 20);
        assert_eq!(begins_at(1 << 20), (1 << 20) - (128 << 10));
        assert_eq!(begins_at(100_000), 50_000);
    }

    #[test]
    fn the_largest_are_closed_until_there_is_room_and_of_them_the_gated_here() {
        let line = |id, flags, bytes| format!("id={id} name= flags={flags} db=0 tot-mem={bytes} events=r\n");
        let list = [
            line(1, "N", 900),
            line(2, "N", 70_000),
            line(3, "e", 500_000),
            line(4, "N", 40_000),
            line(5, "N", 65_536),
            line(6, "S", 500_000),
        ]
        .concat();
        let close = |missing| gated_to_close(&list, missing, |id| matches!(id, 1 | 3 | 4 | 5 | 6));
        assert_eq!(close(1), [5]);
        assert_eq!(close(65_536), [5]);
        assert_eq!(close(65_537), [5]);
        assert_eq!(close(135_537), [5, 4]);
        assert_eq!(close(usize::MAX), [5, 4, 1]);
        assert_eq!(gated_to_close("", 1, |_| true), [0; 0]);
    }
}
