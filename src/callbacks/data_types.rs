//! The callbacks of the data types. The value that the server holds is a word: odd, it names an entry of the
//! store; even, it points to a [`Loaded`] value that came with an RDB or a COPY and has no name yet.
//!
//! `free` may run on another thread and after the next generation of values is being loaded: it touches
//! nothing but a `Loaded` of its own.

use std::ffi::{CStr, c_int, c_void};

use module_api::keys::data_type;
use module_api::keys::io::{Digest, Io, KeyNames, word_of};
use module_api::{Ctx, Refused};
use mylog_core::value::Kind;
use redis_module::raw;

use super::value_encoding;
use crate::callbacks::defrag;
use crate::engine::value_handle::{Loaded, Word, with_value};
use crate::engine::{self, lazyfree};
use crate::keyspace::native_effects;
use crate::lifecycle::startup;

/// Encoding of the values in an RDB. Older ones stay readable for ever.
const ENCODING: c_int = 1;

/// Registers the types. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>) -> Result<(), Refused> {
    let methods = |load, aux| raw::RedisModuleTypeMethods {
        version: u64::from(raw::REDISMODULE_TYPE_METHOD_VERSION),
        rdb_load: load,
        rdb_save: Some(rdb_save),
        aof_rewrite: Some(aof_rewrite),
        mem_usage: Some(mem_usage),
        digest: Some(digest),
        free: Some(free),
        aux_load: if aux { Some(startup::aux_load) } else { None },
        aux_save: if aux { Some(startup::aux_save) } else { None },
        aux_save_triggers: if aux {
            raw::REDISMODULE_AUX_BEFORE_RDB as c_int
        } else {
            0
        },
        free_effort: None,
        unlink: None,
        copy: None,
        defrag: Some(defrag::key),
        mem_usage2: None,
        free_effort2: Some(free_effort),
        unlink2: Some(unlink),
        copy2: Some(copy),
        aux_save2: if aux { Some(startup::aux_save) } else { None },
    };
    type Load = unsafe extern "C" fn(*mut raw::RedisModuleIO, c_int) -> *mut c_void;
    let types: [(Kind, &CStr, Load); Kind::ALL.len()] = [
        (Kind::Str, c"mylog-str", rdb_load_str),
        (Kind::Hash, c"mylog-hsh", rdb_load_hash),
        (Kind::List, c"mylog-lst", rdb_load_list),
        (Kind::Set, c"mylog-set", rdb_load_set),
        (Kind::ZSet, c"mylog-zst", rdb_load_zset),
    ];
    types.into_iter().try_for_each(|(kind, name, load)| {
        // The aux field says once which log an RDB belongs to.
        let methods = methods(Some(load), kind == Kind::Str);
        data_type::create(ctx, kind, name, ENCODING, methods)
    })
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn rdb_save(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: the server hands the stream of this callback.
    let io = unsafe { Io::from_raw(io) };
    let saved = with_value(word_of(value), |value| value_encoding::save(io, value));
    // A value without a body would end the next start.
    if saved.is_none() {
        io.save_bytes(&[]);
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn rdb_load_str(io: *mut raw::RedisModuleIO, encoding: c_int) -> *mut c_void {
    // SAFETY: the server hands the stream of this callback.
    loaded(encoding, Kind::Str, unsafe { Io::from_raw(io) })
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn rdb_load_hash(io: *mut raw::RedisModuleIO, encoding: c_int) -> *mut c_void {
    // SAFETY: the server hands the stream of this callback.
    loaded(encoding, Kind::Hash, unsafe { Io::from_raw(io) })
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn rdb_load_list(io: *mut raw::RedisModuleIO, encoding: c_int) -> *mut c_void {
    // SAFETY: the server hands the stream of this callback.
    loaded(encoding, Kind::List, unsafe { Io::from_raw(io) })
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn rdb_load_set(io: *mut raw::RedisModuleIO, encoding: c_int) -> *mut c_void {
    // SAFETY: the server hands the stream of this callback.
    loaded(encoding, Kind::Set, unsafe { Io::from_raw(io) })
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn rdb_load_zset(io: *mut raw::RedisModuleIO, encoding: c_int) -> *mut c_void {
    // SAFETY: the server hands the stream of this callback.
    loaded(encoding, Kind::ZSet, unsafe { Io::from_raw(io) })
}

/// A null value makes the server refuse the RDB, or the RESTORE.
fn loaded(encoding: c_int, kind: Kind, io: Io<'_>) -> *mut c_void {
    if encoding != ENCODING {
        return std::ptr::null_mut();
    }
    match value_encoding::load(io, kind) {
        Some(value) => {
            native_effects::expect_loaded();
            Box::new(Loaded::Value(value)).into_word() as *mut c_void
        }
        None => std::ptr::null_mut(),
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn aof_rewrite(
    aof: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: the server hands the stream and the key of this callback.
    let (io, key) = unsafe { (Io::from_raw(aof), module_api::Str::from_raw(key)) };
    with_value(word_of(value), |value| {
        value_encoding::emit(io, key.bytes(), value)
    });
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn mem_usage(value: *const c_void) -> usize {
    with_value(word_of(value), |value| value.memory()).unwrap_or(0)
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn digest(state: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: the server hands the state of this callback.
    let state = unsafe { Digest::from_raw(state) };
    with_value(word_of(value), |value| value_encoding::digest(state, value));
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn free(value: *mut c_void) {
    if let Word::Loaded(loaded) = Word::read(word_of(value)) {
        if !loaded.is_null() {
            // SAFETY: the server frees a value once, when the keyspace does not hold it any more.
            if let Loaded::Value(value) = *unsafe { Loaded::take(loaded) } {
                lazyfree::give_back_value(value);
            }
        }
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn free_effort(_: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) -> usize {
    // The store gives its values back itself: a `free` on another thread has nothing to do. But the server decides by
    // this number too what it defragments in parts.
    with_value(word_of(value), |value| value.free_effort()).unwrap_or(1)
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn unlink(names: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) {
    // SAFETY: the server hands the names of this callback.
    let names = unsafe { KeyNames::from_raw(names) };
    if let Word::Entry(id) = Word::read(word_of(value)) {
        native_effects::unlinked(names.db(), names.key(), id);
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn copy(names: *mut raw::RedisModuleKeyOptCtx, value: *const c_void) -> *mut c_void {
    // SAFETY: the server hands the names of this callback.
    let names = unsafe { KeyNames::from_raw(names) };
    let copy = match Word::read(word_of(value)) {
        // Of a key that holds nothing there is no copy: COPY answers with an error.
        Word::Entry(id) => engine::with(|engine| engine.store.entry(id).is_some())
            .filter(|&is_there| is_there)
            .map(|_| Loaded::CopyOf(names.db(), names.key().to_vec())),
        Word::Loaded(_) => with_value(word_of(value), |value| value.to_value()).map(Loaded::Value),
    };
    copy.map_or(std::ptr::null_mut(), |copy| {
        native_effects::expect_loaded();
        Box::new(copy).into_word() as *mut c_void
    })
}
