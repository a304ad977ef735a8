//! The set commands as the server knows them.

use module_api::commands::arguments::Keys;
use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    ADD, KEY, LOOK, OVERWRITE, READ, SHRINK, TAKE, integer, key, key_at, keys_counted_at, keys_from, pattern,
    string,
};

use super::{combine, random, read, write};
use crate::commands::shared::counted_keys::counted;
use crate::execute::run::command;

const READ_COUNTED: &[Keys] = &[keys_counted_at(1, READ)];

/// The table.
pub(in crate::commands) static SET: &[Spec] = &all_in(
    &["set"],
    [
        command!(Write, c"mylog.sadd", write::sadd)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, ADD)])
            .args(&[KEY, string(c"member").multiple()])
            .about(c"Add members to a set, which is made if missing")
            .costs(c"O(N) in the members"),
        command!(Write, c"mylog.srem", write::srem)
            .fast()
            .keys(&[key_at(1, SHRINK)])
            .args(&[KEY, string(c"member").multiple()])
            .about(c"Take members out of a set")
            .costs(c"O(N) in the members"),
        command!(Write, c"mylog.smove", write::smove)
            .fast()
            .keys(&[key_at(1, TAKE), key_at(2, ADD)])
            .args(&[key(c"source", 0), key(c"destination", 1), string(c"member")])
            .about(c"Move a member from one set to another"),
        command!(Write, c"mylog.spop", random::spop)
            .fast()
            .keys(&[key_at(1, TAKE)])
            .args(&[KEY, integer(c"count").optional()])
            .about(c"Take random members out of a set")
            .costs(c"O(N) in the members taken")
            .tips(c"nondeterministic_output"),
        command!(Read, c"mylog.srandmember", random::srandmember)
            .args(&[KEY, integer(c"count").optional()])
            .about(c"Random members of a set")
            .costs(c"O(N) in the members shown")
            .tips(c"nondeterministic_output"),
        command!(Read, c"mylog.sismember", read::sismember)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .args(&[KEY, string(c"member")])
            .about(c"Tell whether a set has a member"),
        command!(Read, c"mylog.smismember", read::smismember)
            .fast()
            .args(&[KEY, string(c"member").multiple()])
            .about(c"Tell of each of several members whether a set has it")
            .costs(c"O(N) in the members asked for"),
        command!(Read, c"mylog.scard", read::scard)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .about(c"Number of members of a set"),
        command!(Read, c"mylog.smembers", read::smembers)
            .about(c"All members of a set")
            .costs(c"O(N)")
            .tips(c"nondeterministic_output_order"),
        command!(Read, c"mylog.sscan", read::sscan)
            .args(&[
                KEY,
                integer(c"cursor"),
                pattern(c"pattern").after(c"MATCH").optional(),
                integer(c"count").after(c"COUNT").optional(),
            ])
            .about(c"Members of a set, some at each call")
            .costs(c"O(1) a call, O(N) a complete iteration")
            .tips(c"nondeterministic_output"),
        command!(Read, c"mylog.sinter", combine::sinter)
            .keys(&[keys_from(1, 1, READ)])
            .args(&[KEY.multiple()])
            .about(c"Members that all of several sets have")
            .costs(c"O(N*M) for M sets, N members of the smallest")
            .tips(c"nondeterministic_output_order"),
        counted!(Read, c"mylog.sintercard", combine::sintercard, READ_COUNTED)
            .args(&[
                integer(c"numkeys"),
                KEY.multiple(),
                integer(c"limit").after(c"LIMIT").optional(),
            ])
            .about(c"Number of the members that all of several sets have")
            .costs(c"O(N*M) for M sets, N members of the smallest"),
        command!(Write, c"mylog.sinterstore", combine::sinterstore)
            .deny_oom()
            .keys(&[key_at(1, OVERWRITE), keys_from(2, 1, READ)])
            .args(&[key(c"destination", 0), key(c"key", 1).multiple()])
            .about(c"Make a set of the members that all of several sets have")
            .costs(c"O(N*M) for M sets, N members of the smallest"),
        command!(Read, c"mylog.sunion", combine::sunion)
            .keys(&[keys_from(1, 1, READ)])
            .args(&[KEY.multiple()])
            .about(c"Members that any of several sets has")
            .costs(c"O(N) in all members")
            .tips(c"nondeterministic_output_order"),
        command!(Write, c"mylog.sunionstore", combine::sunionstore)
            .deny_oom()
            .keys(&[key_at(1, OVERWRITE), keys_from(2, 1, READ)])
            .args(&[key(c"destination", 0), key(c"key", 1).multiple()])
            .about(c"Make a set of the members that any of several sets has")
            .costs(c"O(N) in all members"),
        command!(Read, c"mylog.sdiff", combine::sdiff)
            .keys(&[keys_from(1, 1, READ)])
            .args(&[KEY.multiple()])
            .about(c"Members of the first of several sets that no other one has")
            .costs(c"O(N*M) for M sets, N members of the first")
            .tips(c"nondeterministic_output_order"),
        command!(Write, c"mylog.sdiffstore", combine::sdiffstore)
            .deny_oom()
            .keys(&[key_at(1, OVERWRITE), keys_from(2, 1, READ)])
            .args(&[key(c"destination", 0), key(c"key", 1).multiple()])
            .about(c"Make a set of the members of the first of several sets that no other one has")
            .costs(c"O(N*M) for M sets, N members of the first"),
    ],
);
