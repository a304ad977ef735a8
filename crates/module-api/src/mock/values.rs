//! What the server asks of the values of the module's types, by the callbacks that were registered with the types.

use std::ffi::{c_int, c_ulong, c_void};
use std::ptr::null_mut;

use mylog_core::effect::NEVER;
use mylog_core::value::Kind;
use redis_module::raw;

use super::server::{Server, Value, state};
use super::streams::Stream;
use super::strings;

/// The names that a callback on a key gets.
struct Names {
    db: u32,
    key: *mut raw::RedisModuleString,
}

/// A cycle of the defragmentation comes to a value.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Defragmentation {
    /// Where the last call stopped, and then this one.
    pub cursor: u64,
    /// The server keeps no cursor.
    pub keeps_none: bool,
    /// The value is to be come to again.
    pub goes_on: bool,
    /// Blocks that were moved.
    pub moved: usize,
}

impl Server {
    /// Has a value loaded and puts it under a key of database 0. False if the module refused it.
    pub fn load(&self, kind: Kind, key: &[u8], encoding: i32, from: &Stream) -> bool {
        let number = number_of(kind);
        let Some(load) = method(number, |methods| methods.rdb_load) else {
            return false;
        };
        // SAFETY: the stream is alive during the call.
        let value = unsafe { load(from.raw(), encoding) };
        put(number, key, value)
    }

    /// Has the value of a key written into an RDB.
    pub fn save(&self, key: &[u8], to: &Stream) {
        let (number, value) = value_of(key);
        if let Some(save) = method(number, |methods| methods.rdb_save) {
            // SAFETY: the stream and the value are alive during the call.
            unsafe { save(to.raw(), value) };
        }
    }

    /// Has the value of a key written into an AOF as commands.
    pub fn rewrite(&self, key: &[u8], to: &Stream) {
        let (number, value) = value_of(key);
        let name = strings::new(key);
        if let Some(rewrite) = method(number, |methods| methods.aof_rewrite) {
            // SAFETY: the stream, the name and the value are alive during the call.
            unsafe { rewrite(to.raw(), name, value) };
        }
        // SAFETY: the share is ours.
        unsafe { strings::release(name) };
    }

    /// Has the value of a key added to a digest.
    pub fn digest(&self, key: &[u8], to: &Stream) {
        let (number, value) = value_of(key);
        if let Some(digest) = method(number, |methods| methods.digest) {
            // SAFETY: the digest and the value are alive during the call.
            unsafe { digest(to.raw(), value) };
        }
    }

    /// Memory of the value of a key, and the effort to free it.
    pub fn sizes(&self, key: &[u8]) -> (usize, usize) {
        let (number, value) = value_of(key);
        let usage = method(number, |methods| methods.mem_usage);
        let effort = method(number, |methods| methods.free_effort2);
        // SAFETY: the value is alive during the calls.
        unsafe {
            (
                usage.map_or(0, |usage| usage(value)),
                effort.map_or(0, |effort| effort(null_mut(), value)),
            )
        }
    }

    /// Copies the value of a key. False if the module refused it.
    pub fn copy(&self, key: &[u8], to: &[u8]) -> bool {
        let (number, value) = value_of(key);
        let Some(copy) = method(number, |methods| methods.copy2) else {
            return false;
        };
        // SAFETY: the names and the value are alive during the call.
        let made = with_names(key, |names| unsafe { copy(names, value) });
        put(number, to, made)
    }

    /// Deletes a key: its value is unlinked, and freed.
    pub fn delete(&self, key: &[u8]) {
        let (number, value) = value_of(key);
        if let Some(unlink) = method(number, |methods| methods.unlink2) {
            // SAFETY: the names and the value are alive during the call.
            with_names(key, |names| unsafe { unlink(names, value) });
        }
        state(|state| state.keys.remove(&(0, key.to_vec())));
        if let Some(free) = method(number, |methods| methods.free) {
            // SAFETY: no key has the value any more.
            unsafe { free(value) };
        }
    }

    /// Comes to the value of a key to move its blocks.
    pub fn defragment(&self, key: &[u8], mut cycle: Defragmentation) -> Defragmentation {
        let (number, mut value) = value_of(key);
        let context = (&raw mut cycle).cast::<raw::RedisModuleDefragCtx>();
        if let Some(defrag) = method(number, |methods| methods.defrag) {
            // SAFETY: the context, and the place of the value, are alive during the call.
            cycle.goes_on = unsafe { defrag(context, null_mut(), &mut value) } != 0;
        }
        put(number, key, value);
        cycle
    }

    /// Has what belongs to no key written into an RDB.
    pub fn save_aux(&self, to: &Stream) {
        for save in all_methods().iter().filter_map(|methods| methods.aux_save) {
            // SAFETY: the stream is alive during the call.
            unsafe { save(to.raw(), 1) };
        }
    }

