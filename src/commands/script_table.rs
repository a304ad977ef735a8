//! The held forms of scripts, as the server knows them.

use super::counted_keys::counted;
use super::script::{eval, evalsha, fcall};
use super::table::{READ_UPDATE, arg, keys_counted_at};
use crate::api::command::{Arg, ArgKind, Keys, Spec};

/// As the native ones, which must not run in scripts, tell of themselves in MONITOR, and change something or not.
const FLAGS: &std::ffi::CStr =
    c"getkeys-api deny-script no-monitor may-replicate no-mandatory-keys allow-stale";
/// What a script does to its keys is known to nobody.
const KEYS: &[Keys] = &[keys_counted_at(2, READ_UPDATE)];

const NUMKEYS: Arg = arg(c"numkeys", ArgKind::Integer);
const KEY: Arg = arg(c"key", ArgKind::Key(0)).optional().multiple();
const ARG: Arg = arg(c"arg", ArgKind::String).optional().multiple();

/// The table.
pub(super) static SCRIPT: &[Spec] = &[
    Spec {
        name: c"mylog.eval",
        entry: counted!(Read, eval, KEYS),
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
        entry: counted!(Read, evalsha, KEYS),
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
        entry: counted!(Read, fcall, KEYS),
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
