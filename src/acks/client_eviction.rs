//! `maxmemory-clients`: at that limit the server closes clients, the largest first, until the others are below the limit. It
//! frees no protected client, so in the place of a gated client it would close smaller ones. So the module checks first,
//! before each command and before the sleep, and closes the gated clients that the server would close.

use std::sync::atomic::{AtomicU64, Ordering};

use module_api::clients::{list, memory};
use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::{clients, own_context};

/// The server's last answer.
#[derive(Clone, Copy)]
struct Look {
    /// Bytes of all clients that the server may close.
    clients: usize,
    /// All memory in use at that time.
    used: usize,
}

/// Gated clients are closed before the server's limit is reached: by a sixteenth of it, and at least by this, but by no more
/// than half of it. The server counts some memory late, such as the struct of a new client or a buffer, so its count can
/// grow while the memory in use does not.
const AHEAD: usize = 128 << 10;

static LAST: Gil<Option<Look>> = Gil::new(None);
static CLOSED: AtomicU64 = AtomicU64::new(0);

/// Gated clients closed since the start because of `maxmemory-clients`.
pub(crate) fn evicted() -> u64 {
    CLOSED.load(Ordering::Relaxed)
}

/// Drops the server's last answer: it is out of date.
pub(super) fn check_again() {
    LAST.with(|last| *last = None);
}

/// The bytes that clients have to give up to be below [`begins_at`]; `None` while they are, and inside a script or a
/// command. The server is asked once a turn, and again when the memory in use has grown by half of what was left below the
/// limit.
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

/// The bytes of all clients from which on gated ones are closed.
fn begins_at(limit: usize) -> usize {
    limit - (limit / 16).max(AHEAD).min(limit / 2)
}

/// Closes the gated ones among the clients that the server would close for `missing` bytes. Returns their ids.
pub(super) fn make(missing: usize, is_gated: impl Fn(u64) -> bool) -> Vec<u64> {
    let text = own_context().map_or_else(String::new, list::of_all);
    let closed = gated_to_close(&text, missing, is_gated);
    closed.iter().copied().for_each(clients::close);
    CLOSED.fetch_add(closed.len() as u64, Ordering::Relaxed);
    closed
}

/// The gated ones among the largest clients of CLIENT LIST that have `missing` bytes together. The server orders clients by
/// powers of two: among those of one power it may close any first, so the gated ones count as the first.
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

/// Size and id in a line of CLIENT LIST; `None` for a client that the server does not close for its memory.
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
