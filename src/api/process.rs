//! The rewrite child as the server knows it: its fork, its heartbeat, its end.

use std::ffi::{c_int, c_void};

use super::api;

/// What became of a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forked {
    /// We are the parent of this process.
    Parent(c_int),
    /// We are the child.
    Child,
    /// There is no child.
    Failed,
}

/// Forks. `done` gets the exit code and the signal (0 for none) of the child, on the main thread, before
/// the server thinks it gone: no new fork there. The server logs each refusal: ask for ACTIVE_CHILD first.
pub(crate) fn fork(done: fn(exit_code: i32, signal: i32)) -> Forked {
    // SAFETY: the data is a function pointer, which is never freed.
    match unsafe { api!(RedisModule_Fork)(Some(run_done), done as *mut c_void) } {
        0 => Forked::Child,
        pid if pid > 0 => Forked::Parent(pid),
        _ => Forked::Failed,
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_done(exit_code: c_int, signal: c_int, done: *mut c_void) {
    // SAFETY: `fork` is the only one that gives this callback, with a `fn(i32, i32)` as data.
    let done = unsafe { std::mem::transmute::<*mut c_void, fn(i32, i32)>(done) };
    done(exit_code, signal);
}

/// Leaves the child: no destructor, no exit handler, no buffer of the parent's is written.
pub(crate) fn exit_from_child(code: i32) -> ! {
    // SAFETY: called in the child only; the server tells its parent and ends the process.
    unsafe {
        api!(RedisModule_ExitFromChild)(code);
        libc::_exit(code)
    }
}

/// Tells the parent how far the child is, 0 to 1. At most once a second: the pipe behind it blocks when full.
pub(crate) fn heartbeat(progress: f64) {
    // SAFETY: called in the child only.
    unsafe { api!(RedisModule_SendChildHeartbeat)(progress) }
}
