//! A server for unit tests: it puts functions of its own behind the pointers that `RedisModule_Init` fills, keeps what they
//! are given, and lets a test say what they refuse. It has as much of a server as the tests ask for.
//!
//! Whoever has the [`Server`] has the server's global lock: tests that use it run one at a time.

mod calls;
mod commands;
mod configs;
mod contexts;
mod events;
mod filters;
mod keys;
mod missing;
mod registered;
mod replies;
mod reply;
mod server;
mod streams;
mod strings;
mod timers;
mod values;

pub use contexts::Context;
pub use filters::CommandLine;
pub use registered::{ArgSpec, KeyPlaces, KeySpec, Registered};
pub use reply::Reply;
pub use server::{Answer, Server};
pub use streams::{Piece, Stream};
pub use values::Defragmentation;

/// Starts the server: one that knows nothing yet and refuses nothing. It waits for the end of the test that has it.
pub fn start() -> Server {
    let server = Server::alone();
    strings::fill();
    contexts::fill();
    replies::fill();
    filters::fill();
    commands::fill();
    events::fill();
    timers::fill();
    keys::fill();
    streams::fill();
    values::fill();
    configs::fill();
    calls::fill();
    missing::fill();
    server
}
