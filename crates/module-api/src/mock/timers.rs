//! Timers, the event loop's one-shots, and the clock.

use std::ffi::{c_int, c_void};

use redis_module::raw;

use super::contexts::Context;
use super::server::{Server, Timer, state};

impl Server {
    /// Lets so many ms pass: timers that are due run, in the order of their times.
    pub fn pass_ms(&self, context: &Context<'_>, ms: i64) {
        let now = state(|state| {
            state.now_ms += ms;
            state.now_ms
        });
        let due = |timer: &Timer| timer.due_ms <= now;
        loop {
            let next = state(|state| {
                let mut timers: Vec<Timer> =
                    state.timers.iter().filter(|timer| due(timer)).copied().collect();
                timers.sort_by_key(|timer| (timer.due_ms, timer.id));
                let next = timers.first().copied();
                state
                    .timers
                    .retain(|timer| Some(timer.id) != next.map(|next| next.id));
                next
            });
            let Some(timer) = next else { return };
            // SAFETY: the data are those that the timer was set with.
            unsafe { (timer.callback)(context.raw(), timer.data) };
        }
    }

    /// How many timers are set.
    pub fn timers(&self) -> usize {
        state(|state| state.timers.len())
    }

    /// Wakes the event loop: runs what waits for that. False if nothing does.
    pub fn wake(&self) -> bool {
        let jobs = state(|state| std::mem::take(&mut state.one_shots));
        for (job, data) in &jobs {
            // SAFETY: the data are those that the job was given with.
            unsafe { job(*data) };
        }
        !jobs.is_empty()
    }
}

// SAFETY: of this and all below: only the API's wrappers call it, with what the C API wants.
unsafe extern "C" fn create(
    _ctx: *mut raw::RedisModuleCtx,
    period: raw::mstime_t,
    callback: raw::RedisModuleTimerProc,
    data: *mut c_void,
) -> raw::RedisModuleTimerID {
    state(|state| {
        state.last_timer += 1;
        let timer = callback.map(|callback| Timer {
            id: state.last_timer,
            due_ms: state.now_ms + period,
            callback,
            data,
        });
        state.timers.extend(timer);
        state.last_timer
    })
}

unsafe extern "C" fn stop(
    _ctx: *mut raw::RedisModuleCtx,
    id: raw::RedisModuleTimerID,
    _data: *mut *mut c_void,
) -> c_int {
    state(|state| {
        let before = state.timers.len();
        state.timers.retain(|timer| timer.id != id);
        c_int::from(state.timers.len() == before)
    })
}

unsafe extern "C" fn one_shot(job: raw::RedisModuleEventLoopOneShotFunc, data: *mut c_void) -> c_int {
    state(|state| state.one_shots.extend(job.map(|job| (job, data))));
    0
}

unsafe extern "C" fn milliseconds() -> i64 {
    state(|state| state.now_ms)
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_CreateTimer = Some(create);
        raw::RedisModule_StopTimer = Some(stop);
        raw::RedisModule_EventLoopAddOneShot = Some(one_shot);
        raw::RedisModule_Milliseconds = Some(milliseconds);
    }
}
