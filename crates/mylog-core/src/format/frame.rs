//! The frame header. Its own checksum makes the length trustworthy, so that damage in the middle of a log
//! can't look like a torn tail; the payload has a second one.

use super::{padding, u16_at, u32_at, u64_at};

/// Bytes of a frame header.
pub const FRAME_HEADER_BYTES: usize = 56;
/// First bytes of every frame.
pub const FRAME_MAGIC: [u8; 4] = *b"MLF1";
/// Largest payload of one frame. A larger group goes on in further frames.
pub const MAX_FRAME_PAYLOAD: usize = 16 << 20;

const KIND_AT: usize = 4;
const FLAGS_AT: usize = KIND_AT + 1;
const PART_AT: usize = FLAGS_AT + 1;
const PAYLOAD_LEN_AT: usize = PART_AT + 2;
const RECORD_COUNT_AT: usize = PAYLOAD_LEN_AT + 4;
const SEQ_AT: usize = RECORD_COUNT_AT + 4;
const DURABLE_SEQ_AT: usize = SEQ_AT + 8;
const WALL_MS_AT: usize = DURABLE_SEQ_AT + 8;
const RUN_AT: usize = WALL_MS_AT + 8;
const PAYLOAD_CRC_AT: usize = RUN_AT + 8;
const HEADER_CRC_AT: usize = PAYLOAD_CRC_AT + 4;
const _: () = assert!(HEADER_CRC_AT + 4 == FRAME_HEADER_BYTES);

const FLAG_CONTINUES: u8 = 1;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records of a group. Without records it only vouches for what stands before it.
    Data,
    /// Records that rebuild the state as of `base_seq`; their seq counts from 0.
    Snapshot,
    /// The end of the snapshot section, with its totals and `base_seq`.
    SnapshotEnd,
    /// A clean stop: nothing stands after it.
    Seal,
    /// A server start: the frames after it carry its run id.
    Run,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Snapshot => 2,
            Self::SnapshotEnd => 3,
            Self::Seal => 4,
            Self::Run => 5,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Data),
            2 => Some(Self::Snapshot),
            3 => Some(Self::SnapshotEnd),
            4 => Some(Self::Seal),
            5 => Some(Self::Run),
            _ => None,
        }
    }
}

/// A frame header, decoded or to be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame holds.
    pub kind: Kind,
    /// The group goes on in the next frame, whose `part` is one more.
    pub continues: bool,
    /// Which part of its group this is, from 0. Always 0 for a group of one frame.
    pub part: u16,
    /// Bytes of payload, padding not counted. At most [`MAX_FRAME_PAYLOAD`].
    pub payload_len: u32,
    /// Records of the whole group, told by its last part; 0 in the others. So `seq + record_count` is the
    /// next frame's `seq`, for every frame.
    pub record_count: u32,
    /// Seq of the group's first record. Dense.
    pub seq: u64,
    /// Highest seq whose fdatasync had returned when this frame was encoded. Always `< seq + record_count`.
    pub durable_seq: u64,
    /// Unix time in ms.
    pub wall_ms: u64,
    /// The server start that wrote it.
    pub run: u64,
    /// CRC32C of this frame's payload.
    pub payload_crc: u32,
}

/// Why bytes are not a frame header of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes end inside the header.
    #[error("the file ends inside a frame header")]
    Short,
    /// No frame begins here.
    #[error("no frame begins here")]
    Magic,
    /// The header is damaged, or of another file.
    #[error("the frame header's checksum is {got:#010x}, its bytes give {want:#010x}")]
    Crc {
        /// Checksum in the file.
        got: u32,
        /// Checksum of the bytes under this file's identity.
        want: u32,
    },
    /// The header is whole but says what this version can't mean.
    #[error("the frame header is whole but its fields are not those of format 1")]
    Fields,
}

impl FrameHeader {
    /// Bytes the frame takes on disk: header, payload, padding.
    pub fn frame_len(&self) -> u64 {
        let payload = u64::from(self.payload_len);
        FRAME_HEADER_BYTES as u64 + payload + padding(payload)
    }

    /// Seq of the first record after this frame.
    pub fn next_seq(&self) -> u64 {
        self.seq + u64::from(self.record_count)
    }

    /// The header's bytes under the seed of [`super::header::Identity::seed`].
    pub fn encode(&self, seed: u32) -> [u8; FRAME_HEADER_BYTES] {
        let mut out = Vec::with_capacity(FRAME_HEADER_BYTES);
        out.extend_from_slice(&FRAME_MAGIC);
        out.push(self.kind.code());
        out.push(if self.continues { FLAG_CONTINUES } else { 0 });
        out.extend_from_slice(&self.part.to_le_bytes());
        out.extend_from_slice(&self.payload_len.to_le_bytes());
        out.extend_from_slice(&self.record_count.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.durable_seq.to_le_bytes());
        out.extend_from_slice(&self.wall_ms.to_le_bytes());
        out.extend_from_slice(&self.run.to_le_bytes());
        out.extend_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, &out);
        out.extend_from_slice(&crc.to_le_bytes());
        let mut bytes = [0u8; FRAME_HEADER_BYTES];
        bytes.copy_from_slice(&out);
        bytes
    }

    /// Reads the header at the start of `bytes`.
    pub fn decode(bytes: &[u8], seed: u32) -> Result<Self, FrameError> {
        let bytes = bytes.get(..FRAME_HEADER_BYTES).ok_or(FrameError::Short)?;
        if !bytes.starts_with(&FRAME_MAGIC) {
            return Err(FrameError::Magic);
        }
        let got = u32_at(bytes, HEADER_CRC_AT).ok_or(FrameError::Short)?;
        let want = crc32c::crc32c_append(seed, bytes.get(..HEADER_CRC_AT).ok_or(FrameError::Short)?);
        if got != want {
            return Err(FrameError::Crc { got, want });
        }
        let byte = |at: usize| bytes.get(at).copied().ok_or(FrameError::Short);
        let flags = byte(FLAGS_AT)?;
        let header = Self {
            kind: Kind::from_code(byte(KIND_AT)?).ok_or(FrameError::Fields)?,
            continues: flags & FLAG_CONTINUES != 0,
            part: u16_at(bytes, PART_AT).ok_or(FrameError::Short)?,
            payload_len: u32_at(bytes, PAYLOAD_LEN_AT).ok_or(FrameError::Short)?,
            record_count: u32_at(bytes, RECORD_COUNT_AT).ok_or(FrameError::Short)?,
            seq: u64_at(bytes, SEQ_AT).ok_or(FrameError::Short)?,
            durable_seq: u64_at(bytes, DURABLE_SEQ_AT).ok_or(FrameError::Short)?,
            wall_ms: u64_at(bytes, WALL_MS_AT).ok_or(FrameError::Short)?,
            run: u64_at(bytes, RUN_AT).ok_or(FrameError::Short)?,
            payload_crc: u32_at(bytes, PAYLOAD_CRC_AT).ok_or(FrameError::Short)?,
        };
        if flags & !FLAG_CONTINUES != 0
            || header.payload_len as usize > MAX_FRAME_PAYLOAD
            || (header.continues && header.record_count != 0)
        {
            return Err(FrameError::Fields);
        }
        Ok(header)
    }
}
