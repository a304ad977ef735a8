//! The keyspace: what is under a key is a word with its type, or a value of the server's own, which has none.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;

use mylog_core::effect::NEVER;
use redis_module::raw;

use super::contexts;
use super::server::{Server, Value, is_refused, state, status};
use super::strings;

/// An open key.
struct Open {
    place: (u32, Vec<u8>),
    writes: bool,
}

impl Server {
    /// Puts a value of the server's own under a key.
    pub fn put_native(&self, db: u32, key: &[u8]) {
        let value = Value {
            word: None,
            expire_at: NEVER,
        };
        state(|state| state.keys.insert((db, key.to_vec()), value));
    }

    /// True if there is something under a key.
    pub fn has(&self, db: u32, key: &[u8]) -> bool {
        state(|state| state.keys.contains_key(&(db, key.to_vec())))
    }

    /// How many keys are open.
    pub fn open_keys(&self) -> usize {
        state(|state| state.open_keys)
    }
}

/// Reads what is under an open key; `None` without a handle or a value.
///
/// # Safety
/// `key` is null or an open key of this server.
unsafe fn read<R>(key: *mut raw::RedisModuleKey, f: impl FnOnce(&mut Value) -> R) -> Option<R> {
    // SAFETY: contract of this function.
    let open = unsafe { key.cast::<Open>().as_ref() }?;
    state(|state| state.keys.get_mut(&open.place).map(f))
}

/// Changes what is under a key that is open to write. The status of the call.
///
/// # Safety
/// `key` is an open key of this server: a server follows null, so here it is a panic.
unsafe fn write(
    key: *mut raw::RedisModuleKey,
    call: &str,
    f: impl FnOnce(Option<Value>) -> Option<Value>,
) -> c_int {
    // SAFETY: contract of this function.
    let open = unsafe { key.cast::<Open>().as_ref() };
    assert!(open.is_some(), "{call} of no handle");
    let Some(open) = open.filter(|open| open.writes && !is_refused(call)) else {
        return 1;
    };
    state(|state| {
        let old = state.keys.remove(&open.place);
        if let Some(new) = f(old) {
            state.keys.insert(open.place.clone(), new);
        }
    });
    0
}

/// Frees what was under a key.
///
/// # Safety
/// It is under no key any more.
unsafe fn free(old: Option<Value>) {
    let Some((of, word)) = old.and_then(|value| value.word) else {
        return;
    };
    let free = state(|state| {
        state
            .types
            .get(of.wrapping_sub(1))
            .and_then(|methods| methods.free)
    });
    if let Some(free) = free {
        // SAFETY: the word is the type's, and freed once: contract of this function.
        unsafe { free(word as *mut c_void) };
    }
}

// SAFETY: of this and all below: only the API's wrappers call it, with what the C API wants.
unsafe extern "C" fn open(
    ctx: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
    mode: c_int,
) -> *mut raw::RedisModuleKey {
    // SAFETY: as above.
    let (db, name) = unsafe { (contexts::state(ctx).db.get(), strings::bytes(name).to_vec()) };
    let open = Open {
        place: (db, name),
        writes: mode & raw::REDISMODULE_WRITE as c_int != 0,
    };
    let is_there = state(|state| state.keys.contains_key(&open.place));
    if !open.writes && !is_there {
        return null_mut();
    }
    state(|state| state.open_keys += 1);
    Box::into_raw(Box::new(open)).cast()
}

unsafe extern "C" fn close(key: *mut raw::RedisModuleKey) {
    if !key.is_null() {
        state(|state| state.open_keys -= 1);
        // SAFETY: as above; a key is closed once.
        drop(unsafe { Box::from_raw(key.cast::<Open>()) });
    }
}

unsafe extern "C" fn db_of(key: *mut raw::RedisModuleKey) -> c_int {
    // SAFETY: as above.
    let open = unsafe { key.cast::<Open>().as_ref() };
    open.map_or(-1, |open| open.place.0 as c_int)
}

unsafe extern "C" fn key_type(key: *mut raw::RedisModuleKey) -> c_int {
    // SAFETY: as above.
    let kind = unsafe { read(key, |value| value.word.is_some()) };
    let kind = match kind {
        None => raw::REDISMODULE_KEYTYPE_EMPTY,
        Some(true) => raw::REDISMODULE_KEYTYPE_MODULE,
        Some(false) => raw::REDISMODULE_KEYTYPE_STRING,
    };
    kind as c_int
}

