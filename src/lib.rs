//! Durable keys in a Redis that runs as a cache: the module, its commands and its callbacks.
//!
//! The engine is the crate `mylog_core`, the server's C API is behind `module_api`, how native commands read their arguments is
//! `redis_grammar`. The folders here stand on floors, and each uses only those below it:
//!
//! | floor | folders |
//! |---|---|
//! | 8 | `callbacks`: what the server and the log's writer call, the shutdown included |
//! | 7 | `lifecycle`: start, reload, save; `filter`: each command before it runs; `commands`: one folder a family |
//! | 6 | `adopt`, `release`: native keys become durable, durable ones native; `rewrite`; `execute`: one command of the module |
//! | 5 | `keyspace`: what the server does to durable keys |
//! | 4 | `acks`: when a reply may be sent |
//! | 3 | `engine`: store, group and log as the event loop sees them |
//! | 2 | `settings`: what the operator and the server have set |
//!
//! The crates stand on floor 1, this file on floor 9 (`tests/tidy/floors.rs`).

#![deny(unsafe_code)]

mod acks;
mod adopt;
mod callbacks;
mod commands;
mod engine;
mod execute;
mod filter;
mod keyspace;
mod lifecycle;
mod release;
mod rewrite;
mod settings;

use std::ffi::c_int;

use module_api::on_load::{self, LoadArgCount, LoadArgs, LoadCtx};

/// The module's version as `MODULE LIST` shows it.
const VERSION: c_int = 1;

/// Loads the module. Called by the server once.
#[expect(
    unsafe_code,
    reason = "the server finds a module's entry by this name, and opens each module with names of its own (RTLD_LOCAL)"
)]
#[unsafe(no_mangle)]
pub extern "C" fn RedisModule_OnLoad(ctx: LoadCtx, args: LoadArgs, count: LoadArgCount) -> c_int {
    on_load::enter((ctx, args, count), c"mylog", VERSION, callbacks::on_load::on_load)
}

#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: module_api::server::alloc::ServerAlloc = module_api::server::alloc::ServerAlloc;
