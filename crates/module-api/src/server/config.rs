//! Module configs. The server calls every `set` once in [`Ctx::load_configs`], with the value of its
//! configuration file or the default, and again at each CONFIG SET.

use std::ffi::{CStr, CString, c_char, c_int, c_longlong, c_void};

use redis_module::raw;

use crate::{Ctx, OwnedStr, Refused, Str, api, ok};

/// Flags of a config that is like most.
pub const PLAIN: u32 = raw::REDISMODULE_CONFIG_DEFAULT;
/// A config that CONFIG SET does not change.
pub const IMMUTABLE: u32 = raw::REDISMODULE_CONFIG_IMMUTABLE;
/// A number of bytes, with the units of redis.conf.
pub const MEMORY: u32 = raw::REDISMODULE_CONFIG_MEMORY;

/// A config that is a number.
pub struct Number {
    /// Its name without the module's.
    pub name: &'static CStr,
    /// What it is when nobody has set it.
    pub default: i64,
    /// The smallest value that is taken.
    pub min: i64,
    /// The largest value that is taken.
    pub max: i64,
    /// [`PLAIN`], [`IMMUTABLE`], [`MEMORY`].
    pub flags: u32,
    /// Tells the value.
    pub get: fn() -> i64,
    /// Says why a value is refused.
    pub set: fn(i64) -> Result<(), String>,
}

/// A config that is one of a few words. A value is an index into `words`.
pub struct Word {
    /// Its name without the module's.
    pub name: &'static CStr,
    /// The words that it may be, numbered from 0.
    pub words: &'static [&'static CStr],
    /// What it is when nobody has set it.
    pub default: i32,
    /// [`PLAIN`], [`IMMUTABLE`], [`MEMORY`].
    pub flags: u32,
    /// Tells the value.
    pub get: fn() -> i32,
    /// Takes a value, or says why not.
    pub set: fn(i32) -> Result<(), String>,
}

/// A config that is a text.
pub struct Text {
    /// Its name without the module's.
    pub name: &'static CStr,
    /// What it is when nobody has set it.
    pub default: &'static CStr,
    /// [`PLAIN`], [`IMMUTABLE`], [`MEMORY`].
    pub flags: u32,
    /// Tells the value.
    pub get: fn() -> Vec<u8>,
    /// Takes a value, or says why not.
    pub set: fn(&[u8]) -> Result<(), String>,
}

/// A config that is yes or no.
pub struct Switch {
    /// Its name without the module's.
    pub name: &'static CStr,
    /// What it is when nobody has set it.
    pub default: bool,
    /// [`PLAIN`], [`IMMUTABLE`], [`MEMORY`].
    pub flags: u32,
    /// Tells the value.
    pub get: fn() -> bool,
    /// Takes a value, or says why not.
    pub set: fn(bool) -> Result<(), String>,
}

