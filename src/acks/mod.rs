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
//! - `gate`: when clients are gated, protected and released; `gated`: which clients are; `gate_client`: gates one.
//! - `queue`: the order in which they are released.
//! - `release_pace`: how many of them are released in one turn.
//! - `io_threads`: which servers have a gate, and what the gate needs beside I/O threads.
//! - `set_aside`: a setting of the server that the module replaces for a while; `settings_aside`: all of them.
//! - `busy_loop`: gated clients that keep the event loop from sleeping.
//! - `idle_timeout`: the server's `timeout` does not close gated clients.
//! - `leavers`: gated clients that the server is about to close.
//! - `client_eviction`: gated clients that the server would close for `maxmemory-clients`.
//! - `held_clients`, `execution_unit`: how clients wait where there is no gate.
//! - `unheld`: units whose client can't be held.
//! - `sleep_hook`: what of a turn its end does not cover.
//! - `mylog_wait`: the command `MYLOG.WAIT`.

#![forbid(unsafe_code)]

pub(crate) mod acknowledge;
mod author;
mod busy_loop;
mod client_eviction;
pub(crate) mod errors;
pub(crate) mod execution_unit;
mod gate;
mod gate_client;
mod gated;
pub(crate) mod held_clients;
mod idle_timeout;
mod io_threads;
mod leavers;
pub(crate) mod mylog_wait;
mod queue;
pub(crate) mod read_barrier;
mod release_pace;
pub(crate) mod reply;
mod set_aside;
mod settings_aside;
pub(crate) mod sleep_hook;
pub(crate) mod unheld;

pub(crate) use author::{Author, forget as forget_author, note, turn_ends};
pub(crate) use busy_loop::reads_end;
pub(crate) use client_eviction::evicted;
pub(crate) use gate::{
    before_sleep, closed, cron, gate, gate_id, load_protects, next_command, on_durable, prepare, reason,
    refresh, status, unit_ended, unknown, woke_up,
};
pub(crate) use gated::{count as gated, is_on};
pub(crate) use leavers::may_have_come as leavers_may_have_come;
pub(crate) use settings_aside::{
    Needs, config_comes, exec_comes, is_anything_aside, may_be_queued, tell as tell_aside,
};
