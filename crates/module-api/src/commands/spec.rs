//! What the server is told of a command. A row of a table says what is special in it: the rest follows from that.

use std::ffi::CStr;

use redis_module::raw;

use super::arguments::{Arg, ArgKind, Keys};
use super::entry::{Command, Entry};
use super::table_words::{KEY, READ, key_at};

/// Where most commands that read have their keys.
const FIRST_READ: &[Keys] = &[key_at(1, READ)];

/// Flags of a command, with their names for RM_CreateCommand.
const FLAGS: [(u16, &str); 10] = [
    (WRITE, "write"),
    (READONLY, "readonly"),
    (DENY_OOM, "deny-oom"),
    (ADMIN, "admin"),
    (FAST, "fast"),
    (BLOCKING, "blocking"),
    (GETKEYS_API, "getkeys-api"),
    (NO_AUTH, "no-auth"),
    (ALLOW_STALE, "allow-stale"),
    (ALLOW_LOADING, "allow-loading"),
];
const WRITE: u16 = 1;
const READONLY: u16 = 1 << 1;
const DENY_OOM: u16 = 1 << 2;
const ADMIN: u16 = 1 << 3;
const FAST: u16 = 1 << 4;
const BLOCKING: u16 = 1 << 5;
const GETKEYS_API: u16 = 1 << 6;
const NO_AUTH: u16 = 1 << 7;
const ALLOW_STALE: u16 = 1 << 8;
const ALLOW_LOADING: u16 = 1 << 9;

/// ACL categories of data, in the order in which they are told.
const OF_DATA: [&str; 6] = ["string", "bitmap", "hash", "set", "sortedset", "list"];

/// All that the server is told of a command.
#[derive(Clone, Copy)]
pub struct Spec {
    /// What the server's tables call it.
    pub name: &'static CStr,
    /// The function that the server calls.
    pub entry: Entry,
    flags: u16,
    /// ACL categories that do not follow from the flags.
    more_categories: &'static [&'static str],
    /// Arguments with the name; below zero for "at least so many".
    pub arity: i32,
    /// Where its keys are.
    pub keys: &'static [Keys],
    /// Its arguments, for COMMAND DOCS.
    pub args: &'static [Arg],
    /// One line, for COMMAND DOCS.
    pub summary: &'static CStr,
    /// Its cost, for COMMAND DOCS.
    pub complexity: &'static CStr,
    /// Hints for clients that spread a command over a cluster.
    pub tips: Option<&'static CStr>,
}

impl Spec {
    /// A command without arguments but a key that it reads, in a time that does not depend on the data.
    pub const fn of<C: Command>(name: &'static CStr) -> Self {
        Self {
            name,
            entry: Entry::of::<C>(),
            flags: if C::KEYS.is_some() { GETKEYS_API } else { 0 },
            more_categories: &[],
            arity: 2,
            keys: FIRST_READ,
            args: &[KEY],
            summary: c"",
            complexity: c"O(1)",
            tips: None,
        }
    }

    const fn with(self, flag: u16) -> Self {
        Self {
            flags: self.flags | flag,
            ..self
        }
    }

    const fn without(self, flag: u16) -> Self {
        Self {
            flags: self.flags & !flag,
            ..self
        }
    }

    /// It reads, and is in `@read`.
    pub const fn reads(self) -> Self {
        self.without(WRITE).with(READONLY)
    }

    /// It writes, or may, and is in `@write`. What it does to which keys has to be said.
    pub const fn writes(self) -> Self {
        self.keys(&[]).without(READONLY).with(WRITE)
    }

    /// It has no keys, and neither reads nor writes.
    pub const fn no_data(self) -> Self {
        self.keys(&[]).without(READONLY).without(WRITE)
    }

    /// It is refused while the server is out of memory.
    pub const fn deny_oom(self) -> Self {
        self.with(DENY_OOM)
    }

    /// It is done at once, and is in `@fast` instead of `@slow`.
    pub const fn fast(self) -> Self {
        self.with(FAST)
    }

    /// Its client may wait, and it is in `@blocking`.
    pub const fn blocking(self) -> Self {
        self.with(BLOCKING)
    }

    /// It is for those who administer the server: in `@admin` and `@dangerous`, and neither in `@read` nor in `@write`.
    pub const fn admin(self) -> Self {
        self.with(ADMIN)
    }

    /// It runs before a client has given its password.
    pub const fn no_auth(self) -> Self {
        self.with(NO_AUTH)
    }

