//! Strings, counted.

use std::cell::Cell;
use std::ffi::{c_char, c_int};

use redis_module::raw;

use super::server::{Server, state};

/// A string.
struct Text {
    bytes: Vec<u8>,
    shares: Cell<usize>,
}

impl Server {
    /// How many strings were made since the start and not given back.
    pub fn strings_alive(&self) -> usize {
        state(|state| state.strings)
    }
}

/// A string with one share, the caller's.
pub(super) fn new(bytes: &[u8]) -> *mut raw::RedisModuleString {
    state(|state| state.strings += 1);
    let text = Text {
        bytes: bytes.to_vec(),
        shares: Cell::new(1),
    };
    Box::into_raw(Box::new(text)).cast()
}

/// The string behind a pointer.
///
/// # Safety
/// `string` came from `new` and has a share left for the lifetime chosen.
unsafe fn text<'s>(string: *const raw::RedisModuleString) -> &'s Text {
    // SAFETY: contract of this function.
    unsafe { &*string.cast::<Text>() }
}

/// Its bytes.
///
/// # Safety
/// As for `text`.
pub(super) unsafe fn bytes<'s>(string: *const raw::RedisModuleString) -> &'s [u8] {
    // SAFETY: contract of this function.
    unsafe { &text(string).bytes }
}

/// Gives a share back.
///
/// # Safety
/// `string` came from `new`, and the share is the caller's.
pub(super) unsafe fn release(string: *mut raw::RedisModuleString) {
    // SAFETY: contract of this function; with the last share the box is ours alone.
    unsafe {
        let shares = &text(string).shares;
        shares.set(shares.get() - 1);
        if shares.get() == 0 {
            // One that was made before the start is not counted.
            state(|state| state.strings = state.strings.saturating_sub(1));
            drop(Box::from_raw(string.cast::<Text>()));
        }
    }
}

// SAFETY: only the API's wrappers call it, with a string of this server.
unsafe extern "C" fn string_ptr_len(string: *const raw::RedisModuleString, len: *mut usize) -> *const c_char {
    // SAFETY: as above; the length is the caller's.
    unsafe {
        let bytes = bytes(string);
        *len = bytes.len();
        bytes.as_ptr().cast()
    }
}

// SAFETY: only the API's wrappers call it, with bytes that are alive.
unsafe extern "C" fn create_string(
    _ctx: *mut raw::RedisModuleCtx,
    bytes: *const c_char,
    len: usize,
) -> *mut raw::RedisModuleString {
    // SAFETY: as above.
    new(unsafe { std::slice::from_raw_parts(bytes.cast(), len) })
}

// SAFETY: only the API's wrappers call it, with a string of this server.
unsafe extern "C" fn retain_string(_ctx: *mut raw::RedisModuleCtx, string: *mut raw::RedisModuleString) {
    // SAFETY: as above.
    let shares = unsafe { &text(string).shares };
    shares.set(shares.get() + 1);
}

// SAFETY: only the API's wrappers call it, with a share of a string of this server.
unsafe extern "C" fn free_string(_ctx: *mut raw::RedisModuleCtx, string: *mut raw::RedisModuleString) {
    // SAFETY: as above.
    unsafe { release(string) };
}

// SAFETY: only the API's wrappers call it, with a string of this server.
unsafe extern "C" fn string_to_double(string: *const raw::RedisModuleString, value: *mut f64) -> c_int {
    // SAFETY: as above; the place for the value is the caller's.
    unsafe {
        match std::str::from_utf8(bytes(string))
            .ok()
            .and_then(|text| text.parse().ok())
        {
            Some(number) => *value = number,
            None => return 1,
        }
    }
    0
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_StringPtrLen = Some(string_ptr_len);
        raw::RedisModule_CreateString = Some(create_string);
        raw::RedisModule_RetainString = Some(retain_string);
        raw::RedisModule_FreeString = Some(free_string);
        raw::RedisModule_StringToDouble = Some(string_to_double);
    }
}
