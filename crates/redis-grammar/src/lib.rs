//! How the native commands read their arguments, without a server: which commands there are and where their keys are, the
//! clauses of some of them, prefixes and patterns of keys, and the arithmetic of C.
//!
//! What the command filter calls allocates nothing.

#![forbid(unsafe_code)]

pub mod c_text;
pub mod glob;
pub mod key_places;
pub mod long_double;
pub mod migrate;
pub mod prefixes;
pub mod routes;
pub mod sort_clauses;
