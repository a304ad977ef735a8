//! Which client waits for the disk, for which changes, and how: under `always` no client is sent a reply about a change
//! before that change is on disk.
//!
//! A command that made, or saw, a change that is not durable yet writes its reply into its client's output buffer at once,
//! and the client is *gated*: until that change is durable, the server sends nothing to the client and reads nothing from
//! it. Commands that the server has read already are run, and their replies, also those of native commands, queue up in the
//! buffer in order. No other client waits.
//!
//! - `acknowledge`: decides how the reply of a command waits.
//! - `author`: finds the client of a command.
//! - `read_barrier`: the changes that a command has seen and that are not durable.
//! - `gate`: the gated clients, and their release.
//! - `queue`: the order in which they are released.
//! - `release_pace`: how many of them are released in one turn.
//! - `io_threads`: which servers have a gate, and what the gate needs beside I/O threads.
//! - `settings_aside`: settings of the server that the module replaces for a while.
//! - `busy_loop`: gated clients that keep the event loop from sleeping.
//! - `idle_timeout`: the server's `timeout` does not close gated clients.
//! - `leavers`: gated clients that the server is about to close.
//! - `client_eviction`: gated clients that the server would close for `maxmemory-clients`.
//! - `held_clients`, `execution_unit`: how clients wait where there is no gate.
//! - `mylog_wait`: the command `MYLOG.WAIT`.

#![forbid(unsafe_code)]

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

/// Gates the client of a command of the module until `seq`, the last change that the command made or saw, is durable.
pub(crate) fn gate_command(ctx: Ctx<'_>, flags: Flags, seq: u64) {
    gate::hold(of_command(ctx, flags), seq);
}

/// Gates the client whose native command caused the running callback.
pub(crate) fn gate_callback(seq: u64) {
    gate::hold(of_callback(), seq);
}

/// Gates the client of a command, or all clients if it is not known.
pub(crate) fn gate(author: Author, seq: u64) {
    gate::hold(author, seq);
}

/// Gates the client with this id.
pub(crate) fn gate_client(id: u64, seq: u64) {
    gate::hold(Author::Client(id), seq);
}

/// The ids of all clients that get replies: for a command whose client can't be known.
fn everybody() -> Vec<u64> {
    let text = own_context().map_or_else(String::new, list::of_all);
    text.lines().filter_map(author::is_told).collect()
}
