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

/// How much less of the processors the child gets than the server, in steps of `nice`.
const NICER_BY: libc::c_int = 10;
/// `IOPRIO_WHO_PROCESS`, and the class and the level in a priority, of `linux/ioprio.h`.
const IOPRIO_WHO_PROCESS: libc::c_long = 1;
const IOPRIO_CLASS_SHIFT: u32 = 13;
const IOPRIO_CLASS_BEST_EFFORT: libc::c_long = 2;
const IOPRIO_CLASS_IDLE: libc::c_long = 3;
const IOPRIO_LOWEST_LEVEL: libc::c_long = 7;

/// In the child: lets the server, and the log's writer, go first, at the processors and at the disk. Not the
/// idle classes, which may starve: the child would not end, and what it keeps from the server's other children
/// and of memory lasts as long as it does. The server never waits for the child, so there is nothing to invert.
pub(crate) fn lower_priority() {
    // SAFETY: these take and give numbers only, and concern this process alone. A refusal leaves it as it is.
    unsafe {
        libc::nice(NICER_BY);
        let present = libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
        // A server that was made idle on purpose has an idle child.
        if present >= 0 && present >> IOPRIO_CLASS_SHIFT != IOPRIO_CLASS_IDLE {
            let lowest = IOPRIO_CLASS_BEST_EFFORT << IOPRIO_CLASS_SHIFT | IOPRIO_LOWEST_LEVEL;
            libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, lowest);
        }
    }
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
