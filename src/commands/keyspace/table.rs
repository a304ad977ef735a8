//! TYPE, OBJECT and SCAN as the server knows them.

use module_api::commands::spec::{Spec, all_in};
use module_api::commands::table_words::{KEY, LOOK, integer, key_at, pattern, string};

use crate::commands::keyspace::{object, scan, type_of};
use crate::execute::run::command;

/// The table.
pub(in crate::commands) static KEYSPACE: &[Spec] = &all_in(
    &["keyspace"],
    [
        command!(Read, c"mylog.type", type_of)
            .fast()
            .keys(&[key_at(1, LOOK)])
            .about(c"Determine the type stored at key, that of a durable one by its native name"),
        command!(Read, c"mylog.object", object)
            .keys(&[key_at(2, LOOK)])
            .args(&[string(c"subcommand"), KEY.optional()])
            .about(c"Inspect a key: its encoding, references, idle time or frequency")
            .costs(c"O(1), but for the encoding of a small set O(N)")
            .tips(c"nondeterministic_output"),
        command!(Read, c"mylog.scan", scan)
            .keys(&[])
            .args(&[
                integer(c"cursor"),
                pattern(c"pattern").after(c"MATCH").optional(),
                integer(c"count").after(c"COUNT").optional(),
                string(c"type").after(c"TYPE").optional(),
            ])
            .about(c"Incrementally iterate the key space, durable keys under their native types")
            .costs(c"O(1) a call, O(N) a complete iteration, N being the number of keys")
            .tips(c"nondeterministic_output request_policy:special response_policy:special"),
    ],
);
