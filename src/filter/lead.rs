//! Routes a command to its twin: the twin's name replaces the command's.

use module_api::commands::filter::Filtered;
use redis_grammar::prefixes::{Prefixes, Standing};

use super::queued;
use crate::engine::is_durable;
use crate::execute::twins;

/// True for a key whose commands are routed to their twins: a captured key, or an excluded key that is still durable.
pub(super) fn is_led(prefixes: &Prefixes, key: &[u8]) -> bool {
    match prefixes.standing(key) {
        Standing::Outside => false,
        Standing::Matched => true,
        Standing::Excluded => is_durable(key),
    }
}

/// Replaces the name of a command with that of its route's twin.
pub(super) fn lead_to_twin(command: Filtered<'_>, place: usize) {
    if queued::is_denied(command) {
        return;
    }
    if let Some(twin) = twins::twin(place) {
        let _ = command.replace(0, twin);
    }
}

/// Replaces the name of a command without a route with that of its twin.
pub(super) fn replace_name(command: Filtered<'_>, native: &[u8]) {
    let _ = command.replace(0, twins::made_twin(native));
}
