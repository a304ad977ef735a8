//! A group: what was appended in one turn of the event loop, all or nothing on disk and on the pipe.

use crate::effect::{Db, ExpireAt, encode_put};
use crate::value::ValueRef;

/// The unit of group commit. On disk it is a frame with its continuations, on the data pipe one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    first_seq: u64,
    count: u32,
    wall_ms: u64,
    payload: Vec<u8>,
    payload_crc: u32,
}

/// Memory of a group beside its payload: itself, its counts of owners, its frame's header on the way to the
/// file, and its place in a queue.
const GROUP_OVERHEAD: usize = size_of::<Group>() + 192;
/// Unused room of a payload that isn't worth a copy.
const SPARE: usize = 4096;

impl Group {
    /// A group of `count` encoded records, the first of which has `first_seq`; `wall_ms` is Unix time.
    pub fn new(first_seq: u64, count: u32, wall_ms: u64, payload: Vec<u8>) -> Self {
        let payload_crc = crc32c::crc32c(&payload);
        Self {
            first_seq,
            count,
            wall_ms,
            payload,
            payload_crc,
        }
    }

    /// Seq of the first record.
    pub fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// Seq of the last record; one less than `first_seq` for a group of none.
    pub fn last_seq(&self) -> u64 {
        self.first_seq + u64::from(self.count) - 1
    }

    /// Number of records.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Unix time in ms at which the group was sealed.
    pub fn wall_ms(&self) -> u64 {
        self.wall_ms
    }

    /// The encoded records, one behind the other.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> u64 {
        (self.payload.capacity() + GROUP_OVERHEAD) as u64
    }

    /// CRC32C of the payload, computed once for the file, the pipe and the next file.
    pub fn payload_crc(&self) -> u32 {
        self.payload_crc
    }
}

/// Most room that a new group gets before anything is in it.
const LARGEST_START: usize = 1 << 20;

/// The group being built: effects are appended as they are applied, and sealed at the end of the turn.
#[derive(Debug)]
pub struct GroupBuilder {
    /// Seq of the next record. The records in `payload` are the `count` before it.
    next_seq: u64,
    count: u32,
    payload: Vec<u8>,
}

impl GroupBuilder {
    /// A builder whose first record gets `next_seq`.
    pub fn new(next_seq: u64) -> Self {
        Self {
            next_seq,
            count: 0,
            payload: Vec::new(),
        }
    }

    /// Appends an effect and says its seq.
    pub fn append(&mut self, effect: &crate::effect::Effect<'_>) -> u64 {
        effect.encode(&mut self.payload);
        self.counted()
    }

    /// Appends the [`Change::Put`] of a value, without making its body first, and says its seq.
    ///
    /// [`Change::Put`]: crate::effect::Change::Put
    pub fn append_put(&mut self, db: Db, key: &[u8], expire_at: ExpireAt, value: ValueRef<'_>) -> u64 {
        encode_put(&mut self.payload, db, key, expire_at, value);
        self.counted()
    }

    /// Appends an encoded effect and says its seq.
    pub fn append_record(&mut self, record: &[u8]) -> u64 {
        self.payload.extend_from_slice(record);
        self.counted()
    }

    fn counted(&mut self) -> u64 {
        self.count += 1;
        self.next_seq += 1;
        self.next_seq - 1
    }

    /// Seq of the last record appended; one less than the first's if there was none yet.
    pub fn last_seq(&self) -> u64 {
        self.next_seq - 1
    }

    /// True without a record to seal.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes not sealed yet.
    pub fn bytes(&self) -> usize {
        self.payload.len()
    }

    /// The group of all records since the last one; `None` if there are none.
    pub fn seal(&mut self, wall_ms: u64) -> Option<Group> {
        if self.is_empty() {
            return None;
        }
        // The next turn is likely to be as large: growing step by step would copy it several times.
        let next = Vec::with_capacity(self.payload.len().min(LARGEST_START));
        let mut payload = std::mem::replace(&mut self.payload, next);
        // It may wait for the disk for long, and so would the room that it does not use.
        if payload.capacity() > 2 * payload.len() + SPARE {
            payload.shrink_to_fit();
        }
        let count = std::mem::take(&mut self.count);
        Some(Group::new(
            self.next_seq - u64::from(count),
            count,
            wall_ms,
            payload,
        ))
    }
}
