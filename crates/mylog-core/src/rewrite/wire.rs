//! What goes over the three pipes. Data pipe: groups. Ack up: `!`, then a report. Ack down: `!` and `H`.
//!
//! Every group on the data pipe has a checksum and its seq, so the child proves on receipt that it lost
//! nothing and got nothing twice (after Redis' pipes, `aof.c` at 6.2, which had neither).

use crate::format::{u32_at, u64_at};
use crate::group::Group;
use crate::io::FileId;

/// Asks for the end of the stream, and answers it.
pub const STOP: u8 = b'!';
/// Begins a report.
const REPORT: u8 = b'R';
/// Bytes of the answer to [`STOP`]: itself and `H`.
pub const ANSWER_BYTES: usize = 9;
/// Bytes of a report.
pub const REPORT_BYTES: usize = 1 + 8 * 9;
/// Bytes before a group's payload.
pub const GROUP_HEADER_BYTES: usize = 32;

const GROUP_MAGIC: [u8; 4] = *b"MLD1";
const COUNT_AT: usize = 4;
const FIRST_SEQ_AT: usize = 8;
const PAYLOAD_LEN_AT: usize = 16;
const PAYLOAD_CRC_AT: usize = 24;
const HEADER_CRC_AT: usize = 28;

/// The bytes before a group's payload.
pub fn group_header(group: &Group) -> [u8; GROUP_HEADER_BYTES] {
    let mut out = Vec::with_capacity(GROUP_HEADER_BYTES);
    out.extend_from_slice(&GROUP_MAGIC);
    out.extend_from_slice(&group.count().to_le_bytes());
    out.extend_from_slice(&group.first_seq().to_le_bytes());
    out.extend_from_slice(&(group.payload().len() as u64).to_le_bytes());
    out.extend_from_slice(&group.payload_crc().to_le_bytes());
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    let mut bytes = [0u8; GROUP_HEADER_BYTES];
    bytes.copy_from_slice(&out);
    bytes
}

/// Why the bytes on the data pipe are not the groups that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not a group, or a damaged one.
    #[error("the data pipe holds no group where seq {want} was due")]
    Garbage {
        /// Seq that was due.
        want: u64,
    },
    /// A group was lost or came twice.
    #[error("the data pipe brought seq {got} where {want} was due")]
    Gap {
        /// Seq that was due.
        want: u64,
        /// Seq that came.
        got: u64,
    },
}

/// Puts groups together again from what the data pipe gives.
#[derive(Debug)]
pub struct GroupReader {
    /// Bytes received; those before `start` are taken.
    buffer: Vec<u8>,
    /// Never beyond the end of `buffer`.
    start: usize,
    /// Bytes ever received, `>= buffer.len() - start`.
    received: u64,
    /// Seq of the next group's first record: every group before it has been taken.
    next_seq: u64,
}

impl GroupReader {
    /// A reader whose first group starts with `next_seq`.
    pub fn new(next_seq: u64) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            received: 0,
            next_seq,
        }
    }

    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        // At most as much is moved as was taken since the last time.
        if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
        self.received += bytes.len() as u64;
    }

    /// Bytes received and not yet taken.
    pub fn buffered(&self) -> usize {
        self.rest().len()
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Bytes ever received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Seq of the last record of the last group taken.
    pub fn taken(&self) -> u64 {
        self.next_seq - 1
    }

    /// The next group, once all of it has come.
    pub fn next_group(&mut self) -> Result<Option<Group>, WireError> {
        let want = self.next_seq;
        let garbage = WireError::Garbage { want };
        let Some((header, rest)) = self.rest().split_at_checked(GROUP_HEADER_BYTES) else {
            return Ok(None);
        };
        let crc = header.get(..HEADER_CRC_AT).map(crc32c::crc32c);
        if !header.starts_with(&GROUP_MAGIC) || u32_at(header, HEADER_CRC_AT) != crc {
            return Err(garbage);
        }
        let len = u64_at(header, PAYLOAD_LEN_AT)
            .and_then(|len| usize::try_from(len).ok())
            .ok_or(garbage)?;
        let got = u64_at(header, FIRST_SEQ_AT).ok_or(garbage)?;
        if got != want {
            return Err(WireError::Gap { want, got });
        }
        let Some(payload) = rest.get(..len) else {
            return Ok(None);
        };
        let group = Group::new(got, u32_at(header, COUNT_AT).ok_or(garbage)?, 0, payload.to_vec());
        if Some(group.payload_crc()) != u32_at(header, PAYLOAD_CRC_AT) || group.count() == 0 {
            return Err(garbage);
        }
        self.start += GROUP_HEADER_BYTES + len;
        self.next_seq = group.last_seq() + 1;
        Ok(Some(group))
    }
}

/// The parent's answer to [`STOP`].
pub fn answer(h: u64) -> [u8; ANSWER_BYTES] {
    let mut bytes = [STOP; ANSWER_BYTES];
    let (_, seq) = bytes.split_at_mut(1);
    seq.copy_from_slice(&h.to_le_bytes());
    bytes
}

/// Reads an answer; `None` if it is not one.
pub fn parse_answer(bytes: &[u8]) -> Option<u64> {
    (bytes.len() == ANSWER_BYTES && bytes.first() == Some(&STOP)).then(|| u64_at(bytes, 1))?
}

/// What the child says of its finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The file is the state as of this seq: the `H` of the answer.
    pub base_seq: u64,
    /// Its size.
    pub bytes: u64,
    /// Which file it is.
    pub file: FileId,
    /// Records in its snapshot section.
    pub records: u64,
    /// Entries that the walk over the store visited.
    pub entries: u64,
    /// Diff records that changed the child's copy.
    pub absorbed: u64,
    /// Names written again because a diff changed them behind the walk.
    pub emitted: u64,
    /// Rounds in which names were written again before the stream ended.
    pub rounds: u64,
}

impl Report {
    /// False if no report begins with this byte.
    pub fn may_begin_with(byte: u8) -> bool {
        byte == REPORT
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![REPORT];
        let FileId { dev, ino } = self.file;
        let counts = [
            self.records,
            self.entries,
            self.absorbed,
            self.emitted,
            self.rounds,
        ];
        for field in [self.base_seq, self.bytes, dev, ino].into_iter().chain(counts) {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out
    }

    /// Reads one; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != REPORT_BYTES || bytes.first() != Some(&REPORT) {
            return None;
        }
        let field = |n: usize| u64_at(bytes, 1 + 8 * n);
        Some(Self {
            base_seq: field(0)?,
            bytes: field(1)?,
            file: FileId {
                dev: field(2)?,
                ino: field(3)?,
            },
            records: field(4)?,
            entries: field(5)?,
            absorbed: field(6)?,
            emitted: field(7)?,
            rounds: field(8)?,
        })
    }
}