impl Ctx<'_> {
    /// Registers a number. In OnLoad only, as all of these.
    pub fn register_number(self, config: &'static Number) -> Result<(), Refused> {
        let Number {
            name,
            default,
            min,
            max,
            flags,
            ..
        } = *config;
        let (name, data) = (name.as_ptr(), std::ptr::from_ref(config).cast_mut().cast());
        let (get, set) = (Some(get_number as _), Some(set_number as _));
        // SAFETY: the context is alive; the config is static, so the callbacks may read it for ever.
        let status = unsafe {
            let register = api!(RedisModule_RegisterNumericConfig);
            register(self.raw(), name, default, flags, min, max, get, set, None, data)
        };
        ok(status, "RedisModule_RegisterNumericConfig")
    }

    /// Registers a choice of words.
    pub fn register_word(self, config: &'static Word) -> Result<(), Refused> {
        let Word {
            name,
            words,
            default,
            flags,
            ..
        } = *config;
        let (name, data) = (name.as_ptr(), std::ptr::from_ref(config).cast_mut().cast());
        let mut texts: Vec<*const c_char> = words.iter().map(|word| word.as_ptr()).collect();
        let values: Vec<c_int> = (0..).take(words.len()).collect();
        let (texts, values, count) = (texts.as_mut_ptr(), values.as_ptr(), values.len() as c_int);
        let (get, set) = (Some(get_word as _), Some(set_word as _));
        // SAFETY: as in `register_number`; words and values are copied, `count` of each.
        let status = unsafe {
            let register = api!(RedisModule_RegisterEnumConfig);
            register(
                self.raw(),
                name,
                default,
                flags,
                texts,
                values,
                count,
                get,
                set,
                None,
                data,
            )
        };
        ok(status, "RedisModule_RegisterEnumConfig")
    }

    /// Registers a text.
    pub fn register_text(self, config: &'static Text) -> Result<(), Refused> {
        let Text {
            name, default, flags, ..
        } = *config;
        let (name, data) = (name.as_ptr(), std::ptr::from_ref(config).cast_mut().cast());
        let (get, set) = (Some(get_text as _), Some(set_text as _));
        // SAFETY: as in `register_number`; the default is copied.
        let status = unsafe {
            let register = api!(RedisModule_RegisterStringConfig);
            register(self.raw(), name, default.as_ptr(), flags, get, set, None, data)
        };
        ok(status, "RedisModule_RegisterStringConfig")
    }

    /// Registers a switch.
    pub fn register_switch(self, config: &'static Switch) -> Result<(), Refused> {
        let Switch {
            name, default, flags, ..
        } = *config;
        let (name, data) = (name.as_ptr(), std::ptr::from_ref(config).cast_mut().cast());
        let (get, set) = (Some(get_switch as _), Some(set_switch as _));
        // SAFETY: as in `register_number`.
        let status = unsafe {
            let register = api!(RedisModule_RegisterBoolConfig);
            register(
                self.raw(),
                name,
                c_int::from(default),
                flags,
                get,
                set,
                None,
                data,
            )
        };
        ok(status, "RedisModule_RegisterBoolConfig")
    }

    /// Hands every config its value. Needed once after the last registration, or the load fails.
    pub fn load_configs(self) -> Result<(), Refused> {
        // SAFETY: the context is alive and carries the module.
        ok(
            unsafe { api!(RedisModule_LoadConfigs)(self.raw()) },
            "RedisModule_LoadConfigs",
        )
    }
}

/// The status of a set callback, with the reason in `err` where the server asks for one.
///
/// # Safety
/// `err` is null or the server's place for a string, which it takes over.
unsafe fn answer(result: Result<(), String>, err: *mut *mut raw::RedisModuleString) -> c_int {
    let Err(reason) = result else { return 0 };
    if !err.is_null() {
        // SAFETY: contract of this function.
        unsafe { *err = OwnedStr::new(reason.as_bytes()).into_raw() };
    }
    1
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn get_number(_name: *const c_char, config: *mut c_void) -> c_longlong {
    // SAFETY: registered with a static `Number` as data, as below with its own type each.
    (unsafe { &*config.cast::<Number>() }.get)()
}

unsafe extern "C" fn set_number(
    _name: *const c_char,
    value: c_longlong,
    config: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as in `get_number`; `err` is the server's.
    unsafe { answer(((*config.cast::<Number>()).set)(value), err) }
}

unsafe extern "C" fn get_word(_name: *const c_char, config: *mut c_void) -> c_int {
    // SAFETY: as in `get_number`.
    (unsafe { &*config.cast::<Word>() }.get)()
}

unsafe extern "C" fn set_word(
    _name: *const c_char,
    value: c_int,
    config: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as in `set_number`.
    unsafe { answer(((*config.cast::<Word>()).set)(value), err) }
}

/// The string that the last `get_text` gave: the server copies it and does not free it.
static LAST_TEXT: crate::gil::Gil<Option<OwnedStr>> = crate::gil::Gil::new(None);

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn get_text(_name: *const c_char, config: *mut c_void) -> *mut raw::RedisModuleString {
    // SAFETY: as in `get_number`.
    let text = (unsafe { &*config.cast::<Text>() }.get)();
    let string = OwnedStr::new(&text);
    let raw = string.lend().raw();
    LAST_TEXT.with(|last| *last = Some(string));
    raw
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn set_text(
    _name: *const c_char,
    value: *mut raw::RedisModuleString,
    config: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as in `set_number`; the value is lent for the call.
    unsafe { answer(((*config.cast::<Text>()).set)(Str::from_raw(value).bytes()), err) }
}

unsafe extern "C" fn get_switch(_name: *const c_char, config: *mut c_void) -> c_int {
    // SAFETY: as in `get_number`.
    c_int::from((unsafe { &*config.cast::<Switch>() }.get)())
}

unsafe extern "C" fn set_switch(
    _name: *const c_char,
    value: c_int,
    config: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as in `set_number`.
    unsafe { answer(((*config.cast::<Switch>()).set)(value != 0), err) }
}

/// A text as the server's functions take it; what follows a NUL is lost.
pub fn c_text(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(text.get(..end).unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
