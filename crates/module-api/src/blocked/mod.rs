//! Clients that are blocked: until we answer them, with a timeout, or on keys.

pub mod held;
pub mod on_keys;
pub mod with_timeout;