unsafe extern "C" fn type_of(key: *mut raw::RedisModuleKey) -> *mut raw::RedisModuleType {
    // SAFETY: as above.
    let word = unsafe { read(key, |value| value.word) }.flatten();
    word.map_or(null_mut(), |(of, _)| of as *mut raw::RedisModuleType)
}

unsafe extern "C" fn value_of(key: *mut raw::RedisModuleKey) -> *mut c_void {
    // SAFETY: as above.
    let word = unsafe { read(key, |value| value.word) }.flatten();
    word.map_or(null_mut(), |(_, word)| word as *mut c_void)
}

unsafe extern "C" fn set_value(
    key: *mut raw::RedisModuleKey,
    of: *mut raw::RedisModuleType,
    word: *mut c_void,
) -> c_int {
    let value = Value {
        word: Some((of as usize, word as usize)),
        expire_at: NEVER,
    };
    let mut before = None;
    // SAFETY: as above.
    unsafe {
        let set = |old| {
            before = old;
            Some(value)
        };
        let refused = write(key, "RedisModule_ModuleTypeSetValue", set);
        free(before);
        refused
    }
}

unsafe extern "C" fn replace_value(
    key: *mut raw::RedisModuleKey,
    of: *mut raw::RedisModuleType,
    word: *mut c_void,
    old: *mut *mut c_void,
) -> c_int {
    // SAFETY: as above; the place for the old value is the caller's.
    unsafe {
        let before = read(key, |value| value.word).flatten();
        match before.filter(|(before, _)| *before == of as usize) {
            Some((_, before)) => *old = before as *mut c_void,
            None => return 1,
        }
        write(key, "RedisModule_ModuleTypeReplaceValue", |before| {
            before.map(|before| Value {
                word: Some((of as usize, word as usize)),
                ..before
            })
        })
    }
}

unsafe extern "C" fn delete(key: *mut raw::RedisModuleKey) -> c_int {
    let mut before = None;
    // SAFETY: as above.
    unsafe {
        let take = |old| {
            before = old;
            None
        };
        let refused = write(key, "RedisModule_DeleteKey", take);
        free(before);
        refused
    }
}

unsafe extern "C" fn expire_at(key: *mut raw::RedisModuleKey) -> raw::mstime_t {
    // SAFETY: as above.
    unsafe { read(key, |value| value.expire_at) }.unwrap_or(NEVER)
}

unsafe extern "C" fn set_expire_at(key: *mut raw::RedisModuleKey, expire_at: raw::mstime_t) -> c_int {
    // SAFETY: as above.
    unsafe {
        write(key, "RedisModule_SetAbsExpire", |value| {
            value.map(|value| Value { expire_at, ..value })
        })
    }
}

/// The handle of a type is its number, from 1 on.
unsafe extern "C" fn create_type(
    _ctx: *mut raw::RedisModuleCtx,
    name: *const c_char,
    _encver: c_int,
    methods: *mut raw::RedisModuleTypeMethods,
) -> *mut raw::RedisModuleType {
    // SAFETY: as above.
    let (name, methods) = unsafe { (CStr::from_ptr(name), *methods) };
    if status("RedisModule_CreateDataType") != 0 || name.count_bytes() != 9 {
        return null_mut();
    }
    let number = state(|state| {
        state.types.push(methods);
        state.types.len()
    });
    number as *mut raw::RedisModuleType
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_OpenKey = Some(open);
        raw::RedisModule_CloseKey = Some(close);
        raw::RedisModule_GetDbIdFromModuleKey = Some(db_of);
        raw::RedisModule_KeyType = Some(key_type);
        raw::RedisModule_ModuleTypeGetType = Some(type_of);
        raw::RedisModule_ModuleTypeGetValue = Some(value_of);
        raw::RedisModule_ModuleTypeSetValue = Some(set_value);
        raw::RedisModule_ModuleTypeReplaceValue = Some(replace_value);
        raw::RedisModule_DeleteKey = Some(delete);
        raw::RedisModule_GetAbsExpire = Some(expire_at);
        raw::RedisModule_SetAbsExpire = Some(set_expire_at);
        raw::RedisModule_CreateDataType = Some(create_type);
    }
}
