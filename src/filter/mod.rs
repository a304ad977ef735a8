//! The command filter: sees every command before it runs, the cache's too. It routes native commands on
//! captured keys to their twins, refuses what would change durable keys while the log is down, and leads
//! flushes past the flush policy. It never feeds the log: what it sees are attempts.
//!
//! The common path allocates nothing, takes no lock and hashes nothing. While nothing is captured, watched or
//! down it makes one call into the server for a command of two arguments and more, and three for others, which
//! may be a flush. With prefixes it looks at the key, and at the name of a command of several arguments: one
//! look into a table tells those whose keys may be behind the first.

#![forbid(unsafe_code)]

#[cfg(test)]
mod allocations;
mod author;
mod queued;
mod replica;
mod stand_in;
mod unrouted;

use module_api::commands::filter::{Filter, Filtered};
use module_api::commands::rm_call;
use module_api::server::server_state;
use module_api::{Ctx, Refused};
use redis_grammar::key_places::{Places, key_places, number, pattern_places};
use redis_grammar::prefixes::{Prefixes, Standing};
use redis_grammar::routes::{self, Keys, Route, Twin};

use crate::engine::{is_durable, payload};
use crate::execute::{blocking_pops, twins};
use crate::keyspace::selected_db;
use crate::settings::attention::{self, DOWN, WATCHED};
use crate::settings::{captured_keys, server_commands};
use crate::{acks, engine};
use stand_in::reject;

/// Replies may have to wait for the disk from now on, or no longer.
pub(crate) fn watch(watched: bool) {
    if !attention::set(WATCHED, watched) {
        acks::forget_author();
    }
}

/// Registers the filter. The last thing in OnLoad: 7.0 does not take it back.
pub(crate) fn register(ctx: Ctx<'_>) -> Result<(), Refused> {
    twins::prepare();
    ctx.register_filter::<EachCommand>()
}

/// The filter, to the server.
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
        blocking_pops::let_go();
    }
    // Somebody may still be gated when no new reply has to wait.
    acks::next_command(|| command.client_id());
    if acks::is_anything_aside() && !attention::is_on(WATCHED) {
        author::note_settings(command);
    }
    if attention::is_any() {
        attend(command, len);
    } else if len <= 2 && is_flush(command, len) {
        lead_flush(command);
    }
    // Last: what was routed or refused has another name by now.
    if len >= 5 && selected_db::leads() {
        lead_copy(command);
    }
}

/// The name of a command in the server's table, whatever `rename-command` has made of it.
fn name_of<'c>(command: Filtered<'c>) -> Option<&'c [u8]> {
    let spelling = command.arg(0)?;
    if server_commands::are_renamed() {
        return server_commands::name_of(spelling).map(str::as_bytes);
    }
    Some(spelling)
}

/// COPY to another database, where it would leave its client there.
fn lead_copy(command: Filtered<'_>) {
    if name_of(command).is_some_and(|name| name.eq_ignore_ascii_case(b"copy")) {
        let _ = command.replace(0, stand_in::copy_name(command));
    }
}

/// Looks at a command while there is more than flushes to look for.
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
            queued::look(command);
        }
        return;
    };
    // Before all else: ASYNC may look like a captured key, and a flush is not in the routes.
    if len == 2 && matches!(first.len(), 4 | 5) && is_flush(command, len) {
        return lead_flush(command);
    }
    let captured = captured_keys::with(|prefixes| is_led(prefixes, first));
    if captured || attention::is_on(DOWN) || (len > 2 && unrouted::may_have_later_keys(command)) {
        look(command, len, captured);
    }
}

/// A command that ends waits, or tells who waits, or may have such a one queued.
fn may_unblock(command: Filtered<'_>) -> bool {
    const NAMES: [&[u8]; 6] = [b"client", b"exec", b"info", b"replicaof", b"slaveof", b"failover"];
    let is = |name: &[u8]| NAMES.iter().any(|known| name.eq_ignore_ascii_case(known));
    name_of(command).is_some_and(is)
}

/// FLUSHALL or FLUSHDB.
fn is_flush(command: Filtered<'_>, len: usize) -> bool {
    len <= 2
        && name_of(command).is_some_and(|name| {
            name.eq_ignore_ascii_case(b"flushall") || name.eq_ignore_ascii_case(b"flushdb")
        })
}

/// A flush with durable keys goes through its held form, which knows the policy.
fn lead_flush(command: Filtered<'_>) {
    let durable = engine::with(|engine| !engine.store.is_empty()) == Some(true);
    if durable && !server_state::is_replica() {
        if let Some(name) = name_of(command) {
            replace_name(command, name);
        }
    }
}

