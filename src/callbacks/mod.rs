//! The code that the server, the writer thread and CONFIG SET call. The order in which parts are notified is written here only.

#![forbid(unsafe_code)]

mod config_hooks;
pub(crate) mod data_types;
pub(crate) mod defrag;
pub(crate) mod info;
mod log_listener;
pub(crate) mod on_load;
pub(crate) mod server_events;
mod turn;
pub(crate) mod value_encoding;
