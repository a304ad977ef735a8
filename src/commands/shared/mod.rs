//! Code that commands of several families share: numbers, expire times, random places, counted keys, the events of replaced
//! values, and expire times in the past.

pub(super) mod counted_keys;
pub(super) mod expiry;
pub(super) mod number;
pub(super) mod overwritten;
pub(super) mod past;
pub(super) mod random;
