//! The syntax of the native commands, without a server: which commands there are and where their keys are, the clauses of
//! some of them, prefixes and patterns of keys, and the arithmetic of C.
//!
//! The functions that the command filter calls allocate nothing.

#![forbid(unsafe_code)]

pub mod c_text;
pub mod glob;
pub mod key_places;
pub mod long_double;
pub mod migrate;
pub mod prefixes;
pub mod routes;
pub mod sort_clauses;
