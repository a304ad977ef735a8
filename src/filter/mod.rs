//! The command filter runs before every command, the cache's commands included. It routes native commands on captured keys
//! to their twins, refuses commands that would change durable keys while the log is down, and routes flushes to the flush
//! policy. It never feeds the log: a command that it sees may still be denied or fail.
//!
//! The common path allocates nothing, takes no lock and hashes nothing. While no key is captured, no reply may have to wait
//! and the log works, a command of two arguments or more costs one call into the server; a shorter command costs three, since
//! it may be a flush. With captured prefixes the filter checks the first key, and the name of a command of several arguments:
//! one table lookup finds the commands that may have keys after the first.

#![forbid(unsafe_code)]

#[cfg(test)]
mod allocations;
mod author;
mod command_name;
mod lead;
mod queued;
mod replica;
mod stand_in;
mod unrouted;
mod while_down;

use module_api::commands::filter::{Filter, Filtered};
use module_api::commands::rm_call;
use module_api::server::server_state;
use module_api::{Ctx, Refused};
use redis_grammar::key_places::{Places, key_places, number, pattern_places};
use redis_grammar::prefixes::Standing;
use redis_grammar::routes::{self, Keys, Route, Twin};

use crate::engine::{is_durable, payload};
use crate::execute::{blocking_pops, twins};
use crate::keyspace::{native_effects, selected_db};
use crate::settings::attention::{self, DOWN, WATCHED};
use crate::settings::captured_keys;
use crate::{acks, engine};
use command_name::name_of;
use lead::{is_led, lead_to_twin, replace_name};
use stand_in::reject;
use while_down::{refuse, refuse_if_any_is_durable};

/// Registers the filter. This is the last step of OnLoad, because Redis 7.0 can't unregister a filter.
pub(crate) fn register(ctx: Ctx<'_>) -> Result<(), Refused> {
    twins::prepare();
    ctx.register_filter::<EachCommand>()
}

/// The callback by which the server runs the filter.
struct EachCommand;

impl Filter for EachCommand {
    fn see(command: Filtered<'_>) {
        if !rm_call::is_own() {
            see(command);
        }
    }
}

fn see(command: Filtered<'_>) {
    let len = command.len();
    if blocking_pops::are_due() && may_unblock(command) {
        blocking_pops::unblock_served();
    }
    // An earlier command may have removed a key: the removal is final now, and the client that waits for it is known.
    native_effects::settle_unlinked();
    // This runs even while no new reply has to wait, since clients may still be gated.
    acks::next_command(|| command.client_id());
    if acks::is_anything_aside() && !attention::is_on(WATCHED) {
        author::note_settings(command);
    }
    if attention::is_any() {
        attend(command, len);
    } else if len <= 2 && is_flush(command, len) {
        lead_flush(command);
    }
    // This comes last: a command that was routed or refused above has another name by now, and is left alone.
    if len >= 5 && selected_db::leads() {
        lead_copy(command);
    }
}

/// Routes COPY to another database to a command of the module, on servers where COPY would leave its client in that database.
fn lead_copy(command: Filtered<'_>) {
    if name_of(command).is_some_and(|name| name.eq_ignore_ascii_case(b"copy")) {
        let _ = command.replace(0, stand_in::copy_name(command));
    }
}

/// Handles a command while more than flushes matters to the filter.
fn attend(command: Filtered<'_>, len: usize) {
    if attention::is_on(WATCHED) {
        author::note(command);
        if author::lead_to_twin_of_durable(command, len) {
            return;
        }
    }
    let Some(first) = command.arg(1) else {
        if is_flush(command, len) {
            lead_flush(command);
        } else if captured_keys::captures() {
            queued::inspect(command);
        }
        return;
    };
    // This comes first: the argument ASYNC may have a captured prefix, and a flush is not in the routes.
    if len == 2 && matches!(first.len(), 4 | 5) && is_flush(command, len) {
        return lead_flush(command);
    }
    let captured = captured_keys::with(|prefixes| is_led(prefixes, first));
    if captured || attention::is_on(DOWN) || (len > 2 && unrouted::may_have_later_keys(command)) {
        look(command, len, captured);
    }
}

/// True for a command that ends waits or reports them, or that may have such a command queued.
fn may_unblock(command: Filtered<'_>) -> bool {
    const NAMES: [&[u8]; 6] = [b"client", b"exec", b"info", b"replicaof", b"slaveof", b"failover"];
    let is = |name: &[u8]| NAMES.iter().any(|known| name.eq_ignore_ascii_case(known));
    name_of(command).is_some_and(is)
}

/// True for FLUSHALL and FLUSHDB.
fn is_flush(command: Filtered<'_>, len: usize) -> bool {
    len <= 2
        && name_of(command).is_some_and(|name| {
            name.eq_ignore_ascii_case(b"flushall") || name.eq_ignore_ascii_case(b"flushdb")
        })
}

/// Routes a flush to its twin, which knows the flush policy, if there are durable keys.
fn lead_flush(command: Filtered<'_>) {
    let durable = engine::with(|engine| !engine.store.is_empty()) == Some(true);
    if durable && !server_state::is_replica() {
        if let Some(name) = name_of(command) {
            replace_name(command, name);
        }
    }
}

