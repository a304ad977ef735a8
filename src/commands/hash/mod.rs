//! Hash commands.

mod random;
pub(super) mod read;
pub(super) mod table;
mod write;
