//! The client of a command: the one that is gated for what the command changed or saw.
//!
//! In a handler, also inside EXEC, the context has the client's id. In a script the client is the script's caller. A
//! callback gets no client. There it is the client whose command the filter saw last, as long as no command can have run
//! without passing the filter. A command that CLIENT PAUSE or a failover has postponed runs like that. Where the client
//! can't be known, all clients are gated, which only delays their replies. To gate only the clients that were active just
//! now would not be enough: the running command may have been sent long ago.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use module_api::clients::list;
use module_api::context::Flags;
use module_api::server::server_state;
use module_api::{Ctx, clients, own_context, server};

/// The client of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// No client gets a reply: the command was sent by a primary, or is being loaded.
    None,
    /// The client with this id.
    Client(u64),
    /// A client that can't be known.
    Unknown,
}

/// The id of the client whose command the filter saw last; 0, which is no client's id, for none.
static SEEN: AtomicU64 = AtomicU64::new(0);
/// Turns of the event loop in which a postponed command may still run.
static PUT_OFF: AtomicU8 = AtomicU8::new(0);
/// A postponed command runs in the first turn after the pause, and the pause may have ended in the middle of a turn.
const TURNS_AFTER_PAUSE: u8 = 3;

/// Notes the client of a command that passes the filter. The filter calls this for every command while replies may have to
/// wait for the disk.
#[inline]
pub(crate) fn note(client: Option<u64>) {
    SEEN.store(client.unwrap_or(0), Ordering::Relaxed);
    if server::writes_are_paused() {
        PUT_OFF.store(TURNS_AFTER_PAUSE, Ordering::Relaxed);
    }
}

/// Forgets the noted client. Commands may have run, or may run now, without passing through [`note`].
pub(crate) fn forget() {
    SEEN.store(0, Ordering::Relaxed);
}

/// True while a postponed command may run.
pub(super) fn may_be_put_off() -> bool {
    PUT_OFF.load(Ordering::Relaxed) > 0
}

/// At the end of a turn, before commands of clients that were blocked run: the question whether writes are paused may itself
/// end the pause.
pub(crate) fn turn_ends() {
    let left = PUT_OFF.load(Ordering::Relaxed);
    if left > 0 && !server::writes_are_paused() {
        PUT_OFF.store(left - 1, Ordering::Relaxed);
    }
}

/// The client of a command of the module.
pub(crate) fn of_command(ctx: Ctx<'_>, flags: Flags) -> Author {
    if flags.any(Flags::LUA) {
        return clients::of_running_script().map_or(Author::Unknown, Author::Client);
    }
    Author::Client(ctx.client_id())
}

/// The client of the native command that caused the running callback.
pub(crate) fn of_callback() -> Author {
    if server_state::is_replica() || server_state::is_loading() {
        return Author::None;
    }
    if Flags::of_server().any(Flags::LUA) {
        return clients::of_running_script().map_or(Author::Unknown, Author::Client);
    }
    if may_be_put_off() {
        return Author::Unknown;
    }
    Author::Client(SEEN.load(Ordering::Relaxed))
}

/// The ids of all clients that get replies: for a command whose client can't be known.
pub(super) fn all_clients() -> Vec<u64> {
    let text = own_context().map_or_else(String::new, list::of_all);
    text.lines().filter_map(gets_replies).collect()
}

/// The id in a line of CLIENT LIST; `None` for a replica or a primary, which get no replies.
fn gets_replies(line: &str) -> Option<u64> {
    let field = |name: &str| list::field(line, name);
    let spared = field("flags")?.contains(['S', 'M']);
    (!spared).then(|| field("id")?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::gets_replies;

    #[test]
    fn replicas_and_primaries_are_told_of_nothing() {
        let line = |flags| format!("id=3 addr=/s:0 name=idle age=9 idle=900 flags={flags} db=0 argv-mem=0");
        assert_eq!(gets_replies(&line("N")), Some(3));
        assert_eq!(gets_replies(&line("bx")), Some(3));
        assert_eq!(gets_replies(&line("S")), None);
        assert_eq!(gets_replies(&line("M")), None);
        assert_eq!(gets_replies(""), None);
    }
}
