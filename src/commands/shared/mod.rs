//! What commands of several families have in common: numbers, options of expire times, random places, and the words in
//! which their tables are written.

pub(super) mod counted_keys;
pub(super) mod expiry;
pub(super) mod number;
pub(super) mod overwritten;
pub(super) mod past;
pub(super) mod random;
