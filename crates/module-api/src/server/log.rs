//! The server's log. The text is never the format: a `%` of a key would be read as one.

use std::ffi::{CStr, CString};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use redis_module::raw;

use crate::{Ctx, later};

/// A context that lives for ever and carries the module, so that the lines name it.
static CONTEXT: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(null_mut());

/// Gives the lines the module's name. Called once, in OnLoad.
pub fn attach(ctx: Ctx<'static>) {
    CONTEXT.store(ctx.raw(), Ordering::Release);
}

/// Something an operator has to know.
pub fn warning(text: &str) {
    write(c"warning", text);
}

/// Something that happens a few times a day.
pub fn notice(text: &str) {
    write(c"notice", text);
}

fn write(level: &CStr, text: &str) {
    // The line ends at a NUL for the server: it is shown instead.
    let text = CString::new(text)
        .or_else(|_| CString::new(text.replace('\0', "\\0")))
        .unwrap_or_default();
    if let Some(log) = later!(RedisModule_Log) {
        // SAFETY: the context is null or lives for ever, the strings end with NUL and outlive the call, and
        // the format takes one string. The server allows the call from any thread.
        unsafe {
            log(
                CONTEXT.load(Ordering::Acquire),
                level.as_ptr(),
                c"%s".as_ptr(),
                text.as_ptr(),
            )
        }
    }
}
