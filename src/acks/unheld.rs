//! Units whose client can't be held: EXEC, scripts, and native commands on durable keys, which a callback reports. Where there is
//! a gate, the client is gated. In the fallback the event loop waits at the unit's end (`execution_unit`).

use module_api::server::server_state;

use super::author::{self, Author};
use super::gated::is_on;
use super::{execution_unit, gate};
use crate::settings::always_keys;

/// A callback reports that this key, or all keys, have changed, or may have: the log gets that at the unit's end at the
/// latest. Returns the client to be gated then, where there is a gate. It is not gated at once: an evicted key may be put
/// back, and the client whose command needs the memory has nothing to do with that key.
pub(crate) fn watch(name: Option<&[u8]>) -> Option<Author> {
    let strict = match name {
        Some(name) => always_keys::is_name(name),
        None => always_keys::anything(),
    };
    if !strict || execution_unit::is_held() {
        return None;
    }
    execution_unit::expect_end();
    is_on().then(author::of_callback)
}

/// The running unit changed or saw `seq`, and its client can't be held. The client is gated; without a gate the event loop
/// waits for `seq` at the unit's end. Inside a command with a [`HeldCommand`] that command waits for `seq` as well.
pub(crate) fn must_wait(seq: u64) {
    if !waits_for_anybody() || execution_unit::is_held() {
        return;
    }
    if is_on() {
        return gate::gate_callback(seq);
    }
    execution_unit::wait_at_end(seq);
}

/// False on a replica, whose primary waits for no reply, and during a load, which has no client.
fn waits_for_anybody() -> bool {
    !server_state::is_replica() && !server_state::is_loading()
}
