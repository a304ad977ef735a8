//! Set commands.

mod combine;
mod random;
mod read;
pub(super) mod table;
mod write;
