//! Clients that wait at their own wish: with a timeout, and open to CLIENT UNBLOCK, unlike those of `block`.
//!
//! All of it is for the main thread. On 7.0 the server loses the reply of a client that times out, or is
//! unblocked by CLIENT UNBLOCK, while another thread's unblocking waits to be served: so `release` belongs
//! into BEFORE_SLEEP, right behind which it is served there. Later servers look before.

use std::ffi::{c_int, c_void};

use redis_module::raw;

use crate::{Ctx, api};

/// A parked client. It must be released once, also when it has gone: until then the server keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parked(*mut raw::RedisModuleBlockedClient);

// SAFETY: a number to everybody but `release`, which is for the main thread, where a `Gil` keeps it.
unsafe impl Send for Parked {}

/// Who hears of parked clients.
pub trait Host {
    /// A client was released with `word`: answers it.
    fn answer(ctx: Ctx<'_>, word: u64);
    /// Its timeout is over, or CLIENT UNBLOCK ended it: answers it. It is yet to be released.
    fn timed_out(ctx: Ctx<'_>, client: Parked);
    /// It has gone, or CLIENT UNBLOCK ended it with an error. It is yet to be released, unless it was.
    fn gone(client: Parked);
}

impl Parked {
    /// Parks the client of a command for `timeout_ms`, 0 for ever. Not where blocking is denied.
    pub fn new<H: Host>(ctx: Ctx<'_>, timeout_ms: i64) -> Option<Self> {
        let (reply, timeout) = (Some(run_answer::<H> as _), Some(run_timed_out::<H> as _));
        // SAFETY: the context is a command's; the callbacks live as long as the library; what `release` hands
        // over is a number, so there is nothing to free.
        unsafe {
            let client = api!(RedisModule_BlockClient)(ctx.raw(), reply, timeout, None, timeout_ms);
            if client.is_null() {
                return None;
            }
            api!(RedisModule_SetDisconnectCallback)(client, Some(run_gone::<H>));
            Some(Self(client))
        }
    }

    /// Lets it go: `Host::answer` gets `word`, unless the client was answered or has gone.
    pub fn release(self, word: u64) {
        // SAFETY: the handle is given back once, on the main thread; `word` is a number behind a pointer's type.
        unsafe { api!(RedisModule_UnblockClient)(self.0, word as *mut c_void) };
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_answer<H: Host>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: the server hands a context that is alive; its private data is the word of `release`.
    let (ctx, word) = unsafe {
        let word = api!(RedisModule_GetBlockedClientPrivateData)(ctx);
        (Ctx::from_raw(ctx), word as u64)
    };
    H::answer(ctx, word);
    0
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_timed_out<H: Host>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: the server hands a context that is alive and names the client blocked in `new`.
    let (ctx, client) = unsafe {
        let client = api!(RedisModule_GetBlockedClientHandle)(ctx);
        (Ctx::from_raw(ctx), Parked(client))
    };
    H::timed_out(ctx, client);
    0
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_gone<H: Host>(
    _ctx: *mut raw::RedisModuleCtx,
    client: *mut raw::RedisModuleBlockedClient,
) {
    H::gone(Parked(client));
}
