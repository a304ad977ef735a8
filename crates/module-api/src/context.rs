//! The context of a callback: who runs it, where, and under what conditions.

use std::ffi::c_int;
use std::marker::PhantomData;

use redis_module::raw;

use super::{Refused, api, ok};

/// The context of a callback. It ends with the callback: `'c` keeps it from living longer.
#[derive(Clone, Copy)]
pub struct Ctx<'c> {
    raw: *mut raw::RedisModuleCtx,
    scope: PhantomData<&'c ()>,
}

/// Flags of a context: the REDISMODULE_CTX_FLAGS_ bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(c_int);

impl Flags {
    /// A script or function runs.
    pub const LUA: u32 = raw::REDISMODULE_CTX_FLAGS_LUA;
    /// The command stands in a MULTI.
    pub const MULTI: u32 = raw::REDISMODULE_CTX_FLAGS_MULTI;
    /// The server is a replica.
    pub const REPLICA: u32 = raw::REDISMODULE_CTX_FLAGS_SLAVE;
    /// The replica is in a full sync.
    pub const REPLICA_IS_TRANSFERRING: u32 = raw::REDISMODULE_CTX_FLAGS_REPLICA_IS_TRANSFERRING;
    /// The replica has its link.
    pub const REPLICA_IS_ONLINE: u32 = raw::REDISMODULE_CTX_FLAGS_REPLICA_IS_ONLINE;
    /// The command came from the primary.
    pub const REPLICATED: u32 = raw::REDISMODULE_CTX_FLAGS_REPLICATED;
    /// The server loads an RDB or AOF.
    pub const LOADING: u32 = raw::REDISMODULE_CTX_FLAGS_LOADING;
    /// The server has a child.
    pub const ACTIVE_CHILD: u32 = raw::REDISMODULE_CTX_FLAGS_ACTIVE_CHILD;
    /// The client must not be blocked.
    pub const DENY_BLOCKING: u32 = raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING;
    /// The server keeps an AOF.
    pub const AOF: u32 = raw::REDISMODULE_CTX_FLAGS_AOF;
    /// The server is a node of a cluster.
    pub const CLUSTER: u32 = raw::REDISMODULE_CTX_FLAGS_CLUSTER;
    /// The client speaks RESP3.
    pub const RESP3: u32 = raw::REDISMODULE_CTX_FLAGS_RESP3;
    /// The server starts, and loads the module on the way.
    pub const SERVER_STARTUP: u32 = raw::REDISMODULE_CTX_FLAGS_SERVER_STARTUP;

    /// True if any of these bits is set.
    pub fn any(self, bits: u32) -> bool {
        self.0 & bits as c_int != 0
    }

    /// True if this server sets these bits at all.
    pub fn known(bits: u32) -> bool {
        // SAFETY: takes nothing, reads a constant.
        let all = unsafe { api!(RedisModule_GetContextFlagsAll)() };
        all & bits as c_int == bits as c_int
    }

    /// The flags of the server as a whole, where there is no context.
    pub fn of_server() -> Self {
        // SAFETY: a null context is allowed and leaves out what belongs to a client.
        Self(unsafe { api!(RedisModule_GetContextFlags)(std::ptr::null_mut()) })
    }
}

/// What a module says of itself: the REDISMODULE_OPTION_ bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleOptions(u32);

impl ModuleOptions {
    /// It says itself which keys it has changed.
    pub const NO_IMPLICIT_SIGNAL_MODIFIED: Self = Self(raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED);
    /// Its types inspect errors of what they load from.
    pub const HANDLE_IO_ERRORS: Self = Self(raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS);
    /// Its types can be loaded beside the present data set.
    pub const HANDLE_REPL_ASYNC_LOAD: Self = Self(raw::REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD);
    /// Its keys may move to another node with their slot. Valkey from 9.0 on.
    pub const HANDLE_ATOMIC_SLOT_MIGRATION: Self = Self(1 << 5);

    /// These, and those.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

impl<'c> Ctx<'c> {
    /// Wraps what the server handed to a callback.
    ///
    /// # Safety
    /// `raw` is a context that stays alive for `'c`, and the server's global lock is held for `'c`.
    pub unsafe fn from_raw(raw: *mut raw::RedisModuleCtx) -> Self {
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// The pointer, for the rest of this folder.
    pub fn raw(self) -> *mut raw::RedisModuleCtx {
        self.raw
    }

    /// The conditions it runs under.
    pub fn flags(self) -> Flags {
        // SAFETY: the context is alive.
        Flags(unsafe { api!(RedisModule_GetContextFlags)(self.raw) })
    }

    /// The id of the client, as CLIENT LIST has it. A client of the server's own is in no list.
    pub fn client_id(self) -> u64 {
        // SAFETY: the context is alive.
        unsafe { api!(RedisModule_GetClientId)(self.raw()) }
    }

    /// Goes to another database. On a command's context that moves the client: go back before the end.
    pub fn select_db(self, db: u32) -> Result<(), Refused> {
        let db = c_int::try_from(db).unwrap_or(c_int::MAX);
        // SAFETY: the context is alive; a number out of range is an error.
        ok(
            unsafe { api!(RedisModule_SelectDb)(self.raw, db) },
            "RedisModule_SelectDb",
        )
    }

    /// Sets the module's options. In OnLoad only.
    pub fn set_module_options(self, options: ModuleOptions) {
        // SAFETY: the context is alive and carries the module.
        unsafe { api!(RedisModule_SetModuleOptions)(self.raw, options.0 as c_int) }
    }

    /// A context of its own, that lives as long as the process: for callbacks that get none. It carries the
    /// module, and no client. It is used on the main thread, under the global lock.
    pub fn detached(self) -> Ctx<'static> {
        // SAFETY: the context is alive; the new one is never freed, so it is alive for 'static.
        let raw = unsafe { api!(RedisModule_GetDetachedThreadSafeContext)(self.raw) };
        Ctx {
            raw,
            scope: PhantomData,
        }
    }
}
