//! Expire times of keys, and what a write of a whole string does to one.

/// Expire time of a key: Unix time in ms, or [`NEVER`].
pub type ExpireAt = i64;

/// The expire time of a key that never expires.
pub const NEVER: ExpireAt = -1;

/// What a write of a whole string does to the key's expire time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// It stays (`KEEPTTL`, and all that changes a value in place).
    Keep,
    /// It becomes this; [`NEVER`] for a plain `SET`.
    Set(ExpireAt),
}
