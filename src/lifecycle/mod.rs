//! The start beside the server's RDB and AOF, later loads, saves, and the shutdown.

#![forbid(unsafe_code)]

pub(crate) mod foreign_slots;
pub(crate) mod loaded_beside;
pub(crate) mod readopt;
pub(crate) mod reload;
pub(crate) mod save_barrier;
pub(crate) mod stale_rdb;
pub(crate) mod startup;
