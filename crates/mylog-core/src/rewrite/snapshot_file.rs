//! The file that a rewrite makes, while only its maker knows it: header, snapshot section, end record. It must
//! never touch the live name: until the parent renames it, it is a temporary that a start sweeps away.
//!
//! Used in the forked child: no lock, no thread.

use std::io;
use std::path::{Path, PathBuf};

use crate::format::frame::{Kind, MAX_FRAME_PAYLOAD};
use crate::format::header::{self, HEADER_BYTES, Identity};
use crate::format::snapshot_end::SnapshotEnd;
use crate::io::{File, FileId, Fs};
use crate::log::frame_batch::{Contents, FrameBatch, Stamp};
use crate::log::witness::{self, Mark};

/// Payload that a snapshot frame has, if no record is larger.
const FRAME_TARGET: usize = 256 << 10;
/// Bytes written between two syncs: so that the last one, for which the parent waits, is short.
const SYNC_EVERY: u64 = 8 << 20;

/// What the maker of a finished file tells, for the switch to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotReport {
    /// Size of the file; it ends with the end record.
    pub bytes: u64,
    /// Which file it is.
    pub file_id: FileId,
    /// Records in the snapshot section.
    pub records: u64,
    /// Seq as of which it rebuilds the state.
    pub base_seq: u64,
}

/// Why the file could not be made. It is worthless then.
#[derive(Debug, thiserror::Error)]
#[error("writing the rewritten log {} failed at offset {offset}: {source}", path.display())]
pub struct SnapshotError {
    /// Path of the file.
    pub path: PathBuf,
    /// Bytes written before.
    pub offset: u64,
    /// What the system said.
    pub source: io::Error,
}

/// Says what to do where something has the name that the file was to have.
fn in_the_way(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => io::Error::new(
            error.kind(),
            "something has this name; remove it (the next rewrite takes another name)",
        ),
        _ => error,
    }
}

/// A snapshot section under construction.
pub struct SnapshotFile {
    file: Box<dyn File>,
    path: PathBuf,
    stamp: Stamp,
    /// Encoded records that are not in the file yet.
    buffer: Vec<u8>,
    /// How many of them.
    buffered: u32,
    /// Records in the file, which is the seq of the first one in `buffer`.
    records: u64,
    /// End of the last frame.
    end: u64,
    /// What part of the file is synced; `<= end`.
    synced: u64,
    /// Over the header checksums of the frames so far.
    crc_of_crcs: u32,
    wall_ms: u64,
    /// What was written last.
    mark: Option<Mark>,
}

