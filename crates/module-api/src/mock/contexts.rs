//! Contexts, and what is asked of them.

use std::cell::Cell;
use std::ffi::c_int;

use redis_module::raw;

use super::server::{Server, status};
use crate::Ctx;

/// What a context is.
struct State {
    db: Cell<u32>,
    client: u64,
    flags: Cell<c_int>,
}

/// A context of this server.
pub struct Context<'s> {
    state: Box<State>,
    _server: &'s Server,
}

impl Server {
    /// A context of a client, in database 0.
    pub fn context(&self) -> Context<'_> {
        Context {
            state: Box::new(State {
                db: Cell::new(0),
                client: 7,
                flags: Cell::new(0),
            }),
            _server: self,
        }
    }
}

impl Context<'_> {
    /// The context as the module gets it.
    pub fn ctx(&self) -> Ctx<'_> {
        // SAFETY: the context is alive as long as this, and whoever has the server has its global lock.
        unsafe { Ctx::from_raw(self.raw()) }
    }

    pub(super) fn raw(&self) -> *mut raw::RedisModuleCtx {
        std::ptr::from_ref::<State>(&self.state).cast_mut().cast()
    }

    /// Sets the conditions it runs under, [`crate::context::Flags`].
    pub fn set_flags(&self, flags: u32) {
        self.state.flags.set(flags as c_int);
    }
}

/// # Safety
/// `ctx` is a context of this server, alive for the lifetime chosen.
unsafe fn state<'c>(ctx: *mut raw::RedisModuleCtx) -> &'c State {
    // SAFETY: contract of this function.
    unsafe { &*ctx.cast::<State>() }
}

// SAFETY: only the API's wrappers call it, with a context of this server.
unsafe extern "C" fn selected_db(ctx: *mut raw::RedisModuleCtx) -> c_int {
    // SAFETY: as above.
    unsafe { state(ctx) }.db.get() as c_int
}

// SAFETY: only the API's wrappers call it, with a context of this server.
unsafe extern "C" fn select_db(ctx: *mut raw::RedisModuleCtx, db: c_int) -> c_int {
    let refused = status("RedisModule_SelectDb");
    if refused == 0 {
        // SAFETY: as above.
        unsafe { state(ctx) }.db.set(db as u32);
    }
    refused
}

// SAFETY: only the API's wrappers call it, with a context of this server.
unsafe extern "C" fn client_id(ctx: *mut raw::RedisModuleCtx) -> u64 {
    // SAFETY: as above.
    unsafe { state(ctx) }.client
}

// SAFETY: only the API's wrappers call it, with a context of this server or none.
unsafe extern "C" fn flags(ctx: *mut raw::RedisModuleCtx) -> c_int {
    if ctx.is_null() {
        return 0;
    }
    // SAFETY: as above.
    unsafe { state(ctx) }.flags.get()
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_GetSelectedDb = Some(selected_db);
        raw::RedisModule_SelectDb = Some(select_db);
        raw::RedisModule_GetClientId = Some(client_id);
        raw::RedisModule_GetContextFlags = Some(flags);
    }
}
