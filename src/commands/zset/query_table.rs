//! The sorted set commands that show ranges and combine several keys, as the server knows them.

use module_api::commands::arguments::{Arg, Keys};
use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    KEY, LIMIT, OVERWRITE, READ, double, integer, key, key_at, keys_counted_at, one_of, string, token,
};

use super::table::{BY, REV};
use super::{combine, range};
use crate::commands::shared::counted_keys::counted;
use crate::execute::run::command;

const WITHSCORES: Arg = token(c"withscores", c"WITHSCORES").optional();
const WEIGHTS: Arg = integer(c"weight").after(c"WEIGHTS").optional().multiple();
const AGGREGATE: Arg = one_of(
    c"aggregate",
    &[
        token(c"sum", c"SUM"),
        token(c"min", c"MIN"),
        token(c"max", c"MAX"),
    ],
)
.after(c"AGGREGATE")
.optional();

const READ_COUNTED: &[Keys] = &[keys_counted_at(1, READ)];
const STORE_COUNTED: &[Keys] = &[key_at(1, OVERWRITE), keys_counted_at(2, READ)];

/// The table.
pub(in crate::commands) static ZSET_QUERY: &[Spec] = &all_in(&["sortedset"], [
    command!(Read, c"mylog.zrange", range::zrange)
        .args(&[
            KEY,
            string(c"start"),
            string(c"stop"),
            BY,
            REV,
            LIMIT,
            WITHSCORES,
        ])
        .about(c"Get a range of members of a sorted set")
        .costs(c"O(log(N)+M), M of N members being returned"),
    command!(Read, c"mylog.zrevrange", range::zrevrange)
        .args(&[
            KEY,
            integer(c"start"),
            integer(c"stop"),
            WITHSCORES,
        ])
        .about(c"Get the members within these ranks, the highest score first")
        .costs(c"O(log(N)+M), M of N members being returned"),
    command!(Read, c"mylog.zrangebyscore", range::zrangebyscore)
        .args(&[
            KEY,
            double(c"min"),
            double(c"max"),
            WITHSCORES,
            LIMIT,
        ])
        .about(c"Get the members within these scores")
        .costs(c"O(log(N)+M), M of N members being returned"),
    command!(Read, c"mylog.zrevrangebyscore", range::zrevrangebyscore)
        .args(&[
            KEY,
            double(c"max"),
            double(c"min"),
            WITHSCORES,
            LIMIT,
        ])
        .about(c"Get the members within these scores, the highest first")
        .costs(c"O(log(N)+M), M of N members being returned"),
    command!(Read, c"mylog.zrangebylex", range::zrangebylex)
        .args(&[
            KEY,
            string(c"min"),
            string(c"max"),
            LIMIT,
        ])
        .about(c"Get the members between two names")
        .costs(c"O(log(N)+M), M of N members being returned"),
    command!(Read, c"mylog.zrevrangebylex", range::zrevrangebylex)
        .args(&[
            KEY,
            string(c"max"),
            string(c"min"),
            LIMIT,
        ])
        .about(c"Get the members between two names, the last first")
        .costs(c"O(log(N)+M), M of N members being returned"),
    counted!(Read, c"mylog.zunion", combine::zunion, READ_COUNTED)
        .args(&[
            integer(c"numkeys"),
            KEY.multiple(),
            WEIGHTS,
            AGGREGATE,
            WITHSCORES,
        ])
        .about(c"Get the union of several sorted sets")
        .costs(c"O(N)+O(M*log(M)), N being the members of the sources and M those of the result"),
    counted!(Write, c"mylog.zunionstore", combine::zunionstore, STORE_COUNTED)
        .deny_oom()
        .args(&[
            key(c"destination", 0),
            integer(c"numkeys"),
            key(c"key", 1).multiple(),
            WEIGHTS,
            AGGREGATE,
        ])
        .about(c"Store the union of several sorted sets")
        .costs(c"O(N)+O(M*log(M)), N being the members of the sources and M those of the result"),
    counted!(Read, c"mylog.zinter", combine::zinter, READ_COUNTED)
        .args(&[
            integer(c"numkeys"),
            KEY.multiple(),
            WEIGHTS,
            AGGREGATE,
            WITHSCORES,
        ])
        .about(c"Get the intersection of several sorted sets")
        .costs(c"O(N*K)+O(M*log(M)), N being the members of the smallest of K sources and M those of the result"),
    counted!(Write, c"mylog.zinterstore", combine::zinterstore, STORE_COUNTED)
        .deny_oom()
        .args(&[
            key(c"destination", 0),
            integer(c"numkeys"),
            key(c"key", 1).multiple(),
            WEIGHTS,
            AGGREGATE,
        ])
        .about(c"Store the intersection of several sorted sets")
        .costs(c"O(N*K)+O(M*log(M)), N being the members of the smallest of K sources and M those of the result"),
    counted!(Read, c"mylog.zdiff", combine::zdiff, READ_COUNTED)
        .args(&[integer(c"numkeys"), KEY.multiple(), WITHSCORES])
        .about(c"Get the difference of several sorted sets")
        .costs(c"O(N*K)+O(M*log(M)), N being the members of the first of K sources and M those of the result"),
    counted!(Write, c"mylog.zdiffstore", combine::zdiffstore, STORE_COUNTED)
        .deny_oom()
        .args(&[
            key(c"destination", 0),
            integer(c"numkeys"),
            key(c"key", 1).multiple(),
        ])
        .about(c"Store the difference of several sorted sets")
        .costs(c"O(N*K)+O(M*log(M)), N being the members of the first of K sources and M those of the result"),
    counted!(Read, c"mylog.zintercard", combine::zintercard, READ_COUNTED)
        .args(&[
            integer(c"numkeys"),
            KEY.multiple(),
            integer(c"limit").after(c"LIMIT").optional(),
        ])
        .about(c"Count the members that several sorted sets have in common")
        .costs(c"O(N*K), N being the members of the smallest of K sources"),
]);
