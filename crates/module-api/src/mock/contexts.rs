//! Contexts, and what is asked of them.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;

use redis_module::raw;

use super::reply::Reply;
use super::server::{Server, status};
use crate::Ctx;

/// The one client that there is.
pub(super) const CLIENT: u64 = 7;

/// What a context is, and what was done with it.
#[derive(Default)]
pub(super) struct State {
    pub(super) db: Cell<u32>,
    client: u64,
    flags: Cell<c_int>,
    pub(super) replies: RefCell<Vec<Reply>>,
    /// The server asks for keys instead of running the command.
    pub(super) asks_for_keys: Cell<bool>,
    pub(super) told_keys: RefCell<Vec<(c_int, c_int)>>,
    pub(super) modified: RefCell<Vec<Vec<u8>>>,
    pub(super) replicated: Cell<usize>,
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
                client: CLIENT,
                ..State::default()
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

    pub(super) fn with<R>(&self, f: impl FnOnce(&State) -> R) -> R {
        f(&self.state)
    }

    /// Sets the conditions it runs under, [`crate::context::Flags`].
    pub fn set_flags(&self, flags: u32) {
        self.state.flags.set(flags as c_int);
    }
}

/// # Safety
/// `ctx` is a context of this server, alive for the lifetime chosen.
pub(super) unsafe fn state<'c>(ctx: *mut raw::RedisModuleCtx) -> &'c State {
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

/// A context that lives as long as the process.
// SAFETY: only the API's wrappers call it, with a context of this server.
unsafe extern "C" fn detached(_ctx: *mut raw::RedisModuleCtx) -> *mut raw::RedisModuleCtx {
    Box::into_raw(Box::new(State::default())).cast()
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_GetSelectedDb = Some(selected_db);
        raw::RedisModule_SelectDb = Some(select_db);
        raw::RedisModule_GetClientId = Some(client_id);
        raw::RedisModule_GetDetachedThreadSafeContext = Some(detached);
        raw::RedisModule_GetContextFlags = Some(flags);
    }
}
