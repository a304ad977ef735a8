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
pub mod server;
pub mod string;

pub use context::Ctx;
pub use own_context::own_context;
pub use string::{OwnedStr, Str};

/// What the server's allocator keeps everywhere. Not malloc's 16: where the C library can't tell the size of a
/// block, the server puts a word with it in front (seen with a packaged Redis 8.2).
pub const MALLOC_ALIGN: usize = 8;

/// A function pointer that every supported server fills.
macro_rules! api {
    ($name:ident) => {
        match $crate::later!($name) {
            Some(function) => function,
            None => $crate::server::missing(stringify!($name)),
        }
    };
}

/// A function pointer that only later servers fill.
macro_rules! later {
    ($name:ident) => {{
        #[allow(unused_unsafe, reason = "used inside and outside of unsafe blocks")]
        // SAFETY: the pointers are written once, by RedisModule_Init, before anything else of the API runs.
        let function = unsafe { redis_module::raw::$name };
        function
    }};
}

pub(crate) use {api, later};

/// The answer of a call that can fail for one reason only, or whose reason the server does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server refused {call}")]
pub struct Refused {
    /// The API function.
    pub call: &'static str,
}

/// Turns REDISMODULE_OK and REDISMODULE_ERR into a result.
fn ok(status: std::ffi::c_int, call: &'static str) -> Result<(), Refused> {
    if status == 0 {
        Ok(())
    } else {
        Err(Refused { call })
    }
}
