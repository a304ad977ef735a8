//! The server's actions on durable keys: native commands, flushes, evictions, other databases.

#![forbid(unsafe_code)]

pub(crate) mod all_keys;
pub(crate) mod eviction;
pub(crate) mod flushes;
pub(crate) mod hand_back;
pub(crate) mod load_state;
pub(crate) mod lost_adoptions;
pub(crate) mod names_beside;
pub(crate) mod native_effects;
pub(crate) mod selected_db;
pub(crate) mod unsynced_adoptions;
