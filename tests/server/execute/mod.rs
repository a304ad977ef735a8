//! Permissions, blocking pops, and keys that are native under a captured prefix.

pub(crate) mod acl_databases;
pub(crate) mod acl_of_twins;
pub(crate) mod acl_walk;
pub(crate) mod acl_words;
pub(crate) mod blocking_acks;
pub(crate) mod blocking_crowd;
pub(crate) mod blocking_kills;
pub(crate) mod blocking_pops;
pub(crate) mod blocking_replicas;
pub(crate) mod blocking_scenes;
pub(crate) mod blocking_stage;
pub(crate) mod blocking_unblocks;
pub(crate) mod native_captured;
pub(crate) mod native_captured_pops;
