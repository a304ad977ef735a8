//! The sorted set commands that show ranges and combine several keys, as the server knows them.

use module_api::commands::command::{Arg, ArgKind, Keys, Spec};
use module_api::commands::table_words::{KEY, LIMIT, OVERWRITE, READ, arg, key_at, keys_counted_at, token};

use super::table::{BY, REV};
use super::{combine, range};
use crate::commands::shared::counted_keys::counted;
use crate::execute::run::entry;

const WITHSCORES: Arg = token(c"withscores", c"WITHSCORES").optional();
const WEIGHTS: Arg = arg(c"weight", ArgKind::Integer)
    .after(c"WEIGHTS")
    .optional()
    .multiple();
const AGGREGATE: Arg = arg(
    c"aggregate",
    ArgKind::OneOf(&[
        token(c"sum", c"SUM"),
        token(c"min", c"MIN"),
        token(c"max", c"MAX"),
    ]),
)
.after(c"AGGREGATE")
.optional();

const READ_COUNTED: &[Keys] = &[keys_counted_at(1, READ)];
const STORE_COUNTED: &[Keys] = &[key_at(1, OVERWRITE), keys_counted_at(2, READ)];

/// The table.
pub(in crate::commands) static ZSET_QUERY: &[Spec] = &[
    Spec {
        name: c"mylog.zrange",
        entry: entry!(Read, range::zrange),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -4,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"start", ArgKind::String),
            arg(c"stop", ArgKind::String),
            BY,
            REV,
            LIMIT,
            WITHSCORES,
        ],
        summary: c"Get a range of members of a sorted set",
        complexity: c"O(log(N)+M), M of N members being returned",
        tips: None,
    },
    Spec {
        name: c"mylog.zrevrange",
        entry: entry!(Read, range::zrevrange),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -4,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"start", ArgKind::Integer),
            arg(c"stop", ArgKind::Integer),
            WITHSCORES,
        ],
        summary: c"Get the members within these ranks, the highest score first",
        complexity: c"O(log(N)+M), M of N members being returned",
        tips: None,
    },
    Spec {
        name: c"mylog.zrangebyscore",
        entry: entry!(Read, range::zrangebyscore),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -4,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"min", ArgKind::Double),
            arg(c"max", ArgKind::Double),
            WITHSCORES,
            LIMIT,
        ],
        summary: c"Get the members within these scores",
        complexity: c"O(log(N)+M), M of N members being returned",
        tips: None,
    },
    Spec {
        name: c"mylog.zrevrangebyscore",
        entry: entry!(Read, range::zrevrangebyscore),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -4,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"max", ArgKind::Double),
            arg(c"min", ArgKind::Double),
            WITHSCORES,
            LIMIT,
        ],
        summary: c"Get the members within these scores, the highest first",
        complexity: c"O(log(N)+M), M of N members being returned",
        tips: None,
    },
    Spec {
        name: c"mylog.zrangebylex",
        entry: entry!(Read, range::zrangebylex),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -4,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"min", ArgKind::String),
            arg(c"max", ArgKind::String),
            LIMIT,
        ],
        summary: c"Get the members between two names",
        complexity: c"O(log(N)+M), M of N members being returned",
        tips: None,
    },
    Spec {
        name: c"mylog.zrevrangebylex",
        entry: entry!(Read, range::zrevrangebylex),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -4,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"max", ArgKind::String),
            arg(c"min", ArgKind::String),
            LIMIT,
        ],
        summary: c"Get the members between two names, the last first",
        complexity: c"O(log(N)+M), M of N members being returned",
        tips: None,
    },
    Spec {
        name: c"mylog.zunion",
        entry: counted!(Read, combine::zunion, READ_COUNTED),
        flags: c"readonly getkeys-api",
        categories: c"read sortedset slow",
        arity: -3,
        keys: READ_COUNTED,
        args: &[
            arg(c"numkeys", ArgKind::Integer),
            KEY.multiple(),
            WEIGHTS,
            AGGREGATE,
            WITHSCORES,
        ],
        summary: c"Get the union of several sorted sets",
        complexity: c"O(N)+O(M*log(M)), N being the members of the sources and M those of the result",
        tips: None,
    },
    Spec {
        name: c"mylog.zunionstore",
        entry: counted!(Write, combine::zunionstore, STORE_COUNTED),
        flags: c"write deny-oom getkeys-api",
        categories: c"write sortedset slow",
        arity: -4,
        keys: STORE_COUNTED,
        args: &[
            arg(c"destination", ArgKind::Key(0)),
            arg(c"numkeys", ArgKind::Integer),
            arg(c"key", ArgKind::Key(1)).multiple(),
            WEIGHTS,
            AGGREGATE,
        ],
        summary: c"Store the union of several sorted sets",
        complexity: c"O(N)+O(M*log(M)), N being the members of the sources and M those of the result",
        tips: None,
    },
    Spec {
        name: c"mylog.zinter",
        entry: counted!(Read, combine::zinter, READ_COUNTED),
        flags: c"readonly getkeys-api",
        categories: c"read sortedset slow",
        arity: -3,
        keys: READ_COUNTED,
        args: &[
            arg(c"numkeys", ArgKind::Integer),
            KEY.multiple(),
            WEIGHTS,
            AGGREGATE,
            WITHSCORES,
        ],
        summary: c"Get the intersection of several sorted sets",
        complexity:
            c"O(N*K)+O(M*log(M)), N being the members of the smallest of K sources and M those of the result",
        tips: None,
    },
    Spec {
        name: c"mylog.zinterstore",
        entry: counted!(Write, combine::zinterstore, STORE_COUNTED),
        flags: c"write deny-oom getkeys-api",
        categories: c"write sortedset slow",
        arity: -4,
        keys: STORE_COUNTED,
        args: &[
            arg(c"destination", ArgKind::Key(0)),
            arg(c"numkeys", ArgKind::Integer),
            arg(c"key", ArgKind::Key(1)).multiple(),
            WEIGHTS,
            AGGREGATE,
        ],
        summary: c"Store the intersection of several sorted sets",
        complexity:
            c"O(N*K)+O(M*log(M)), N being the members of the smallest of K sources and M those of the result",
        tips: None,
    },
    Spec {
        name: c"mylog.zdiff",
        entry: counted!(Read, combine::zdiff, READ_COUNTED),
        flags: c"readonly getkeys-api",
        categories: c"read sortedset slow",
        arity: -3,
        keys: READ_COUNTED,
        args: &[arg(c"numkeys", ArgKind::Integer), KEY.multiple(), WITHSCORES],
        summary: c"Get the difference of several sorted sets",
        complexity:
            c"O(N*K)+O(M*log(M)), N being the members of the first of K sources and M those of the result",
        tips: None,
    },
    Spec {
        name: c"mylog.zdiffstore",
        entry: counted!(Write, combine::zdiffstore, STORE_COUNTED),
        flags: c"write deny-oom getkeys-api",
        categories: c"write sortedset slow",
        arity: -4,
        keys: STORE_COUNTED,
        args: &[
            arg(c"destination", ArgKind::Key(0)),
            arg(c"numkeys", ArgKind::Integer),
            arg(c"key", ArgKind::Key(1)).multiple(),
        ],
        summary: c"Store the difference of several sorted sets",
        complexity:
            c"O(N*K)+O(M*log(M)), N being the members of the first of K sources and M those of the result",
        tips: None,
    },
    Spec {
        name: c"mylog.zintercard",
        entry: counted!(Read, combine::zintercard, READ_COUNTED),
        flags: c"readonly getkeys-api",
        categories: c"read sortedset slow",
        arity: -3,
        keys: READ_COUNTED,
        args: &[
            arg(c"numkeys", ArgKind::Integer),
            KEY.multiple(),
            arg(c"limit", ArgKind::Integer).after(c"LIMIT").optional(),
        ],
        summary: c"Count the members that several sorted sets have in common",
        complexity: c"O(N*K), N being the members of the smallest of K sources",
        tips: None,
    },
];
