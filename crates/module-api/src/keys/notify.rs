//! Keyspace notifications, WATCH and tracking, server events, and jobs that run after a unit.

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
    fn bit(self) -> c_int {
        match self {
            Self::Generic => raw::REDISMODULE_NOTIFY_GENERIC,
            Self::String => raw::REDISMODULE_NOTIFY_STRING,
            Self::Hash => raw::REDISMODULE_NOTIFY_HASH,
            Self::List => raw::REDISMODULE_NOTIFY_LIST,
            Self::Set => raw::REDISMODULE_NOTIFY_SET,
            Self::ZSet => raw::REDISMODULE_NOTIFY_ZSET,
            Self::Miss => raw::REDISMODULE_NOTIFY_KEY_MISS,
            Self::Expired => raw::REDISMODULE_NOTIFY_EXPIRED,
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

    /// Hears of these classes of notifications, REDISMODULE_NOTIFY_ bits.
    pub fn subscribe_to_keyspace(
        self,
        classes: c_int,
        callback: raw::RedisModuleNotificationFunc,
    ) -> Result<(), Refused> {
        // SAFETY: the context is alive and carries the module; the callback lives as long as the library.
        let status = unsafe { api!(RedisModule_SubscribeToKeyspaceEvents)(self.raw(), classes, callback) };
        ok(status, "RedisModule_SubscribeToKeyspaceEvents")
    }

    /// Hears no more of what was subscribed to with the same classes and callback. False on a server that can't
    /// take it back.
    pub fn unsubscribe_from_keyspace(
        self,
        classes: c_int,
        callback: raw::RedisModuleNotificationFunc,
    ) -> bool {
        later!(RedisModule_UnsubscribeFromKeyspaceEvents).is_some_and(|unsubscribe| {
            // SAFETY: the context is alive and carries the module.
            unsafe { unsubscribe(self.raw(), classes, callback) == 0 }
        })
    }

    /// Hears of a server event, a REDISMODULE_EVENT_ id. A server that does not know it refuses. The server
    /// keeps one callback for an event: a second subscription replaces the first.
    pub fn subscribe_to_event(self, id: u64, callback: raw::RedisModuleEventCallback) -> Result<(), Refused> {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        // SAFETY: as in `subscribe_to_keyspace`.
        let status = unsafe { api!(RedisModule_SubscribeToServerEvent)(self.raw(), event, callback) };
        ok(status, "RedisModule_SubscribeToServerEvent")
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
