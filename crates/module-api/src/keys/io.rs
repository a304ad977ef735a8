//! What a type's callbacks read and write: RDB, AOF rewrite, digest, and the names that go with them.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::slice;

use mylog_core::effect::Db;
use redis_module::raw;

use crate::api;

/// The stream of an RDB or AOF callback.
#[derive(Clone, Copy)]
pub struct Io<'c> {
    raw: *mut raw::RedisModuleIO,
    scope: PhantomData<&'c ()>,
}

/// Bytes that the server allocated for us.
pub struct Buffer {
    start: *mut u8,
    len: usize,
}

impl Buffer {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the server gave `len` bytes at `start`, which nobody else has; `drop` ends that.
        unsafe { slice::from_raw_parts(self.start, self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated by the server's allocator, freed once.
        unsafe { api!(RedisModule_Free)(self.start.cast()) }
    }
}

impl<'c> Io<'c> {
    /// Wraps what the server handed to a callback.
    ///
    /// # Safety
    /// `raw` is the stream of the running callback, alive for `'c`.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleIO) -> Self {
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// Writes a number into an RDB.
    pub fn save_number(self, value: u64) {
        // SAFETY: the stream is alive and an RDB being written.
        unsafe { api!(RedisModule_SaveUnsigned)(self.raw, value) }
    }

    /// Writes bytes into an RDB.
    pub fn save_bytes(self, bytes: &[u8]) {
        // SAFETY: as in `save_number`; the bytes are copied before the call returns.
        unsafe { api!(RedisModule_SaveStringBuffer)(self.raw, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Reads a number out of an RDB; `None` if there is none, or the stream has ended.
    pub fn load_number(self) -> Option<u64> {
        // SAFETY: the stream is alive and an RDB being read.
        let number = unsafe { api!(RedisModule_LoadUnsigned)(self.raw) };
        // What could not be read reads as 0.
        (!self.failed()).then_some(number)
    }

    /// Reads bytes out of an RDB; `None` if there are none, or not as many as they claim to be.
    pub fn load_bytes(self) -> Option<Buffer> {
        let mut len = 0;
        // SAFETY: as in `load_number`; `len` is written by the call.
        let start = unsafe { api!(RedisModule_LoadStringBuffer)(self.raw, &mut len) };
        let buffer = (!start.is_null()).then(|| Buffer {
            start: start.cast(),
            len,
        });
        buffer.filter(|_| !self.failed())
    }

    /// True once the stream had an error: the module has told the server that it asks, so the server does not end
    /// itself.
    pub fn failed(self) -> bool {
        // SAFETY: the stream is alive.
        unsafe { api!(RedisModule_IsIOError)(self.raw) != 0 }
    }

    /// Appends a command of byte strings to an AOF being rewritten. `format` has one `b` for each.
    fn emit(self, command: &CStr, format: &CStr, args: &[&[u8]]) {
        let emit = api!(RedisModule_EmitAOF);
        let (command, format) = (command.as_ptr(), format.as_ptr());
        // SAFETY: the stream is alive and an AOF; every `b` of the format takes a pointer and a length, and
        // there are as many of them as bytes strings.
        unsafe {
            match *args {
                [a, b] => emit(
                    self.raw,
                    command,
                    format,
                    a.as_ptr(),
                    a.len(),
                    b.as_ptr(),
                    b.len(),
                ),
                [a, b, c] => {
                    let (a, b, c) = (
                        (a.as_ptr(), a.len()),
                        (b.as_ptr(), b.len()),
                        (c.as_ptr(), c.len()),
                    );
                    emit(self.raw, command, format, a.0, a.1, b.0, b.1, c.0, c.1)
                }
                _ => {}
            }
        }
    }

    /// Appends `command a b`.
    pub fn emit_two(self, command: &CStr, a: &[u8], b: &[u8]) {
        self.emit(command, c"bb", &[a, b]);
    }

    /// Appends `command a b c`.
    pub fn emit_three(self, command: &CStr, a: &[u8], b: &[u8], c: &[u8]) {
        self.emit(command, c"bbb", &[a, b, c]);
    }
}

/// The state of `DEBUG DIGEST`.
#[derive(Clone, Copy)]
pub struct Digest<'c> {
    raw: *mut raw::RedisModuleDigest,
    scope: PhantomData<&'c ()>,
}

impl Digest<'_> {
    /// # Safety
    /// `raw` is the state of the running digest callback, alive for the lifetime.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleDigest) -> Self {
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// Adds bytes to the present element.
    pub fn add(self, bytes: &[u8]) {
        // SAFETY: the state is alive; the bytes are only read.
        unsafe { api!(RedisModule_DigestAddStringBuffer)(self.raw, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Ends an element. The order of elements does not count.
    pub fn end_element(self) {
        // SAFETY: the state is alive.
        unsafe { api!(RedisModule_DigestEndSequence)(self.raw) }
    }
}

/// The names that a callback on a key gets.
#[derive(Clone, Copy)]
pub struct KeyNames<'c> {
    raw: *mut raw::RedisModuleKeyOptCtx,
    scope: PhantomData<&'c ()>,
}

impl<'c> KeyNames<'c> {
    /// # Safety
    /// `raw` is what the server handed to the running callback, alive for `'c`.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleKeyOptCtx) -> Self {
        Self {
            raw,
            scope: PhantomData,
        }
    }

    /// The key's database.
    pub fn db(self) -> Db {
        // SAFETY: the names are alive.
        Db::try_from(unsafe { api!(RedisModule_GetDbIdFromOptCtx)(self.raw) }).unwrap_or(0)
    }

    /// The key; empty where the server does not tell it.
    pub fn key(self) -> &'c [u8] {
        // SAFETY: the names are alive; the string lives as long as they do.
        unsafe {
            let name = api!(RedisModule_GetKeyNameFromOptCtx)(self.raw);
            if name.is_null() {
                return &[];
            }
            let mut len = 0;
            let start = api!(RedisModule_StringPtrLen)(name, &mut len);
            slice::from_raw_parts(start.cast(), len)
        }
    }
}
