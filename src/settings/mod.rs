//! The settings of the operator and of the server.

#![forbid(unsafe_code)]

pub(crate) mod always_keys;
pub(crate) mod attention;
pub(crate) mod captured_keys;
pub(crate) mod config;
mod config_rows;
pub(crate) mod load_args;
pub(crate) mod propagation_targets;
pub(crate) mod server_commands;
pub(crate) mod server_version;
