//! Arguments of a command, and which of them are keys.

use std::ffi::CStr;

use redis_module::raw;

/// Which arguments are keys, and what is done to them.
pub struct Keys {
    /// Place of the first, the command's name being 0.
    pub first: i32,
    /// Place of the last, counted from `first`; -1 for the last argument.
    pub last: i32,
    /// From one to the next.
    pub step: i32,
    /// REDISMODULE_CMD_KEY_ bits.
    pub flags: u32,
    /// The argument at `first` is no key but says how many follow it.
    pub counted: bool,
    /// Their places, or names, are not known before the command is read: the command tells them itself.
    pub unknown: bool,
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// Bytes.
    String,
    /// A whole number.
    Integer,
    /// A floating point number.
    Double,
    /// A key, by the place of its `Keys` in the command's.
    Key(i32),
    /// A glob.
    Pattern,
    /// A time, in seconds or ms since 1970.
    UnixTime,
    /// Nothing but its token.
    Token,
    /// One of the arguments inside it.
    OneOf(&'static [Arg]),
    /// All of the arguments inside it, in order.
    Block(&'static [Arg]),
}

/// An argument, for COMMAND DOCS.
#[derive(Debug, PartialEq, Eq)]
pub struct Arg {
    /// What the server's tables call it.
    pub name: &'static CStr,
    /// What it holds.
    pub kind: ArgKind,
    /// The word before it.
    pub token: Option<&'static CStr>,
    /// REDISMODULE_CMD_ARG_ bits.
    pub flags: u32,
}

impl Arg {
    /// True if the argument may be left out.
    pub fn is_optional(&self) -> bool {
        self.flags & raw::REDISMODULE_CMD_ARG_OPTIONAL != 0
    }

    /// True if the argument may come again.
    pub fn is_multiple(&self) -> bool {
        self.flags & raw::REDISMODULE_CMD_ARG_MULTIPLE != 0
    }
}
