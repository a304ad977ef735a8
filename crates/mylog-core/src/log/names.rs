//! The names in the folder of a log. Who finds a file by its name asks here, so that the start, the rewrite and
//! the sweep can't disagree about which file is which.

use std::ffi::OsStr;

/// The live log.
pub const CURRENT: &str = "current.mylog";
/// The live log while the first start makes it.
pub const CURRENT_NEW: &str = "current.mylog.new";
/// The lock of the folder.
pub const LOCK: &str = "LOCK";
/// Folder of old epochs.
pub const HISTORY: &str = "history";

/// By which the writer finds out whether the folder takes a new file; swept away at a start. The second is for where something that can't
/// be removed has the first one's name.
pub const PROBES: [&str; 2] = ["probe.mylog", "probe-2.mylog"];

const REWRITE: (&str, &str) = ("rewrite-", ".mylog");
const TORN: &str = "current.mylog.torn-";

/// The file of the unfinished rewrite that makes `epoch`.
pub fn rewrite(epoch: u64) -> String {
    format!("{}{epoch}{}", REWRITE.0, REWRITE.1)
}

/// True for the file of an unfinished rewrite.
pub fn is_rewrite(name: &OsStr) -> bool {
    name.to_str()
        .and_then(|name| name.strip_prefix(REWRITE.0)?.strip_suffix(REWRITE.1))
        .is_some()
}

/// True for what a start sweeps away: what a rewrite, a first start or a probe left.
pub fn is_leftover(name: &OsStr) -> bool {
    is_rewrite(name) || name == CURRENT_NEW || PROBES.iter().any(|probe| name == *probe)
}

/// Where the tail that was cut off at `offset` is kept; `copy` is 1 for the first that was cut off there.
pub fn torn(offset: u64, copy: u32) -> String {
    match copy {
        1 => format!("{TORN}{offset}"),
        copy => format!("{TORN}{offset}-{copy}"),
    }
}

/// Where a file that somebody put in the live one's place is kept, when the log takes the name back.
pub fn replaced(ino: u64) -> String {
    format!("{CURRENT}.replaced-{ino}")
}

/// True for a tail that was cut off.
pub fn is_torn(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(TORN))
}
