//! The server's callbacks of the data types.

pub(crate) mod active_defrag;
