//! The context of a callback: who runs it, where, and under what conditions.

use std::ffi::c_int;
use std::marker::PhantomData;

use redis_module::raw;

use super::{Refused, api, ok};

/// The context of a callback. It ends with the callback: `'c` keeps it from living longer.
#[derive(Clone, Copy)]
pub(crate) struct Ctx<'c> {
    raw: *mut raw::RedisModuleCtx,
    scope: PhantomData<&'c ()>,
}

/// Flags of a context: the REDISMODULE_CTX_FLAGS_ bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(c_int);

impl Flags {
    pub(crate) const LUA: u32 = raw::REDISMODULE_CTX_FLAGS_LUA;
    pub(crate) const MULTI: u32 = raw::REDISMODULE_CTX_FLAGS_MULTI;
    pub(crate) const REPLICA: u32 = raw::REDISMODULE_CTX_FLAGS_SLAVE;
    pub(crate) const REPLICA_IS_TRANSFERRING: u32 = raw::REDISMODULE_CTX_FLAGS_REPLICA_IS_TRANSFERRING;
    pub(crate) const REPLICA_IS_ONLINE: u32 = raw::REDISMODULE_CTX_FLAGS_REPLICA_IS_ONLINE;
    pub(crate) const REPLICATED: u32 = raw::REDISMODULE_CTX_FLAGS_REPLICATED;
    pub(crate) const LOADING: u32 = raw::REDISMODULE_CTX_FLAGS_LOADING;
    pub(crate) const ACTIVE_CHILD: u32 = raw::REDISMODULE_CTX_FLAGS_ACTIVE_CHILD;
    pub(crate) const DENY_BLOCKING: u32 = raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING;
    pub(crate) const AOF: u32 = raw::REDISMODULE_CTX_FLAGS_AOF;
    pub(crate) const CLUSTER: u32 = raw::REDISMODULE_CTX_FLAGS_CLUSTER;
    pub(crate) const RESP3: u32 = raw::REDISMODULE_CTX_FLAGS_RESP3;
    pub(crate) const SERVER_STARTUP: u32 = raw::REDISMODULE_CTX_FLAGS_SERVER_STARTUP;

    /// True if any of these bits is set.
    pub(crate) fn any(self, bits: u32) -> bool {
        self.0 & bits as c_int != 0
    }

    /// True if this server sets these bits at all.
    pub(crate) fn known(bits: u32) -> bool {
        // SAFETY: takes nothing, reads a constant.
        let all = unsafe { api!(RedisModule_GetContextFlagsAll)() };
        all & bits as c_int == bits as c_int
    }

    /// The flags of the server as a whole, where there is no context.
    pub(crate) fn of_server() -> Self {
        // SAFETY: a null context is allowed and leaves out what belongs to a client.
        Self(unsafe { api!(RedisModule_GetContextFlags)(std::ptr::null_mut()) })
    }
}

impl<'c> Ctx<'c> {
    /// Wraps what the server handed to a callback.
    ///
    /// # Safety
    /// `raw` is a context that stays alive for `'c`, and the server's global lock is held for `'c`.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleCtx) -> Self {
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// The pointer, for the rest of this folder.
    pub(crate) fn raw(self) -> *mut raw::RedisModuleCtx {
        self.raw
    }

    /// The conditions it runs under.
    pub(crate) fn flags(self) -> Flags {
        // SAFETY: the context is alive.
        Flags(unsafe { api!(RedisModule_GetContextFlags)(self.raw) })
    }

    /// The id of the client, as CLIENT LIST has it. A client of the server's own is in no list.
    pub(crate) fn client_id(self) -> u64 {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_GetClientId)(self.raw()) }
    }

    /// Goes to another database. On a command's context that moves the client: go back before the end.
    pub(crate) fn select_db(self, db: u32) -> Result<(), Refused> {
        let db = c_int::try_from(db).unwrap_or(c_int::MAX);
        // SAFETY: the context is alive; a number out of range is an error.
        ok(
            unsafe { api!(RedisModule_SelectDb)(self.raw, db) },
            "RedisModule_SelectDb",
        )
    }

    /// Sets the module's options, `REDISMODULE_OPTION_` bits. In OnLoad only.
    pub(crate) fn set_module_options(self, options: u32) {
        // SAFETY: the context is alive and carries the module.
        unsafe { api!(RedisModule_SetModuleOptions)(self.raw, options as c_int) }
    }

    /// A context of its own, that lives as long as the process: for callbacks that get none. It carries the
    /// module, and no client. It is used on the main thread, under the global lock.
    pub(crate) fn detached(self) -> Ctx<'static> {
        // SAFETY: the context is alive; the new one is never freed, so it is alive for 'static.
        let raw = unsafe { api!(RedisModule_GetDetachedThreadSafeContext)(self.raw) };
        Ctx {
            raw,
            scope: PhantomData,
        }
    }
}
