//! Why a durable write is refused, and how many were.

use std::sync::atomic::{AtomicU64, Ordering};

use mylog_core::store::ApplyError;

static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Why a durable write is refused: nothing has changed. Its text follows the code `MYLOGDOWN`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is no log yet.
    #[error("the log is not open")]
    NotOpen,
    /// The server's files brought durable keys that the log does not know.
    #[error(
        "{keys} durable keys came with the RDB or AOF and {what}; CONFIG SET mylog.load-missing adopt takes them, or restore the log and restart"
    )]
    NoLineage {
        /// How many.
        keys: usize,
        /// What is wrong with them.
        what: &'static str,
    },
    /// The log takes nothing.
    #[error("{0}")]
    Down(String),
    /// It takes nothing before the disk has room for a new file.
    #[error("{error}; it waits for room: {free} bytes are free, about {needed} are needed")]
    DownForRoom {
        /// What has failed.
        error: String,
        /// Bytes.
        free: u64,
        /// Bytes.
        needed: u64,
    },
    /// A write has waited for the disk for too long.
    #[error(
        "the disk is behind: the oldest write that is not on it is {age_ms} ms old, mylog.max-unsynced-age is {max_age_s} s"
    )]
    Old {
        /// The age of that write, in ms.
        age_ms: u64,
        /// The bound, in seconds.
        max_age_s: u64,
    },
    /// Too much waits to be written.
    #[error("the disk is behind: {bytes} bytes wait to be written, mylog.max-unwritten is {max_bytes}")]
    Much {
        /// Bytes that wait.
        bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// Keyspace and store have parted over a key.
    #[error("the log can't take this: {0}; nothing was done")]
    Unfit(#[from] ApplyError),
}

impl Refusal {
    /// The error for the client, code first. It is counted.
    pub(crate) fn counted(&self) -> String {
        REFUSED.fetch_add(1, Ordering::Relaxed);
        format!("MYLOGDOWN {self}")
    }
}

/// Durable writes refused since the start.
pub(crate) fn refused_writes() -> u64 {
    REFUSED.load(Ordering::Relaxed)
}

/// The error for a command that would change or make a captured key and has no form for durable keys.
pub(crate) fn no_durable_form(name: &str, prefix: &str) -> String {
    format!(
        "ERR '{name}' has no durable form for a key that mylog.capture holds by '{prefix}'; nothing was done"
    )
}
