//! `mylog.always-mode wait`: replies go into the clients' buffers at once, and the event loop waits once for all
//! of them before it sleeps.
//!
//! That is strict only where no buffer can be sent before the look at the turn's end. The server sends outside
//! of that in four ways, each of which is ruled out here before a reply is let into a buffer:
//!
//! 1. Commands run behind our look, in the same turn: `ack::past_sleep_hook` is set.
//! 2. Other threads send: `io-threads` is more than 1.
//! 3. A client with output that its socket did not take has a write handler, and the event loop serves it right
//!    behind the read: CLIENT LIST shows the handler, `w`. A handler is installed only where buffers are sent,
//!    so who had none when first looked at in a turn has none to the end of it; see also 4.
//! 4. Something lets the event loop turn inside a command, which sends all buffers: a script that runs for long,
//!    the loading of a data set, another module. Scripts and loads wait first (`unit::before_yield`), and whoever
//!    was looked at is looked at again behind them. Other modules can't be seen through: with one loaded nobody
//!    is grouped. Nor where a name by which the filter knows scripts and EXEC was changed.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::api::{Ctx, settings};
use crate::gil::Gil;
use crate::{ack, acks, config, unit};

/// Commands that the filter must know by their names.
const NAMES: [&[u8]; 7] = [
    b"EVAL",
    b"EVALSHA",
    b"FCALL",
    b"EVAL_RO",
    b"EVALSHA_RO",
    b"FCALL_RO",
    b"EXEC",
];
/// Modules that never let the event loop turn inside a command: ours, and those that servers have built in. Redis 8 has
/// vector sets; Valkey 9.1 has its scripts in one, which wait first as they do elsewhere.
const QUIET_MODULES: [&[u8]; 3] = [b"mylog", b"vectorset", b"lua"];
/// With more clients than this, looking at all of them costs more than what it saves.
const CROWD: usize = 256;
/// Units after which a crowd is looked at again.
const CROWD_REST: u32 = 1000;

struct State {
    /// The client last looked at in this turn: it has no write handler.
    looked_at: Option<u64>,
    /// Whether no client at all has one, if that was looked at in this turn.
    everybody: Option<bool>,
    /// Units left for which a crowd is not looked at.
    rest: u32,
    /// A script, or a load, has been seen since the start: it may have been queued, so that an EXEC runs it.
    script_seen: bool,
}

static STATE: Gil<State> = Gil::new(State {
    looked_at: None,
    everybody: None,
    rest: 0,
    script_seen: false,
});

/// The mode is `wait` and the server is one where that can be strict.
static ON: AtomicBool = AtomicBool::new(false);

/// The configuration or the modules of the server have changed, or are known now.
pub(crate) fn refresh(ctx: Ctx<'_>) {
    if config::always_waits() {
        settings::need();
    }
    let on = config::always_waits()
        && !acks::is_on()
        && settings::io_threads() == 1
        && alone(ctx)
        && names_known(ctx);
    ON.store(on, Ordering::Relaxed);
    look_again();
}

/// True if replies may be grouped.
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// True if the reply to the client of this command can't leave before the turn's end.
pub(crate) fn takes(ctx: Ctx<'_>) -> bool {
    if !is_on() || ack::past_sleep_hook() {
        return false;
    }
    let id = ctx.client_id();
    if STATE.with(|state| state.looked_at == Some(id)) {
        return true;
    }
    let quiet = list(&[b"LIST", b"ID", id.to_string().as_bytes()])
        .is_some_and(|text| text.lines().count() == 1 && text.lines().all(sends_nothing));
    if quiet {
        STATE.with(|state| state.looked_at = Some(id));
    }
    quiet
}

/// True if no reply to any client can leave before the turn's end: for native commands, which don't tell whose
/// they are.
pub(crate) fn takes_everybody() -> bool {
    if !is_on() || ack::past_sleep_hook() {
        return false;
    }
    let known = STATE.with(|state| {
        if state.everybody.is_none() && state.rest > 0 {
            state.rest -= 1;
            return Some(false);
        }
        state.everybody
    });
    if let Some(known) = known {
        return known;
    }
    let text = list(&[b"LIST"]).unwrap_or_default();
    let quiet = !text.is_empty() && text.lines().all(sends_nothing);
    STATE.with(|state| {
        state.everybody = Some(quiet);
        if text.lines().count() > CROWD {
            state.rest = CROWD_REST;
        }
    });
    quiet
}

/// A turn is over, or buffers may be sent inside of it: nobody has been looked at.
pub(crate) fn look_again() {
    STATE.with(|state| {
        state.looked_at = None;
        state.everybody = None;
    });
}

/// The filter has seen a script, or DEBUG RELOAD.
pub(crate) fn saw_script() {
    STATE.with(|state| state.script_seen = true);
}

/// True if an EXEC may run a script, or load. The filter sees these as they are queued, without knowing so: any
/// since the start counts.
pub(crate) fn exec_may_yield() -> bool {
    is_on() && STATE.with(|state| state.script_seen)
}

fn list(args: &[&[u8]]) -> Option<String> {
    let reply = unit::context()?.call(c"CLIENT", "", args)?;
    Some(String::from_utf8_lossy(reply.whole().bytes()).into_owned())
}

/// True for a line of CLIENT LIST whose client has no write handler, or is a replica or the primary, which get
/// no acknowledgements.
fn sends_nothing(line: &str) -> bool {
    let field = |name: &str| {
        line.split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    field("events").is_some_and(|events| !events.contains('w'))
        || field("flags").is_some_and(|flags| flags.contains(['S', 'M']))
}

/// True if no module is loaded that may let the event loop turn inside a command.
fn alone(ctx: Ctx<'_>) -> bool {
    let Some(modules) = ctx.call(c"MODULE", "", &[b"LIST"]) else {
        return false;
    };
    (0..modules.whole().len()).all(|index| {
        let name = modules.element(index).and_then(|module| module.element(1));
        name.is_some_and(|name| QUIET_MODULES.contains(&name.bytes()))
    })
}

fn names_known(ctx: Ctx<'_>) -> bool {
    let args: Vec<&[u8]> = std::iter::once(&b"INFO"[..]).chain(NAMES).collect();
    let Some(infos) = ctx.call(c"COMMAND", "", &args) else {
        return false;
    };
    (0..NAMES.len()).all(|index| infos.element(index).is_some_and(|info| info.element(0).is_some()))
}

#[cfg(test)]
mod tests {
    use super::sends_nothing;

    #[test]
    fn only_a_client_without_a_write_handler_sends_nothing() {
        let line =
            |flags, events| format!("id=3 fd=8 name= flags={flags} obl=0 oll=0 events={events} cmd=get");
        assert!(sends_nothing(&line("N", "r")));
        assert!(sends_nothing(&line("x", "r")));
        assert!(sends_nothing(&line("S", "rw")));
        assert!(!sends_nothing(&line("N", "rw")));
        assert!(!sends_nothing(&line("N", "w")));
        assert!(!sends_nothing("id=3 name=events"));
    }
}
