//! What the operator and the server have set.

pub(crate) mod propagation_targets;
pub(crate) mod server_versions;
