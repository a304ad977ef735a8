//! TYPE, OBJECT and SCAN as the server knows them.

use module_api::commands::command::{ArgKind, Spec};
use module_api::commands::table_words::{KEY, LOOK, arg, key_at};

use crate::commands::keyspace::{object, scan, type_of};
use crate::execute::run::entry;

/// The table.
pub(in crate::commands) static KEYSPACE: &[Spec] = &[
    Spec {
        name: c"mylog.type",
        entry: entry!(Read, type_of),
        flags: c"readonly fast",
        categories: c"keyspace read fast",
        arity: 2,
        keys: &[key_at(1, LOOK)],
        args: &[KEY],
        summary: c"Determine the type stored at key, that of a durable one by its native name",
        complexity: c"O(1)",
        tips: None,
    },
    Spec {
        name: c"mylog.object",
        entry: entry!(Read, object),
        flags: c"readonly",
        categories: c"keyspace read slow",
        arity: -2,
        keys: &[key_at(2, LOOK)],
        args: &[arg(c"subcommand", ArgKind::String), KEY.optional()],
        summary: c"Inspect a key: its encoding, references, idle time or frequency",
        complexity: c"O(1), but for the encoding of a small set O(N)",
        tips: Some(c"nondeterministic_output"),
    },
    Spec {
        name: c"mylog.scan",
        entry: entry!(Read, scan),
        flags: c"readonly",
        categories: c"keyspace read slow",
        arity: -2,
        keys: &[],
        args: &[
            arg(c"cursor", ArgKind::Integer),
            arg(c"pattern", ArgKind::Pattern).after(c"MATCH").optional(),
            arg(c"count", ArgKind::Integer).after(c"COUNT").optional(),
            arg(c"type", ArgKind::String).after(c"TYPE").optional(),
        ],
        summary: c"Incrementally iterate the key space, durable keys under their native types",
        complexity: c"O(1) a call, O(N) a complete iteration, N being the number of keys",
        tips: Some(c"nondeterministic_output request_policy:special response_policy:special"),
    },
];
