//! What this server is and has.

pub mod alloc;
pub mod config;
pub mod event_loop;
pub mod events;
pub mod info;
pub mod latency;
pub mod log;
pub mod panic;
pub mod process;
pub mod server_info;
pub mod server_settings;
pub mod server_state;
pub mod shared_memory;
pub mod timer;

use std::ffi::c_int;

use crate::{api, later};

macro_rules! first_missing {
    ($($name:ident),* $(,)?) => {
        $(if later!($name).is_none() { return Some(stringify!($name)); })*
    };
}

/// The first function that mylog can't do without and this server lacks: one of those that came with 7.0.
pub fn lacks() -> Option<&'static str> {
    first_missing!(
        RedisModule_Alloc,
        RedisModule_Realloc,
        RedisModule_Calloc,
        RedisModule_Free,
        RedisModule_EventLoopAdd,
        RedisModule_EventLoopDel,
        RedisModule_EventLoopAddOneShot,
        RedisModule_RegisterEnumConfig,
        RedisModule_LoadConfigs,
        RedisModule_SetCommandInfo,
        RedisModule_GetCommandKeysWithFlags,
        RedisModule_ReplyWithMap,
        RedisModule_GetDbIdFromIO,
        RedisModule_SetAbsExpire,
        RedisModule_SendChildHeartbeat,
        RedisModule_GetCurrentUserName,
        RedisModule_GetServerVersion,
        RedisModule_AvoidReplicaTraffic,
    );
    None
}

/// The server's version as 0x00MMmmpp. Valkey gives its own number: ask for a function where one tells.
pub fn version() -> c_int {
    // SAFETY: takes nothing, reads a constant.
    unsafe { api!(RedisModule_GetServerVersion)() }
}

/// True while writes are paused, by CLIENT PAUSE or a failover: the server ends itself if anything is replicated
/// meanwhile.
pub fn writes_are_paused() -> bool {
    // SAFETY: takes nothing, reads the state of the server.
    unsafe { api!(RedisModule_AvoidReplicaTraffic)() != 0 }
}

/// Unix time in ms, read now (the cached time of the event loop is the command's start).
pub fn now_ms() -> i64 {
    // SAFETY: takes nothing, reads the clock.
    unsafe { api!(RedisModule_Milliseconds)() }
}

/// Unix time in ms by which the command that runs reckons. From 7.2 on that stands still for all of an EXEC or a script.
pub fn command_ms() -> i64 {
    match later!(RedisModule_CachedMicroseconds) {
        Some(cached) => {
            // SAFETY: takes nothing, reads the server's own time, which it has taken for the command.
            let micros = unsafe { cached() };
            micros / 1000
        }
        None => now_ms(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock;

    #[test]
    fn what_a_server_lacks_is_named() {
        let server = mock::start();
        assert_eq!(lacks(), None);
        // In the order in which they are asked for: the first of them is told.
        for name in [
            "RedisModule_AvoidReplicaTraffic",
            "RedisModule_SetCommandInfo",
            "RedisModule_EventLoopAdd",
            "RedisModule_Alloc",
        ] {
            assert!(server.lack(name));
            assert_eq!(lacks(), Some(name));
        }
    }
}
