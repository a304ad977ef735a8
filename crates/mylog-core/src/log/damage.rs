//! What can be wrong with a log, as data: the reason at one place, and the verdict over the file. No policy:
//! whoever asked decides what to do about a torn tail.

use std::error::Error;
use std::ops::RangeInclusive;

use crate::format::frame::{FrameError, Kind};
use crate::format::header::HeaderError;

/// Records of a whole frame that can't be applied: the bytes are as they were written, what they say is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the records can't be applied: {cause}")]
pub struct BadRecords {
    /// What the consumer of the records found.
    #[source]
    pub cause: Box<dyn Error + Send + Sync>,
}

impl BadRecords {
    /// Records refused for `cause`.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: cause.into() }
    }
}

/// Why the bytes at an offset don't continue the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file header can't be used.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// No whole frame header of this file.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The frame is longer than the rest of the file.
    #[error("the frame needs {need} bytes, the file has {have} more")]
    Cut {
        /// Bytes of the frame.
        need: u64,
        /// Bytes left.
        have: u64,
    },
    /// The payload is damaged.
    #[error("the payload's checksum is {got:#010x}, its bytes give {want:#010x}")]
    Payload {
        /// Checksum in the frame header.
        got: u32,
        /// Checksum of the bytes.
        want: u32,
    },
    /// The padding after the payload is not zero.
    #[error("the padding after the payload is not zero")]
    Padding,
    /// A frame that may not stand here.
    #[error("a {kind:?} frame may not stand here")]
    Kind {
        /// What the frame holds.
        kind: Kind,
    },
    /// A frame of another server start.
    #[error("the frame belongs to run {got:#018x}, the log here to run {want:#018x}")]
    Run {
        /// Run of the frame.
        got: u64,
        /// Run of the frames before it.
        want: u64,
    },
    /// A frame is missing, double, or out of order.
    #[error("the frame begins at seq {got}, expected {want}")]
    Seq {
        /// Seq of the frame.
        got: u64,
        /// Seq that would be dense.
        want: u64,
    },
    /// A part of a group is missing, double, or out of order.
    #[error("the frame is part {got} of its group, expected part {want}")]
    Part {
        /// Part in the frame.
        got: u16,
        /// Part expected.
        want: u32,
    },
    /// A frame that vouches for itself or for what comes after it.
    #[error("the frame says that seq {durable_seq} was durable before it was written")]
    Durable {
        /// What the frame says.
        durable_seq: u64,
    },
    /// Payload length and record count don't go with each other or with the kind.
    #[error("a {kind:?} frame can't have {records} records in {bytes} bytes of payload")]
    Shape {
        /// What the frame holds.
        kind: Kind,
        /// Its record count.
        records: u32,
        /// Payload bytes of the whole group.
        bytes: u64,
    },
    /// The end record is not one.
    #[error("the end record of the snapshot is not one")]
    SnapshotEnd,
    /// The end record doesn't fit the section.
    #[error("the end record says {got} for the snapshot's {what}, the section gives {want}")]
    SnapshotTotals {
        /// Which total.
        what: &'static str,
        /// What the end record says.
        got: u64,
        /// What the section gives.
        want: u64,
    },
    /// The file ends inside its snapshot.
    #[error("the file ends before the end record of its snapshot")]
    NoSnapshotEnd,
    /// The file ends inside a group.
    #[error("the file ends before the last part of a group")]
    UnfinishedGroup,
    /// Something stands after a Seal.
    #[error("{bytes} bytes stand after the Seal of a clean stop")]
    AfterSeal {
        /// Bytes after the Seal.
        bytes: u64,
    },
    /// The consumer refused the records.
    #[error(transparent)]
    Records(#[from] BadRecords),
}

/// What a log file is worth.
#[derive(Debug)]
pub enum Verdict {
    /// Whole to the end, or to zeros that nobody wrote.
    Eof {
        /// Bytes of zeros after the last frame.
        zeros: u64,
    },
    /// The tail is unusable, and nothing of it was ever known to be durable.
    Torn(Torn),
    /// Something that was durable is damaged. Never to be loaded.
    Corrupt(Corrupt),
}

/// A tail that may be cut off.
#[derive(Debug)]
pub struct Torn {
    /// Where to cut: the end of the last whole group.
    pub offset: u64,
    /// Bytes from there to the end of the file.
    pub bytes: u64,
    /// Whole frame headers in there.
    pub frames: u64,
    /// Records that these frames count.
    pub records: u64,
    /// First seq that is cut off.
    pub seq: u64,
    /// What is wrong with the first unusable frame.
    pub reason: Reason,
}

/// Damage to what was durable.
#[derive(Debug)]
pub struct Corrupt {
    /// Where the unusable group, frame or section begins.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: Reason,
    /// Seqs from the damage on that were known to be durable; `None` in the header, in the snapshot, after a
    /// Seal, and where the records were refused.
    pub lost: Option<RangeInclusive<u64>>,
    /// Offset of the next whole frame header that begins a group.
    pub resync: Option<u64>,
}

impl std::fmt::Display for Torn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            offset,
            bytes,
            frames,
            records,
            seq,
            reason,
        } = self;
        write!(
            f,
            "torn at {offset}: {frames} frames, {records} records not known durable, \
             {bytes} bytes from seq {seq} on ({reason})"
        )
    }
}

impl std::fmt::Display for Corrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "corrupt at {}: ", self.offset)?;
        if let Some(lost) = &self.lost {
            write!(f, "seq {}..{} were durable, ", lost.start(), lost.end())?;
        }
        if let Some(resync) = self.resync {
            write!(f, "next good frame at {resync}, ")?;
        }
        write!(f, "{}", self.reason)
    }
}
