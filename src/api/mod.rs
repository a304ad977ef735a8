//! The module API behind safe calls: thin, no policy, nearly all the `unsafe` there is.
//!
//! A function that every supported server has is taken with `api!`; OnLoad refuses a server that lacks one
//! ([`server::lacks`]). One that came later is taken with `later!` and is an `Option` to the caller: it is
//! tested each time, never assumed.

pub(crate) mod acl;
pub(crate) mod block;
pub(crate) mod c_text;
pub(crate) mod call;
pub(crate) mod client_list;
pub(crate) mod client_memory;
pub(crate) mod clients;
pub(crate) mod command;
pub(crate) mod command_keys;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod data_type;
pub(crate) mod database;
pub(crate) mod defrag;
pub(crate) mod double;
pub(crate) mod epoll;
pub(crate) mod event_loop;
pub(crate) mod events;
pub(crate) mod filter;
pub(crate) mod info;
pub(crate) mod io;
pub(crate) mod key;
pub(crate) mod latency;
pub(crate) mod log;
pub(crate) mod native;
pub(crate) mod on_keys;
pub(crate) mod own_context;
pub(crate) mod parked;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod replicate;
pub(crate) mod reply;
pub(crate) mod scan;
pub(crate) mod server;
pub(crate) mod server_info;
pub(crate) mod settings;
pub(crate) mod shared;
pub(crate) mod spelling;
pub(crate) mod string;
pub(crate) mod timer;

pub(crate) use context::Ctx;
pub(crate) use own_context::own_context;
pub(crate) use string::{OwnedStr, Str};

/// What the server's allocator keeps everywhere. Not malloc's 16: where the C library can't tell the size of a
/// block, the server puts a word with it in front (seen with a packaged Redis 8.2).
pub(crate) const MALLOC_ALIGN: usize = 8;

/// A function pointer that every supported server fills.
macro_rules! api {
    ($name:ident) => {
        match $crate::api::later!($name) {
            Some(function) => function,
            None => $crate::api::server::missing(stringify!($name)),
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
pub(crate) struct Refused {
    /// The API function.
    pub(crate) call: &'static str,
}

/// Turns REDISMODULE_OK and REDISMODULE_ERR into a result.
fn ok(status: std::ffi::c_int, call: &'static str) -> Result<(), Refused> {
    if status == 0 {
        Ok(())
    } else {
        Err(Refused { call })
    }
}
