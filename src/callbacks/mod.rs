//! What the server, the writer thread and CONFIG SET call. The order of those who are told is written here and nowhere below.

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
