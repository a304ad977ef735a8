//! What every test against a real server stands on: servers, a client, and the books of a load.
//!
//! Shared by the integration tests and the demo. It must never sleep except between two looks in
//! `wait::wait_for`, and never skip: what is missing is a failure that says what to do.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests and the demo each use a part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

pub mod ack_pipe;
pub mod artifacts;
pub mod client;
pub mod cut_link;
pub mod dump;
pub mod inject;
pub mod io_threads;
pub mod keyspace;
pub mod ledger;
pub mod leftovers;
pub mod load;
pub mod log_check;
pub mod neighbour;
pub mod other_module;
pub mod python;
pub mod reply;
pub mod rewriting;
pub mod server;
pub mod server_builder;
pub mod set_clock;
pub mod slow_disk;
pub mod small_disk;
pub mod soak;
pub mod steps;
pub mod sync_gate;
pub mod trace;
pub mod wait;
pub mod witness;

pub use ack_pipe::AckPipe;
pub use client::Client;
pub use keyspace::{Entry, KeySpace};
pub use ledger::{Cut, Ledger};
pub use load::{Load, Workload};
pub use reply::Reply;
pub use server::{Refused, Server};
pub use server_builder::ServerBuilder;
pub use wait::wait_for;
