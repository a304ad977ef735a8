//! Settings of the server that commands go by. Each is asked for once, when a command of ours first runs, and again when
//! it was changed: a question is a CONFIG GET in the server's statistics and slow log, where nobody who only has the module
//! loaded expects one. Before that they are what a server has by default, or nothing is done that depends on them.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::commands::reply;
use crate::context::Ctx;
use crate::own_context::own_context;

static LATENCY_THRESHOLD_MS: AtomicI64 = AtomicI64::new(0);
static IO_THREADS: AtomicI64 = AtomicI64::new(0);
static IDLE_TIMEOUT_S: AtomicI64 = AtomicI64::new(0);
static KEEPS_AOF: AtomicI64 = AtomicI64::new(0);
static SYNCS_AOF_ALWAYS: AtomicI64 = AtomicI64::new(0);
static TLS_PORT: AtomicI64 = AtomicI64::new(0);
static LONGEST_STRING: AtomicI64 = AtomicI64::new(512 << 20);

/// Their names in the server.
static ALL: [(&CStr, &AtomicI64); 7] = [
    (c"latency-monitor-threshold", &LATENCY_THRESHOLD_MS),
    (c"proto-max-bulk-len", &LONGEST_STRING),
    (c"io-threads", &IO_THREADS),
    (c"timeout", &IDLE_TIMEOUT_S),
    (c"appendonly", &KEEPS_AOF),
    (c"appendfsync", &SYNCS_AOF_ALWAYS),
    (c"tls-port", &TLS_PORT),
];

/// They were asked for.
static KNOWN: AtomicBool = AtomicBool::new(false);
/// Asks for them, unless they are known. Whoever goes by one has called this before: each of our commands does.
pub fn need() {
    if !KNOWN.load(Ordering::Relaxed) {
        if let Some(ctx) = own_context() {
            KNOWN.store(true, Ordering::Relaxed);
            ALL.iter().for_each(|(name, setting)| ask(ctx, name, setting));
            reply::prepare(ctx);
        }
    }
}

/// Settings of these names have changed.
pub fn changed<'n>(names: impl Iterator<Item = &'n CStr>) {
    let Some(ctx) = own_context().filter(|_| KNOWN.load(Ordering::Relaxed)) else {
        return;
    };
    for changed in names {
        if let Some((name, setting)) = ALL.iter().find(|(name, _)| *name == changed) {
            ask(ctx, name, setting);
        }
    }
}

fn ask(ctx: Ctx<'_>, name: &CStr, setting: &AtomicI64) {
    if let Some(value) = read(ctx, name) {
        setting.store(value, Ordering::Relaxed);
    }
}

/// The server's `latency-monitor-threshold` in ms; 0 while the monitor is off.
pub(crate) fn latency_threshold_ms() -> i64 {
    LATENCY_THRESHOLD_MS.load(Ordering::Relaxed)
}

/// True if clients may speak TLS with the server.
pub fn is_tls_on() -> bool {
    TLS_PORT.load(Ordering::Relaxed) > 0
}

/// The server's `proto-max-bulk-len`: the longest string that a command may make.
pub fn longest_string() -> usize {
    usize::try_from(LONGEST_STRING.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
}

/// The server's `io-threads`; 0 if it does not tell.
pub fn io_threads() -> i64 {
    IO_THREADS.load(Ordering::Relaxed)
}

/// True if commands may run at the beginning of `beforeSleep`, behind the last timer and before the server answers those whom a
/// module has unblocked: what a thread has read, or what TLS has decrypted (`server.c`, Redis 7.0 to 8.6, Valkey 8.0 to 9.1).
pub fn may_run_commands_before_sleep() -> bool {
    io_threads() != 1 || is_tls_on()
}

/// The server's `timeout`: seconds behind which a client that says nothing is closed; 0 for none.
pub fn idle_timeout_s() -> i64 {
    IDLE_TIMEOUT_S.load(Ordering::Relaxed)
}

/// True if the server's `appendonly` is `yes`.
pub fn keeps_aof() -> bool {
    KEEPS_AOF.load(Ordering::Relaxed) > 0
}

/// True if the server's `appendfsync` is `always`.
pub fn syncs_aof_always() -> bool {
    SYNCS_AOF_ALWAYS.load(Ordering::Relaxed) > 0
}

/// What a setting is now; `None` if the server does not tell.
pub fn text(name: &CStr) -> Option<Vec<u8>> {
    answer(own_context()?, name)
}

/// A setting as a number; `None` if the server does not tell, with CONFIG renamed away for example.
fn read(ctx: Ctx<'_>, name: &CStr) -> Option<i64> {
    match answer(ctx, name)?.as_slice() {
        b"yes" | b"always" => Some(1),
        b"no" | b"everysec" => Some(0),
        number => std::str::from_utf8(number).ok()?.parse().ok(),
    }
}

fn answer(ctx: Ctx<'_>, name: &CStr) -> Option<Vec<u8>> {
    let reply = ctx.call(c"CONFIG", "", &[b"GET", name.to_bytes()])?;
    Some(reply.element(1)?.bytes().to_vec())
}
