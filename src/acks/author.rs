//! Whose command it is.
//!
//! In a handler, inside EXEC too, the server tells. In a script it is the script's caller. A callback is told nothing: there the
//! client counts whose command the filter saw last, as long as no command can have run without the filter. One that CLIENT
//! PAUSE or a failover has put off does. Where nobody can be named everybody is gated who may be the one: that only delays.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use super::io_threads;
use crate::api::context::Flags;
use crate::api::{Ctx, client_list, clients, server};
use crate::conditions;

/// Whose command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// Nobody's who is told: that of a primary.
    Nobody,
    /// A client's.
    Client(u64),
    /// Somebody's who was active within the last second, or is at it for longer.
    Unknown,
    /// Somebody's whose command may have been put off for longer than that.
    PutOff,
}

/// The client whose command the filter saw last; 0 for none.
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

/// Commands of clients that were blocked run: they may have been sent long ago.
static UNBLOCKED: AtomicBool = AtomicBool::new(false);

/// Runs what the server would run behind BEFORE_SLEEP.
pub(crate) fn run_unblocked() {
    UNBLOCKED.store(true, Ordering::Relaxed);
    clients::run_unblocked();
    UNBLOCKED.store(false, Ordering::Relaxed);
}

/// Nobody's command was seen: until now the filter was not asked.
pub(crate) fn forget() {
    SEEN.store(0, Ordering::Relaxed);
}

/// True while a command may run that was put off.
pub(super) fn may_be_put_off() -> bool {
    PUT_OFF.load(Ordering::Relaxed) > 0
}

/// A turn ends.
pub(super) fn turn_ends() {
    // What comes behind this without the filter is nobody's who was seen. Beside threads that counts: one may read for him by then.
    if io_threads::are_shared() {
        forget();
    }
    let left = PUT_OFF.load(Ordering::Relaxed);
    if left > 0 && !server::writes_are_paused() {
        PUT_OFF.store(left - 1, Ordering::Relaxed);
    }
}

/// That of a command of ours.
pub(crate) fn of_command(ctx: Ctx<'_>, flags: Flags) -> Author {
    if flags.any(Flags::LUA) {
        return clients::of_running_script().map_or_else(not_known, Author::Client);
    }
    Author::Client(ctx.client_id())
}

/// That of the native command which a callback hears of.
pub(crate) fn of_callback() -> Author {
    if conditions::is_replica() || conditions::is_loading() {
        return Author::Nobody;
    }
    if Flags::of_server().any(Flags::LUA) {
        return clients::of_running_script().map_or_else(not_known, Author::Client);
    }
    let seen = SEEN.load(Ordering::Relaxed);
    if may_be_put_off() || seen == 0 {
        return not_known();
    }
    Author::Client(seen)
}

/// That of a command that may be anybody's.
pub(super) fn not_known() -> Author {
    match may_be_put_off() || UNBLOCKED.load(Ordering::Relaxed) {
        false => Author::Unknown,
        true => Author::PutOff,
    }
}

/// The id in a line of CLIENT LIST, of one who was active within so many seconds and is told of what it does. Whoever was blocked,
/// or runs something for long, has been idle for longer, but has a command with arguments at hand.
pub(super) fn active(line: &str, since_s: Option<u64>) -> Option<u64> {
    let field = |name: &str| client_list::field(line, name);
    if field("flags")?.contains(['S', 'M']) {
        return None;
    }
    let number = |name| field(name)?.parse::<u64>().ok();
    let idle = number("idle")?;
    let is_at_it = number("argv-mem") != Some(0);
    since_s
        .is_none_or(|since| idle <= since || is_at_it)
        .then(|| number("id"))?
}

#[cfg(test)]
mod tests {
    use super::active;

    #[test]
    fn replicas_primaries_and_the_idle_are_not_active() {
        let of = |flags, idle, mem| {
            format!("id=3 addr=/s:0 name=idle age=9 idle={idle} flags={flags} db=0 argv-mem={mem}")
        };
        let line = |flags, idle| of(flags, idle, 0);
        assert_eq!(active(&line("N", 0), Some(1)), Some(3));
        assert_eq!(active(&line("N", 1), Some(1)), Some(3));
        assert_eq!(active(&line("N", 2), Some(1)), None);
        assert_eq!(active(&line("bx", 900), None), Some(3));
        assert_eq!(active(&of("N", 900, 7), Some(1)), Some(3));
        assert_eq!(active(&line("S", 0), None), None);
        assert_eq!(active(&line("M", 0), Some(1)), None);
        assert_eq!(active("", None), None);
    }
}
