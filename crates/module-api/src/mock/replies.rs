//! What a command answers.

use std::ffi::{CStr, c_char, c_double, c_int, c_long, c_longlong};

use redis_module::raw;

use super::contexts::{self, Context};
use super::reply::Reply;

impl Context<'_> {
    /// What was answered so far.
    pub fn replies(&self) -> Vec<Reply> {
        self.with(|state| state.replies.borrow().clone())
    }
}

/// Notes a piece of a reply. Returns REDISMODULE_OK.
///
/// # Safety
/// `ctx` is a context of this server.
pub(super) unsafe fn note(ctx: *mut raw::RedisModuleCtx, reply: Reply) -> c_int {
    // SAFETY: contract of this function.
    unsafe { contexts::state(ctx) }.replies.borrow_mut().push(reply);
    0
}

/// # Safety
/// `text` ends with NUL.
unsafe fn text(text: *const c_char) -> String {
    // SAFETY: contract of this function.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

// SAFETY: of this and all below: only the API's wrappers call it, with a context of this server and what the C API wants.
unsafe extern "C" fn int(ctx: *mut raw::RedisModuleCtx, value: c_longlong) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::Int(value)) }
}

unsafe extern "C" fn simple(ctx: *mut raw::RedisModuleCtx, line: *const c_char) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::Simple(text(line))) }
}

unsafe extern "C" fn error(ctx: *mut raw::RedisModuleCtx, line: *const c_char) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::Error(text(line))) }
}

unsafe extern "C" fn bulk(ctx: *mut raw::RedisModuleCtx, bytes: *const c_char, len: usize) -> c_int {
    // SAFETY: as above.
    unsafe {
        let bytes = std::slice::from_raw_parts(bytes.cast(), len);
        note(ctx, Reply::Bulk(bytes.to_vec()))
    }
}

unsafe extern "C" fn null(ctx: *mut raw::RedisModuleCtx) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::Null) }
}

unsafe extern "C" fn null_array(ctx: *mut raw::RedisModuleCtx) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::NullArray) }
}

unsafe extern "C" fn double(ctx: *mut raw::RedisModuleCtx, value: c_double) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::Double(value)) }
}

unsafe extern "C" fn array(ctx: *mut raw::RedisModuleCtx, len: c_long) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::Array(len)) }
}

unsafe extern "C" fn map(ctx: *mut raw::RedisModuleCtx, len: c_long) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::Map(len)) }
}

unsafe extern "C" fn set(ctx: *mut raw::RedisModuleCtx, len: c_long) -> c_int {
    // SAFETY: as above.
    unsafe { note(ctx, Reply::Set(len)) }
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_ReplyWithLongLong = Some(int);
        raw::RedisModule_ReplyWithSimpleString = Some(simple);
        raw::RedisModule_ReplyWithError = Some(error);
        raw::RedisModule_ReplyWithStringBuffer = Some(bulk);
        raw::RedisModule_ReplyWithNull = Some(null);
        raw::RedisModule_ReplyWithNullArray = Some(null_array);
        raw::RedisModule_ReplyWithDouble = Some(double);
        raw::RedisModule_ReplyWithArray = Some(array);
        raw::RedisModule_ReplyWithMap = Some(map);
        raw::RedisModule_ReplyWithSet = Some(set);
    }
}
