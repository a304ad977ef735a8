//! Clients that are held: blocked now, answered when their reply may leave.
//!
//! Ask for DENY_BLOCKING first: in MULTI, scripts, RM_Call and AOF loading the server answers with an error,
//! or ends.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;

use redis_module::raw;

use crate::{Ctx, api};

/// What answers a held client. The server keeps it for as long as it keeps the client.
pub trait Waiter: 'static {
    /// Writes the reply. On the main thread, once, unless the client has gone.
    fn reply(&mut self, ctx: Ctx<'_>);
}

/// A held client. It must be given back by `unblock` or `abort`, also when the client has gone: until then
/// the server keeps it.
pub struct Held<W: Waiter> {
    raw: *mut raw::RedisModuleBlockedClient,
    waiter: PhantomData<fn(W)>,
}

// SAFETY: the server takes `unblock` from any thread; nothing else is done with the handle. The waiter is
// dropped and called on the main thread.
unsafe impl<W: Waiter + Send> Send for Held<W> {}

impl<W: Waiter> Held<W> {
    /// Holds the client of a command: it gets no reply until `unblock`.
    pub fn new(ctx: Ctx<'_>) -> Option<Self> {
        // SAFETY: the context is a command's; the callbacks live as long as the library.
        let raw = unsafe {
            api!(RedisModule_BlockClient)(ctx.raw(), Some(run_reply::<W>), None, Some(drop_waiter::<W>), 0)
        };
        (!raw.is_null()).then_some(Self {
            raw,
            waiter: PhantomData,
        })
    }

    /// Lets the client go: `waiter` answers it at the server's next turn. From any thread.
    pub fn unblock(self, waiter: Box<W>) {
        // SAFETY: the handle is given back once; the server hands the waiter to `drop_waiter` in the end,
        // whether or not the client is still there. It refuses only a handle blocked on keys.
        unsafe { api!(RedisModule_UnblockClient)(self.raw, Box::into_raw(waiter).cast()) };
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_reply<W: Waiter>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: the server calls this with a context that is alive, after an `unblock` with a boxed `W`,
    // which it keeps until `drop_waiter`; nobody else has it meanwhile.
    unsafe {
        let waiter = api!(RedisModule_GetBlockedClientPrivateData)(ctx).cast::<W>();
        if let Some(waiter) = waiter.as_mut() {
            waiter.reply(Ctx::from_raw(ctx));
        }
    }
    0
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn drop_waiter<W: Waiter>(_ctx: *mut raw::RedisModuleCtx, waiter: *mut c_void) {
    if !waiter.is_null() {
        // SAFETY: made by `Box::into_raw` in `unblock`, and given back once.
        drop(unsafe { Box::from_raw(waiter.cast::<W>()) });
    }
}
