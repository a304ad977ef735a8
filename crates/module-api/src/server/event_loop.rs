//! File descriptors in the server's event loop.
//!
//! A callback runs with the global lock, but with no context and outside any command, and also in the
//! middle of a script that yields: it may pump bytes, never cut a transaction.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::{Refused, api, ok};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// Bytes, or the end of file.
    Read,
    /// Room for bytes, or nobody to read them.
    Write,
}

impl Ready {
    fn mask(self) -> c_int {
        match self {
            Self::Read => redis_module::raw::REDISMODULE_EVENTLOOP_READABLE as c_int,
            Self::Write => redis_module::raw::REDISMODULE_EVENTLOOP_WRITABLE as c_int,
        }
    }
}

/// Calls `callback` whenever the descriptor is ready. Refused for a regular file, and for a number past
/// the server's `maxclients`. Take it off before the descriptor is closed.
pub fn add(fd: BorrowedFd<'_>, ready: Ready, callback: fn()) -> Result<(), Refused> {
    let (fd, data) = (fd.as_raw_fd(), callback as *mut c_void);
    // SAFETY: the descriptor is open; the data is a function pointer, which is never freed.
    ok(
        unsafe { api!(RedisModule_EventLoopAdd)(fd, ready.mask(), Some(run), data) },
        "RedisModule_EventLoopAdd",
    )
}

/// Stops watching a descriptor. Never in the child: it shares the parent's epoll instance.
pub fn remove(fd: BorrowedFd<'_>, ready: Ready) -> Result<(), Refused> {
    // SAFETY: takes numbers only.
    let status = unsafe { api!(RedisModule_EventLoopDel)(fd.as_raw_fd(), ready.mask()) };
    ok(status, "RedisModule_EventLoopDel")
}

/// Ends the event loop's sleep. From any thread.
pub fn wake() {
    // SAFETY: the server takes it from any thread. It refuses only a missing callback.
    unsafe { api!(RedisModule_EventLoopAddOneShot)(Some(woken), std::ptr::null_mut()) };
}

/// Ends the event loop's sleep and runs `job` there, with the global lock, between two commands. From any thread.
pub fn run_soon(job: fn()) {
    // SAFETY: as for `wake`; the data is a function pointer, which is never freed.
    unsafe { api!(RedisModule_EventLoopAddOneShot)(Some(run_once), job as *mut c_void) };
}

// SAFETY: only the server calls it, with what `wake` gave it.
unsafe extern "C" fn woken(_data: *mut c_void) {}

// SAFETY: only the server calls it: under its global lock, with what `run_soon` gave it.
unsafe extern "C" fn run_once(job: *mut c_void) {
    // SAFETY: `run_soon` is the only one that gives this callback, with a `fn()` as data.
    let job = unsafe { std::mem::transmute::<*mut c_void, fn()>(job) };
    job();
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run(_fd: c_int, callback: *mut c_void, _mask: c_int) {
    // SAFETY: `add` is the only one that gives this callback, with a `fn()` as data. One descriptor has one
    // data for both directions: ours are watched in one direction each.
    let callback = unsafe { std::mem::transmute::<*mut c_void, fn()>(callback) };
    callback();
}
