//! Clients that wait for a key: blocked on names, and asked again, in the order in which they came, right behind
//! every unit that makes one of these keys.
//!
//! All of it is for the main thread. Ask for DENY_BLOCKING first, as for `block`. The server frees what belongs to
//! such a client by itself, however its wait ends.

use std::ffi::{c_int, c_void};
use std::ops::Range;

use redis_module::raw;

use crate::string::Args;
use crate::{Ctx, OwnedStr, Str, api};

/// A client that waits for keys. Of no use once it was answered, or has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnKeys(*mut raw::RedisModuleBlockedClient);

/// What a client waits for, kept by the server for as long as it keeps the client.
pub trait Wish: 'static {
    /// One of the keys may be there, `key`. The client waits on until `OnKeys::end`: one that was answered here
    /// would count as blocked to the turn's end, and a command that unblocks it would answer it again.
    fn ready(&self, ctx: Ctx<'_>, args: Args<'_>, key: Str<'_>);
    /// `OnKeys::end` or CLIENT UNBLOCK ended the wait: answers it.
    fn ended(&self, ctx: Ctx<'_>);
    /// The client has gone, or CLIENT UNBLOCK ended its wait with an error.
    fn gone(&self);
}

impl OnKeys {
    /// Blocks the client of a command on the keys at these places of its arguments, for ever. Not where
    /// blocking is denied. `None` if the server did not.
    pub fn block<W: Wish>(ctx: Ctx<'_>, args: Args<'_>, keys: Range<usize>, wish: W) -> Option<Self> {
        let mut keys: Vec<_> = keys.map(|place| args.string(place).raw()).collect();
        let count = c_int::try_from(keys.len()).ok()?;
        let wish = Box::into_raw(Box::new(wish)).cast();
        let (ready, ended, free) = (run_ready::<W> as _, run_ended::<W> as _, drop_wish::<W> as _);
        // SAFETY: context and keys are alive, the server keeps its own shares of the keys; the callbacks live as
        // long as the library; the wish is the server's now, and given back to `drop_wish` once. No timeout: 0.
        unsafe {
            let block = api!(RedisModule_BlockClientOnKeys);
            let keys = keys.as_mut_ptr();
            let client = block(
                ctx.raw(),
                Some(ready),
                Some(ended),
                Some(free),
                0,
                keys,
                count,
                wish,
            );
            if client.is_null() {
                return None;
            }
            api!(RedisModule_SetDisconnectCallback)(client, Some(run_gone::<W>));
            Some(Self(client))
        }
    }

    /// Ends the wait: `Wish::ended` answers the client, at once or in this turn. Not twice, nor once the client
    /// was answered or has gone.
    pub fn end(self) {
        // SAFETY: the handle is alive until the client is answered or has gone, contract of this function; the
        // private data stays the one of `block`.
        unsafe {
            let wish = std::ptr::null_mut();
            api!(RedisModule_UnblockClient)(self.0, wish)
        };
    }
}

impl Ctx<'_> {
    /// Lets those who wait for this key, of the context's database, be asked again.
    pub fn signal_ready(self, key: &[u8]) {
        let key = OwnedStr::new(key);
        // SAFETY: context and key are alive; the server keeps its own share of the key.
        unsafe { api!(RedisModule_SignalKeyAsReady)(self.raw(), key.lend().raw()) };
    }
}

/// The wish of a client.
///
/// # Safety
/// The context is that of a callback of a client that `block` blocked with a `W`; it is alive for `'w`.
unsafe fn wish<'w, W: Wish>(ctx: *mut raw::RedisModuleCtx) -> Option<&'w W> {
    // SAFETY: contract of this function: the private data is the box of `block`, which is never changed.
    unsafe {
        api!(RedisModule_GetBlockedClientPrivateData)(ctx)
            .cast::<W>()
            .as_ref()
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_ready<W: Wish>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server hands the context and the arguments of the blocked client, and the key that is ready,
    // alive during the call.
    unsafe {
        let key = api!(RedisModule_GetBlockedClientReadyKey)(ctx);
        if let (Some(wish), false) = (wish::<W>(ctx), key.is_null()) {
            wish.ready(Ctx::from_raw(ctx), Args::from_raw(argv, argc), Str::from_raw(key));
        }
    }
    // An error keeps the client blocked.
    1
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_ended<W: Wish>(
    ctx: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    // SAFETY: the server hands the context of the blocked client, alive during the call.
    unsafe {
        if let Some(wish) = wish::<W>(ctx) {
            wish.ended(Ctx::from_raw(ctx));
        }
    }
    0
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_gone<W: Wish>(
    ctx: *mut raw::RedisModuleCtx,
    _client: *mut raw::RedisModuleBlockedClient,
) {
    // SAFETY: the server hands a context with the client's private data, alive during the call.
    if let Some(wish) = unsafe { wish::<W>(ctx) } {
        wish.gone();
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn drop_wish<W: Wish>(_ctx: *mut raw::RedisModuleCtx, wish: *mut c_void) {
    if !wish.is_null() {
        // SAFETY: made by `Box::into_raw` in `block`, and given back once.
        drop(unsafe { Box::from_raw(wish.cast::<W>()) });
    }
}
