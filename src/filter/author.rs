//! What the filter reports to the gate while replies may have to wait for the disk: which client's command runs.

use module_api::clients;
use module_api::commands::filter::Filtered;
use module_api::server::server_state;
use redis_grammar::key_places::key_places;
use redis_grammar::routes;

use super::command_name::name_of;
use super::lead::lead_to_twin;
use crate::acks::{self, Needs};
use crate::engine::is_durable;

/// On Redis before 7.2 no notification names the client of a native command. So a native command that takes keys of any type
/// and has a durable one is routed to its twin, whose handler knows the client. This happens only while replies may have to
/// wait for the disk, since each key costs a lookup in the store.
pub(super) fn lead_to_twin_of_durable(command: Filtered<'_>, len: usize) -> bool {
    if !clients::run_behind_our_look() || !acks::is_on() || server_state::is_replica() {
        return false;
    }
    let Some(place) = name_of(command).and_then(routes::place) else {
        return false;
    };
    let Some(route) = routes::at_place(place).filter(|route| route.generic_write && route.accepts(len))
    else {
        return false;
    };
    let mut places = key_places(|place| command.arg(place), len, route.keys);
    let leads = places.any(|place| command.arg(place).is_some_and(is_durable));
    if leads {
        lead_to_twin(command, place);
    }
    leads
}

/// Notes the client of a command whose reply may have to wait for the disk, and a command that may close a gated client.
pub(super) fn note(command: Filtered<'_>) {
    acks::prepare();
    if acks::is_on() {
        acks::note(command.client_id());
    }
    note_settings(command);
}

/// Notes a command that closes or protects clients, and one that sets or writes a setting of the server that may be set aside.
pub(super) fn note_settings(command: Filtered<'_>) {
    let Some(name) = name_of(command) else { return };
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    match name.len() {
        4 if acks::may_be_queued() && is(b"exec") => acks::exec_comes(command.client_id()),
        // DEBUG may begin a load. If the load can't begin, some servers report nothing else of it.
        5 if is(b"debug") => acks::load_protects(),
        6 if is(b"client") => {
            let kills = |word: &[u8]| word.eq_ignore_ascii_case(b"kill");
            if command.arg(1).is_some_and(kills) {
                acks::leavers_may_have_come();
            }
        }
        6 if is(b"config") => {
            if let Some(needs) = needs(command.len(), |place| command.arg(place).unwrap_or_default()) {
                acks::config_comes(command.client_id(), needs);
            }
        }
        _ => {}
    }
}

/// Which settings a CONFIG of `len` words needs to have the user's value: those that it sets, or all if it writes them.
fn needs<'a>(len: usize, word: impl Fn(usize) -> &'a [u8]) -> Option<Needs> {
    if word(1).eq_ignore_ascii_case(b"rewrite") {
        return Some(Needs::All);
    }
    if !word(1).eq_ignore_ascii_case(b"set") {
        return None;
    }
    let sets = |name: &[u8]| {
        (2..len)
            .step_by(2)
            .any(|place| word(place).eq_ignore_ascii_case(name))
    };
    let timeout = sets(b"timeout");
    match sets(b"appendfsync") || sets(b"appendonly") {
        true if timeout => Some(Needs::All),
        true => Some(Needs::AppendFsync),
        false => timeout.then_some(Needs::Timeout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_needs_what_it_sets_or_writes_down() {
        for (line, expected) in [
            ("CONFIG REWRITE", Some(Needs::All)),
            ("config set TIMEOUT 5", Some(Needs::Timeout)),
            ("CONFIG SET maxmemory 0 appendonly yes", Some(Needs::AppendFsync)),
            ("CONFIG SET AppendFsync no", Some(Needs::AppendFsync)),
            ("CONFIG SET appendfsync no timeout 1", Some(Needs::All)),
            ("CONFIG SET maxmemory timeout", None),
            ("CONFIG GET appendfsync", None),
            ("CONFIG RESETSTAT", None),
            ("CONFIG", None),
        ] {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let word = |place: usize| words.get(place).copied().unwrap_or_default();
            assert_eq!(needs(words.len(), word), expected, "{line}");
        }
    }
}
