//! The sorted set commands that show ranges and combine several keys, as the server knows them.

use super::table::{KEY, LIMIT, OVERWRITE, READ, arg, key_at, keys_counted_at, token};
use super::zset_table::{BY, REV};
use super::{zset_combine, zset_range};
use crate::api::command::{Arg, ArgKind, Spec};
use crate::call::entry;

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

/// The table.
pub(super) static ZSET_QUERY: &[Spec] = &[
    Spec {
        name: c"mylog.zrange",
        entry: entry!(Read, zset_range::zrange),
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
        entry: entry!(Read, zset_range::zrevrange),
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
        entry: entry!(Read, zset_range::zrangebyscore),
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
        entry: entry!(Read, zset_range::zrevrangebyscore),
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
        entry: entry!(Read, zset_range::zrangebylex),
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
        entry: entry!(Read, zset_range::zrevrangebylex),
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
        entry: entry!(Read, zset_combine::zunion),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -3,
        keys: &[keys_counted_at(1, READ)],
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
        entry: entry!(Write, zset_combine::zunionstore),
        flags: c"write deny-oom",
        categories: c"write sortedset slow",
        arity: -4,
        keys: &[key_at(1, OVERWRITE), keys_counted_at(2, READ)],
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
        entry: entry!(Read, zset_combine::zinter),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -3,
        keys: &[keys_counted_at(1, READ)],
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
        entry: entry!(Write, zset_combine::zinterstore),
        flags: c"write deny-oom",
        categories: c"write sortedset slow",
        arity: -4,
        keys: &[key_at(1, OVERWRITE), keys_counted_at(2, READ)],
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
        entry: entry!(Read, zset_combine::zdiff),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -3,
        keys: &[keys_counted_at(1, READ)],
        args: &[arg(c"numkeys", ArgKind::Integer), KEY.multiple(), WITHSCORES],
        summary: c"Get the difference of several sorted sets",
        complexity:
            c"O(N*K)+O(M*log(M)), N being the members of the first of K sources and M those of the result",
        tips: None,
    },
    Spec {
        name: c"mylog.zdiffstore",
        entry: entry!(Write, zset_combine::zdiffstore),
        flags: c"write deny-oom",
        categories: c"write sortedset slow",
        arity: -4,
        keys: &[key_at(1, OVERWRITE), keys_counted_at(2, READ)],
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
        entry: entry!(Read, zset_combine::zintercard),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -3,
        keys: &[keys_counted_at(1, READ)],
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
