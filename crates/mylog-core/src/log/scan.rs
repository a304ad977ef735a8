//! Bytes to verdict, without policy and without a write. A file is read once, front to back, in bounded
//! memory; whole groups go to the consumer as they come. At the first bad frame the rest is searched for
//! frames that vouch for what can't be read: they alone tell a torn tail from a damaged log.

use std::io;

use super::damage::{BadRecords, Corrupt, Reason, Torn, Verdict};
use super::resync::survey;
use super::walk::{Section, Stop, Walk};
pub use super::window::ReadError;
use super::window::Window;
use crate::format::header::{self, HEADER_BYTES, Identity};
use crate::format::snapshot_end::SnapshotEnd;
use crate::io::File;

/// Takes what a log holds, in order. A refusal makes the log corrupt at the place of the frame.
pub trait Replay {
    /// `record_count` whole records of the snapshot.
    fn snapshot(&mut self, payload: &[u8], record_count: u32) -> Result<(), BadRecords>;
    /// The end of the snapshot. Its records, bytes and checksum were checked; its keys are the consumer's.
    fn snapshot_end(&mut self, totals: &SnapshotEnd) -> Result<(), BadRecords>;
    /// A whole group of `count` records, at least one.
    fn group(&mut self, first_seq: u64, count: u32, payload: &[u8], wall_ms: u64) -> Result<(), BadRecords>;
}

/// Takes everything: for who wants the verdict over the frames alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ignore;

impl Replay for Ignore {
    fn snapshot(&mut self, _payload: &[u8], _record_count: u32) -> Result<(), BadRecords> {
        Ok(())
    }

    fn snapshot_end(&mut self, _totals: &SnapshotEnd) -> Result<(), BadRecords> {
        Ok(())
    }

    fn group(&mut self, _: u64, _: u32, _: &[u8], _: u64) -> Result<(), BadRecords> {
        Ok(())
    }
}

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

/// A verdict, and what stands before the place it speaks of.
#[derive(Debug)]
pub struct Scan {
    /// `None` only if the file header can't be used.
    pub summary: Option<Summary>,
    /// What the file is worth.
    pub verdict: Verdict,
}

/// Reads a whole log. An error means that the file could not be read, not that it is bad.
pub fn scan<R>(file: &dyn File, replay: &mut R) -> Result<Scan, ReadError>
where
    R: Replay + ?Sized,
{
    let file_len = file
        .len()
        .map_err(|source: io::Error| ReadError { offset: 0, source })?;
    let mut window = Window::new(file);
    let identity = match header::decode(window.get(0, HEADER_BYTES)?) {
        Ok(identity) => identity,
        Err(error) => {
            return Ok(Scan {
                summary: None,
                verdict: corrupt(0, error.into()),
            });
        }
    };
    let mut walk = Walk::new(identity, file_len);
    let verdict = loop {
        if walk.at >= file_len {
            break at_end(&walk);
        }
        if walk.section == Section::Sealed {
            break corrupt(
                walk.at,
                Reason::AfterSeal {
                    bytes: file_len - walk.at,
                },
            );
        }
        match walk.step(&mut window, replay) {
            Ok(()) => {}
            Err(Stop::Read(error)) => return Err(error),
            Err(Stop::Bad(reason)) => {
                break match (walk.section, reason) {
                    (Section::Data, Reason::Records(refusal)) => corrupt(walk.group_start(), refusal.into()),
                    (Section::Data, reason) => judge(file, &walk, reason)?,
                    (_, reason) => corrupt(walk.group_start(), reason),
                };
            }
        }
    };
    Ok(Scan {
        summary: Some(walk.summary),
        verdict,
    })
}

/// The verdict where every frame up to the end of the file is good.
fn at_end(walk: &Walk) -> Verdict {
    if walk.section == Section::Snapshot {
        return corrupt(walk.group_start(), Reason::NoSnapshotEnd);
    }
    if let Some(parts) = walk.parts_read() {
        // Not judged by what follows: nothing does, and its own parts can't vouch for it.
        let (offset, len) = (walk.group_start(), walk.summary.file_len);
        return Verdict::Torn(Torn {
            offset,
            bytes: len - offset,
            frames: u64::from(parts),
            records: 0,
            seq: walk.summary.next_seq,
            reason: Reason::UnfinishedGroup,
        });
    }
    Verdict::Eof { zeros: 0 }
}

/// The verdict over a bad frame after the snapshot.
fn judge(file: &dyn File, walk: &Walk, reason: Reason) -> Result<Verdict, ReadError> {
    let Summary {
        file_len,
        next_seq: seq,
        identity,
        ..
    } = walk.summary;
    let offset = walk.group_start();
    let tail = survey(file, identity.seed(), offset, file_len)?;
    if tail.zeros {
        return Ok(Verdict::Eof {
            zeros: file_len - offset,
        });
    }
    if let Some(durable_seq) = tail.durable_seq.filter(|durable_seq| *durable_seq >= seq) {
        let lost = Some(seq..=durable_seq);
        return Ok(Verdict::Corrupt(Corrupt {
            offset,
            reason,
            lost,
            resync: tail.resync,
        }));
    }
    let bytes = file_len - offset;
    Ok(Verdict::Torn(Torn {
        offset,
        bytes,
        frames: tail.frames,
        records: tail.records,
        seq,
        reason,
    }))
}

fn corrupt(offset: u64, reason: Reason) -> Verdict {
    Verdict::Corrupt(Corrupt {
        offset,
        reason,
        lost: None,
        resync: None,
    })
}
