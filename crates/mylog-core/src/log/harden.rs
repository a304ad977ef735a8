//! Makes a loaded file durable to its end before anything is appended to it.
//!
//! A failed fsync before the restart may have left bytes in the page cache that no disk has: reads see them, no
//! later fsync writes them. So what no frame vouches for is written again in place. It is read again for that,
//! and checked again: the page cache may have forgotten the good bytes since they were loaded.

use std::io;

use super::body;
use super::damage::Reason;
use super::summary::Summary;
use super::window::{CHUNK, ReadError, Window};
use super::write_all::write_all;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader};
use crate::io::File;

/// Why a loaded file could not be made durable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HardenError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Bytes that were good a moment ago are not: the disk doesn't hold what the page cache did.
    #[error("the frame at offset {offset} was good when it was loaded and is not any more ({reason})")]
    Changed {
        /// Offset of the frame.
        offset: u64,
        /// What is wrong now.
        reason: Reason,
    },
    /// Cutting off what can't be used failed.
    #[error("cutting the file to {len} bytes: {source}")]
    Truncate {
        /// Length wanted.
        len: u64,
        /// What the file system says.
        source: io::Error,
    },
    /// Writing again failed.
    #[error("writing again at offset {offset}: {source}")]
    Write {
        /// Where.
        offset: u64,
        /// What the file system says.
        source: io::Error,
    },
    /// Syncing failed.
    #[error("syncing: {source}")]
    Sync {
        /// What the file system says.
        source: io::Error,
    },
}

/// Cuts the file to its last whole group, writes again what was not vouched for, syncs. After a success every
/// record below `summary.next_seq` is durable.
pub fn harden(file: &mut dyn File, summary: &Summary) -> Result<(), HardenError> {
    let Summary {
        file_len,
        vouched_end,
        end,
        ..
    } = *summary;
    if file_len > end {
        file.truncate(end)
            .map_err(|source| HardenError::Truncate { len: end, source })?;
    }
    write_again(file, summary.identity.seed(), vouched_end, end)?;
    // Also where nothing was changed: an earlier start may have cut the file and died before its sync.
    file.sync_data().map_err(|source| HardenError::Sync { source })
}

fn write_again(file: &mut dyn File, seed: u32, from: u64, to: u64) -> Result<(), HardenError> {
    let mut at = from;
    while at < to {
        let batch = read_frames(file, seed, at, to)?;
        write_all(file, &batch, at).map_err(|source| HardenError::Write { offset: at, source })?;
        at += batch.len() as u64;
    }
    Ok(())
}

/// Whole frames from `from` on, checked: a chunk of them, or one that is larger.
fn read_frames(file: &dyn File, seed: u32, from: u64, to: u64) -> Result<Vec<u8>, HardenError> {
    let mut window = Window::new(file);
    let mut batch = Vec::new();
    while from + (batch.len() as u64) < to && batch.len() < CHUNK {
        let offset = from + batch.len() as u64;
        let changed = |reason| HardenError::Changed { offset, reason };
        let header = FrameHeader::decode(window.get(offset, FRAME_HEADER_BYTES)?, seed)
            .map_err(|error| changed(error.into()))?;
        let (need, have) = (header.frame_len(), to - offset);
        let frame = window.get(offset, need as usize)?;
        body::payload(&header, frame, have).map_err(changed)?;
        batch.extend_from_slice(frame);
    }
    Ok(batch)
}
