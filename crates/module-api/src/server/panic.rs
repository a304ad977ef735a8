//! Where a panic goes: its message and place into the server's log, then the end of the process.
//!
//! The release profile aborts on a panic, so the hook is the last code that runs. In the rewrite child it
//! leaves the way a child must: an abort there would look like a crash of the server.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::{log, process};

static IN_CHILD: AtomicBool = AtomicBool::new(false);

/// What a child that panicked reports to its parent.
pub const PANIC_EXIT_CODE: i32 = 101;

/// From here on this process is the rewrite child.
pub fn set_in_child() {
    IN_CHILD.store(true, Ordering::Relaxed);
}

/// Installs the hook. Called once, in OnLoad.
pub fn install() {
    std::panic::set_hook(Box::new(report));
}

fn report(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = info
        .location()
        .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    log::warning(&format!("panic{place}: {message}"));
    if IN_CHILD.load(Ordering::Relaxed) {
        process::exit_from_child(PANIC_EXIT_CODE);
    }
}
