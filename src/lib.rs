//! Durable keys inside a Redis that is run as a cache: the module, its commands and its callbacks.
//!
//! The engine is `mylog_core`; this crate is the only one with the module API and with `unsafe`. The layers,
//! each using those before it:
//!
//! 1. `api`: the module API behind safe calls. `gil`: state under the server's global lock. `settings`: what the operator has
//!    set.
//! 2. `engine`: store, group and log. `pressure`: when the disk is too far behind. `strict`, `sight`, `ack`, `unit`,
//!    `waits`: when a reply may leave. `rewrite`: the compaction.
//! 3. `types`, `capture`, `events`, `startup`, `saving`: what the server tells, and what becomes of it. `listeners`: whether
//!    anybody hears what is replicated.
//! 4. `call`, `execute`, `permission`, `commands`, `pops`, `filter`, `server_commands`: what clients send. `adopt`, `native`: keys that were there before
//!    they were captured. `config`, `info`: what operators see.
//! 5. `load`: the entry.

mod ack;
mod acks;
mod adopt;
#[cfg(not(test))]
mod alloc;
mod api;
mod astray;
mod call;
mod capture;
mod commands;
mod conditions;
mod config;
mod defrag;
mod edition;
mod embedded;
mod engine;
mod errors;
mod events;
mod evicted;
mod execute;
mod filter;
mod gil;
mod info;
mod listeners;
mod load;
mod loaded;
mod native;
mod panic;
mod permission;
mod pops;
mod pressure;
mod reaper;
mod release;
mod reply;
mod rewrite;
mod saving;
mod server_commands;
mod settings;
mod sight;
mod startup;
mod strict;
mod types;
mod unit;
mod waits;

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: alloc::ServerAlloc = alloc::ServerAlloc;
