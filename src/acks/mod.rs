//! Who waits for the disk, for what, and how: under `always` nobody is told of a change before it is on disk.
//!
//! A command that changed, or saw, what is not durable answers at once into its client's own output buffer, and the
//! client is *gated*: the server sends nothing to it, and reads nothing from it, before that is durable. What the client
//! has sent already goes on being run, and its replies queue up in their order, native ones among them. Nobody else waits.
//!
//! - `acknowledge`: the decision.
//! - `author`: whose command it is.
//! - `busy_loop`: those who keep the server from sleeping.
//! - `gate`: who is gated, and their release.
//! - `io_threads`: where there is a gate, and what it needs beside threads that read and send.
//! - `settings_aside`: settings of the server that are other ones meanwhile.
//! - `queue`: in which order they are released.
//! - `release_pace`: how many are let go in one turn.
//! - `idle_timeout`: who waits is not idle.
//! - `leavers`: gated clients that are to be closed.
//! - `client_eviction`: those that the server would close to make room.

pub(crate) mod acknowledge;
mod author;
pub(crate) mod busy_loop;
pub(crate) mod client_eviction;
pub(crate) mod errors;
pub(crate) mod execution_unit;
mod gate;
pub(crate) mod held_clients;
pub(crate) mod idle_timeout;
mod io_threads;
mod leavers;
pub(crate) mod mylog_wait;
mod queue;
pub(crate) mod read_barrier;
pub(crate) mod release_pace;
pub(crate) mod reply;
pub(crate) mod settings_aside;

use module_api::clients::list;
use module_api::context::Flags;
use module_api::{Ctx, own_context};

pub(crate) use acknowledge::{Standing, Way, way};
pub(crate) use author::{Author, forget as forget_author, note, of_callback, of_command, turn_ends};
pub(crate) use busy_loop::reads_end;
pub(crate) use client_eviction::evicted;
pub(crate) use gate::{
    before_sleep, closed, cron, gated, impossible, is_on, load_protects, next_command, on_durable, prepare,
    reason, refresh, status, unit_ended, unknown, woke_up,
};
pub(crate) use leavers::may_have_come as leavers_may_have_come;
pub(crate) use settings_aside::{
    Needs, config_comes, exec_comes, is_anything_aside, may_be_queued, tell as tell_aside,
};

/// Gates the client of a command of ours for what the command changed or saw up to `seq`.
pub(crate) fn gate_command(ctx: Ctx<'_>, flags: Flags, seq: u64) {
    gate::hold(of_command(ctx, flags), seq);
}

/// Gates whoever ran the native command that a callback hears of.
pub(crate) fn gate_callback(seq: u64) {
    gate::hold(of_callback(), seq);
}

/// Gates whoever it is.
pub(crate) fn gate(author: Author, seq: u64) {
    gate::hold(author, seq);
}

/// Gates a client that is known by its id.
pub(crate) fn gate_client(id: u64, seq: u64) {
    gate::hold(Author::Client(id), seq);
}

/// Everybody who is told of what they do: where it can't be known whose command it was.
fn everybody() -> Vec<u64> {
    let text = own_context().map_or_else(String::new, list::of_all);
    text.lines().filter_map(author::is_told).collect()
}
