//! Commands that write and have no route: by the server's own table. One with a captured key is led to a check that
//! knows the client's database; so is one onto a durable key while the log is down.

use module_api::commands::filter::Filtered;
use module_api::own_context;
use module_api::server::server_state;
use redis_grammar::key_places::number;

use super::{is_led, name_of, queued, reject, stand_in};
use crate::engine::{is_durable, refusal};
use crate::settings::attention::{self, DOWN};
use crate::settings::server_commands::{Command, Treatment};
use crate::settings::{captured_keys, config, server_commands};

/// Our own begin with it.
const OWN: &[u8] = b"mylog.";

/// What is to be done about a command.
enum Finding {
    Nothing,
    Check,
    /// The server has to be asked for its keys.
    Ask,
    /// It may take away any durable key.
    Slots,
}

/// Looks at a command without a route.
pub(super) fn look(command: Filtered<'_>, len: usize, name: &[u8]) {
    let is_own = name
        .get(..OWN.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(OWN));
    if is_own || server_state::is_replica() {
        return;
    }
    let found = server_commands::with(name, command.arg(1), |known| judge(command, len, known));
    match found.unwrap_or(Finding::Nothing) {
        Finding::Nothing => {}
        Finding::Check => lead(command),
        Finding::Ask => {
            let keys = own_context().map_or_else(Vec::new, |ctx| command.keys(ctx));
            if keys.iter().any(|key| concerns(command, key.place, key.reads)) {
                lead(command);
            }
        }
        Finding::Slots => super::refuse_if_any_is_durable(command),
    }
}

fn judge(command: Filtered<'_>, len: usize, known: &Command) -> Finding {
    if known.takes_slots() {
        return Finding::Slots;
    }
    if known.treatment() != Treatment::Checked || !known.accepts(len) {
        return Finding::Nothing;
    }
    let arg = |place| command.arg(place);
    match known.any_key(arg, len, |place, reads| concerns(command, place, reads)) {
        None => Finding::Ask,
        Some(true) => Finding::Check,
        Some(false) => Finding::Nothing,
    }
}

/// True for a key that is captured, or durable in any database while that matters.
fn concerns(command: Filtered<'_>, place: usize, reads: bool) -> bool {
    let Some(key) = command.arg(place) else {
        return false;
    };
    let is_led = captured_keys::with(|prefixes| is_led(prefixes, key));
    is_led || (!reads && attention::is_on(DOWN) && is_durable(key))
}

/// Gives a command the check in front.
pub(super) fn lead(command: Filtered<'_>) {
    if queued::is_denied(command) {
        return;
    }
    let name = stand_in::check_name(command);
    let Some(spelling) = command.arg(0) else { return };
    // What it is first: with the name replaced and nothing behind it the first key would be taken for that.
    if command.insert(1, spelling).is_ok() {
        let _ = command.replace(0, name);
    }
}

/// DEBUG POPULATE makes keys of a name and a where there are none. No name is made here: there may be more of
/// them than anybody could wait for, and whoever sends this need not have the permission for it.
pub(super) fn look_at_populate(command: Filtered<'_>) {
    let is_it = command
        .arg(1)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"populate"));
    if !is_it || !captured_keys::captures() {
        return;
    }
    let count = command.arg(2).and_then(number).unwrap_or(0);
    let prefix = command.arg(3).unwrap_or(b"key");
    let stem = [prefix, b":"].concat();
    if let Some(captured) = captured_keys::with(|prefixes| prefixes.numbered(&stem, count)) {
        reject(
            command,
            &refusal::no_durable_form("debug populate", &config::captured_by(&captured)),
        );
    }
}

/// True if a command of this name may have a key behind its first argument.
pub(super) fn may_have_later_keys(command: Filtered<'_>) -> bool {
    name_of(command).is_some_and(server_commands::may_have_later_keys)
}
