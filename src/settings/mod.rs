//! What the operator and the server have set.

pub(crate) mod attention;
pub(crate) mod captured_keys;
