//! The sorted set commands of one key, as the server knows them; those that pop from one of several too.

use module_api::commands::command::{Arg, ArgKind, Keys, Spec};
use module_api::commands::table_words::{
    KEY, LIMIT, LOOK, OVERWRITE, READ, READ_UPDATE, SHRINK, TAKE, UPDATE, arg, key_at, keys_counted_at, token,
};

use super::{pop, range, read, write};
use crate::commands::shared::counted_keys::counted;
use crate::execute::run::entry;

const EXISTENCE: Arg = arg(
    c"condition",
    ArgKind::OneOf(&[token(c"nx", c"NX"), token(c"xx", c"XX")]),
)
.optional();
const COMPARISON: Arg = arg(
    c"comparison",
    ArgKind::OneOf(&[token(c"gt", c"GT"), token(c"lt", c"LT")]),
)
.optional();
const SCORES: Arg = arg(
    c"score-member",
    ArgKind::Block(&[arg(c"score", ArgKind::Double), arg(c"member", ArgKind::String)]),
)
.multiple();
const COUNT: Arg = arg(c"count", ArgKind::Integer).optional();
/// What a range goes by, if not by rank.
pub(super) const BY: Arg = arg(
    c"sortby",
    ArgKind::OneOf(&[token(c"byscore", c"BYSCORE"), token(c"bylex", c"BYLEX")]),
)
.optional();
/// The highest first.
pub(super) const REV: Arg = token(c"rev", c"REV").optional();
const RANDOM_COUNT: Arg = arg(
    c"options",
    ArgKind::Block(&[
        arg(c"count", ArgKind::Integer),
        token(c"withscores", c"WITHSCORES").optional(),
    ]),
)
.optional();

const TAKE_COUNTED: &[Keys] = &[keys_counted_at(1, TAKE)];

