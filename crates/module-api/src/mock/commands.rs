//! Registered commands, what the server is told of them, and running one.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;

use redis_module::raw;

use super::contexts::{self, Context};
use super::registered::{ArgSpec, KeyPlaces, KeySpec, Registered};
use super::server::{Server, is_refused, state, status};
use super::strings;

impl Server {
    /// What the server knows of a command.
    pub fn registered(&self, name: &str) -> Option<Registered> {
        let entries = state(|state| state.commands.clone());
        let found = entries
            .into_iter()
            .find(|(registered, _)| registered.name == name);
        found.map(|(registered, _)| registered)
    }

    /// Runs a command. False for one that is not registered.
    pub fn run(&self, context: &Context<'_>, words: &[&[u8]]) -> bool {
        let name = words.first().map_or(&b""[..], |name| name);
        let commands = state(|state| state.commands.clone());
        let is_it =
            |(registered, _): &&(Registered, _)| registered.name.as_bytes().eq_ignore_ascii_case(name);
        let Some(entry) = commands.iter().find(is_it).and_then(|(_, entry)| *entry) else {
            return false;
        };
        let mut words: Vec<_> = words.iter().map(|word| strings::new(word)).collect();
        // SAFETY: context and words are alive during the call, and whoever has the server has its global lock.
        unsafe { entry(context.raw(), words.as_mut_ptr(), words.len() as c_int) };
        for word in words {
            // SAFETY: the share is ours.
            unsafe { strings::release(word) };
        }
        true
    }

    /// Asks a command for its keys: their places and REDISMODULE_CMD_KEY_ bits.
    pub fn keys_of(&self, words: &[&[u8]]) -> Vec<(i32, i32)> {
        let context = self.context();
        context.with(|state| state.asks_for_keys.set(true));
        self.run(&context, words);
        context.with(|state| state.told_keys.take())
    }
}

/// # Safety
/// `text` is null or ends with NUL.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: contract of this function.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

// SAFETY: of this and all below: only the API's wrappers call it, with what the C API wants.
unsafe extern "C" fn create(
    _ctx: *mut raw::RedisModuleCtx,
    name: *const c_char,
    entry: raw::RedisModuleCmdFunc,
    flags: *const c_char,
    first: c_int,
    last: c_int,
    step: c_int,
) -> c_int {
    // SAFETY: as above.
    let (name, flags) = unsafe { (text(name), text(flags)) };
    let registered = Registered {
        name: name.unwrap_or_default(),
        flags: flags.unwrap_or_default(),
        range: (first, last, step),
        categories: String::new(),
        arity: 0,
        summary: String::new(),
        tips: None,
        keys: Vec::new(),
        args: Vec::new(),
    };
    let refused = status("RedisModule_CreateCommand");
    if refused == 0 {
        state(|state| state.commands.push((registered, entry)));
    }
    refused
}

/// The handle of a command is its number, from 1 on.
unsafe extern "C" fn get(
    _ctx: *mut raw::RedisModuleCtx,
    name: *const c_char,
) -> *mut raw::RedisModuleCommand {
    if is_refused("RedisModule_GetCommand") {
        return null_mut();
    }
    // SAFETY: as above.
    let name = unsafe { text(name) }.unwrap_or_default();
    let place = state(|state| {
        state
            .commands
            .iter()
            .position(|(registered, _)| registered.name == name)
    });
    place.map_or(null_mut(), |place| (place + 1) as *mut raw::RedisModuleCommand)
}

/// Opens a command by its handle.
fn change(handle: *mut raw::RedisModuleCommand, f: impl FnOnce(&mut Registered)) {
    state(|state| {
        let place = (handle as usize).checked_sub(1);
        if let Some((registered, _)) = place.and_then(|place| state.commands.get_mut(place)) {
            f(registered);
        }
    });
}

unsafe extern "C" fn set_categories(
    command: *mut raw::RedisModuleCommand,
    categories: *const c_char,
) -> c_int {
    // SAFETY: as above.
    let categories = unsafe { text(categories) }.unwrap_or_default();
    change(command, |registered| registered.categories = categories);
    status("RedisModule_SetCommandACLCategories")
}

unsafe extern "C" fn set_info(
    command: *mut raw::RedisModuleCommand,
    info: *const raw::RedisModuleCommandInfo,
) -> c_int {
    // SAFETY: as above; the arrays end with an entry of zeroes.
    let (info, summary, tips, keys, args) = unsafe {
        let info = &*info;
        let (summary, tips) = (text(info.summary), text(info.tips));
        (info, summary, tips, keys(info.key_specs), args(info.args))
    };
    change(command, |registered| {
        registered.arity = info.arity;
        registered.summary = summary.unwrap_or_default();
        registered.tips = tips;
        registered.keys = keys;
        registered.args = args;
    });
    status("RedisModule_SetCommandInfo")
}

/// # Safety
/// `specs` is an array that ends with an entry of zeroes.
unsafe fn keys(mut specs: *const raw::RedisModuleCommandKeySpec) -> Vec<KeySpec> {
    use raw::{
        RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INVALID as NONE,
        RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_KEYNUM as COUNTED,
        RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE as RANGE,
    };
    let mut keys = Vec::new();
    // SAFETY: contract of this function; the type says which member of a union is set.
    unsafe {
        while (*specs).begin_search_type != NONE {
            let spec = &*specs;
            let place = match spec.find_keys_type {
                RANGE => {
                    let range = spec.fk.range;
                    KeyPlaces::Range(spec.bs.index.pos, range.lastkey, range.keystep)
                }
                COUNTED => KeyPlaces::Counted(spec.bs.index.pos, spec.fk.keynum.keystep),
                _ => KeyPlaces::Unknown,
            };
            keys.push(KeySpec {
                flags: spec.flags,
                place,
            });
            specs = specs.add(1);
        }
    }
    keys
}

/// # Safety
/// `args` is null or an array that ends with an entry of zeroes, as all inside of it.
unsafe fn args(mut args: *const raw::RedisModuleCommandArg) -> Vec<ArgSpec> {
    let mut all = Vec::new();
    // SAFETY: contract of this function.
    unsafe {
        while let Some(arg) = args.as_ref().filter(|arg| !arg.name.is_null()) {
            all.push(ArgSpec {
                name: text(arg.name).unwrap_or_default(),
                token: text(arg.token),
                key: arg.key_spec_index,
                flags: arg.flags,
                inside: self::args(arg.subargs),
            });
            args = args.add(1);
        }
    }
    all
}

unsafe extern "C" fn asks_for_keys(ctx: *mut raw::RedisModuleCtx) -> c_int {
    // SAFETY: as above.
    c_int::from(unsafe { contexts::state(ctx) }.asks_for_keys.get())
}

unsafe extern "C" fn key_at(ctx: *mut raw::RedisModuleCtx, place: c_int, flags: c_int) {
    // SAFETY: as above.
    let told = unsafe { &contexts::state(ctx).told_keys };
    told.borrow_mut().push((place, flags));
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_CreateCommand = Some(create);
        raw::RedisModule_GetCommand = Some(get);
        raw::RedisModule_SetCommandInfo = Some(set_info);
        raw::RedisModule_SetCommandACLCategories = Some(set_categories);
        raw::RedisModule_IsKeysPositionRequest = Some(asks_for_keys);
        raw::RedisModule_KeyAtPosWithFlags = Some(key_at);
    }
}
