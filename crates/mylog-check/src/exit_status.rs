//! Exit statuses of the process.

/// The log is as its server left it.
pub const CLEAN: u8 = 0;
/// The log ends within a group that was not durable yet.
pub const TORN: u8 = 1;
/// A durable part of the log is damaged, or the check itself failed.
pub const CORRUPT_OR_ERROR: u8 = 2;
