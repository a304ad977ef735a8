//! The commands of our own, as the server knows them.

use module_api::commands::command::{Arg, ArgKind, Spec};
use module_api::commands::table_words::{KEY, OVERWRITE, UPDATE, arg, key_at, keys_unknown, token};

use super::adopt::adopt;
use super::checked;
use super::release::release;
use super::wait::wait;
use crate::commands::admin::{apply, debug, reject, rewrite};
use crate::execute::run::entry;

/// What is said of a command, and the command.
const REFUSED: &[Arg] = &[
    arg(c"text", ArgKind::String),
    arg(c"command", ArgKind::String).optional().multiple(),
];

/// The table.
pub(in crate::commands) static ADMIN: &[Spec] = &[
    Spec {
        name: c"mylog.rewrite",
        entry: entry!(Read, rewrite),
        flags: c"admin",
        categories: c"admin slow dangerous",
        arity: -1,
        keys: &[],
        args: &[token(c"abort", c"ABORT").optional()],
        summary: c"Rewrite the log to its smallest size in a child process, or give that up",
        complexity: c"O(1); the child process does O(N) work where N is the number of durable keys",
        tips: None,
    },
    Spec {
        name: c"mylog.adopt",
        entry: entry!(Read, adopt),
        flags: c"admin write",
        categories: c"admin slow dangerous",
        arity: 2,
        keys: &[],
        args: &[arg(
            c"what",
            ArgKind::OneOf(&[arg(c"prefix", ArgKind::String), token(c"abort", c"ABORT")]),
        )],
        summary: c"Make the native keys with a captured prefix durable, or give that up",
        complexity: c"O(1); the keys are adopted in the background, in steps of about a millisecond",
        tips: None,
    },
    Spec {
        name: c"mylog.release",
        entry: entry!(Read, release),
        flags: c"admin write",
        categories: c"admin slow dangerous",
        arity: 2,
        keys: &[],
        args: &[arg(
            c"what",
            ArgKind::OneOf(&[arg(c"prefix", ArgKind::String), token(c"abort", c"ABORT")]),
        )],
        summary: c"Make the durable keys with a prefix native, and capture it no longer, or give that up",
        complexity: c"O(1); the keys are released in the background, in steps of about a millisecond",
        tips: None,
    },
    Spec {
        name: c"mylog.wait",
        entry: entry!(Read, wait),
        flags: c"blocking",
        categories: c"slow blocking connection",
        arity: 2,
        keys: &[],
        args: &[arg(c"timeout", ArgKind::Integer)],
        summary:
            c"Block until the log is on disk up to all that was changed before, or for some milliseconds",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.debug",
        entry: entry!(Read, debug),
        flags: c"admin",
        categories: c"admin slow dangerous",
        arity: -2,
        keys: &[],
        args: &[
            arg(c"subcommand", ArgKind::String),
            arg(c"argument", ArgKind::String).optional(),
        ],
        summary: c"A container for debugging commands of the log",
        complexity: c"Depends on subcommand",
        tips: None,
    },
    Spec {
        name: c"mylog.reject",
        entry: entry!(Read, reject),
        flags: c"fast allow-stale allow-loading",
        categories: c"fast",
        arity: -2,
        keys: &[],
        args: REFUSED,
        summary: c"Answers with an error: what becomes of a native command that durable keys can't take",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.refuse",
        entry: entry!(Read, reject),
        flags: c"fast allow-stale allow-loading no-auth",
        categories: c"fast",
        arity: -2,
        keys: &[],
        args: REFUSED,
        summary: c"As MYLOG.REJECT, for users who have no permission for that",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.apply",
        entry: entry!(Write, apply),
        flags: c"write",
        categories: c"keyspace write slow",
        arity: -3,
        keys: &[key_at(1, OVERWRITE)],
        args: &[
            KEY,
            arg(c"record", ArgKind::String),
            arg(c"origin", ArgKind::String).optional(),
        ],
        summary: c"An internal command for replication",
        complexity: c"O(N) where N is the size of the value",
        tips: None,
    },
    Spec {
        name: c"mylog.checked",
        entry: entry!(Read, checked::checked, checked::keys),
        flags: c"write getkeys-api",
        categories: c"keyspace write slow",
        arity: -2,
        keys: &[keys_unknown(UPDATE)],
        args: &[
            arg(c"command", ArgKind::String),
            arg(c"argument", ArgKind::String).optional().multiple(),
        ],
        summary: c"What becomes of a native command without a durable form on captured keys",
        complexity: c"That of the command",
        tips: None,
    },
    Spec {
        name: c"mylog.checkedforall",
        entry: entry!(Read, checked::checked_for_all, checked::keys),
        flags: c"write getkeys-api no-auth",
        categories: c"keyspace write slow",
        arity: -2,
        keys: &[keys_unknown(UPDATE)],
        args: &[
            arg(c"command", ArgKind::String),
            arg(c"argument", ArgKind::String).optional().multiple(),
        ],
        summary: c"As MYLOG.CHECKED, for users who have no permission for that",
        complexity: c"That of the command",
        tips: None,
    },
];
