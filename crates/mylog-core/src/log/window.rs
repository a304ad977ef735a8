//! Reading a file front to back through a bounded buffer. The bound is the largest frame, whatever a length
//! field says: a damaged or hostile file can't make the reader allocate more.

use std::io;

use crate::format::frame::{FRAME_HEADER_BYTES, MAX_FRAME_PAYLOAD};
use crate::io::File;

/// Bytes read at once.
pub(super) const CHUNK: usize = 1 << 20;
const MOST: usize = FRAME_HEADER_BYTES + MAX_FRAME_PAYLOAD + 8;

/// A reading of a file stopped at an offset.
#[derive(Debug, thiserror::Error)]
#[error("reading at offset {offset}: {source}")]
pub struct ReadError {
    /// Where.
    pub offset: u64,
    /// What the file system says.
    #[source]
    pub source: io::Error,
}

/// A window onto a file.
pub(super) struct Window<'a> {
    file: &'a dyn File,
    /// Bytes of the file from `start` on; the whole file lies before `start`, in here, or behind.
    buf: Vec<u8>,
    start: u64,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a dyn File) -> Self {
        Self {
            file,
            buf: Vec::new(),
            start: 0,
        }
    }

    /// `len` bytes at `at`, fewer only where the file ends. At most one frame can be had.
    pub(super) fn get(&mut self, at: u64, len: usize) -> Result<&[u8], ReadError> {
        let len = len.min(MOST);
        let held = at
            .checked_sub(self.start)
            .and_then(|skip| usize::try_from(skip).ok());
        let from = match held {
            Some(from) if from + len <= self.buf.len() => from,
            _ => {
                self.fill(at, len)?;
                0
            }
        };
        let to = self.buf.len().min(from + len);
        Ok(self.buf.get(from..to).unwrap_or_default())
    }

    /// Makes the buffer begin at `at` and hold `len` bytes if the file has them.
    fn fill(&mut self, at: u64, len: usize) -> Result<(), ReadError> {
        let skip = at
            .checked_sub(self.start)
            .and_then(|skip| usize::try_from(skip).ok());
        match skip {
            Some(skip) if skip <= self.buf.len() => drop(self.buf.drain(..skip)),
            _ => self.buf.clear(),
        }
        self.start = at;
        let mut filled = self.buf.len();
        self.buf.resize(len.max(CHUNK).max(filled), 0);
        while filled < len {
            let offset = at + filled as u64;
            let rest = self.buf.get_mut(filled..).unwrap_or_default();
            match self.file.read_at(rest, offset) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(source) => {
                    self.buf.truncate(filled);
                    return Err(ReadError { offset, source });
                }
            }
        }
        self.buf.truncate(filled);
        Ok(())
    }
}
