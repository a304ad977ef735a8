//! Registering commands, with all that COMMAND INFO, COMMAND DOCS, ACL and cluster clients ask about them.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use redis_module::raw;

use super::arguments::{Arg, ArgKind, Keys};
use super::spec::Spec;
use crate::server::config::c_text;
use crate::{Ctx, Refused, api, later, ok};

/// The version of mylog that has the commands.
const SINCE: &CStr = c"0.1.0";

/// Sizes by which the server walks our arrays: it may know longer structures than ours.
static VERSION: raw::RedisModuleCommandInfoVersion = raw::RedisModuleCommandInfoVersion {
    version: 1,
    sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
    sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
    sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
};

impl Ctx<'_> {
    /// Registers a command. In OnLoad only.
    pub fn register_command(self, spec: &Spec) -> Result<(), Refused> {
        let (first, last, step) = match spec.keys.first() {
            // No range tells where they are: the description below does.
            Some(keys) if keys.counted => (0, 0, 0),
            Some(keys) if keys.last >= 0 => (keys.first, keys.first + keys.last, keys.step),
            Some(keys) => (keys.first, keys.last, keys.step),
            None => (0, 0, 0),
        };
        let (flags, categories) = (c_text(&spec.flags()), c_text(&spec.categories().join(" ")));
        let (name, flags) = (spec.name.as_ptr(), flags.as_ptr());
        // SAFETY: the context is alive; the strings are copied; the entry lives as long as the library.
        let status = unsafe {
            let create = api!(RedisModule_CreateCommand);
            create(self.raw(), name, Some(spec.entry.raw()), flags, first, last, step)
        };
        ok(status, "RedisModule_CreateCommand")?;
        // SAFETY: the context is alive; the handle belongs to the server and stays.
        let command = unsafe { api!(RedisModule_GetCommand)(self.raw(), name) };
        if command.is_null() {
            return Err(Refused {
                call: "RedisModule_GetCommand",
            });
        }
        describe(command, spec)?;
        if let Some(set_categories) = later!(RedisModule_SetCommandACLCategories) {
            // SAFETY: command and text are alive.
            let status = unsafe { set_categories(command, categories.as_ptr()) };
            ok(status, "RedisModule_SetCommandACLCategories")?;
        }
        Ok(())
    }
}

/// True where commands of modules can be in ACL categories.
pub fn has_categories() -> bool {
    later!(RedisModule_SetCommandACLCategories).is_some()
}

fn describe(command: *mut raw::RedisModuleCommand, spec: &Spec) -> Result<(), Refused> {
    let mut kept = Vec::new();
    let mut keys: Vec<_> = spec.keys.iter().map(key_spec).collect();
    // SAFETY: an entry of zeroes ends the array.
    keys.push(unsafe { std::mem::zeroed() });
    let info = raw::RedisModuleCommandInfo {
        version: &VERSION,
        summary: spec.summary.as_ptr(),
        complexity: spec.complexity.as_ptr(),
        since: SINCE.as_ptr(),
        history: null_mut(),
        tips: spec.tips.map_or(null(), CStr::as_ptr),
        arity: spec.arity,
        key_specs: keys.as_mut_ptr(),
        args: raw_args(spec.args, &mut kept),
    };
    // SAFETY: all that `info` points to lives to the end of this function; the server copies it.
    ok(
        unsafe { api!(RedisModule_SetCommandInfo)(command, &info) },
        "RedisModule_SetCommandInfo",
    )
}

fn key_spec(keys: &Keys) -> raw::RedisModuleCommandKeySpec {
    // SAFETY: zeroes are a valid value of this structure of integers, pointers and unions of them.
    let mut spec: raw::RedisModuleCommandKeySpec = unsafe { std::mem::zeroed() };
    spec.flags = u64::from(keys.flags);
    if keys.unknown {
        spec.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_UNKNOWN;
        spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_UNKNOWN;
        return spec;
    }
    spec.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
    spec.bs.index.pos = keys.first;
    if keys.counted {
        spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_KEYNUM;
        spec.fk.keynum = raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_2 {
            keynumidx: 0,
            firstkey: 1,
            keystep: keys.step,
        };
        return spec;
    }
    spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
    spec.fk.range = raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 {
        lastkey: keys.last,
        keystep: keys.step,
        limit: 0,
    };
    spec
}

/// The arguments as the server takes them; the arrays are kept in `kept`, which must outlive the pointer.
fn raw_args(
    args: &[Arg],
    kept: &mut Vec<Vec<raw::RedisModuleCommandArg>>,
) -> *mut raw::RedisModuleCommandArg {
    if args.is_empty() {
        return null_mut();
    }
    let mut made: Vec<_> = args.iter().map(|arg| raw_arg(arg, kept)).collect();
    // SAFETY: an entry of zeroes ends the array.
    made.push(unsafe { std::mem::zeroed() });
    let start = made.as_mut_ptr();
    kept.push(made);
    start
}

fn raw_arg(arg: &Arg, kept: &mut Vec<Vec<raw::RedisModuleCommandArg>>) -> raw::RedisModuleCommandArg {
    use raw::{
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK as BLOCK,
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_DOUBLE as DOUBLE,
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER as INTEGER,
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY as KEY,
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF as ONE_OF,
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PATTERN as PATTERN,
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN as TOKEN,
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING as STRING,
        RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_UNIX_TIME as UNIX_TIME,
    };
    let (kind, key, inside): (_, _, &[Arg]) = match arg.kind {
        ArgKind::String => (STRING, -1, &[]),
        ArgKind::Integer => (INTEGER, -1, &[]),
        ArgKind::Double => (DOUBLE, -1, &[]),
        ArgKind::Key(place) => (KEY, place, &[]),
        ArgKind::Pattern => (PATTERN, -1, &[]),
        ArgKind::UnixTime => (UNIX_TIME, -1, &[]),
        ArgKind::Token => (TOKEN, -1, &[]),
        ArgKind::OneOf(inside) => (ONE_OF, -1, inside),
        ArgKind::Block(inside) => (BLOCK, -1, inside),
    };
    let none: *const c_char = null();
    raw::RedisModuleCommandArg {
        name: arg.name.as_ptr(),
        type_: kind,
        key_spec_index: key,
        token: arg.token.map_or(none, CStr::as_ptr),
        summary: none,
        since: none,
        flags: arg.flags as c_int,
        deprecated_since: none,
        subargs: raw_args(inside, kept),
        display_text: none,
    }
}

#[cfg(test)]
mod tests;
