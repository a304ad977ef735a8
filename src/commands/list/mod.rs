//! List commands.

pub(super) mod moves;
mod read;
pub(super) mod table;
mod write;
