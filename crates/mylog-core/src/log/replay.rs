//! The receiver of a log's contents: recovery fills a store by it, a check looks at the records.

use super::damage::BadRecords;
use crate::format::snapshot_end::SnapshotEnd;

/// Takes the contents of a log, in order. A refusal makes the log corrupt at the place of the frame.
pub trait Replay {
    /// `record_count` whole records of the snapshot.
    fn snapshot(&mut self, payload: &[u8], record_count: u32) -> Result<(), BadRecords>;
    /// The end of the snapshot. Its records, bytes and checksum were checked; its keys are the consumer's.
    fn snapshot_end(&mut self, totals: &SnapshotEnd) -> Result<(), BadRecords>;
    /// A whole group of `count` records, at least one.
    fn group(&mut self, first_seq: u64, count: u32, payload: &[u8], wall_ms: u64) -> Result<(), BadRecords>;
}

/// Takes everything: for who wants the verdict over the frames alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ignore;

impl Replay for Ignore {
    fn snapshot(&mut self, _payload: &[u8], _record_count: u32) -> Result<(), BadRecords> {
        Ok(())
    }

    fn snapshot_end(&mut self, _totals: &SnapshotEnd) -> Result<(), BadRecords> {
        Ok(())
    }

    fn group(&mut self, _: u64, _: u32, _: &[u8], _: u64) -> Result<(), BadRecords> {
        Ok(())
    }
}