    /// Has what belongs to no key read out of an RDB. False if the module refused it.
    pub fn load_aux(&self, from: &Stream) -> bool {
        let all = all_methods();
        let mut loads = all.iter().filter_map(|methods| methods.aux_load);
        // SAFETY: the stream is alive during the call.
        loads.all(|load| unsafe { load(from.raw(), 0, 1) == 0 })
    }

    /// Buffers that the module was given and has not freed.
    pub fn buffers_alive(&self) -> usize {
        state(|state| state.buffers.len())
    }
}

/// The handle of a kind's type: types are created in the order of the kinds.
fn number_of(kind: Kind) -> usize {
    Kind::ALL
        .iter()
        .position(|&of| of == kind)
        .map_or(0, |place| place + 1)
}

fn all_methods() -> Vec<raw::RedisModuleTypeMethods> {
    state(|state| state.types.clone())
}

/// One of the callbacks of a type.
fn method<M>(number: usize, pick: impl FnOnce(raw::RedisModuleTypeMethods) -> Option<M>) -> Option<M> {
    let place = number.checked_sub(1)?;
    all_methods().get(place).copied().and_then(pick)
}

/// Type and value of a key of the module's.
fn value_of(key: &[u8]) -> (usize, *mut c_void) {
    let found = state(|state| state.keys.get(&(0, key.to_vec())).and_then(|value| value.word));
    let (number, word) = found.unwrap_or_default();
    (number, word as *mut c_void)
}

/// Puts a value under a key. False for none.
fn put(number: usize, key: &[u8], value: *mut c_void) -> bool {
    if value.is_null() {
        return false;
    }
    let value = Value {
        word: Some((number, value as usize)),
        expire_at: NEVER,
    };
    state(|state| state.keys.insert((0, key.to_vec()), value));
    true
}

fn with_names<R>(key: &[u8], f: impl FnOnce(*mut raw::RedisModuleKeyOptCtx) -> R) -> R {
    let mut names = Names {
        db: 0,
        key: strings::new(key),
    };
    let done = f((&raw mut names).cast());
    // SAFETY: the share is ours.
    unsafe { strings::release(names.key) };
    done
}

// SAFETY: of this and all below: only the API's wrappers call it, with what the C API wants.
unsafe extern "C" fn db_of_names(names: *mut raw::RedisModuleKeyOptCtx) -> c_int {
    // SAFETY: as above.
    unsafe { (*names.cast::<Names>()).db as c_int }
}

unsafe extern "C" fn key_of_names(names: *mut raw::RedisModuleKeyOptCtx) -> *const raw::RedisModuleString {
    // SAFETY: as above.
    unsafe { (*names.cast::<Names>()).key }
}

unsafe extern "C" fn cursor(context: *mut raw::RedisModuleDefragCtx, cursor: *mut c_ulong) -> c_int {
    // SAFETY: as above; the place for the cursor is the caller's.
    unsafe {
        let cycle = &*context.cast::<Defragmentation>();
        *cursor = cycle.cursor;
        c_int::from(cycle.keeps_none || cycle.cursor == 0)
    }
}

unsafe extern "C" fn set_cursor(context: *mut raw::RedisModuleDefragCtx, cursor: c_ulong) -> c_int {
    // SAFETY: as above.
    let cycle = unsafe { &mut *context.cast::<Defragmentation>() };
    if !cycle.keeps_none {
        cycle.cursor = cursor;
    }
    c_int::from(cycle.keeps_none)
}

/// Moves each block: its owner has to follow.
unsafe extern "C" fn moved(context: *mut raw::RedisModuleDefragCtx, block: *mut c_void) -> *mut c_void {
    // SAFETY: as above; the block is one of malloc's, as all are of Rust's allocator that need no further alignment.
    unsafe {
        let size = libc::malloc_usable_size(block);
        let new = libc::malloc(size);
        std::ptr::copy_nonoverlapping(block.cast::<u8>(), new.cast::<u8>(), size);
        libc::free(block);
        (*context.cast::<Defragmentation>()).moved += 1;
        new
    }
}

unsafe extern "C" fn never_stops(_context: *mut raw::RedisModuleDefragCtx) -> c_int {
    0
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_GetDbIdFromOptCtx = Some(db_of_names);
        raw::RedisModule_GetKeyNameFromOptCtx = Some(key_of_names);
        raw::RedisModule_DefragCursorGet = Some(cursor);
        raw::RedisModule_DefragCursorSet = Some(set_cursor);
        raw::RedisModule_DefragAlloc = Some(moved);
        raw::RedisModule_DefragShouldStop = Some(never_stops);
    }
}
