//! The start, loads and saves, beside the server's own files.

pub(crate) mod cluster_slots;
pub(crate) mod diskless_loads;
pub(crate) mod forkless_saves;
pub(crate) mod lineage;
pub(crate) mod persistence;
pub(crate) mod rdb_without_the_module;
pub(crate) mod reload_in_exec;
pub(crate) mod restores;
pub(crate) mod saves_behind_the_log;
pub(crate) mod start_up;
pub(crate) mod start_up_damage;
