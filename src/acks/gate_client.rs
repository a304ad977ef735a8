//! Gates one client.

use module_api::clients;

use super::{busy_loop, gated};
use crate::engine;

/// Gates one client until `seq` is durable. False if there is no such client.
pub(super) fn gate_client(id: u64, seq: u64) -> bool {
    let is_there = clients::protect(id);
    if is_there {
        let is_new = gated::with(|state| state.add(id, seq));
        if is_new {
            engine::with(|engine| engine.client_waits(seq));
        } else {
            busy_loop::gated_again(id);
        }
    }
    is_there
}
