//! Replication: syncs, roles, restarts.

pub(crate) mod chaos;
pub(crate) mod reads;
pub(crate) mod replica;
pub(crate) mod restarts;
