//! The module's data types as the server knows them: their handles, and the callbacks by which the server asks for what a
//! [`DataType`] says of its values.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use mylog_core::relocate::Relocate;
use mylog_core::value::Kind;
use redis_module::raw;

use super::defrag::Mover;
use super::io::{Digest, Io, KeyNames};
use super::value_handle::{self, ValueHandle};
use crate::{Ctx, Refused, Str, api};

/// The server's handle for each of `Kind::ALL`, in that order; null until created.
static TYPES: [AtomicPtr<raw::RedisModuleType>; Kind::ALL.len()] =
    [const { AtomicPtr::new(null_mut()) }; Kind::ALL.len()];

/// What the server asks of the values of the module's types. The server calls under its global lock, in a child of its own, or, to
/// free a value, on any thread.
pub trait DataType {
    /// What an RDB, RESTORE or COPY brings for a key, before it has its number. The keyspace owns it.
    type Unnamed: Send + 'static;

    /// Encoding of the values in an RDB that is written now.
    const ENCODING: i32;

    /// The type's name, of nine characters.
    fn name(kind: Kind) -> &'static CStr;

    /// Reads a value out of an RDB or a RESTORE; with `None` the server refuses the file, or the command.
    fn load(io: Io<'_>, kind: Kind, encoding: i32) -> Option<Self::Unnamed>;

    /// Writes a value into an RDB.
    fn save(io: Io<'_>, value: ValueHandle);

    /// Appends the commands that make the value to an AOF that is rewritten.
    fn emit(io: Io<'_>, key: &[u8], value: ValueHandle);

    /// Bytes of memory that a value uses.
    fn memory(value: ValueHandle) -> usize;

    /// Adds a value to a digest.
    fn digest(state: Digest<'_>, value: ValueHandle);

    /// Frees what the keyspace does not contain any more. On any thread.
    fn free(value: Self::Unnamed);

    /// How much work it is to free a value, and to move its blocks.
    fn free_effort(value: ValueHandle) -> usize;

    /// A key is about to lose its value.
    fn unlink(names: KeyNames<'_>, value: ValueHandle);

    /// The copy of a value for COPY; with `None` the command fails.
    fn copy(names: KeyNames<'_>, value: ValueHandle) -> Option<Self::Unnamed>;

    /// Moves the blocks of the value that a number stands for, from the mover's cursor on. Where it stops; 0 if it is done.
    fn relocate(number: u64, mover: &mut Mover<'_>) -> u64;

    /// The same for a value without a number, whose own block is moved.
    fn relocate_unnamed(value: &mut Self::Unnamed, mover: &mut Mover<'_>) -> u64;

    /// Writes into an RDB, before the keys, what belongs to no key.
    fn aux_save(io: Io<'_>);

    /// Reads what `aux_save` has written. With false the server refuses the RDB.
    fn aux_load(io: Io<'_>) -> bool;
}

/// Creates a type for each of `Kind::ALL`. In OnLoad only.
pub fn register<T: DataType>(ctx: Ctx<'_>) -> Result<(), Refused> {
    let refused = Refused {
        call: "RedisModule_CreateDataType",
    };
    if !value_handle::all_boxes_contain::<T::Unnamed>() {
        return Err(refused);
    }
    type Load = unsafe extern "C" fn(*mut raw::RedisModuleIO, c_int) -> *mut c_void;
    let loads: [Load; Kind::ALL.len()] = [
        load::<T, 0>,
        load::<T, 1>,
        load::<T, 2>,
        load::<T, 3>,
        load::<T, 4>,
    ];
    let types = TYPES.iter().zip(Kind::ALL).zip(loads);
    types.enumerate().try_for_each(|(place, ((slot, kind), load))| {
        // What belongs to no key is one type's.
        let mut methods = methods::<T>(load, place == 0);
        let name = T::name(kind).as_ptr();
        // SAFETY: the context is alive, the name ends with NUL, and the server copies the methods.
        let created = unsafe { api!(RedisModule_CreateDataType)(ctx.raw(), name, T::ENCODING, &mut methods) };
        slot.store(created, Ordering::Relaxed);
        if created.is_null() { Err(refused) } else { Ok(()) }
    })
}

fn methods<T: DataType>(
    load: unsafe extern "C" fn(*mut raw::RedisModuleIO, c_int) -> *mut c_void,
    aux: bool,
) -> raw::RedisModuleTypeMethods {
    raw::RedisModuleTypeMethods {
        version: u64::from(raw::REDISMODULE_TYPE_METHOD_VERSION),
        rdb_load: Some(load),
        rdb_save: Some(save::<T>),
        aof_rewrite: Some(emit::<T>),
        mem_usage: Some(memory::<T>),
        digest: Some(digest::<T>),
        free: Some(free::<T>),
        aux_load: if aux { Some(aux_load::<T>) } else { None },
        aux_save: if aux { Some(aux_save::<T>) } else { None },
        aux_save_triggers: if aux {
            raw::REDISMODULE_AUX_BEFORE_RDB as c_int
        } else {
            0
        },
        free_effort: None,
        unlink: None,
        copy: None,
        defrag: Some(relocate::<T>),
        mem_usage2: None,
        free_effort2: Some(free_effort::<T>),
        unlink2: Some(unlink::<T>),
        copy2: Some(copy::<T>),
        aux_save2: if aux { Some(aux_save::<T>) } else { None },
    }
}

/// The server's handle for a kind.
pub(crate) fn of(kind: Kind) -> *mut raw::RedisModuleType {
    let place = Kind::ALL.iter().position(|&of| of == kind);
    place
        .and_then(|place| TYPES.get(place))
        .map_or(null_mut(), |slot| slot.load(Ordering::Relaxed))
}

/// The kind of a handle; `None` if the type is not ours.
pub(crate) fn kind_of(handle: *mut raw::RedisModuleType) -> Option<Kind> {
    let place = TYPES
        .iter()
        .position(|slot| slot.load(Ordering::Relaxed) == handle)?;
    Kind::ALL.get(place).copied().filter(|_| !handle.is_null())
}

/// A value for the server; null makes it refuse the RDB or the command.
fn given<T: DataType>(value: Option<T::Unnamed>) -> *mut c_void {
    value.map_or(null_mut(), |value| ValueHandle::of_box(Box::new(value)).raw())
}

// SAFETY: only the server calls it: with a stream that is alive during the call.
unsafe extern "C" fn load<T: DataType, const PLACE: usize>(
    io: *mut raw::RedisModuleIO,
    encoding: c_int,
) -> *mut c_void {
    // SAFETY: the server hands the stream of this callback.
    let io = unsafe { Io::from_raw(io) };
    let kind = Kind::ALL.get(PLACE);
    given::<T>(kind.and_then(|&kind| T::load(io, kind, encoding)))
}

// SAFETY: only the server calls it: with a stream and the value of a key, both alive during the call.
unsafe extern "C" fn save<T: DataType>(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: the server hands the stream and a value of this callback.
    let (io, value) = unsafe { (Io::from_raw(io), ValueHandle::from_raw(value)) };
    T::save(io, value);
}

// SAFETY: only the server calls it: with a stream, a key and its value, all alive during the call.
unsafe extern "C" fn emit<T: DataType>(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: the server hands the stream, the key and the value of this callback.
    let (io, key, value) = unsafe { (Io::from_raw(io), Str::from_raw(key), ValueHandle::from_raw(value)) };
    T::emit(io, key.bytes(), value);
}

// SAFETY: only the server calls it: with the value of a key, alive during the call.
unsafe extern "C" fn memory<T: DataType>(value: *const c_void) -> usize {
    // SAFETY: the server hands a value of this callback.
    T::memory(unsafe { ValueHandle::from_raw(value) })
}

// SAFETY: only the server calls it: with a digest and the value of a key, both alive during the call.
unsafe extern "C" fn digest<T: DataType>(state: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: the server hands the state and the value of this callback.
    let (state, value) = unsafe { (Digest::from_raw(state), ValueHandle::from_raw(value)) };
    T::digest(state, value);
}

// SAFETY: only the server calls it: with a value that no key has any more, once.
unsafe extern "C" fn free<T: DataType>(value: *mut c_void) {
    // SAFETY: the value is no key's any more, and the server does not use it after this call.
    if let Some(value) = unsafe { ValueHandle::from_raw(value).take::<T::Unnamed>() } {
        T::free(*value);
    }
}

// SAFETY: only the server calls it: with the value of a key, alive during the call.
unsafe extern "C" fn free_effort<T: DataType>(
    _: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
) -> usize {
    // SAFETY: the server hands a value of this callback.
    T::free_effort(unsafe { ValueHandle::from_raw(value) })
}

// SAFETY: only the server calls it: with the names of a key and its value, both alive during the call.
unsafe extern "C" fn unlink<T: DataType>(names: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) {
    // SAFETY: the server hands the names and the value of this callback.
    let (names, value) = unsafe { (KeyNames::from_raw(names), ValueHandle::from_raw(value)) };
    T::unlink(names, value);
}

// SAFETY: only the server calls it: with the names of two keys and the first one's value, all alive during the call.
unsafe extern "C" fn copy<T: DataType>(
    names: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
) -> *mut c_void {
    // SAFETY: the server hands the names and the value of this callback.
    let (names, value) = unsafe { (KeyNames::from_raw(names), ValueHandle::from_raw(value)) };
    given::<T>(T::copy(names, value))
}

// SAFETY: only the server calls it: with a context, and the place where it keeps the value of a key, both alive during the call.
unsafe extern "C" fn relocate<T: DataType>(
    ctx: *mut raw::RedisModuleDefragCtx,
    _: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    // SAFETY: the server hands the context of this callback, and the place of the key's value.
    let (mut mover, place) = unsafe { (Mover::from_raw(ctx), &mut *value) };
    // SAFETY: it is the value of a key.
    let handle = unsafe { ValueHandle::from_raw(*place) };
    let next = match handle.number() {
        Some(number) => T::relocate(number, &mut mover),
        // SAFETY: the key gets the address that the box has then before anything reads its value again.
        None => match unsafe { handle.take::<T::Unnamed>() } {
            Some(boxed) => {
                let mut boxed = mover.boxed(boxed);
                let next = T::relocate_unnamed(&mut boxed, &mut mover);
                *place = ValueHandle::of_box(boxed).raw();
                next
            }
            None => 0,
        },
    };
    c_int::from(next != 0 && mover.set_cursor(next))
}

// SAFETY: only the server calls it: with a stream that is alive during the call.
unsafe extern "C" fn aux_save<T: DataType>(io: *mut raw::RedisModuleIO, _when: c_int) {
    // SAFETY: the server hands the stream of this callback.
    T::aux_save(unsafe { Io::from_raw(io) });
}

// SAFETY: only the server calls it: with a stream that is alive during the call.
unsafe extern "C" fn aux_load<T: DataType>(
    io: *mut raw::RedisModuleIO,
    _encoding: c_int,
    _when: c_int,
) -> c_int {
    // SAFETY: the server hands the stream of this callback.
    c_int::from(!T::aux_load(unsafe { Io::from_raw(io) }))
}

#[cfg(test)]
mod tests;
