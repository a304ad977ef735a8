//! Commands that write and have no route, found in the server's own table. A command with a captured key is routed to a
//! check that knows the client's database; so is a command that writes a durable key while the log is down.

use module_api::commands::filter::Filtered;
use module_api::own_context;
use module_api::server::server_state;
use redis_grammar::key_places::number;

use super::command_name::name_of;
use super::lead::is_led;
use super::stand_in::reject;
use super::while_down::refuse_if_any_is_durable;
use super::{queued, stand_in};
use crate::engine::{is_durable, refusal};
use crate::settings::attention::{self, DOWN};
use crate::settings::server_commands::{Command, Treatment};
use crate::settings::{captured_keys, server_commands};

/// The prefix of the module's own commands.
const OWN: &[u8] = b"mylog.";

/// What the filter does about a command.
enum Finding {
    Nothing,
    Check,
    /// Ask the server for the command's keys.
    Ask,
    /// The command may delete any durable key.
    Slots,
}

/// Handles a command without a route.
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
        Finding::Slots => refuse_if_any_is_durable(command),
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

/// True for a key that is captured; while the log is down also for a written key that is durable in any database.
fn concerns(command: Filtered<'_>, place: usize, reads: bool) -> bool {
    let Some(key) = command.arg(place) else {
        return false;
    };
    let is_led = captured_keys::with(|prefixes| is_led(prefixes, key));
    is_led || (!reads && attention::is_on(DOWN) && is_durable(key))
}

/// Routes a command to the check.
pub(super) fn lead(command: Filtered<'_>) {
    if queued::is_denied(command) {
        return;
    }
    let name = stand_in::check_name(command);
    let Some(spelling) = command.arg(0) else { return };
    // The command's name is inserted first: if the name were replaced and the insertion failed, the check would take the
    // first key for the name of the native command.
    if command.insert(1, spelling).is_ok() {
        let _ = command.replace(0, name);
    }
}

/// Refuses a DEBUG POPULATE that would make captured keys. It makes keys of a prefix and a number, where there are none yet.
/// The keys are not computed here: there may be too many of them, and the client need not have the permission for DEBUG.
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
            &refusal::no_durable_form("debug populate", &captured_keys::captured_by(&captured)),
        );
    }
}

/// True if a command with this name may have a key after its first argument.
pub(super) fn may_have_later_keys(command: Filtered<'_>) -> bool {
    name_of(command).is_some_and(server_commands::may_have_later_keys)
}
