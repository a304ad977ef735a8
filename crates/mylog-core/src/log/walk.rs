//! What the next frame of a log may be. One step takes one frame: checks it against all frames before it, and
//! hands whole groups to the consumer. It must never hand over a group of which a part is missing, nor keep
//! more than one group in memory.

use std::collections::VecDeque;

use super::body;
use super::damage::Reason;
use super::replay::Replay;
use super::summary::Summary;
use super::window::{ReadError, Window};
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, Kind};
use crate::format::header::{HEADER_BYTES, Identity};
use crate::format::snapshot_end::SnapshotEnd;
use crate::format::u32_at;

/// Where in a frame header its own checksum stands.
const HEADER_CRC_AT: usize = FRAME_HEADER_BYTES - 4;

/// Why a step was not taken.
pub(super) enum Stop {
    /// The bytes don't continue the log.
    Bad(Reason),
    /// The file could not be read.
    Read(ReadError),
}

impl<R: Into<Reason>> From<R> for Stop {
    fn from(reason: R) -> Self {
        Self::Bad(reason.into())
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Snapshot,
    Data,
    Sealed,
}

/// A group of which the last part is still to come.
struct Unfinished {
    kind: Kind,
    /// Where its first part stands: a bad part makes the whole group bad.
    offset: u64,
    next_part: u32,
    payload: Vec<u8>,
}

/// The state after the frames so far.
pub(super) struct Walk {
    seed: u32,
    file_len: u64,
    /// Where the next frame stands. Every frame before it is good.
    pub(super) at: u64,
    pub(super) section: Section,
    /// Seq of the next frame; counts the records of the snapshot while in it.
    next_seq: u64,
    run: u64,
    crc_of_crcs: u32,
    unfinished: Option<Unfinished>,
    marks: Marks,
    pub(super) summary: Summary,
}

impl Walk {
    pub(super) fn new(identity: Identity, file_len: u64) -> Self {
        Self {
            seed: identity.seed(),
            file_len,
            at: HEADER_BYTES as u64,
            section: Section::Snapshot,
            next_seq: 0,
            run: 0,
            crc_of_crcs: 0,
            unfinished: None,
            marks: Marks::default(),
            summary: Summary::new(identity, file_len),
        }
    }

    /// Where what can't be used begins, if the next frame is bad: no group counts in part.
    pub(super) fn group_start(&self) -> u64 {
        self.unfinished.as_ref().map_or(self.at, |group| group.offset)
    }

    /// Parts read of a group of which the last one is still to come.
    pub(super) fn parts_read(&self) -> Option<u32> {
        self.unfinished.as_ref().map(|group| group.next_part)
    }