/// The table.
pub(in crate::commands) static ZSET: &[Spec] = &[
    Spec {
        name: c"mylog.zadd",
        entry: entry!(Write, write::zadd),
        flags: c"write deny-oom fast",
        categories: c"write sortedset fast",
        arity: -4,
        keys: &[key_at(1, UPDATE)],
        args: &[
            KEY,
            EXISTENCE,
            COMPARISON,
            token(c"change", c"CH").optional(),
            token(c"increment", c"INCR").optional(),
            SCORES,
        ],
        summary: c"Add members to a sorted set, or update their scores",
        complexity: c"O(log(N)) a member, N being the number of members",
        tips: None,
    },
    Spec {
        name: c"mylog.zincrby",
        entry: entry!(Write, write::zincrby),
        flags: c"write deny-oom fast",
        categories: c"write sortedset fast",
        arity: 4,
        keys: &[key_at(1, READ_UPDATE)],
        args: &[
            KEY,
            arg(c"increment", ArgKind::Integer),
            arg(c"member", ArgKind::String),
        ],
        summary: c"Increment the score of a member of a sorted set",
        complexity: c"O(log(N)), N being the number of members",
        tips: None,
    },
    Spec {
        name: c"mylog.zrem",
        entry: entry!(Write, write::zrem),
        flags: c"write fast",
        categories: c"write sortedset fast",
        arity: -3,
        keys: &[key_at(1, SHRINK)],
        args: &[KEY, arg(c"member", ArgKind::String).multiple()],
        summary: c"Remove members from a sorted set",
        complexity: c"O(M*log(N)), M of N members being removed",
        tips: None,
    },
    Spec {
        name: c"mylog.zremrangebyrank",
        entry: entry!(Write, write::zremrangebyrank),
        flags: c"write",
        categories: c"write sortedset slow",
        arity: 4,
        keys: &[key_at(1, SHRINK)],
        args: &[
            KEY,
            arg(c"start", ArgKind::Integer),
            arg(c"stop", ArgKind::Integer),
        ],
        summary: c"Remove the members of a sorted set within these ranks",
        complexity: c"O(log(N)+M), M of N members being removed",
        tips: None,
    },
    Spec {
        name: c"mylog.zremrangebyscore",
        entry: entry!(Write, write::zremrangebyscore),
        flags: c"write",
        categories: c"write sortedset slow",
        arity: 4,
        keys: &[key_at(1, SHRINK)],
        args: &[KEY, arg(c"min", ArgKind::Double), arg(c"max", ArgKind::Double)],
        summary: c"Remove the members of a sorted set within these scores",
        complexity: c"O(log(N)+M), M of N members being removed",
        tips: None,
    },
    Spec {
        name: c"mylog.zremrangebylex",
        entry: entry!(Write, write::zremrangebylex),
        flags: c"write",
        categories: c"write sortedset slow",
        arity: 4,
        keys: &[key_at(1, SHRINK)],
        args: &[KEY, arg(c"min", ArgKind::String), arg(c"max", ArgKind::String)],
        summary: c"Remove the members of a sorted set between two names",
        complexity: c"O(log(N)+M), M of N members being removed",
        tips: None,
    },
    Spec {
        name: c"mylog.zpopmin",
        entry: entry!(Write, pop::zpopmin),
        flags: c"write fast",
        categories: c"write sortedset fast",
        arity: -2,
        keys: &[key_at(1, TAKE)],
        args: &[KEY, COUNT],
        summary: c"Remove and return the members of the lowest scores",
        complexity: c"O(M*log(N)), M of N members being popped",
        tips: None,
    },
    Spec {
        name: c"mylog.zpopmax",
        entry: entry!(Write, pop::zpopmax),
        flags: c"write fast",
        categories: c"write sortedset fast",
        arity: -2,
        keys: &[key_at(1, TAKE)],
        args: &[KEY, COUNT],
        summary: c"Remove and return the members of the highest scores",
        complexity: c"O(M*log(N)), M of N members being popped",
        tips: None,
    },
    Spec {
        name: c"mylog.zmpop",
        entry: counted!(Write, pop::zmpop, TAKE_COUNTED),
        flags: c"write getkeys-api",
        categories: c"write sortedset slow",
        arity: -4,
        keys: TAKE_COUNTED,
        args: &[
            arg(c"numkeys", ArgKind::Integer),
            KEY.multiple(),
            arg(
                c"where",
                ArgKind::OneOf(&[token(c"min", c"MIN"), token(c"max", c"MAX")]),
            ),
            arg(c"count", ArgKind::Integer).after(c"COUNT").optional(),
        ],
        summary: c"Pop members from the first of several sorted sets that has any",
        complexity: c"O(K) + O(M*log(N)), K being the keys, and M of N members being popped",
        tips: None,
    },
    Spec {
        name: c"mylog.zrangestore",
        entry: entry!(Write, range::zrangestore),
        flags: c"write deny-oom",
        categories: c"write sortedset slow",
        arity: -5,
        keys: &[key_at(1, OVERWRITE), key_at(2, READ)],
        args: &[
            arg(c"dst", ArgKind::Key(0)),
            arg(c"src", ArgKind::Key(1)),
            arg(c"min", ArgKind::String),
            arg(c"max", ArgKind::String),
            BY,
            REV,
            LIMIT,
        ],
        summary: c"Store a range of members of a sorted set under another key",
        complexity: c"O(log(N)+M), M of N members being stored",
        tips: None,
    },
    Spec {
        name: c"mylog.zcard",
        entry: entry!(Read, read::zcard),
        flags: c"readonly fast",
        categories: c"read sortedset fast",
        arity: 2,
        keys: &[key_at(1, LOOK)],
        args: &[KEY],
        summary: c"Get the number of members of a sorted set",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.zscore",
        entry: entry!(Read, read::zscore),
        flags: c"readonly fast",
        categories: c"read sortedset fast",
        arity: 3,
        keys: &[key_at(1, READ)],
        args: &[KEY, arg(c"member", ArgKind::String)],
        summary: c"Get the score of a member of a sorted set",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.zmscore",
        entry: entry!(Read, read::zmscore),
        flags: c"readonly fast",
        categories: c"read sortedset fast",
        arity: -3,
        keys: &[key_at(1, READ)],
        args: &[KEY, arg(c"member", ArgKind::String).multiple()],
        summary: c"Get the scores of members of a sorted set",
        complexity: c"O(N) where N is the number of members being requested",
        tips: None,
    },
    Spec {
        name: c"mylog.zrank",
        entry: entry!(Read, read::zrank),
        flags: c"readonly fast",
        categories: c"read sortedset fast",
        arity: -3,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"member", ArgKind::String),
            token(c"withscore", c"WITHSCORE").optional(),
        ],
        summary: c"Get the rank of a member, the lowest score first",
        complexity: c"O(log(N))",
        tips: None,
    },
    Spec {
        name: c"mylog.zrevrank",
        entry: entry!(Read, read::zrevrank),
        flags: c"readonly fast",
        categories: c"read sortedset fast",
        arity: -3,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"member", ArgKind::String),
            token(c"withscore", c"WITHSCORE").optional(),
        ],
        summary: c"Get the rank of a member, the highest score first",
        complexity: c"O(log(N))",
        tips: None,
    },
    Spec {
        name: c"mylog.zcount",
        entry: entry!(Read, range::zcount),
        flags: c"readonly fast",
        categories: c"read sortedset fast",
        arity: 4,
        keys: &[key_at(1, READ)],
        args: &[KEY, arg(c"min", ArgKind::Double), arg(c"max", ArgKind::Double)],
        summary: c"Count the members of a sorted set within these scores",
        complexity: c"O(log(N)), N being the number of members",
        tips: None,
    },
    Spec {
        name: c"mylog.zlexcount",
        entry: entry!(Read, range::zlexcount),
        flags: c"readonly fast",
        categories: c"read sortedset fast",
        arity: 4,
        keys: &[key_at(1, READ)],
        args: &[KEY, arg(c"min", ArgKind::String), arg(c"max", ArgKind::String)],
        summary: c"Count the members of a sorted set between two names",
        complexity: c"O(log(N)), N being the number of members",
        tips: None,
    },
    Spec {
        name: c"mylog.zrandmember",
        entry: entry!(Read, read::zrandmember),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -2,
        keys: &[key_at(1, READ)],
        args: &[KEY, RANDOM_COUNT],
        summary: c"Get random members of a sorted set",
        complexity: c"O(N) where N is the number of members returned",
        tips: Some(c"nondeterministic_output"),
    },
    Spec {
        name: c"mylog.zscan",
        entry: entry!(Read, read::zscan),
        flags: c"readonly",
        categories: c"read sortedset slow",
        arity: -3,
        keys: &[key_at(1, READ)],
        args: &[
            KEY,
            arg(c"cursor", ArgKind::Integer),
            arg(c"pattern", ArgKind::Pattern).after(c"MATCH").optional(),
            arg(c"count", ArgKind::Integer).after(c"COUNT").optional(),
        ],
        summary: c"Incrementally iterate members and scores of a sorted set",
        complexity: c"O(1) a call, O(N) a complete iteration, N being the number of members",
        tips: Some(c"nondeterministic_output"),
    },
];