/// SCAN for keys of one type has to find the durable ones among the captured, too.
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

/// What the keys of a command are to the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Captured {
    None,
    All,
    Mixed,
}

/// Looks for the keys of a command, the first argument of which has a captured prefix or not.
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
    // Nearly all there are.
    if first && route.keys == Keys::At(1) && route.twin == Twin::Runs {
        return lead_to_twin(command, place);
    }
    let keys = key_places(|place| command.arg(place), len, route.keys);
    let captured = match captured(command, keys.clone()) {
        // It would look for keys of ours, and find none that it knows.
        Captured::None if route.keys == Keys::Sort && patterns_are_held(command, len) => Captured::Mixed,
        captured => captured,
    };
    match (captured, route.twin) {
        (Captured::None, _) | (_, Twin::Native) => refuse_while_down(command, route, keys),
        (_, Twin::Checked) => unrouted::lead(command),
        // RENAME and COPY work across: both names are only names.
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
                Standing::Held => &mut held,
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
        // The handler knows which of them are durable in this database, and that the others need not be.
        _ if held == 0 && outside == 0 => Captured::All,
        _ => Captured::Mixed,
    }
}

/// True for a key whose commands are led to their twins: a captured one, and one that was durable when an exclusion
/// took it out.
fn is_led(prefixes: &Prefixes, key: &[u8]) -> bool {
    match prefixes.standing(key) {
        Standing::Outside => false,
        Standing::Held => true,
        Standing::Excluded => is_durable(key),
    }
}

/// True if one of the arguments by which SORT finds other keys looks for captured ones.
fn patterns_are_held(command: Filtered<'_>, len: usize) -> bool {
    let arg = |place| command.arg(place).unwrap_or_default();
    captured_keys::with(|prefixes| pattern_places(arg, len).any(|place| prefixes.hold(arg(place))))
}

/// False for a command that says it has more keys than it has. Its options would be taken for keys, and the
/// native command's error is the right one.
fn has_its_keys(command: Filtered<'_>, len: usize, route: &Route) -> bool {
    let place = match route.keys {
        Keys::Counted => 1,
        Keys::CountedLater | Keys::Store => 2,
        _ => return true,
    };
    let keys = command.arg(place).and_then(number);
    keys.is_none_or(|keys| route.has_room_for(keys, len))
}

/// While the log is down a native command must not change or replace a durable key: nothing could undo it. One of
/// another database does not count: whether it is one is looked at where the database is known.
fn refuse_while_down(command: Filtered<'_>, route: &Route, keys: Places) {
    if !attention::is_on(DOWN) || !route.overwrites {
        return;
    }
    if route.keys == Keys::Everything {
        return refuse_if_any_is_durable(command);
    }
    // What SORT sorts it does not change.
    let kept = usize::from(route.keys == Keys::Sort);
    let mut named = keys.skip(kept).filter_map(|place| command.arg(place));
    if brings_durable(command, route) {
        return refuse(command);
    }
    if !named.any(is_durable) {
        return;
    }
    // What goes to another database or server counts there, so a durable key of that name in any does.
    if route.twin == Twin::Native || route.name == "copy" {
        return refuse_if_any_is_durable(command);
    }
    unrouted::lead(command);
}

/// Refuses a command while the log is down, if there is a durable key at all.
fn refuse_if_any_is_durable(command: Filtered<'_>) {
    if attention::is_on(DOWN) && engine::with(|engine| !engine.store.is_empty()) == Some(true) {
        refuse(command);
    }
}

/// Refuses a command for as long as the log is down.
fn refuse(command: Filtered<'_>) {
    // `refresh` is told at the turn's end: the log may work by now.
    if let Some(reason) = engine::with(|engine| engine.down_reason()).flatten() {
        reject(command, &engine::refused(&reason));
    }
}

/// True for a RESTORE that would make a durable key.
fn brings_durable(command: Filtered<'_>, route: &Route) -> bool {
    route.name.starts_with("restore") && command.arg(3).is_some_and(payload::is_ours)
}

/// Gives a command the name of its route's twin.
fn lead_to_twin(command: Filtered<'_>, place: usize) {
    if queued::is_denied(command) {
        return;
    }
    if let Some(twin) = twins::twin(place) {
        let _ = command.replace(0, twin);
    }
}

/// Gives a command that has no route the name of its twin.
fn replace_name(command: Filtered<'_>, native: &[u8]) {
    let _ = command.replace(0, twins::made_twin(native));
}
