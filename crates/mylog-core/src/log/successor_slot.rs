//! The place of a new file in the writer's queue: what the writer asks of it, whatever made it.

use super::clock::Now;
use super::file::LogFile;
use crate::io::FileId;

/// A new file that is to take the live one's place. Runs between two appends, alone with the log.
pub trait Successor: Send {
    /// Brings the new file up to `dequeued_seq` and gives it the live name, which `old` has, or had if nobody
    /// took it away. `None` leaves the old file as it was. The file may come back tainted, if it has the name but not durably.
    fn publish(&mut self, dequeued_seq: u64, old: FileId, now: Now) -> Option<LogFile>;
    /// Tells the outcome, after the watermarks did, and takes the old file to close it elsewhere: closing the
    /// last handle of a large file that has no name any more takes long.
    fn conclude(self: Box<Self>, retired: Option<LogFile>);
}
