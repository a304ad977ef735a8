//! The good part of a log file in numbers.

use crate::format::header::Identity;
use crate::format::snapshot_end::SnapshotEnd;

/// What stands in the good part of a file.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Which log it is.
    pub identity: Identity,
    /// Bytes of the file when it was opened.
    pub file_len: u64,
    /// Records of the snapshot so far.
    pub snapshot_records: u64,
    /// The end record, once it was reached.
    pub snapshot_end: Option<SnapshotEnd>,
    /// Where the snapshot section ends; 0 before the end record.
    pub snapshot_end_offset: u64,
    /// Groups with records after the snapshot.
    pub groups: u64,
    /// Records in these groups.
    pub records: u64,
    /// End of the last whole group or Run frame: where the next frame goes, once what stands there is cut off.
    pub end: u64,
    /// Seq of the next record.
    pub next_seq: u64,
    /// Highest seq that the file itself says was durable. `base_seq <= durable_seq < next_seq`.
    pub durable_seq: u64,
    /// Everything before this offset was durable: `snapshot_end_offset <= vouched_end <= end`.
    pub vouched_end: u64,
    /// Run that the next frame would belong to.
    pub run: u64,
    /// The file ends with a Seal.
    pub sealed: bool,
}

impl Summary {
    pub(super) fn new(identity: Identity, file_len: u64) -> Self {
        Self {
            identity,
            file_len,
            snapshot_records: 0,
            snapshot_end: None,
            snapshot_end_offset: 0,
            groups: 0,
            records: 0,
            end: 0,
            next_seq: 0,
            durable_seq: 0,
            vouched_end: 0,
            run: 0,
            sealed: false,
        }
    }
}
