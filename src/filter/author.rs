//! What the filter tells the gate while replies may have to wait for the disk: whose command it is.

use super::{is_durable, key_places, lead_to_twin, name_of, route};
use crate::api::clients;
use crate::api::filter::Filtered;
use crate::{acks, conditions};

/// Redis before 7.2 tells no callback whose command it hears of. So a command that takes keys of any type and has a durable
/// one goes to its twin, which is told. Only while replies may have to wait for the disk: a name costs a look into the store.
pub(super) fn lead_to_twin_of_durable(command: Filtered<'_>, len: usize) -> bool {
    if !clients::run_behind_our_look() || !acks::is_on() || conditions::is_replica() {
        return false;
    }
    let Some(place) = name_of(command).and_then(route::place) else {
        return false;
    };
    let Some(route) = route::at_place(place).filter(|route| route.generic_write && route.accepts(len)) else {
        return false;
    };
    let mut places = key_places(|place| command.arg(place), len, route.keys);
    let leads = places.any(|place| command.arg(place).is_some_and(is_durable));
    if leads {
        lead_to_twin(command, place);
    }
    leads
}

/// Replies may have to wait for the disk: that of this command, and a client that is gated may be closed by it.
pub(super) fn note(command: Filtered<'_>) {
    acks::prepare();
    if !acks::is_on() {
        return;
    }
    acks::note(command.client_id());
    let Some(name) = name_of(command).filter(|name| name.len() == 6) else {
        return;
    };
    let kills = |word: &[u8]| word.eq_ignore_ascii_case(b"kill");
    if name.eq_ignore_ascii_case(b"client") {
        if command.arg(1).is_some_and(kills) {
            acks::leavers_may_have_come();
        }
    } else if name.eq_ignore_ascii_case(b"config") {
        let reads = |word: &[u8]| word.eq_ignore_ascii_case(b"get");
        if !command.arg(1).is_some_and(reads) {
            acks::config_comes();
        }
    }
}
