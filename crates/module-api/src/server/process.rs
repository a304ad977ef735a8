//! The rewrite child as the server knows it: its fork, its heartbeat, its end.

use std::ffi::{c_int, c_void};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

use crate::api;

/// What became of a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// We are the parent of this process.
    Parent(c_int),
    /// We are the child.
    Child,
    /// There is none now: the server saves, or has another child.
    Busy,
    /// There is no child.
    Failed,
}

/// Forks. `done` gets the exit code and the signal (0 for none) of the child, on the main thread, before
/// the server thinks it gone: no new fork there. The server logs each refusal: ask for ACTIVE_CHILD first. A save of
/// Valkey 9.2 that needs no child is no ACTIVE_CHILD, and refuses the fork all the same.
pub fn fork(done: fn(exit_code: i32, signal: i32)) -> Forked {
    Errno::clear();
    // SAFETY: the data is a function pointer, which is never freed.
    match unsafe { api!(RedisModule_Fork)(Some(run_done), done as *mut c_void) } {
        0 => Forked::Child,
        pid if pid > 0 => Forked::Parent(pid),
        _ if matches!(Errno::last(), Errno::EALREADY | Errno::EEXIST) => Forked::Busy,
        _ => Forked::Failed,
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn run_done(exit_code: c_int, signal: c_int, done: *mut c_void) {
    // SAFETY: `fork` is the only one that gives this callback, with a `fn(i32, i32)` as data.
    let done = unsafe { std::mem::transmute::<*mut c_void, fn(i32, i32)>(done) };
    done(exit_code, signal);
}

/// `IOPRIO_WHO_PROCESS`, and the class and the level in a priority, of `linux/ioprio.h`.
const IOPRIO_WHO_PROCESS: libc::c_long = 1;
const IOPRIO_CLASS_SHIFT: u32 = 13;
const IOPRIO_CLASS_BEST_EFFORT: libc::c_long = 2;
const IOPRIO_CLASS_IDLE: libc::c_long = 3;
const IOPRIO_LOWEST_LEVEL: libc::c_long = 7;

/// In the child: lets the server, and the log's writer, go first. At the processors as a batch job: it takes
/// none away from who wakes up, but keeps its share. A nicer child can't keep pace with the writes on a busy
/// machine: at nice 5 it took 5 times as long, at nice 10 its backlog passed the limit. At the disk as the last
/// of those who are served at all: the idle class may starve, and a child that does not end keeps the server's
/// others from beginning. The server never waits for the child, so there is nothing to invert.
pub fn lower_priority() {
    // SAFETY: these take numbers and a live parameter, and concern this process alone. A refusal leaves it as
    // it is; a server that was made idle on purpose has an idle child.
    unsafe {
        if libc::sched_getscheduler(0) != libc::SCHED_IDLE {
            let mut parameter: libc::sched_param = std::mem::zeroed();
            parameter.sched_priority = 0;
            libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameter);
        }
        let present = libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
        if present >= 0 && present >> IOPRIO_CLASS_SHIFT != IOPRIO_CLASS_IDLE {
            let lowest = IOPRIO_CLASS_BEST_EFFORT << IOPRIO_CLASS_SHIFT | IOPRIO_LOWEST_LEVEL;
            libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, lowest);
        }
    }
}

/// In the child: goes behind whoever waits for this processor. Costs a microsecond if nobody does.
pub fn let_others_run() {
    // SAFETY: takes nothing and concerns this thread alone. It has no way to fail on Linux.
    unsafe {
        libc::sched_yield();
    }
}

/// In the child: it ends with its parent, also with one that is killed, and at once if that has happened already.
pub fn end_with_parent(parent: c_int) {
    // On Linux this can't fail.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    // A parent that ended before the call above sends no signal.
    if getppid().as_raw() != parent {
        // SAFETY: ends this process alone: no destructor, no exit handler, no buffer of the parent's is written.
        unsafe { libc::_exit(FAILED) }
    }
}

/// Leaves the child: no destructor, no exit handler, no buffer of the parent's is written.
pub fn exit_from_child(code: i32) -> ! {
    // SAFETY: called in the child only; the server tells its parent and ends the process.
    unsafe {
        api!(RedisModule_ExitFromChild)(code);
        libc::_exit(code)
    }
}

/// What a child ends with that was told to: the server takes its unfinished file away, and counts no failure, for which
/// it would refuse writes to the cache (`SERVER_CHILD_NOERROR_RETVAL`, Redis' `server.h` from 6.2 on).
const GIVEN_UP: i32 = 255;
/// A failure. Of an AOF's rewrite it refuses nothing, and the server tries less and less often.
const FAILED: i32 = 1;

/// Ends a child that the server has forked to save an RDB or to rewrite its AOF.
pub fn give_up_saving(is_aof: bool) -> ! {
    // SAFETY: ends this process alone: no destructor, no exit handler, no buffer of the parent's is written.
    unsafe { libc::_exit(if is_aof { FAILED } else { GIVEN_UP }) }
}

/// Tells the parent how far the child is, 0 to 1. At most once a second: the pipe behind it blocks when full.
pub fn heartbeat(progress: f64) {
    // SAFETY: called in the child only.
    unsafe { api!(RedisModule_SendChildHeartbeat)(progress) }
}

/// Does something in which a write past a file size limit is an error and does not end the process. What of it
/// reached this thread is taken away before the thread's mask is as it was.
pub fn without_size_signal<T>(act: impl FnOnce() -> T) -> T {
    // SAFETY: the sets live on this stack and are made before they are read; the calls concern this thread's mask
    // and its own pending signals alone.
    let before = unsafe {
        let (mut signal, mut before): (libc::sigset_t, libc::sigset_t) =
            (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&raw mut signal);
        libc::sigaddset(&raw mut signal, libc::SIGXFSZ);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signal, &raw mut before);
        before
    };
    let result = act();
    // SAFETY: as above; `before` was filled by the kernel, and the time is on this stack.
    unsafe {
        let mut signal: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut signal);
        libc::sigaddset(&raw mut signal, libc::SIGXFSZ);
        let at_once: libc::timespec = std::mem::zeroed();
        if libc::sigismember(&raw const before, libc::SIGXFSZ) == 0 {
            libc::sigtimedwait(&raw const signal, std::ptr::null_mut(), &raw const at_once);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
    }
    result
}
