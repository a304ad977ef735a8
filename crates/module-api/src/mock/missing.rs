//! Functions that a server may lack: they are there until a test takes one away.

use redis_module::raw;

use super::server::Server;

/// Stands in for a function that no test calls.
macro_rules! present {
    ($($name:ident),* $(,)?) => {
        /// Fills what is empty.
        #[expect(
            clippy::missing_transmute_annotations,
            reason = "each pointer has a type of its own, which its name tells"
        )]
        pub(super) fn fill() {
            // SAFETY: the caller has the server's global lock; nothing calls the function: only whether there is one is
            // asked.
            unsafe {
                $(
                    let present = raw::$name;
                    if present.is_none() {
                        raw::$name = Some(std::mem::transmute::<unsafe extern "C" fn() -> !, _>(not_in_tests));
                    }
                )*
            }
        }

        impl Server {
            /// Takes a function away, for the rest of the test. False for one that is not known.
            pub fn lack(&self, name: &str) -> bool {
                $(
                    if name == stringify!($name) {
                        // SAFETY: whoever has the server has its global lock.
                        unsafe { raw::$name = None };
                        return true;
                    }
                )*
                false
            }
        }
    };
}

// SAFETY: nothing calls it.
unsafe extern "C" fn not_in_tests() -> ! {
    std::process::abort()
}

present!(
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
    RedisModule_AddPostNotificationJob,
    RedisModule_CommandFilterGetClientId,
    RedisModule_SetCommandACLCategories,
    RedisModule_UnsubscribeFromKeyspaceEvents,
);
