//! Frames on their way into a file: encodes groups and marks, and writes them in as few vectored writes as
//! the system allows. Knows nothing of what the file holds; it must never decide what a failed write means.

use std::io::{self, IoSlice};

use super::witness::Mark;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, Kind, MAX_FRAME_PAYLOAD};
use crate::format::padding;
use crate::io::File;

/// Most buffers that Linux takes in one call.
const IOV_MAX: usize = 1024;
const ZEROS: [u8; 8] = [0; 8];

/// What the frames of one append have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    /// Seed of the file's header checksums.
    pub seed: u32,
    /// The server start that writes.
    pub run: u64,
    /// Highest seq known to be on disk as they are encoded.
    pub durable_seq: u64,
}

/// What a frame, or a group of several, is to hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contents<'a> {
    pub kind: Kind,
    pub seq: u64,
    pub count: u32,
    pub wall_ms: u64,
    pub payload: &'a [u8],
    /// CRC32C of the whole payload.
    pub payload_crc: u32,
}

impl Contents<'_> {
    /// A frame without records or payload.
    pub fn mark(kind: Kind, seq: u64, wall_ms: u64) -> Self {
        Self {
            kind,
            seq,
            count: 0,
            wall_ms,
            payload: &[],
            payload_crc: crc32c::crc32c(&[]),
        }
    }
}

/// A write that ended early.
#[derive(Debug)]
pub(crate) struct Interrupted {
    /// Offset up to which the bytes were taken.
    pub reached: u64,
    pub source: io::Error,
}

struct Framed<'a> {
    header: [u8; FRAME_HEADER_BYTES],
    payload: &'a [u8],
}

/// Encoded frames, in order, borrowed from their groups.
pub(crate) struct FrameBatch<'a> {
    stamp: Stamp,
    frames: Vec<Framed<'a>>,
    bytes: u64,
}

impl<'a> FrameBatch<'a> {
    pub fn new(stamp: Stamp, capacity: usize) -> Self {
        Self {
            stamp,
            frames: Vec::with_capacity(capacity),
            bytes: 0,
        }
    }

    /// Bytes that the frames take on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds one frame, or several parts if the payload is too large for one.
    pub fn push(&mut self, contents: &Contents<'a>) {
        if contents.payload.len() <= MAX_FRAME_PAYLOAD {
            self.push_part(contents, contents.payload, contents.payload_crc, 0, true);
            return;
        }
        let last = contents.payload.len().div_ceil(MAX_FRAME_PAYLOAD) - 1;
        for (part, payload) in contents.payload.chunks(MAX_FRAME_PAYLOAD).enumerate() {
            self.push_part(contents, payload, crc32c::crc32c(payload), part, part == last);
        }
    }

    fn push_part(&mut self, contents: &Contents<'a>, payload: &'a [u8], crc: u32, part: usize, last: bool) {
        let header = FrameHeader {
            kind: contents.kind,
            continues: !last,
            part: part as u16,
            payload_len: payload.len() as u32,
            record_count: if last { contents.count } else { 0 },
            seq: contents.seq,
            durable_seq: self.stamp.durable_seq,
            wall_ms: contents.wall_ms,
            run: self.stamp.run,
            payload_crc: crc,
        };
        self.bytes += header.frame_len();
        self.frames.push(Framed {
            header: header.encode(self.stamp.seed),
            payload,
        });
    }

    /// The header checksums as they stand on disk, in order.
    pub fn header_crcs(&self) -> impl Iterator<Item = &[u8]> {
        self.frames
            .iter()
            .filter_map(|frame| frame.header.get(FRAME_HEADER_BYTES - 4..))
    }

    /// The last byte that is not zero, where the frames stand at `at`.
    pub fn mark(&self, at: u64) -> Option<Mark> {
        let last = self.frames.last()?;
        let payload_at = at + self.bytes - last.payload.len() as u64 - padding(last.payload.len() as u64);
        Mark::last_of(last.payload, payload_at)
            .or_else(|| Mark::last_of(&last.header, payload_at - FRAME_HEADER_BYTES as u64))
    }

    /// Writes all frames at `at`. A short write is continued; one of more than 2 GB always is short.
    pub fn write(&self, file: &mut dyn File, at: u64) -> Result<(), Interrupted> {
        let mut bufs = Vec::with_capacity(self.frames.len() * 3);
        for frame in &self.frames {
            bufs.push(IoSlice::new(&frame.header));
            if !frame.payload.is_empty() {
                bufs.push(IoSlice::new(frame.payload));
            }
            let pad = padding(frame.payload.len() as u64) as usize;
            if let Some(pad) = ZEROS.get(..pad).filter(|pad| !pad.is_empty()) {
                bufs.push(IoSlice::new(pad));
            }
        }
        let mut rest = bufs.as_mut_slice();
        let mut reached = at;
        while !rest.is_empty() {
            let call = rest.get(..IOV_MAX).unwrap_or(rest);
            match file.write_at(call, reached) {
                Ok(0) => {
                    let source = io::Error::from(io::ErrorKind::WriteZero);
                    return Err(Interrupted { reached, source });
                }
                Ok(taken) => {
                    reached += taken as u64;
                    IoSlice::advance_slices(&mut rest, taken);
                }
                Err(source) => return Err(Interrupted { reached, source }),
            }
        }
        Ok(())
    }
}
