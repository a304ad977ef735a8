//! The hash commands as the server knows them.

use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    ADD, KEY, LOOK, READ_UPDATE, SHRINK, UPDATE, block, double, integer, key_at, pattern, string, token,
};

use super::{random, read, write};
use crate::execute::run::command;

/// The table.
pub(in crate::commands) static HASH: &[Spec] = &all_in(
    &["hash"],
    [
        command!(Write, c"mylog.hset", write::hset)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, UPDATE)])
            .args(&[
                KEY,
                block(c"field-value", &[string(c"field"), string(c"value")]).multiple(),
            ])
            .about(c"Set the string value of a hash field")
            .costs(c"O(N) in the pairs"),
        command!(Write, c"mylog.hsetnx", write::hsetnx)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, ADD)])
            .args(&[KEY, string(c"field"), string(c"value")])
            .about(c"Set the value of a hash field, only if the field does not exist"),
        command!(Write, c"mylog.hdel", write::hdel)
            .fast()
            .keys(&[key_at(1, SHRINK)])
            .args(&[KEY, string(c"field").multiple()])
            .about(c"Delete one or more hash fields")
            .costs(c"O(N) where N is the number of fields to be removed"),
        command!(Write, c"mylog.hincrby", write::hincrby)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[KEY, string(c"field"), integer(c"increment")])
            .about(c"Increment the integer value of a hash field by the given number"),
        command!(Write, c"mylog.hincrbyfloat", write::hincrbyfloat)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, READ_UPDATE)])
            .args(&[KEY, string(c"field"), double(c"increment")])
            .about(c"Increment the float value of a hash field by the given amount"),
        command!(Read, c"mylog.hget", read::hget)
            .fast()
            .args(&[KEY, string(c"field")])
            .about(c"Get the value of a hash field"),
        command!(Read, c"mylog.hmget", read::hmget)
            .fast()
            .args(&[KEY, string(c"field").multiple()])
            .about(c"Get the values of all the given hash fields")
            .costs(c"O(N) where N is the number of fields being requested"),
        command!(Read, c"mylog.hgetall", read::hgetall)
            .about(c"Get all the fields and values in a hash")
            .costs(c"O(N) where N is the size of the hash")
            .tips(c"nondeterministic_output_order"),
        command!(Read, c"mylog.hexists", read::hexists)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .args(&[KEY, string(c"field")])
            .about(c"Determine if a hash field exists"),
        command!(Read, c"mylog.hlen", read::hlen)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .about(c"Get the number of fields in a hash"),
        command!(Read, c"mylog.hkeys", read::hkeys)
            .about(c"Get all the fields in a hash")
            .costs(c"O(N) where N is the size of the hash")
            .tips(c"nondeterministic_output_order"),
        command!(Read, c"mylog.hvals", read::hvals)
            .about(c"Get all the values in a hash")
            .costs(c"O(N) where N is the size of the hash")
            .tips(c"nondeterministic_output_order"),
        command!(Read, c"mylog.hstrlen", read::hstrlen)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .args(&[KEY, string(c"field")])
            .about(c"Get the length of the value of a hash field"),
        command!(Read, c"mylog.hscan", read::hscan)
            .args(&[
                KEY,
                integer(c"cursor"),
                pattern(c"pattern").after(c"MATCH").optional(),
                integer(c"count").after(c"COUNT").optional(),
            ])
            .about(c"Incrementally iterate hash fields and associated values")
            .costs(c"O(1) a call, O(N) a complete iteration, N being the number of fields")
            .tips(c"nondeterministic_output"),
        command!(Write, c"mylog.hmset", write::hmset)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, UPDATE)])
            .args(&[
                KEY,
                block(c"field-value", &[string(c"field"), string(c"value")]).multiple(),
            ])
            .about(c"Set the values of one or more hash fields")
            .costs(c"O(N) in the pairs"),
        command!(Read, c"mylog.hrandfield", random::hrandfield)
            .args(&[
                KEY,
                block(
                    c"options",
                    &[integer(c"count"), token(c"withvalues", c"WITHVALUES").optional()],
                )
                .optional(),
            ])
            .about(c"Get one or more random fields of a hash")
            .costs(c"O(N) where N is the number of fields returned")
            .tips(c"nondeterministic_output"),
    ],
);
