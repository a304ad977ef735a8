//! The module API of Redis and Valkey behind safe calls: thin, and without policy.
//!
//! A function that every supported server has is taken with `api!`; OnLoad refuses a server that lacks one
//! ([`server::lacks`]). One that came later is taken with `later!` and is an `Option` to the caller: it is
//! tested each time, never assumed.

pub mod blocked;
pub mod c_text;
pub mod clients;
pub mod commands;
pub mod context;
pub mod double;
pub mod gil;
pub mod keys;
#[cfg(any(test, feature = "mock"))]
pub mod mock;
pub mod on_load;
pub mod own_context;
pub mod random;
mod raw_call;
pub mod server;
pub mod string;

pub use context::Ctx;
pub use own_context::own_context;
pub use raw_call::Refused;
pub use string::{OwnedStr, Str};

use raw_call::{api, later, ok};

/// What the server's allocator keeps everywhere. Not malloc's 16: where the C library can't tell the size of a
/// block, the server puts a word with it in front (seen with a packaged Redis 8.2).
pub const MALLOC_ALIGN: usize = 8;
