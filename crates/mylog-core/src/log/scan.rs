//! Bytes to verdict, without policy and without a write. A file is read once, front to back, in bounded
//! memory; whole groups go to the consumer as they come. At the first bad frame the rest is searched for
//! frames that vouch for what can't be read: they alone tell a torn tail from a damaged log.

use std::io;

use super::damage::{Corrupt, Reason, Torn, Verdict};
use super::replay::Replay;
use super::resync::survey;
use super::summary::Summary;
use super::walk::{Section, Stop, Walk};
pub use super::window::ReadError;
use super::window::Window;
use crate::format::header::{self, HEADER_BYTES};
use crate::io::File;

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