    /// Takes the frame at `self.at`.
    pub(super) fn step<R>(&mut self, window: &mut Window<'_>, replay: &mut R) -> Result<(), Stop>
    where
        R: Replay + ?Sized,
    {
        let have = self.file_len.saturating_sub(self.at);
        let bytes = window.get(self.at, FRAME_HEADER_BYTES)?;
        let header = FrameHeader::decode(bytes, self.seed)?;
        let header_crc = u32_at(bytes, HEADER_CRC_AT).unwrap_or_default();
        self.expect(&header)?;

        let need = header.frame_len();
        // A length that the file has no room for is not read, so it makes nobody allocate.
        let len = if need > have { 0 } else { need as usize };
        let payload = body::payload(&header, window.get(self.at, len)?, have)?;

        let end = self.at + need;
        match header.kind {
            Kind::Snapshot => {
                self.crc_of_crcs = crc32c::crc32c_append(self.crc_of_crcs, &header_crc.to_le_bytes());
                self.run = header.run;
                self.group(&header, payload, end, replay)?;
            }
            Kind::SnapshotEnd => self.snapshot_end(&header, payload, end, replay)?,
            Kind::Data => self.group(&header, payload, end, replay)?,
            Kind::Run => self.run = header.run,
            Kind::Seal => {
                self.section = Section::Sealed;
                self.summary.sealed = true;
            }
        }
        self.at = end;
        self.took(&header);
        Ok(())
    }

    /// Checks all of a header that the frames before it decide.
    fn expect(&self, header: &FrameHeader) -> Result<(), Reason> {
        let kind = header.kind;
        let in_place = match self.section {
            Section::Snapshot => matches!(kind, Kind::Snapshot | Kind::SnapshotEnd),
            Section::Data => matches!(kind, Kind::Data | Kind::Run | Kind::Seal),
            Section::Sealed => false,
        };
        let (open, part, held) = match &self.unfinished {
            Some(group) => (group.kind, group.next_part, group.payload.len() as u64),
            None => (kind, 0, 0),
        };
        if !in_place || open != kind {
            return Err(Reason::Kind { kind });
        }
        if self.section == Section::Data && kind != Kind::Run && header.run != self.run {
            return Err(Reason::Run {
                got: header.run,
                want: self.run,
            });
        }
        if header.seq != self.next_seq {
            return Err(Reason::Seq {
                got: header.seq,
                want: self.next_seq,
            });
        }
        if u32::from(header.part) != part {
            return Err(Reason::Part {
                got: header.part,
                want: part,
            });
        }
        let records = header.record_count;
        let bytes = held + u64::from(header.payload_len);
        let fits = match kind {
            // No payload: it only vouches.
            Kind::Data if bytes == 0 => records == 0 && !header.continues,
            _ if header.continues => matches!(kind, Kind::Data | Kind::Snapshot) && header.payload_len > 0,
            // A record takes a byte at least: a count can't make the consumer allocate more than it was given.
            Kind::Data | Kind::Snapshot => records > 0 && u64::from(records) <= bytes,
            Kind::SnapshotEnd => records == 0,
            Kind::Run | Kind::Seal => records == 0 && bytes == 0,
        };
        let next = header.seq.checked_add(u64::from(records)).filter(|_| fits);
        let Some(next) = next else {
            return Err(Reason::Shape { kind, records, bytes });
        };
        let durable_seq = header.durable_seq;
        let vouches_too_far = match self.section {
            Section::Snapshot => durable_seq != 0,
            Section::Data | Section::Sealed => durable_seq >= next,
        };
        if vouches_too_far {
            return Err(Reason::Durable { durable_seq });
        }
        Ok(())
    }

    /// Adds a part to its group; the last part hands it over.
    fn group<R>(&mut self, header: &FrameHeader, part: &[u8], end: u64, replay: &mut R) -> Result<(), Reason>
    where
        R: Replay + ?Sized,
    {
        if header.continues {
            let offset = self.at;
            let group = self.unfinished.get_or_insert_with(|| Unfinished {
                kind: header.kind,
                offset,
                next_part: 0,
                payload: Vec::new(),
            });
            group.payload.extend_from_slice(part);
            group.next_part += 1;
            return Ok(());
        }
        let whole;
        let payload = match self.unfinished.as_mut() {
            Some(group) => {
                group.payload.extend_from_slice(part);
                whole = std::mem::take(&mut group.payload);
                whole.as_slice()
            }
            None => part,
        };
        let count = header.record_count;
        if header.kind == Kind::Snapshot {
            replay.snapshot(payload, count)?;
            self.summary.snapshot_records += u64::from(count);
        } else if count > 0 {
            replay.group(header.seq, count, payload, header.wall_ms)?;
            self.summary.groups += 1;
            self.summary.records += u64::from(count);
            self.marks.push(end, header.seq + u64::from(count) - 1);
        }
        // Only now: a refused group is bad from its first part on.
        self.unfinished = None;
        self.next_seq = header.seq + u64::from(count);
        Ok(())
    }

    fn snapshot_end<R>(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        end: u64,
        replay: &mut R,
    ) -> Result<(), Reason>
    where
        R: Replay + ?Sized,
    {
        let totals = SnapshotEnd::decode(payload).ok_or(Reason::SnapshotEnd)?;
        let crc = u64::from(self.crc_of_crcs);
        for (what, got, want) in [
            ("records", totals.records, self.summary.snapshot_records),
            ("bytes", totals.bytes, self.at),
            ("checksum of checksums", u64::from(totals.crc_of_crcs), crc),
        ] {
            if got != want {
                return Err(Reason::SnapshotTotals { what, got, want });
            }
        }
        self.next_seq = totals.base_seq.checked_add(1).ok_or(Reason::SnapshotEnd)?;
        replay.snapshot_end(&totals)?;
        self.section = Section::Data;
        self.run = header.run;
        self.summary.snapshot_end = Some(totals);
        self.summary.snapshot_end_offset = end;
        // A file gets its live name only after its snapshot was synced.
        self.summary.durable_seq = totals.base_seq;
        self.summary.vouched_end = end;
        Ok(())
    }

    /// Brings the summary up to the frame just taken.
    fn took(&mut self, header: &FrameHeader) {
        if self.section == Section::Snapshot {
            return;
        }
        let summary = &mut self.summary;
        summary.run = self.run;
        if header.durable_seq > summary.durable_seq {
            summary.durable_seq = header.durable_seq;
            if let Some(end) = self.marks.vouched(header.durable_seq) {
                summary.vouched_end = end;
            }
        }
        if self.section == Section::Data && self.unfinished.is_none() {
            summary.end = self.at;
            summary.next_seq = self.next_seq;
        }
    }
}

/// Most marks kept. Under policy `no` nothing is vouched for in the whole file.
const MOST_MARKS: usize = 4096;

/// Where groups end that no frame has vouched for yet. When there are too many every second one is dropped:
/// then less counts as vouched for than could, which costs a longer write at the next start and no more.
#[derive(Default)]
struct Marks(VecDeque<(u64, u64)>);

impl Marks {
    fn push(&mut self, end: u64, last_seq: u64) {
        if self.0.len() == MOST_MARKS {
            let mut odd = false;
            self.0.retain(|_| {
                odd = !odd;
                odd
            });
        }
        self.0.push_back((end, last_seq));
    }

    /// The end of the last group that is durable when `durable_seq` is; forgets the groups up to it.
    fn vouched(&mut self, durable_seq: u64) -> Option<u64> {
        let mut vouched = None;
        while let Some((end, _)) = self.0.front().filter(|(_, last_seq)| *last_seq <= durable_seq) {
            vouched = Some(*end);
            self.0.pop_front();
        }
        vouched
    }
}