/// Routes a SCAN with TYPE to its twin, which finds the durable keys of that type, too.
fn lead_scan(command: Filtered<'_>, len: usize, place: usize) {
    let asks = |place| {
        command
            .arg(place)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"type"))
    };
    if captured_keys::captures() && (2..len).any(asks) {
        lead_to_twin(command, place);
    }
}

/// How many of a command's keys are captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Captured {
    None,
    All,
    Mixed,
}

/// Finds the keys of a command and decides how it runs. `first`: the commands of its first argument's key are routed.
fn look(command: Filtered<'_>, len: usize, first: bool) {
    let Some(name) = name_of(command) else { return };
    let Some(place) = routes::place(name) else {
        return unrouted::look(command, len, name);
    };
    let Some(route) = routes::at_place(place) else {
        return;
    };
    let may_lead = !server_state::is_replica() || replica::leads(place);
    if !may_lead || !route.accepts(len) || !has_its_keys(command, len, route) {
        return;
    }
    match route.keys {
        Keys::Listed => return lead_scan(command, len, place),
        Keys::Populated => return unrouted::look_at_populate(command),
        _ => {}
    }
    // The case of nearly all routed commands.
    if first && route.keys == Keys::At(1) && route.twin == Twin::Runs {
        return lead_to_twin(command, place);
    }
    let keys = key_places(|place| command.arg(place), len, route.keys);
    let captured = match captured(command, keys.clone()) {
        // A native SORT would look up the patterns in captured keys, and find no native values there.
        Captured::None if route.keys == Keys::Sort && patterns_are_held(command, len) => Captured::Mixed,
        captured => captured,
    };
    match (captured, route.twin) {
        (Captured::None, _) | (_, Twin::Native) => refuse_while_down(command, route, keys),
        (_, Twin::Checked) => unrouted::lead(command),
        // RENAME and COPY work from captured to other keys and back.
        (Captured::All | Captured::Mixed, Twin::Runs) if route.generic_write => {
            lead_to_twin(command, place);
        }
        (Captured::All, Twin::Runs) => lead_to_twin(command, place),
        (Captured::Mixed, _) => reject(
            command,
            &format!(
                "ERR '{}' can't mix keys that mylog.capture holds with other keys; nothing was done",
                route.name
            ),
        ),
    }
}

fn captured(command: Filtered<'_>, keys: Places) -> Captured {
    let (mut held, mut durable, mut others, mut outside) = (0, 0, 0, 0);
    captured_keys::with(|prefixes| {
        for key in keys.map(|place| command.arg(place).unwrap_or_default()) {
            let count = match prefixes.standing(key) {
                Standing::Matched => &mut held,
                Standing::Excluded if is_durable(key) => &mut durable,
                Standing::Excluded => &mut others,
                Standing::Outside => &mut outside,
            };
            *count += 1;
        }
    });
    match (held + durable, others + outside) {
        (0, _) => Captured::None,
        (_, 0) => Captured::All,
        // The handler knows which of the excluded keys are durable in this database; the others need not be.
        _ if held == 0 && outside == 0 => Captured::All,
        _ => Captured::Mixed,
    }
}

/// True if one of the patterns by which SORT finds other keys has a captured prefix.
fn patterns_are_held(command: Filtered<'_>, len: usize) -> bool {
    let arg = |place| command.arg(place).unwrap_or_default();
    captured_keys::with(|prefixes| pattern_places(arg, len).any(|place| prefixes.matches(arg(place))))
}

/// False for a command that claims more keys than it has arguments for. Its options would be taken for keys, and the native
/// command has the right error.
fn has_its_keys(command: Filtered<'_>, len: usize, route: &Route) -> bool {
    let place = match route.keys {
        Keys::Counted => 1,
        Keys::CountedLater | Keys::Store => 2,
        _ => return true,
    };
    let keys = command.arg(place).and_then(number);
    keys.is_none_or(|keys| route.has_room_for(keys, len))
}

/// Refuses a native command that would change or replace a durable key while the log is down, since nothing could undo the
/// change. The key may be durable in another database only: the check, which knows the client's database, decides that.
fn refuse_while_down(command: Filtered<'_>, route: &Route, keys: Places) {
    if !attention::is_on(DOWN) || !route.overwrites {
        return;
    }
    if route.keys == Keys::Everything {
        return refuse_if_any_is_durable(command);
    }
    // SORT does not change its first key.
    let kept = usize::from(route.keys == Keys::Sort);
    let mut named = keys.skip(kept).filter_map(|place| command.arg(place));
    if brings_durable(command, route) {
        return refuse(command);
    }
    if !named.any(is_durable) {
        return;
    }
    // The command may change a key in another database or on another server, so a durable key in any database counts.
    if route.twin == Twin::Native || route.name == "copy" {
        return refuse_if_any_is_durable(command);
    }
    unrouted::lead(command);
}

/// True for a RESTORE that would make a durable key.
fn brings_durable(command: Filtered<'_>, route: &Route) -> bool {
    route.name.starts_with("restore") && command.arg(3).is_some_and(payload::is_ours)
}
