//! Whose command it is.
//!
//! In a handler, inside EXEC too, the server tells. In a script it is the script's caller. A callback is told nothing: there the
//! client counts whose command the filter saw last, as long as no command can have run without the filter. One that CLIENT
//! PAUSE or a failover has put off does. Where nobody can be named everybody is gated: that only delays. Not those alone who were
//! active just now: whose command runs may have sent it long ago.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use module_api::clients::list;
use module_api::context::Flags;
use module_api::server::server_state;
use module_api::{Ctx, clients, server};

/// Whose command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// Nobody's who is told: that of a primary.
    Nobody,
    /// A client's.
    Client(u64),
    /// Somebody's.
    Unknown,
}

/// The client whose command the filter saw last; 0 for none, which is no client's id.
static SEEN: AtomicU64 = AtomicU64::new(0);
/// Turns for which a command that was put off may still run.
static PUT_OFF: AtomicU8 = AtomicU8::new(0);
/// A command that was put off runs in the first turn behind the pause, which may have ended in the middle of one.
const TURNS_BEHIND_PAUSE: u8 = 3;

/// The filter sees a client's command. It is asked for every command while replies may wait.
#[inline]
pub(crate) fn note(client: Option<u64>) {
    SEEN.store(client.unwrap_or(0), Ordering::Relaxed);
    if server::writes_are_paused() {
        PUT_OFF.store(TURNS_BEHIND_PAUSE, Ordering::Relaxed);
    }
}

/// Nobody's command was seen: until now the filter was not asked.
pub(crate) fn forget() {
    SEEN.store(0, Ordering::Relaxed);
}

/// True while a command may run that was put off.
pub(super) fn may_be_put_off() -> bool {
    PUT_OFF.load(Ordering::Relaxed) > 0
}

/// A turn ends. Asked before what was blocked runs: to ask whether writes are paused may end the pause.
pub(crate) fn turn_ends() {
    let left = PUT_OFF.load(Ordering::Relaxed);
    if left > 0 && !server::writes_are_paused() {
        PUT_OFF.store(left - 1, Ordering::Relaxed);
    }
}

/// That of a command of ours.
pub(crate) fn of_command(ctx: Ctx<'_>, flags: Flags) -> Author {
    if flags.any(Flags::LUA) {
        return clients::of_running_script().map_or(Author::Unknown, Author::Client);
    }
    Author::Client(ctx.client_id())
}

/// That of the native command which a callback hears of.
pub(crate) fn of_callback() -> Author {
    if server_state::is_replica() || server_state::is_loading() {
        return Author::Nobody;
    }
    if Flags::of_server().any(Flags::LUA) {
        return clients::of_running_script().map_or(Author::Unknown, Author::Client);
    }
    if may_be_put_off() {
        return Author::Unknown;
    }
    Author::Client(SEEN.load(Ordering::Relaxed))
}

/// The id in a line of CLIENT LIST, of one who is told of what it does.
pub(super) fn is_told(line: &str) -> Option<u64> {
    let field = |name: &str| list::field(line, name);
    let spared = field("flags")?.contains(['S', 'M']);
    (!spared).then(|| field("id")?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::is_told;

    #[test]
    fn replicas_and_primaries_are_told_of_nothing() {
        let line = |flags| format!("id=3 addr=/s:0 name=idle age=9 idle=900 flags={flags} db=0 argv-mem=0");
        assert_eq!(is_told(&line("N")), Some(3));
        assert_eq!(is_told(&line("bx")), Some(3));
        assert_eq!(is_told(&line("S")), None);
        assert_eq!(is_told(&line("M")), None);
        assert_eq!(is_told(""), None);
    }
}
