//! The list commands as the server knows them.

use module_api::commands::arguments::Keys;
use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    ADD, KEY, LOOK, SHRINK, TAKE, UPDATE, integer, key, key_at, keys_counted_at, one_of, string, token,
};

use super::{moves, read, write};
use crate::commands::shared::counted_keys::counted;
use crate::execute::run::command;

const TAKE_COUNTED: &[Keys] = &[keys_counted_at(1, TAKE)];

/// The table.
pub(in crate::commands) static LIST: &[Spec] = &all_in(
    &["list"],
    [
        command!(Write, c"mylog.lpush", write::lpush)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, ADD)])
            .args(&[KEY, string(c"element").multiple()])
            .about(c"Put elements in front of a list, which is made if missing")
            .costs(c"O(N) in the elements"),
        command!(Write, c"mylog.rpush", write::rpush)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, ADD)])
            .args(&[KEY, string(c"element").multiple()])
            .about(c"Put elements behind a list, which is made if missing")
            .costs(c"O(N) in the elements"),
        command!(Write, c"mylog.lpushx", write::lpushx)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, ADD)])
            .args(&[KEY, string(c"element").multiple()])
            .about(c"Put elements in front of a list that is there")
            .costs(c"O(N) in the elements"),
        command!(Write, c"mylog.rpushx", write::rpushx)
            .fast()
            .deny_oom()
            .keys(&[key_at(1, ADD)])
            .args(&[KEY, string(c"element").multiple()])
            .about(c"Put elements behind a list that is there")
            .costs(c"O(N) in the elements"),
        command!(Write, c"mylog.lpop", write::lpop)
            .fast()
            .keys(&[key_at(1, TAKE)])
            .args(&[KEY, integer(c"count").optional()])
            .about(c"Take elements from the front of a list")
            .costs(c"O(N) in the elements taken"),
        command!(Write, c"mylog.rpop", write::rpop)
            .fast()
            .keys(&[key_at(1, TAKE)])
            .args(&[KEY, integer(c"count").optional()])
            .about(c"Take elements from the end of a list")
            .costs(c"O(N) in the elements taken"),
        command!(Read, c"mylog.llen", read::llen)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .about(c"Length of a list"),
        command!(Read, c"mylog.lrange", read::lrange)
            .args(&[KEY, integer(c"start"), integer(c"stop")])
            .about(c"Elements of a list between two places")
            .costs(c"O(log N + M) for M elements of N"),
        command!(Read, c"mylog.lindex", read::lindex)
            .args(&[KEY, integer(c"index")])
            .about(c"The element at a place of a list")
            .costs(c"O(log N)"),
        command!(Write, c"mylog.lset", write::lset)
            .deny_oom()
            .keys(&[key_at(1, UPDATE)])
            .args(&[KEY, integer(c"index"), string(c"element")])
            .about(c"Change the element at a place of a list")
            .costs(c"O(log N)"),
        command!(Write, c"mylog.linsert", write::linsert)
            .deny_oom()
            .keys(&[key_at(1, ADD)])
            .args(&[
                KEY,
                one_of(
                    c"where",
                    &[token(c"before", c"BEFORE"), token(c"after", c"AFTER")],
                ),
                string(c"pivot"),
                string(c"element"),
            ])
            .about(c"Put an element before or behind another one of a list")
            .costs(c"O(N) in the elements before the pivot"),
        command!(Write, c"mylog.lrem", write::lrem)
            .keys(&[key_at(1, SHRINK)])
            .args(&[KEY, integer(c"count"), string(c"element")])
            .about(c"Take elements out of a list by their value")
            .costs(c"O(N)"),
        command!(Write, c"mylog.ltrim", write::ltrim)
            .keys(&[key_at(1, SHRINK)])
            .args(&[KEY, integer(c"start"), integer(c"stop")])
            .about(c"Cut a list to what is between two places")
            .costs(c"O(N) in the elements taken away"),
        command!(Read, c"mylog.lpos", read::lpos)
            .args(&[
                KEY,
                string(c"element"),
                integer(c"rank").after(c"RANK").optional(),
                integer(c"num-matches").after(c"COUNT").optional(),
                integer(c"len").after(c"MAXLEN").optional(),
            ])
            .about(c"Places of an element in a list")
            .costs(c"O(N)"),
        command!(Write, c"mylog.lmove", moves::lmove)
            .deny_oom()
            .keys(&[key_at(1, TAKE), key_at(2, ADD)])
            .args(&[
                key(c"source", 0),
                key(c"destination", 1),
                one_of(
                    c"wherefrom",
                    &[token(c"left", c"LEFT"), token(c"right", c"RIGHT")],
                ),
                one_of(c"whereto", &[token(c"left", c"LEFT"), token(c"right", c"RIGHT")]),
            ])
            .about(c"Move an element from an end of a list to an end of another"),
        command!(Write, c"mylog.rpoplpush", moves::rpoplpush)
            .deny_oom()
            .keys(&[key_at(1, TAKE), key_at(2, ADD)])
            .args(&[key(c"source", 0), key(c"destination", 1)])
            .about(c"Move an element from the end of a list to the front of another"),
        counted!(Write, c"mylog.lmpop", moves::lmpop, TAKE_COUNTED)
            .args(&[
                integer(c"numkeys"),
                KEY.multiple(),
                one_of(c"where", &[token(c"left", c"LEFT"), token(c"right", c"RIGHT")]),
                integer(c"count").after(c"COUNT").optional(),
            ])
            .about(c"Take elements from an end of the first list that is there")
            .costs(c"O(N + M) for N keys and M elements"),
    ],
);