impl SnapshotFile {
    /// Creates the file, which must not exist yet, with its header. `run` is the server start that asked.
    pub fn create(
        fs: &dyn Fs,
        path: &Path,
        identity: &Identity,
        run: u64,
        wall_ms: u64,
    ) -> Result<Self, SnapshotError> {
        let failed = |source| SnapshotError {
            path: path.to_owned(),
            offset: 0,
            source,
        };
        let mut file = fs.create_new(path).map_err(|error| failed(in_the_way(error)))?;
        write_header(file.as_mut(), identity).map_err(failed)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            stamp: Stamp {
                seed: identity.seed(),
                run,
                durable_seq: 0,
            },
            buffer: Vec::with_capacity(FRAME_TARGET),
            buffered: 0,
            records: 0,
            end: HEADER_BYTES as u64,
            synced: 0,
            crc_of_crcs: 0,
            wall_ms,
            mark: Mark::last_of(&header::encode(identity), 0),
        })
    }

    /// Appends `count` encoded records. They reach the file in frames of some 256 KiB.
    pub fn append_records(&mut self, payload: &[u8], count: u32) -> Result<(), SnapshotError> {
        if self.buffer.len() + payload.len() > MAX_FRAME_PAYLOAD {
            self.flush()?;
        }
        if payload.len() >= FRAME_TARGET && self.buffer.is_empty() {
            return self.write_frames(payload, count);
        }
        self.buffer.extend_from_slice(payload);
        self.buffered += count;
        if self.buffer.len() >= FRAME_TARGET {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Records appended so far.
    pub fn records(&self) -> u64 {
        self.records + u64::from(self.buffered)
    }

    /// Bytes appended so far, buffered ones included.
    pub fn bytes(&self) -> u64 {
        self.end + self.buffer.len() as u64
    }

    /// Puts all that was appended on disk, so that [`SnapshotFile::finish`] has little left to sync.
    pub fn sync(&mut self) -> Result<(), SnapshotError> {
        self.flush()?;
        self.sync_file()
    }

    /// Ends the section as the state as of `base_seq`, with `keys` live keys, and puts it on disk.
    pub fn finish(mut self, base_seq: u64, keys: u64, wall_ms: u64) -> Result<SnapshotReport, SnapshotError> {
        self.flush()?;
        let records = self.records;
        let end = SnapshotEnd {
            base_seq,
            records,
            keys,
            bytes: self.end,
            crc_of_crcs: self.crc_of_crcs,
        };
        let payload = end.encode();
        let mut batch = FrameBatch::new(self.stamp, 1);
        batch.push(&Contents {
            kind: Kind::SnapshotEnd,
            seq: records,
            count: 0,
            wall_ms,
            payload: &payload,
            payload_crc: crc32c::crc32c(&payload),
        });
        self.write(&batch)?;
        self.sync_file()?;
        witness::look(self.file.as_ref(), self.end, self.mark)
            .map_err(|foul| self.failed(io::Error::other(foul)))?;
        let file_id = self.file.id().map_err(|source| self.failed(source))?;
        Ok(SnapshotReport {
            bytes: self.end,
            file_id,
            records,
            base_seq,
        })
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let count = std::mem::take(&mut self.buffered);
        let written = self.write_frames(&buffer, count);
        buffer.clear();
        self.buffer = buffer;
        written
    }

    fn write_frames(&mut self, payload: &[u8], count: u32) -> Result<(), SnapshotError> {
        let mut batch = FrameBatch::new(self.stamp, 1);
        batch.push(&Contents {
            kind: Kind::Snapshot,
            seq: self.records,
            count,
            wall_ms: self.wall_ms,
            payload,
            payload_crc: crc32c::crc32c(payload),
        });
        self.write(&batch)?;
        for crc in batch.header_crcs() {
            self.crc_of_crcs = crc32c::crc32c_append(self.crc_of_crcs, crc);
        }
        self.records += u64::from(count);
        if self.end - self.synced >= SYNC_EVERY {
            self.sync_file()
        } else {
            Ok(())
        }
    }

    /// A file that somebody else cuts meanwhile would become a log with holes.
    fn write(&mut self, batch: &FrameBatch<'_>) -> Result<(), SnapshotError> {
        let at = self.end;
        batch
            .write(self.file.as_mut(), at)
            .map_err(|failed| self.failed(failed.source))?;
        witness::look(self.file.as_ref(), at + batch.bytes(), self.mark)
            .map_err(|foul| self.failed(io::Error::other(foul)))?;
        self.mark = batch.mark(at).or(self.mark);
        self.end += batch.bytes();
        Ok(())
    }

    fn sync_file(&mut self) -> Result<(), SnapshotError> {
        if let Err(source) = self.file.sync_data() {
            return Err(self.failed(source));
        }
        self.synced = self.end;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> SnapshotError {
        SnapshotError {
            path: self.path.clone(),
            offset: self.end,
            source,
        }
    }
}

fn write_header(file: &mut dyn File, identity: &Identity) -> io::Result<()> {
    let bytes = header::encode(identity);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match file.write_at(&[io::IoSlice::new(rest)], at as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            taken => at += taken,
        }
    }
    Ok(())
}
