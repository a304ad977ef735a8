//! Sorted set commands.

mod bounds;
mod combine;
pub(super) mod pop;
pub(super) mod query_table;
mod range;
mod read;
mod store;
pub(super) mod table;
mod write;
