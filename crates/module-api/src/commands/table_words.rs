//! The words in which the tables of commands are written.

use std::ffi::CStr;

use redis_module::raw;

use super::arguments::{Arg, ArgKind, Keys};

/// Reads what the key holds.
pub const READ: u32 = raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS;
/// Looked at without showing what it holds: a length, whether it is there.
pub const LOOK: u32 = raw::REDISMODULE_CMD_KEY_RO;
/// Replaces the key, whatever it held.
pub const OVERWRITE: u32 = raw::REDISMODULE_CMD_KEY_OW | raw::REDISMODULE_CMD_KEY_UPDATE;
/// Makes the key anew and adds to it.
pub const INSERT: u32 = raw::REDISMODULE_CMD_KEY_OW | raw::REDISMODULE_CMD_KEY_INSERT;
/// Changes what the key holds.
pub const UPDATE: u32 = raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_UPDATE;
/// Adds to what the key holds.
pub const ADD: u32 = raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_INSERT;
/// Changes what the key holds, and shows some of it.
pub const READ_UPDATE: u32 = UPDATE | raw::REDISMODULE_CMD_KEY_ACCESS;
/// Takes away from what the key holds.
pub const SHRINK: u32 = raw::REDISMODULE_CMD_KEY_RW | raw::REDISMODULE_CMD_KEY_DELETE;
/// Takes away from what the key holds, and shows it.
pub const TAKE: u32 = SHRINK | raw::REDISMODULE_CMD_KEY_ACCESS;
/// Removes the key.
pub const REMOVE: u32 = raw::REDISMODULE_CMD_KEY_RM | raw::REDISMODULE_CMD_KEY_DELETE;

/// One key, at a place.
pub const fn key_at(first: i32, flags: u32) -> Keys {
    Keys {
        first,
        last: 0,
        step: 1,
        counted: false,
        unknown: false,
        flags,
    }
}

/// Keys at so many places in a row.
pub const fn keys_of(first: i32, count: i32, flags: u32) -> Keys {
    Keys {
        last: count - 1,
        ..key_at(first, flags)
    }
}

/// Keys to the end of the command.
pub const fn keys_from(first: i32, step: i32, flags: u32) -> Keys {
    Keys {
        first,
        last: -1,
        step,
        counted: false,
        unknown: false,
        flags,
    }
}

/// As many keys as the argument before them says.
pub const fn keys_counted_at(count: i32, flags: u32) -> Keys {
    Keys {
        first: count,
        last: 0,
        step: 1,
        counted: true,
        unknown: false,
        flags,
    }
}

/// Keys that only the command itself can tell.
pub const fn keys_unknown(flags: u32) -> Keys {
    Keys {
        unknown: true,
        ..key_at(0, flags)
    }
}

/// An argument.
pub const fn arg(name: &'static CStr, kind: ArgKind) -> Arg {
    Arg {
        name,
        kind,
        token: None,
        flags: raw::REDISMODULE_CMD_ARG_NONE,
    }
}

/// Bytes.
pub const fn string(name: &'static CStr) -> Arg {
    arg(name, ArgKind::String)
}

/// A whole number.
pub const fn integer(name: &'static CStr) -> Arg {
    arg(name, ArgKind::Integer)
}

/// A floating point number.
pub const fn double(name: &'static CStr) -> Arg {
    arg(name, ArgKind::Double)
}

/// A glob.
pub const fn pattern(name: &'static CStr) -> Arg {
    arg(name, ArgKind::Pattern)
}

/// A time, in seconds or ms since 1970.
pub const fn unix_time(name: &'static CStr) -> Arg {
    arg(name, ArgKind::UnixTime)
}

/// A key, by the place of its `Keys` in the command's.
pub const fn key(name: &'static CStr, keys: i32) -> Arg {
    arg(name, ArgKind::Key(keys))
}

/// One of these.
pub const fn one_of(name: &'static CStr, choices: &'static [Arg]) -> Arg {
    arg(name, ArgKind::OneOf(choices))
}

/// All of these, in order.
pub const fn block(name: &'static CStr, parts: &'static [Arg]) -> Arg {
    arg(name, ArgKind::Block(parts))
}

/// A word alone.
pub const fn token(name: &'static CStr, token: &'static CStr) -> Arg {
    arg(name, ArgKind::Token).after(token)
}

impl Arg {
    /// With a word before it.
    pub const fn after(self, token: &'static CStr) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    /// That may be left out.
    pub const fn optional(self) -> Self {
        Self {
            flags: self.flags | raw::REDISMODULE_CMD_ARG_OPTIONAL,
            ..self
        }
    }

    /// That may come again.
    pub const fn multiple(self) -> Self {
        Self {
            flags: self.flags | raw::REDISMODULE_CMD_ARG_MULTIPLE,
            ..self
        }
    }
}

/// The key that most commands have.
pub const KEY: Arg = key(c"key", 0);

/// A part of a range.
pub const LIMIT: Arg = block(c"limit", &[integer(c"offset"), integer(c"count")])
    .after(c"LIMIT")
    .optional();
