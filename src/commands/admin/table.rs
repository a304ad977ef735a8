//! The commands of our own, as the server knows them.

use module_api::commands::arguments::Arg;
use module_api::commands::spec::Spec;
use module_api::commands::table_words::{
    KEY, OVERWRITE, UPDATE, integer, key_at, keys_unknown, one_of, string, token,
};

use super::adopt::adopt;
use super::checked;
use super::release::release;
use super::wait::wait;
use crate::commands::admin::{apply, debug, reject, rewrite};
use crate::execute::run::command;

/// What is said of a command, and the command.
const REFUSED: &[Arg] = &[string(c"text"), string(c"command").optional().multiple()];

/// The table.
pub(in crate::commands) static ADMIN: &[Spec] = &[
    command!(Read, c"mylog.rewrite", rewrite)
        .admin()
        .no_data()
        .args(&[token(c"abort", c"ABORT").optional()])
        .about(c"Rewrite the log to its smallest size in a child process, or give that up")
        .costs(c"O(1); the child process does O(N) work where N is the number of durable keys"),
    command!(Read, c"mylog.adopt", adopt)
        .admin()
        .writes()
        .args(&[one_of(c"what", &[string(c"prefix"), token(c"abort", c"ABORT")])])
        .about(c"Make the native keys with a captured prefix durable, or give that up")
        .costs(c"O(1); the keys are adopted in the background, in steps of about a millisecond"),
    command!(Read, c"mylog.release", release)
        .admin()
        .writes()
        .args(&[one_of(c"what", &[string(c"prefix"), token(c"abort", c"ABORT")])])
        .about(c"Make the durable keys with a prefix native, and capture it no longer, or give that up")
        .costs(c"O(1); the keys are released in the background, in steps of about a millisecond"),
    command!(Read, c"mylog.wait", wait)
        .no_data()
        .blocking()
        .args(&[integer(c"timeout")])
        .in_categories(&["connection"])
        .about(c"Block until the log is on disk up to all that was changed before, or for some milliseconds"),
    command!(Read, c"mylog.debug", debug)
        .admin()
        .no_data()
        .args(&[string(c"subcommand"), string(c"argument").optional()])
        .about(c"A container for debugging commands of the log")
        .costs(c"Depends on subcommand"),
    command!(Read, c"mylog.reject", reject)
        .no_data()
        .fast()
        .always()
        .args(REFUSED)
        .about(c"Answers with an error: what becomes of a native command that durable keys can't take"),
    command!(Read, c"mylog.refuse", reject)
        .no_data()
        .fast()
        .no_auth()
        .always()
        .args(REFUSED)
        .about(c"As MYLOG.REJECT, for users who have no permission for that"),
    command!(Write, c"mylog.apply", apply)
        .keys(&[key_at(1, OVERWRITE)])
        .args(&[KEY, string(c"record"), string(c"origin").optional()])
        .in_categories(&["keyspace"])
        .about(c"An internal command for replication")
        .costs(c"O(N) where N is the size of the value"),
    command!(Read, c"mylog.checked", checked::checked, checked::keys)
        .writes()
        .keys(&[keys_unknown(UPDATE)])
        .args(&[string(c"command"), string(c"argument").optional().multiple()])
        .in_categories(&["keyspace"])
        .about(c"What becomes of a native command without a durable form on captured keys")
        .costs(c"That of the command"),
    command!(
        Read,
        c"mylog.checkedforall",
        checked::checked_for_all,
        checked::keys
    )
    .writes()
    .no_auth()
    .keys(&[keys_unknown(UPDATE)])
    .args(&[string(c"command"), string(c"argument").optional().multiple()])
    .in_categories(&["keyspace"])
    .about(c"As MYLOG.CHECKED, for users who have no permission for that")
    .costs(c"That of the command"),
];
