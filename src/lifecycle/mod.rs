//! The start beside the server's RDB and AOF, later loads, and saves.

#![forbid(unsafe_code)]

pub(crate) mod foreign_slots;
pub(crate) mod loaded_beside;
mod log_difference;
pub(crate) mod missing_log;
mod readopt;
pub(crate) mod reload;
pub(crate) mod save_barrier;
mod stale_rdb;
pub(crate) mod startup;
