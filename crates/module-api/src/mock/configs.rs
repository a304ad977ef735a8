//! Configs: numbers and texts.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_void};
use std::ptr::null_mut;

use redis_module::raw;

use super::server::{Config, ConfigCalls, Server, state, status};
use super::strings;

impl Server {
    /// CONFIG SET: an error is the text that the client gets.
    pub fn config_set(&self, name: &str, value: &str) -> Result<(), String> {
        let found = state(|state| state.configs.iter().find(|config| config.name == name).cloned());
        found.map_or_else(|| Err("no such config".to_owned()), |config| set(&config, value))
    }

    /// The REDISMODULE_CONFIG_ bits of a config.
    pub fn config_flags(&self, name: &str) -> Option<u32> {
        state(|state| {
            state
                .configs
                .iter()
                .find(|config| config.name == name)
                .map(|config| config.flags)
        })
    }

    /// CONFIG GET.
    pub fn config_get(&self, name: &str) -> Option<String> {
        let config = state(|state| state.configs.iter().find(|config| config.name == name).cloned())?;
        let data = config.data as *mut c_void;
        // SAFETY: the data are those that the config was registered with; the string belongs to the module.
        Some(unsafe {
            match config.calls {
                ConfigCalls::Number { get: Some(get), .. } => get(c"".as_ptr(), data).to_string(),
                ConfigCalls::Text { get: Some(get), .. } => {
                    String::from_utf8_lossy(strings::bytes(get(c"".as_ptr(), data))).into_owned()
                }
                _ => return None,
            }
        })
    }
}

fn set(config: &Config, value: &str) -> Result<(), String> {
    let (data, mut reason) = (config.data as *mut c_void, null_mut());
    // SAFETY: the data are those that the config was registered with; the value is lent for the call.
    let refused = unsafe {
        match config.calls {
            ConfigCalls::Number { set: Some(set), .. } => {
                let number = value.parse().map_err(|_| "no number".to_owned())?;
                set(c"".as_ptr(), number, data, &mut reason)
            }
            ConfigCalls::Text { set: Some(set), .. } => {
                let value = strings::new(value.as_bytes());
                let refused = set(c"".as_ptr(), value, data, &mut reason);
                strings::release(value);
                refused
            }
            _ => return Err("no callback".to_owned()),
        }
    };
    if refused == 0 {
        return Ok(());
    }
    if reason.is_null() {
        return Err(String::new());
    }
    // SAFETY: the module gave the reason away.
    unsafe {
        let text = String::from_utf8_lossy(strings::bytes(reason)).into_owned();
        strings::release(reason);
        Err(text)
    }
}

/// # Safety
/// `name` ends with NUL.
unsafe fn add(name: *const c_char, default: String, flags: c_uint, data: *mut c_void, calls: ConfigCalls) {
    // SAFETY: contract of this function.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let config = Config {
        name,
        default,
        flags,
        calls,
        data: data as usize,
    };
    state(|state| state.configs.push(config));
}

// SAFETY: of this and all below: only the API's wrappers call it, with what the C API wants.
unsafe extern "C" fn register_number(
    _ctx: *mut raw::RedisModuleCtx,
    name: *const c_char,
    default: c_longlong,
    flags: c_uint,
    _min: c_longlong,
    _max: c_longlong,
    get: raw::RedisModuleConfigGetNumericFunc,
    set: raw::RedisModuleConfigSetNumericFunc,
    _apply: raw::RedisModuleConfigApplyFunc,
    data: *mut c_void,
) -> c_int {
    let calls = ConfigCalls::Number { get, set };
    // SAFETY: as above.
    unsafe { add(name, default.to_string(), flags, data, calls) };
    status("RedisModule_RegisterNumericConfig")
}

unsafe extern "C" fn register_text(
    _ctx: *mut raw::RedisModuleCtx,
    name: *const c_char,
    default: *const c_char,
    flags: c_uint,
    get: raw::RedisModuleConfigGetStringFunc,
    set: raw::RedisModuleConfigSetStringFunc,
    _apply: raw::RedisModuleConfigApplyFunc,
    data: *mut c_void,
) -> c_int {
    let calls = ConfigCalls::Text { get, set };
    // SAFETY: as above.
    unsafe {
        let default = CStr::from_ptr(default).to_string_lossy().into_owned();
        add(name, default, flags, data, calls);
    }
    status("RedisModule_RegisterStringConfig")
}

unsafe extern "C" fn load(_ctx: *mut raw::RedisModuleCtx) -> c_int {
    for config in state(|state| state.configs.clone()) {
        if set(&config, &config.default).is_err() {
            return 1;
        }
    }
    status("RedisModule_LoadConfigs")
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_RegisterNumericConfig = Some(register_number);
        raw::RedisModule_RegisterStringConfig = Some(register_text);
        raw::RedisModule_LoadConfigs = Some(load);
    }
}
