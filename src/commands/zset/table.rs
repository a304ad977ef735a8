//! The sorted set commands of one key, as the server knows them; those that pop from one of several too.

use module_api::commands::arguments::{Arg, Keys};
use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    KEY, LIMIT, LOOK, OVERWRITE, READ, READ_UPDATE, SHRINK, TAKE, UPDATE, block, double, integer, key,
    key_at, keys_counted_at, one_of, pattern, string, token,
};

use super::{pop, range, read, write};
use crate::commands::shared::counted_keys::counted;
use crate::execute::run::command;

const EXISTENCE: Arg = one_of(c"condition", &[token(c"nx", c"NX"), token(c"xx", c"XX")]).optional();
const COMPARISON: Arg = one_of(c"comparison", &[token(c"gt", c"GT"), token(c"lt", c"LT")]).optional();
const SCORES: Arg = block(c"score-member", &[double(c"score"), string(c"member")]).multiple();
const COUNT: Arg = integer(c"count").optional();
/// What a range goes by, if not by rank.
pub(super) const BY: Arg = one_of(
    c"sortby",
    &[token(c"byscore", c"BYSCORE"), token(c"bylex", c"BYLEX")],
)
.optional();
/// The highest first.
pub(super) const REV: Arg = token(c"rev", c"REV").optional();
const RANDOM_COUNT: Arg = block(
    c"options",
    &[integer(c"count"), token(c"withscores", c"WITHSCORES").optional()],
)
.optional();

const TAKE_COUNTED: &[Keys] = &[keys_counted_at(1, TAKE)];

/// The table.
pub(in crate::commands) static ZSET: &[Spec] = &all_in(
    &["sortedset"],
    [
        command!(Write, c"mylog.zadd", write::zadd)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, UPDATE)])
            .args(&[
                KEY,
                EXISTENCE,
                COMPARISON,
                token(c"change", c"CH").optional(),
                token(c"increment", c"INCR").optional(),
                SCORES,
            ])
            .about(c"Add members to a sorted set, or update their scores")
            .costs(c"O(log(N)) a member, N being the number of members"),
        command!(Write, c"mylog.zincrby", write::zincrby)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[KEY, integer(c"increment"), string(c"member")])
            .about(c"Increment the score of a member of a sorted set")
            .costs(c"O(log(N)), N being the number of members"),
        command!(Write, c"mylog.zrem", write::zrem)
            .fast()
            .keys(&[key_at(1, SHRINK)])
            .args(&[KEY, string(c"member").multiple()])
            .about(c"Remove members from a sorted set")
            .costs(c"O(M*log(N)), M of N members being removed"),
        command!(Write, c"mylog.zremrangebyrank", write::zremrangebyrank)
            .keys(&[key_at(1, SHRINK)])
            .args(&[KEY, integer(c"start"), integer(c"stop")])
            .about(c"Remove the members of a sorted set within these ranks")
            .costs(c"O(log(N)+M), M of N members being removed"),
        command!(Write, c"mylog.zremrangebyscore", write::zremrangebyscore)
            .keys(&[key_at(1, SHRINK)])
            .args(&[KEY, double(c"min"), double(c"max")])
            .about(c"Remove the members of a sorted set within these scores")
            .costs(c"O(log(N)+M), M of N members being removed"),
        command!(Write, c"mylog.zremrangebylex", write::zremrangebylex)
            .keys(&[key_at(1, SHRINK)])
            .args(&[KEY, string(c"min"), string(c"max")])
            .about(c"Remove the members of a sorted set between two names")
            .costs(c"O(log(N)+M), M of N members being removed"),
        command!(Write, c"mylog.zpopmin", pop::zpopmin)
            .fast()
            .keys(&[key_at(1, TAKE)])
            .args(&[KEY, COUNT])
            .about(c"Remove and return the members of the lowest scores")
            .costs(c"O(M*log(N)), M of N members being popped"),
        command!(Write, c"mylog.zpopmax", pop::zpopmax)
            .fast()
            .keys(&[key_at(1, TAKE)])
            .args(&[KEY, COUNT])
            .about(c"Remove and return the members of the highest scores")
            .costs(c"O(M*log(N)), M of N members being popped"),
        counted!(Write, c"mylog.zmpop", pop::zmpop, TAKE_COUNTED)
            .args(&[
                integer(c"numkeys"),
                KEY.multiple(),
                one_of(c"where", &[token(c"min", c"MIN"), token(c"max", c"MAX")]),
                integer(c"count").after(c"COUNT").optional(),
            ])
            .about(c"Pop members from the first of several sorted sets that has any")
            .costs(c"O(K) + O(M*log(N)), K being the keys, and M of N members being popped"),
        command!(Write, c"mylog.zrangestore", range::zrangestore)
            .deny_oom()
            .keys(&[key_at(1, OVERWRITE), key_at(2, READ)])
            .args(&[
                key(c"dst", 0),
                key(c"src", 1),
                string(c"min"),
                string(c"max"),
                BY,
                REV,
                LIMIT,
            ])
            .about(c"Store a range of members of a sorted set under another key")
            .costs(c"O(log(N)+M), M of N members being stored"),
        command!(Read, c"mylog.zcard", read::zcard)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .about(c"Get the number of members of a sorted set"),
        command!(Read, c"mylog.zscore", read::zscore)
            .fast()
            .args(&[KEY, string(c"member")])
            .about(c"Get the score of a member of a sorted set"),
        command!(Read, c"mylog.zmscore", read::zmscore)
            .fast()
            .args(&[KEY, string(c"member").multiple()])
            .about(c"Get the scores of members of a sorted set")
            .costs(c"O(N) where N is the number of members being requested"),
        command!(Read, c"mylog.zrank", read::zrank)
            .fast()
            .args(&[
                KEY,
                string(c"member"),
                token(c"withscore", c"WITHSCORE").optional(),
            ])
            .about(c"Get the rank of a member, the lowest score first")
            .costs(c"O(log(N))"),
        command!(Read, c"mylog.zrevrank", read::zrevrank)
            .fast()
            .args(&[
                KEY,
                string(c"member"),
                token(c"withscore", c"WITHSCORE").optional(),
            ])
            .about(c"Get the rank of a member, the highest score first")
            .costs(c"O(log(N))"),
        command!(Read, c"mylog.zcount", range::zcount)
            .fast()
            .args(&[KEY, double(c"min"), double(c"max")])
            .about(c"Count the members of a sorted set within these scores")
            .costs(c"O(log(N)), N being the number of members"),
        command!(Read, c"mylog.zlexcount", range::zlexcount)
            .fast()
            .args(&[KEY, string(c"min"), string(c"max")])
            .about(c"Count the members of a sorted set between two names")
            .costs(c"O(log(N)), N being the number of members"),
        command!(Read, c"mylog.zrandmember", read::zrandmember)
            .args(&[KEY, RANDOM_COUNT])
            .about(c"Get random members of a sorted set")
            .costs(c"O(N) where N is the number of members returned")
            .tips(c"nondeterministic_output"),
        command!(Read, c"mylog.zscan", read::zscan)
            .args(&[
                KEY,
                integer(c"cursor"),
                pattern(c"pattern").after(c"MATCH").optional(),
                integer(c"count").after(c"COUNT").optional(),
            ])
            .about(c"Incrementally iterate members and scores of a sorted set")
            .costs(c"O(1) a call, O(N) a complete iteration, N being the number of members")
            .tips(c"nondeterministic_output"),
    ],
);