    /// It runs on a replica without its primary's data, and while the server loads.
    pub const fn always(self) -> Self {
        self.with(ALLOW_STALE | ALLOW_LOADING)
    }

    /// It is in these ACL categories besides those that follow from its flags.
    pub const fn in_categories(self, more_categories: &'static [&'static str]) -> Self {
        Self {
            more_categories,
            ..self
        }
    }

    /// Where its keys are, if they are not the first argument alone, which it reads.
    pub const fn keys(self, keys: &'static [Keys]) -> Self {
        Self { keys, ..self }
    }

    /// What its arguments are, if they are not a key alone; their number follows.
    pub const fn args(self, args: &'static [Arg]) -> Self {
        let (least, varies) = count(args);
        let arity = if varies { -1 - least } else { 1 + least };
        Self { args, arity, ..self }
    }

    /// The number of its arguments, where it does not follow from them.
    pub const fn arity(self, arity: i32) -> Self {
        Self { arity, ..self }
    }

    /// What it does.
    pub const fn about(self, summary: &'static CStr) -> Self {
        Self { summary, ..self }
    }

    /// Its cost, if it depends on the data.
    pub const fn costs(self, complexity: &'static CStr) -> Self {
        Self { complexity, ..self }
    }

    /// Hints for clients that spread a command over a cluster.
    pub const fn tips(self, tips: &'static CStr) -> Self {
        Self {
            tips: Some(tips),
            ..self
        }
    }

    /// Its flags as RM_CreateCommand takes them.
    pub fn flags(&self) -> String {
        let set = FLAGS.iter().filter(|(flag, _)| self.has(*flag));
        set.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
    }

    /// True if it is for those who administer the server.
    pub fn is_admin(&self) -> bool {
        self.has(ADMIN)
    }

    fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Its ACL categories. They follow from its flags, as the server has it for its own commands (`setImplicitACLCategories`).
    pub fn categories(&self) -> Vec<&'static str> {
        let named = |name| self.more_categories.contains(&name);
        let admin = self.has(ADMIN);
        let mut categories = Vec::new();
        let mut add = |name, is_in: bool| categories.extend(is_in.then_some(name));
        add("admin", admin);
        add("keyspace", named("keyspace"));
        add("write", self.has(WRITE) && !admin);
        add("read", self.has(READONLY) && !admin);
        OF_DATA.into_iter().for_each(|name| add(name, named(name)));
        add("fast", self.has(FAST));
        add("slow", !self.has(FAST));
        add("blocking", self.has(BLOCKING));
        add("dangerous", admin || named("dangerous"));
        add("connection", named("connection"));
        categories
    }
}

/// Puts these commands into ACL categories besides those that follow from their flags, but for those that say theirs.
pub const fn all_in<const N: usize>(categories: &'static [&'static str], mut specs: [Spec; N]) -> [Spec; N] {
    let mut rest: &mut [Spec] = &mut specs;
    while let [spec, others @ ..] = rest {
        if spec.more_categories.is_empty() {
            spec.more_categories = categories;
        }
        rest = others;
    }
    specs
}

/// How many words these arguments are at least, and whether they may be more.
const fn count(mut args: &[Arg]) -> (i32, bool) {
    let (mut least, mut varies) = (0, false);
    while let [arg, others @ ..] = args {
        let (words, may_vary) = count_one(arg);
        least += words;
        varies |= may_vary;
        args = others;
    }
    (least, varies)
}

const fn count_one(arg: &Arg) -> (i32, bool) {
    let (words, varies) = match arg.kind {
        ArgKind::Token => (0, false),
        ArgKind::Block(inside) => count(inside),
        ArgKind::OneOf(choices) => count_choice(choices),
        _ => (1, false),
    };
    let least = words + arg.token.is_some() as i32;
    let optional = arg.flags & raw::REDISMODULE_CMD_ARG_OPTIONAL != 0;
    let multiple = arg.flags & raw::REDISMODULE_CMD_ARG_MULTIPLE != 0;
    (if optional { 0 } else { least }, varies || optional || multiple)
}

const fn count_choice(choices: &[Arg]) -> (i32, bool) {
    let [first, others @ ..] = choices else {
        return (0, false);
    };
    let mut others = others;
    let (mut least, mut varies) = count_one(first);
    while let [choice, rest @ ..] = others {
        let (words, may_vary) = count_one(choice);
        varies |= may_vary || words != least;
        least = if words < least { words } else { least };
        others = rest;
    }
    (least, varies)
}

#[cfg(test)]
mod tests;
