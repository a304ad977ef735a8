//! The commands about keys of any type, as the server knows them.

use module_api::commands::arguments::Arg;
use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{
    INSERT, KEY, OVERWRITE, READ, REMOVE, TAKE, UPDATE, integer, key, key_at, keys_from, one_of, token,
    unix_time,
};

use super::copy_db::{copy_db, copy_for_all};
use super::forward::flush;
use super::lifetime::{del, expire, expireat, persist, pexpire, pexpireat};
use super::rename::{copy, rename, renamenx};
use crate::execute::run::command;

/// Under which the EXPIRE family does anything.
const CONDITION: Arg = one_of(
    c"condition",
    &[
        token(c"nx", c"NX"),
        token(c"xx", c"XX"),
        token(c"gt", c"GT"),
        token(c"lt", c"LT"),
    ],
)
.optional();

/// What COPY to another database takes.
const TO_DB: &[Arg] = &[
    key(c"source", 0),
    key(c"destination", 1),
    integer(c"destination-db").after(c"DB"),
    token(c"replace", c"REPLACE").optional(),
];

/// The table.
pub(in crate::commands) static FORWARD: &[Spec] = &all_in(&["keyspace"], [
    command!(Write, c"mylog.del", del)
        .keys(&[keys_from(1, 1, REMOVE)])
        .args(&[KEY.multiple()])
        .about(c"Delete a key")
        .costs(c"O(N) in the keys, and in the elements of each")
        .tips(c"request_policy:multi_shard response_policy:agg_sum"),
    command!(Write, c"mylog.unlink", del)
        .fast()
        .keys(&[keys_from(1, 1, REMOVE)])
        .args(&[KEY.multiple()])
        .about(c"Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking.")
        .costs(c"O(1) a key; the memory is given back by another thread")
        .tips(c"request_policy:multi_shard response_policy:agg_sum"),
    command!(Write, c"mylog.expire", expire)
        .fast()
        .keys(&[key_at(1, UPDATE)])
        .args(&[KEY, integer(c"seconds"), CONDITION])
        .about(c"Set a key's time to live in seconds"),
    command!(Write, c"mylog.pexpire", pexpire)
        .fast()
        .keys(&[key_at(1, UPDATE)])
        .args(&[KEY, integer(c"milliseconds"), CONDITION])
        .about(c"Set a key's time to live in milliseconds"),
    command!(Write, c"mylog.expireat", expireat)
        .fast()
        .keys(&[key_at(1, UPDATE)])
        .args(&[KEY, unix_time(c"unix-time-seconds"), CONDITION])
        .about(c"Set the expiration for a key as a UNIX timestamp"),
    command!(Write, c"mylog.pexpireat", pexpireat)
        .fast()
        .keys(&[key_at(1, UPDATE)])
        .args(&[KEY, unix_time(c"unix-time-milliseconds"), CONDITION])
        .about(c"Set the expiration for a key as a UNIX timestamp specified in milliseconds"),
    command!(Write, c"mylog.persist", persist)
        .fast()
        .keys(&[key_at(1, UPDATE)])
        .about(c"Remove the expiration from a key"),
    command!(Write, c"mylog.rename", rename)
        .keys(&[key_at(1, TAKE), key_at(2, OVERWRITE)])
        .args(&[KEY, key(c"newkey", 1)])
        .about(c"Rename a key"),
    command!(Write, c"mylog.renamenx", renamenx)
        .fast()
        .keys(&[key_at(1, TAKE), key_at(2, INSERT)])
        .args(&[KEY, key(c"newkey", 1)])
        .about(c"Rename a key, only if the new key does not exist"),
    command!(Write, c"mylog.copy", copy)
        .deny_oom()
        .keys(&[key_at(1, READ), key_at(2, OVERWRITE)])
        .args(&[
            key(c"source", 0),
            key(c"destination", 1),
            integer(c"destination-db").after(c"DB").optional(),
            token(c"replace", c"REPLACE").optional(),
        ])
        .about(c"Copy a key")
        .costs(c"O(N) in the elements of a collection, O(1) for a string"),
    command!(Read, c"mylog.copydb", copy_db)
        .writes()
        .deny_oom()
        .keys(&[key_at(1, READ), key_at(2, OVERWRITE)])
        .args(TO_DB)
        .about(c"What becomes of COPY to another database where the server needs help with it")
        .costs(c"O(N) in the elements of a collection, O(1) for a string"),
    command!(Read, c"mylog.copyforall", copy_for_all)
        .writes()
        .deny_oom()
        .no_auth()
        .keys(&[key_at(1, READ), key_at(2, OVERWRITE)])
        .args(TO_DB)
        .about(c"As MYLOG.COPYDB, for users who have no permission for that")
        .costs(c"O(N) in the elements of a collection, O(1) for a string"),
    command!(Write, c"mylog.flushall", flush)
        .args(&[one_of(c"async", &[token(c"async", c"ASYNC"), token(c"sync", c"SYNC")])
        .optional()])
        .in_categories(&["keyspace", "dangerous"])
        .about(c"Remove all keys from all databases")
        .costs(c"O(N) where N is the total number of keys in all databases")
        .tips(c"request_policy:all_shards response_policy:all_succeeded"),
    command!(Write, c"mylog.flushdb", flush)
        .args(&[one_of(c"async", &[token(c"async", c"ASYNC"), token(c"sync", c"SYNC")])
        .optional()])
        .in_categories(&["keyspace", "dangerous"])
        .about(c"Remove all keys from the current database")
        .costs(c"O(N) where N is the number of keys in the selected database")
        .tips(c"request_policy:all_shards response_policy:all_succeeded"),
]);
