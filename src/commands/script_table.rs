//! The held forms of scripts, as the server knows them.

use std::ffi::c_int;

use redis_module::raw;

use super::script::{eval, evalsha, fcall};
use super::table::{READ_UPDATE, arg, keys_counted_at};
use crate::api::command::{Arg, ArgKind, Keys, Spec, tells_counted_keys};
use crate::call;

/// Place of the number of keys.
const COUNT: i32 = 2;

/// As the native ones, which must not run in scripts, tell of themselves in MONITOR, and change something or not.
const FLAGS: &std::ffi::CStr =
    c"getkeys-api deny-script no-monitor may-replicate no-mandatory-keys allow-stale";
/// What a script does to its keys is known to nobody.
const KEYS: &[Keys] = &[keys_counted_at(COUNT, READ_UPDATE)];

const NUMKEYS: Arg = arg(c"numkeys", ArgKind::Integer);
const KEY: Arg = arg(c"key", ArgKind::Key(0)).optional().multiple();
const ARG: Arg = arg(c"arg", ArgKind::String).optional().multiple();

/// The server's entry into a script: older ones ask it for the keys, with no client to answer.
macro_rules! script {
    ($handler:path) => {{
        // SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
        unsafe extern "C" fn script(
            ctx: *mut raw::RedisModuleCtx,
            argv: *mut *mut raw::RedisModuleString,
            argc: c_int,
        ) -> c_int {
            // SAFETY: the server hands a command's context and arguments, alive while it runs.
            unsafe {
                if tells_counted_keys(ctx, argv, argc, COUNT) {
                    return 0;
                }
                call::run(ctx, argv, argc, call::Access::Read, $handler)
            }
        }
        script
    }};
}

/// The table.
pub(super) static SCRIPT: &[Spec] = &[
    Spec {
        name: c"mylog.eval",
        entry: script!(eval),
        flags: FLAGS,
        categories: c"slow scripting",
        arity: -3,
        keys: KEYS,
        args: &[arg(c"script", ArgKind::String), NUMKEYS, KEY, ARG],
        summary: c"Execute a Lua script server side",
        complexity: c"Depends on the script that is executed.",
        tips: None,
    },
    Spec {
        name: c"mylog.evalsha",
        entry: script!(evalsha),
        flags: FLAGS,
        categories: c"slow scripting",
        arity: -3,
        keys: KEYS,
        args: &[arg(c"sha1", ArgKind::String), NUMKEYS, KEY, ARG],
        summary: c"Execute a Lua script server side",
        complexity: c"Depends on the script that is executed.",
        tips: None,
    },
    Spec {
        name: c"mylog.fcall",
        entry: script!(fcall),
        flags: FLAGS,
        categories: c"slow scripting",
        arity: -3,
        keys: KEYS,
        args: &[arg(c"function", ArgKind::String), NUMKEYS, KEY, ARG],
        summary: c"Invoke a function",
        complexity: c"Depends on the function that is executed.",
        tips: None,
    },
];
