//! The end record of the snapshot section. A file without it is an unfinished rewrite and is never loaded.

use super::u64_at;

/// Bytes of the end record's payload.
pub const SNAPSHOT_END_BYTES: usize = 40;

/// Totals of the snapshot section, checked by whoever loads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotEnd {
    /// The section rebuilds the state as of this seq; the first group after it starts at `base_seq + 1`.
    pub base_seq: u64,
    /// Records in the section.
    pub records: u64,
    /// Live keys after its last record.
    pub keys: u64,
    /// Bytes of the file before this frame.
    pub bytes: u64,
    /// CRC32C over the header checksums of the section's frames, in order, as little-endian bytes: a
    /// section that lacks a frame, or has one twice, does not pass.
    pub crc_of_crcs: u32,
}

impl SnapshotEnd {
    /// The payload's bytes.
    pub fn encode(&self) -> [u8; SNAPSHOT_END_BYTES] {
        let mut out = Vec::with_capacity(SNAPSHOT_END_BYTES);
        for field in [
            self.base_seq,
            self.records,
            self.keys,
            self.bytes,
            u64::from(self.crc_of_crcs),
        ] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        let mut bytes = [0u8; SNAPSHOT_END_BYTES];
        bytes.copy_from_slice(&out);
        bytes
    }

    /// Reads a payload; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != SNAPSHOT_END_BYTES {
            return None;
        }
        Some(Self {
            base_seq: u64_at(bytes, 0)?,
            records: u64_at(bytes, 8)?,
            keys: u64_at(bytes, 16)?,
            bytes: u64_at(bytes, 24)?,
            crc_of_crcs: u32::try_from(u64_at(bytes, 32)?).ok()?,
        })
    }
}
