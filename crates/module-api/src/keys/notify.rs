//! Raising keyspace notifications, WATCH and tracking, and jobs that run after a unit.

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use redis_module::raw;

use crate::{Ctx, Refused, Str, api, later, ok};

/// The class of a notification: a REDISMODULE_NOTIFY_ bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Any type: del, expire, persist, rename.
    Generic,
    /// Strings.
    String,
    /// Hashes.
    Hash,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    ZSet,
    /// A key that is not there, of a command that shows it.
    Miss,
    /// A key whose time has come.
    Expired,
    /// A key that was evicted.
    Evicted,
    /// A key that was loaded from an RDB.
    Loaded,
    /// Streams.
    Stream,
    /// Types of modules.
    Module,
    /// A key of a slot that has moved away. Redis from 8.4 on.
    Trimmed,
    /// A key whose value was replaced. Redis from 8.2 on.
    Overwritten,
    /// A key whose value was replaced by one of another type, likewise.
    TypeChanged,
}

/// Where the text of the event lies that was told last from here: the server hands it on as it is.
static TOLD: AtomicUsize = AtomicUsize::new(0);

/// True for an event that a command of ours tells of.
pub fn is_own(event: &CStr) -> bool {
    TOLD.load(Ordering::Relaxed) == event.as_ptr() as usize
}

impl Class {
    pub(crate) fn bit(self) -> c_int {
        match self {
            Self::Generic => raw::REDISMODULE_NOTIFY_GENERIC,
            Self::String => raw::REDISMODULE_NOTIFY_STRING,
            Self::Hash => raw::REDISMODULE_NOTIFY_HASH,
            Self::List => raw::REDISMODULE_NOTIFY_LIST,
            Self::Set => raw::REDISMODULE_NOTIFY_SET,
            Self::ZSet => raw::REDISMODULE_NOTIFY_ZSET,
            Self::Miss => raw::REDISMODULE_NOTIFY_KEY_MISS,
            Self::Expired => raw::REDISMODULE_NOTIFY_EXPIRED,
            Self::Evicted => raw::REDISMODULE_NOTIFY_EVICTED,
            Self::Loaded => raw::REDISMODULE_NOTIFY_LOADED,
            Self::Stream => raw::REDISMODULE_NOTIFY_STREAM,
            Self::Module => raw::REDISMODULE_NOTIFY_MODULE,
            Self::Trimmed => raw::REDISMODULE_NOTIFY_KEY_TRIMMED,
            // The bindings are older than these two.
            Self::Overwritten => 1 << 15,
            Self::TypeChanged => 1 << 16,
        }
    }
}

impl Ctx<'_> {
    /// Raises a keyspace notification, as the native command would. It can re-enter this module.
    pub fn notify(self, class: Class, event: &CStr, key: Str<'_>) {
        TOLD.store(event.as_ptr() as usize, Ordering::Relaxed);
        // SAFETY: context, event and key are alive. The status is always OK.
        unsafe { api!(RedisModule_NotifyKeyspaceEvent)(self.raw(), class.bit(), event.as_ptr(), key.raw()) };
    }

    /// Tells WATCH and client tracking that a key changed: the module has the option that makes it silent.
    pub fn signal_modified(self, key: Str<'_>) {
        // SAFETY: context and key are alive. The status is always OK.
        unsafe { api!(RedisModule_SignalModifiedKey)(self.raw(), key.raw()) };
    }

    /// Runs `job` when the unit that runs now has ended and before its replies leave. `None` on a server
    /// that lacks it (7.0); refused while loading and on a read-only replica.
    pub fn after_unit(self, job: fn(Ctx<'_>)) -> Option<Result<(), Refused>> {
        let add = later!(RedisModule_AddPostNotificationJob)?;
        // SAFETY: the context is alive; the data is a function pointer, which is never freed.
        let status = unsafe { add(self.raw(), Some(run_job), job as *mut c_void, None) };
        Some(ok(status, "RedisModule_AddPostNotificationJob"))
    }

    /// True if the server runs a job at the end of a unit.
    pub fn hears_unit_ends() -> bool {
        later!(RedisModule_AddPostNotificationJob).is_some()
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_job(ctx: *mut raw::RedisModuleCtx, job: *mut c_void) {
    // SAFETY: `after_unit` is the only one that gives this callback, with a `fn(Ctx<'_>)` as data; the
    // server hands a context that lives as long as the call.
    unsafe {
        let job = std::mem::transmute::<*mut c_void, fn(Ctx<'_>)>(job);
        job(Ctx::from_raw(ctx));
    }
}

#[cfg(test)]
mod tests;
