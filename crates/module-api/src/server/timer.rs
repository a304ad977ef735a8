//! Jobs that run once the commands of this turn have run, before the event loop sleeps, or later.
//!
//! The server's timers go by the time of day. One that was set before that is set back would come as much later, and a job
//! that lets clients go must not: `catch_up` sets such ones anew.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::time::{Duration, Instant};

use redis_module::raw;

use super::event_loop;
use crate::gil::Gil;
use crate::{Ctx, api};

/// A job that has not run is late so long after its time: the clock was set back. Sooner it may only be a busy server.
const LATE: Duration = Duration::from_millis(100);

/// A job that is to run.
#[derive(Debug, Clone, Copy)]
struct Job {
    run: fn(),
    timer: raw::RedisModuleTimerID,
    due: Instant,
}

#[derive(Default)]
struct Jobs {
    last: u64,
    /// In the order in which they were given.
    by_number: BTreeMap<u64, Job>,
}

static JOBS: Gil<Jobs> = Gil::new(Jobs {
    last: 0,
    by_number: BTreeMap::new(),
});

impl Ctx<'_> {
    /// Runs `job` in this turn of the event loop, behind the commands that clients have sent and outside of all
    /// of them. In a callback before the sleep it is the next turn: see [`super::event_loop::wake`].
    pub fn after_commands(self, job: fn()) {
        self.after_ms(0, job);
    }

    /// Runs `job` after so many ms, outside of all commands.
    pub fn after_ms(self, ms: i64, job: fn()) {
        let number = JOBS.with(|jobs| {
            jobs.last += 1;
            jobs.last
        });
        let timer = self.set_timer(ms, number);
        let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let job = Job {
            run: job,
            timer,
            due: Instant::now() + wait,
        };
        JOBS.with(|jobs| jobs.by_number.insert(number, job));
    }

    fn set_timer(self, ms: i64, number: u64) -> raw::RedisModuleTimerID {
        // SAFETY: the context is alive; the data is a number behind a pointer's type.
        unsafe { api!(RedisModule_CreateTimer)(self.raw(), ms, Some(run), number as *mut c_void) }
    }

    /// Before the sleep: jobs whose time was over long ago run in the next turn.
    pub fn catch_up(self) {
        if JOBS.with(|jobs| jobs.by_number.is_empty()) {
            return;
        }
        let now = Instant::now();
        let late: Vec<(u64, Job)> = JOBS.with(|jobs| {
            let all = jobs.by_number.iter();
            all.filter(|(_, job)| now.saturating_duration_since(job.due) >= LATE)
                .map(|(number, job)| (*number, *job))
                .collect()
        });
        for (number, job) in &late {
            Alarm(job.timer).stop(self);
            let job = Job {
                timer: self.set_timer(0, *number),
                due: now,
                ..*job
            };
            JOBS.with(|jobs| jobs.by_number.insert(*number, job));
        }
        if !late.is_empty() {
            event_loop::wake();
        }
    }
}

/// Longest time until an alarm, about a century: the server counts in microseconds, and this is as good as never.
const LONGEST_MS: i64 = 1 << 42;

/// Whom an alarm wakes.
pub trait Sleeper {
    /// The time is over. `word` is the one that the alarm was set with.
    fn rings(word: u64);
}

/// A timer that can be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm(raw::RedisModuleTimerID);

impl Alarm {
    /// Calls `S::rings` with `word` after so many ms, outside of all commands.
    pub fn set<S: Sleeper>(ctx: Ctx<'_>, ms: i64, word: u64) -> Self {
        let ms = ms.min(LONGEST_MS);
        // SAFETY: the context is alive; the data is a number behind a pointer's type.
        Self(unsafe { api!(RedisModule_CreateTimer)(ctx.raw(), ms, Some(ring::<S>), word as *mut c_void) })
    }

    /// Stops it; one that has rung is left alone.
    pub fn stop(self, ctx: Ctx<'_>) {
        // SAFETY: the context is alive; an unknown timer is refused; nobody wants the data back.
        unsafe { api!(RedisModule_StopTimer)(ctx.raw(), self.0, std::ptr::null_mut()) };
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn ring<S: Sleeper>(_ctx: *mut raw::RedisModuleCtx, word: *mut c_void) {
    S::rings(word as u64);
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run(_ctx: *mut raw::RedisModuleCtx, number: *mut c_void) {
    if let Some(job) = JOBS.with(|jobs| jobs.by_number.remove(&(number as u64))) {
        (job.run)();
    }
}

#[cfg(test)]
mod tests;
