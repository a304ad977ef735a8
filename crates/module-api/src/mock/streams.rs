//! What the callbacks of a type write and read: an RDB, an AOF that is rewritten, a digest.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{null_mut, slice_from_raw_parts};

use redis_module::raw;

use super::server::state;

/// A piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A number of an RDB.
    Number(u64),
    /// Bytes of an RDB, or of a digest.
    Bytes(Vec<u8>),
    /// A command of an AOF.
    Command(Vec<Vec<u8>>),
    /// An element of a digest ends.
    End,
}

/// A stream: what is written is read in the same order. It fails at its end, and where something else is read than it has.
#[derive(Default)]
pub struct Stream {
    pieces: RefCell<VecDeque<Piece>>,
    failed: Cell<bool>,
}

impl Stream {
    /// A stream of these pieces.
    pub fn of(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self {
            pieces: RefCell::new(pieces.into_iter().collect()),
            failed: Cell::new(false),
        }
    }

    /// The pieces that were written and not read.
    pub fn pieces(&self) -> Vec<Piece> {
        self.pieces.borrow().iter().cloned().collect()
    }

    /// The stream as the module gets it.
    pub(super) fn raw<T>(&self) -> *mut T {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

/// # Safety
/// `raw` came from `Stream::raw`, of a stream that is alive for the lifetime chosen.
unsafe fn stream<'s, T>(raw: *mut T) -> &'s Stream {
    // SAFETY: contract of this function.
    unsafe { &*raw.cast::<Stream>() }
}

/// # Safety
/// As for `stream`.
unsafe fn write<T>(raw: *mut T, piece: Piece) {
    // SAFETY: contract of this function.
    unsafe { stream(raw) }.pieces.borrow_mut().push_back(piece);
}

/// # Safety
/// `start` has `len` bytes.
unsafe fn bytes(start: *const c_char, len: usize) -> Vec<u8> {
    // SAFETY: contract of this function.
    unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) }.to_vec()
}

// SAFETY: of this and all below: only the API's wrappers call it, with what the C API wants.
unsafe extern "C" fn save_number(io: *mut raw::RedisModuleIO, number: u64) {
    // SAFETY: as above.
    unsafe { write(io, Piece::Number(number)) };
}

unsafe extern "C" fn save_bytes(io: *mut raw::RedisModuleIO, start: *const c_char, len: usize) {
    // SAFETY: as above.
    unsafe { write(io, Piece::Bytes(bytes(start, len))) };
}

unsafe extern "C" fn load_number(io: *mut raw::RedisModuleIO) -> u64 {
    // SAFETY: as above.
    let stream = unsafe { stream(io) };
    match stream.pieces.borrow_mut().pop_front() {
        Some(Piece::Number(number)) => number,
        _ => {
            stream.failed.set(true);
            0
        }
    }
}

unsafe extern "C" fn load_bytes(io: *mut raw::RedisModuleIO, len: *mut usize) -> *mut c_char {
    // SAFETY: as above.
    let stream = unsafe { stream(io) };
    let Some(Piece::Bytes(bytes)) = stream.pieces.borrow_mut().pop_front() else {
        stream.failed.set(true);
        return null_mut();
    };
    state(|state| state.buffers.push(bytes));
    // Where the buffer's bytes lie does not change when the list of buffers does.
    let place = state(|state| state.buffers.last().map(|bytes| (bytes.as_ptr(), bytes.len())));
    let (start, found) = place.unwrap_or((std::ptr::null(), 0));
    // SAFETY: as above; the place for the length is the caller's.
    unsafe { *len = found };
    start.cast_mut().cast()
}

unsafe extern "C" fn failed(io: *mut raw::RedisModuleIO) -> c_int {
    // SAFETY: as above.
    c_int::from(unsafe { stream(io) }.failed.get())
}

unsafe extern "C" fn free(buffer: *mut c_void) {
    state(|state| {
        let place = state
            .buffers
            .iter()
            .position(|bytes| bytes.as_ptr() == buffer.cast());
        place.map(|place| state.buffers.swap_remove(place))
    });
}

/// A pointer and a length as they stand in an argument list.
type Emit = unsafe extern "C" fn(
    *mut raw::RedisModuleIO,
    *const c_char,
    *const c_char,
    *const u8,
    usize,
    *const u8,
    usize,
    *const u8,
    usize,
);
type VariadicEmit = unsafe extern "C" fn(*mut raw::RedisModuleIO, *const c_char, *const c_char, ...);

unsafe extern "C" fn emit(
    io: *mut raw::RedisModuleIO,
    command: *const c_char,
    format: *const c_char,
    a: *const u8,
    a_len: usize,
    b: *const u8,
    b_len: usize,
    c: *const u8,
    c_len: usize,
) {
    let args = [(a, a_len), (b, b_len), (c, c_len)];
    // SAFETY: as above; the format has a letter for each argument that was given, and no other is followed.
    unsafe {
        let given = CStr::from_ptr(format).count_bytes();
        let name = CStr::from_ptr(command).to_bytes().to_vec();
        let args = args.iter().take(given);
        let args = args.map(|&(start, len)| (*slice_from_raw_parts(start, len)).to_vec());
        write(io, Piece::Command(std::iter::once(name).chain(args).collect()));
    }
}

unsafe extern "C" fn digest_bytes(digest: *mut raw::RedisModuleDigest, start: *const c_char, len: usize) {
    // SAFETY: as above.
    unsafe { write(digest, Piece::Bytes(bytes(start, len))) };
}

unsafe extern "C" fn digest_end(digest: *mut raw::RedisModuleDigest) {
    // SAFETY: as above.
    unsafe { write(digest, Piece::End) };
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock. On Linux, for x86-64 and arm64, a variadic function gets a pointer
    // and a size_t as another one does.
    unsafe {
        raw::RedisModule_SaveUnsigned = Some(save_number);
        raw::RedisModule_SaveStringBuffer = Some(save_bytes);
        raw::RedisModule_LoadUnsigned = Some(load_number);
        raw::RedisModule_LoadStringBuffer = Some(load_bytes);
        raw::RedisModule_IsIOError = Some(failed);
        raw::RedisModule_Free = Some(free);
        raw::RedisModule_EmitAOF = Some(std::mem::transmute::<Emit, VariadicEmit>(emit));
        raw::RedisModule_DigestAddStringBuffer = Some(digest_bytes);
        raw::RedisModule_DigestEndSequence = Some(digest_end);
    }
}
