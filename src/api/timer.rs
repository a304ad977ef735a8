//! Jobs that run once the commands of this turn have run, before the event loop sleeps.

use std::ffi::c_void;

use redis_module::raw;

use super::{Ctx, api};

impl Ctx<'_> {
    /// Runs `job` in this turn of the event loop, behind the commands that clients have sent and outside of all
    /// of them. In a callback before the sleep it is the next turn: see [`super::event_loop::wake`].
    pub(crate) fn after_commands(self, job: fn()) {
        self.after_ms(0, job);
    }

    /// Runs `job` after so many ms, outside of all commands.
    pub(crate) fn after_ms(self, ms: i64, job: fn()) {
        // SAFETY: the context is alive; the data is a function pointer, which is never freed.
        unsafe { api!(RedisModule_CreateTimer)(self.raw(), ms, Some(run), job as *mut c_void) };
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run(_ctx: *mut raw::RedisModuleCtx, job: *mut c_void) {
    // SAFETY: `after_ms` is the only one that gives this callback, with a `fn()` as data.
    let job = unsafe { std::mem::transmute::<*mut c_void, fn()>(job) };
    job();
}
