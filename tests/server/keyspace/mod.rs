//! What the server does to durable keys.

pub(crate) mod evicted_replicas;
pub(crate) mod native_overwrites;
pub(crate) mod selected_db;
pub(crate) mod server_deletes;
pub(crate) mod vain_flushes;
