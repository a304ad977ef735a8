//! The commands about keys of any type, as the server knows them.

use module_api::commands::command::{Arg, ArgKind, Spec};
use module_api::commands::table_words::{
    INSERT, KEY, OVERWRITE, READ, REMOVE, TAKE, UPDATE, arg, key_at, keys_from, token,
};

use super::copy_db::{copy_db, copy_for_all};
use super::forward::flush;
use super::lifetime::{del, expire, expireat, persist, pexpire, pexpireat};
use super::rename::{copy, rename, renamenx};
use crate::execute::run::entry;

/// Under which the EXPIRE family does anything.
const CONDITION: Arg = arg(
    c"condition",
    ArgKind::OneOf(&[
        token(c"nx", c"NX"),
        token(c"xx", c"XX"),
        token(c"gt", c"GT"),
        token(c"lt", c"LT"),
    ]),
)
.optional();

/// What COPY to another database takes.
const TO_DB: &[Arg] = &[
    arg(c"source", ArgKind::Key(0)),
    arg(c"destination", ArgKind::Key(1)),
    arg(c"destination-db", ArgKind::Integer).after(c"DB"),
    token(c"replace", c"REPLACE").optional(),
];

/// The table.
pub(in crate::commands) static FORWARD: &[Spec] = &[
    Spec {
        name: c"mylog.del",
        entry: entry!(Write, del),
        flags: c"write",
        categories: c"keyspace write slow",
        arity: -2,
        keys: &[keys_from(1, 1, REMOVE)],
        args: &[KEY.multiple()],
        summary: c"Delete a key",
        complexity: c"O(N) in the keys, and in the elements of each",
        tips: Some(c"request_policy:multi_shard response_policy:agg_sum"),
    },
    Spec {
        name: c"mylog.unlink",
        entry: entry!(Write, del),
        flags: c"write fast",
        categories: c"keyspace write fast",
        arity: -2,
        keys: &[keys_from(1, 1, REMOVE)],
        args: &[KEY.multiple()],
        summary:
            c"Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non blocking.",
        complexity: c"O(1) a key; the memory is given back by another thread",
        tips: Some(c"request_policy:multi_shard response_policy:agg_sum"),
    },
    Spec {
        name: c"mylog.expire",
        entry: entry!(Write, expire),
        flags: c"write fast",
        categories: c"keyspace write fast",
        arity: -3,
        keys: &[key_at(1, UPDATE)],
        args: &[KEY, arg(c"seconds", ArgKind::Integer), CONDITION],
        summary: c"Set a key's time to live in seconds",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.pexpire",
        entry: entry!(Write, pexpire),
        flags: c"write fast",
        categories: c"keyspace write fast",
        arity: -3,
        keys: &[key_at(1, UPDATE)],
        args: &[KEY, arg(c"milliseconds", ArgKind::Integer), CONDITION],
        summary: c"Set a key's time to live in milliseconds",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.expireat",
        entry: entry!(Write, expireat),
        flags: c"write fast",
        categories: c"keyspace write fast",
        arity: -3,
        keys: &[key_at(1, UPDATE)],
        args: &[KEY, arg(c"unix-time-seconds", ArgKind::UnixTime), CONDITION],
        summary: c"Set the expiration for a key as a UNIX timestamp",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.pexpireat",
        entry: entry!(Write, pexpireat),
        flags: c"write fast",
        categories: c"keyspace write fast",
        arity: -3,
        keys: &[key_at(1, UPDATE)],
        args: &[KEY, arg(c"unix-time-milliseconds", ArgKind::UnixTime), CONDITION],
        summary: c"Set the expiration for a key as a UNIX timestamp specified in milliseconds",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.persist",
        entry: entry!(Write, persist),
        flags: c"write fast",
        categories: c"keyspace write fast",
        arity: 2,
        keys: &[key_at(1, UPDATE)],
        args: &[KEY],
        summary: c"Remove the expiration from a key",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.rename",
        entry: entry!(Write, rename),
        flags: c"write",
        categories: c"keyspace write slow",
        arity: 3,
        keys: &[key_at(1, TAKE), key_at(2, OVERWRITE)],
        args: &[KEY, arg(c"newkey", ArgKind::Key(1))],
        summary: c"Rename a key",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.renamenx",
        entry: entry!(Write, renamenx),
        flags: c"write fast",
        categories: c"keyspace write fast",
        arity: 3,
        keys: &[key_at(1, TAKE), key_at(2, INSERT)],
        args: &[KEY, arg(c"newkey", ArgKind::Key(1))],
        summary: c"Rename a key, only if the new key does not exist",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.copy",
        entry: entry!(Write, copy),
        flags: c"write deny-oom",
        categories: c"keyspace write slow",
        arity: -3,
        keys: &[key_at(1, READ), key_at(2, OVERWRITE)],
        args: &[
            arg(c"source", ArgKind::Key(0)),
            arg(c"destination", ArgKind::Key(1)),
            arg(c"destination-db", ArgKind::Integer).after(c"DB").optional(),
            token(c"replace", c"REPLACE").optional(),
        ],
        summary: c"Copy a key",
        complexity: c"O(N) in the elements of a collection, O(1) for a string",
        tips: None,
    },
    Spec {
        name: c"mylog.copydb",
        entry: entry!(Read, copy_db),
        flags: c"write deny-oom",
        categories: c"keyspace write slow",
        arity: -5,
        keys: &[key_at(1, READ), key_at(2, OVERWRITE)],
        args: TO_DB,
        summary: c"What becomes of COPY to another database where the server needs help with it",
        complexity: c"O(N) in the elements of a collection, O(1) for a string",
        tips: None,
    },
    Spec {
        name: c"mylog.copyforall",
        entry: entry!(Read, copy_for_all),
        flags: c"write deny-oom no-auth",
        categories: c"keyspace write slow",
        arity: -5,
        keys: &[key_at(1, READ), key_at(2, OVERWRITE)],
        args: TO_DB,
        summary: c"As MYLOG.COPYDB, for users who have no permission for that",
        complexity: c"O(N) in the elements of a collection, O(1) for a string",
        tips: None,
    },
    Spec {
        name: c"mylog.flushall",
        entry: entry!(Write, flush),
        flags: c"write",
        categories: c"keyspace write slow dangerous",
        arity: -1,
        keys: &[],
        args: &[arg(
            c"async",
            ArgKind::OneOf(&[token(c"async", c"ASYNC"), token(c"sync", c"SYNC")]),
        )
        .optional()],
        summary: c"Remove all keys from all databases",
        complexity: c"O(N) where N is the total number of keys in all databases",
        tips: Some(c"request_policy:all_shards response_policy:all_succeeded"),
    },
    Spec {
        name: c"mylog.flushdb",
        entry: entry!(Write, flush),
        flags: c"write",
        categories: c"keyspace write slow dangerous",
        arity: -1,
        keys: &[],
        args: &[arg(
            c"async",
            ArgKind::OneOf(&[token(c"async", c"ASYNC"), token(c"sync", c"SYNC")]),
        )
        .optional()],
        summary: c"Remove all keys from the current database",
        complexity: c"O(N) where N is the number of keys in the selected database",
        tips: Some(c"request_policy:all_shards response_policy:all_succeeded"),
    },
];
