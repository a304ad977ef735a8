//! Hearing of keyspace notifications.

use std::ffi::{CStr, c_char, c_int};

use redis_module::raw;

use super::notify::Class;
use crate::{Ctx, Refused, Str, api, later, ok};

/// Who hears of notifications: a type without a value, for which the server's callback is made.
pub trait KeyspaceEvents {
    /// The classes that are heard of. The server pays for each notification of them.
    const CLASSES: &'static [Class];

    /// A notification, in the context of its database.
    fn notified(ctx: Ctx<'_>, event: &CStr, key: Str<'_>);
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn notified<E: KeyspaceEvents>(
    ctx: *mut raw::RedisModuleCtx,
    _class: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: the server hands a context, an event that ends with NUL and a key, alive during the call.
    let (ctx, event, key) = unsafe { (Ctx::from_raw(ctx), CStr::from_ptr(event), Str::from_raw(key)) };
    E::notified(ctx, event, key);
    0
}

fn bits<E: KeyspaceEvents>() -> c_int {
    E::CLASSES.iter().fold(0, |bits, class| bits | class.bit())
}

impl Ctx<'_> {
    /// Hears of notifications from now on. 7.0 does not take it back when the load fails.
    pub fn subscribe_to_keyspace<E: KeyspaceEvents>(self) -> Result<(), Refused> {
        // SAFETY: the context is alive and carries the module; the callback lives as long as the library.
        let status = unsafe {
            let subscribe = api!(RedisModule_SubscribeToKeyspaceEvents);
            subscribe(self.raw(), bits::<E>(), Some(notified::<E>))
        };
        ok(status, "RedisModule_SubscribeToKeyspaceEvents")
    }

    /// Hears of them no more. False on a server that can't take it back.
    pub fn unsubscribe_from_keyspace<E: KeyspaceEvents>(self) -> bool {
        later!(RedisModule_UnsubscribeFromKeyspaceEvents).is_some_and(|unsubscribe| {
            // SAFETY: the context is alive and carries the module; the server only compares the callback.
            unsafe { unsubscribe(self.raw(), bits::<E>(), Some(notified::<E>)) == 0 }
        })
    }
}
