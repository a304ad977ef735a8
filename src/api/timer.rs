//! Jobs that run once the commands of this turn have run, before the event loop sleeps, or later.

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

/// Longest time until an alarm, about a century: the server counts in microseconds, and this is as good as never.
const LONGEST_MS: i64 = 1 << 42;

/// Whom an alarm wakes.
pub(crate) trait Sleeper {
    /// The time is over. `word` is the one that the alarm was set with.
    fn rings(word: u64);
}

/// A timer that can be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alarm(raw::RedisModuleTimerID);

impl Alarm {
    /// Calls `S::rings` with `word` after so many ms, outside of all commands.
    pub(crate) fn set<S: Sleeper>(ctx: Ctx<'_>, ms: i64, word: u64) -> Self {
        let ms = ms.min(LONGEST_MS);
        // SAFETY: the context is alive; the data is a number behind a pointer's type.
        Self(unsafe { api!(RedisModule_CreateTimer)(ctx.raw(), ms, Some(ring::<S>), word as *mut c_void) })
    }

    /// Stops it; one that has rung is left alone.
    pub(crate) fn stop(self, ctx: Ctx<'_>) {
        // SAFETY: the context is alive; an unknown timer is refused; nobody wants the data back.
        unsafe { api!(RedisModule_StopTimer)(ctx.raw(), self.0, std::ptr::null_mut()) };
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn ring<S: Sleeper>(_ctx: *mut raw::RedisModuleCtx, word: *mut c_void) {
    S::rings(word as u64);
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run(_ctx: *mut raw::RedisModuleCtx, job: *mut c_void) {
    // SAFETY: `after_ms` is the only one that gives this callback, with a `fn()` as data.
    let job = unsafe { std::mem::transmute::<*mut c_void, fn()>(job) };
    job();
}
