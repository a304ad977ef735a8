//! Reads a log as `docs/FORMAT.md` says, sharing no code with recovery but the codecs of the headers.

use std::path::Path;

use mylog_core::format::frame::{FRAME_HEADER_BYTES, FrameHeader, Kind};
use mylog_core::format::header::{self, HEADER_BYTES};
use mylog_core::format::snapshot_end::SnapshotEnd;
use mylog_core::io::sim::SimFs;

/// What a log holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub epoch: u64,
    pub base_seq: u64,
    pub snapshot: Vec<u8>,
    pub snapshot_records: u64,
    /// First seq, count and payload of each whole group.
    pub groups: Vec<(u64, u32, Vec<u8>)>,
    pub last_seq: u64,
    /// Highest seq that a frame vouches for.
    pub vouched: u64,
    pub vouching_frames: usize,
    pub sealed: bool,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    seed: u32,
}

impl<'a> Scanner<'a> {
    /// The frame at `at`, if it is whole.
    fn frame(&self, at: usize) -> Option<(FrameHeader, &'a [u8])> {
        let header = FrameHeader::decode(self.bytes.get(at..)?, self.seed).ok()?;
        let from = at + FRAME_HEADER_BYTES;
        let payload = self.bytes.get(from..from + header.payload_len as usize)?;
        let whole = self.bytes.len() as u64 >= at as u64 + header.frame_len();
        (whole && crc32c::crc32c(payload) == header.payload_crc).then_some((header, payload))
    }

    fn next(&mut self) -> Option<(FrameHeader, &'a [u8])> {
        let found = self.frame(self.at)?;
        self.at += found.0.frame_len() as usize;
        Some(found)
    }

    fn header_crc(&self, at: usize) -> &'a [u8] {
        &self.bytes[at + FRAME_HEADER_BYTES - 4..at + FRAME_HEADER_BYTES]
    }
}

/// Reads the log at `path`; the error says why it has to be refused.
pub fn load(fs: &SimFs, path: &Path) -> Result<Loaded, String> {
    let bytes = fs.contents(path).ok_or("there is no log")?;
    let identity = header::decode(&bytes).map_err(|error| error.to_string())?;
    let mut scanner = Scanner {
        bytes: &bytes,
        at: HEADER_BYTES,
        seed: identity.seed(),
    };
    let mut log = Loaded {
        epoch: identity.epoch,
        ..Loaded::default()
    };
    let mut run = load_snapshot(&mut scanner, &mut log)?;
    log.last_seq = log.base_seq;
    loop {
        let group_at = scanner.at;
        let Some(group) = next_group(&mut scanner, &mut run, log.last_seq + 1) else {
            scanner.at = group_at;
            break;
        };
        let (last, payload) = group;
        log.vouched = log.vouched.max(last.durable_seq);
        assert!(
            last.durable_seq < last.next_seq(),
            "a frame vouches for what comes after it"
        );
        match last.kind {
            Kind::Seal => log.sealed = true,
            Kind::Data if last.record_count == 0 => log.vouching_frames += 1,
            Kind::Data => log.groups.push((last.seq, last.record_count, payload)),
            _ => {}
        }
        log.last_seq = last.next_seq() - 1;
    }
    refuse_if_vouched(&scanner, log.last_seq + 1)?;
    Ok(log)
}

fn load_snapshot(scanner: &mut Scanner<'_>, log: &mut Loaded) -> Result<u64, String> {
    let mut crcs = 0;
    let mut part = 0;
    loop {
        let at = scanner.at;
        let (frame, payload) = scanner
            .next()
            .ok_or(format!("the snapshot section is damaged at {at}"))?;
        assert_eq!(
            frame.seq, log.snapshot_records,
            "snapshot frames count their records"
        );
        assert_eq!(frame.part, part);
        part = if frame.continues { part + 1 } else { 0 };
        if frame.kind == Kind::Snapshot {
            crcs = crc32c::crc32c_append(crcs, scanner.header_crc(at));
            log.snapshot.extend_from_slice(payload);
            log.snapshot_records += u64::from(frame.record_count);
            continue;
        }
        assert_eq!(frame.kind, Kind::SnapshotEnd);
        let end = SnapshotEnd::decode(payload).ok_or("the end record is damaged")?;
        assert_eq!(
            (end.bytes, end.records, end.crc_of_crcs),
            (at as u64, log.snapshot_records, crcs)
        );
        log.base_seq = end.base_seq;
        return Ok(frame.run);
    }
}

/// The last part of the next group, with the payload of all parts.
fn next_group(scanner: &mut Scanner<'_>, run: &mut u64, seq: u64) -> Option<(FrameHeader, Vec<u8>)> {
    let mut whole = Vec::new();
    for part in 0.. {
        let (frame, payload) = scanner.next()?;
        if frame.kind == Kind::Run {
            *run = frame.run;
        }
        if frame.seq != seq || frame.run != *run || frame.part != part {
            return None;
        }
        whole.extend_from_slice(payload);
        if !frame.continues {
            return Some((frame, whole));
        }
    }
    None
}

/// A later frame that vouches for `seq` means that something durable is damaged.
fn refuse_if_vouched(scanner: &Scanner<'_>, seq: u64) -> Result<(), String> {
    for at in (scanner.at..scanner.bytes.len()).step_by(8) {
        if let Ok(frame) = FrameHeader::decode(&scanner.bytes[at..], scanner.seed) {
            if frame.durable_seq >= seq {
                return Err(format!(
                    "seq {seq} is damaged, but the frame at {at} vouches for it"
                ));
            }
        }
    }
    Ok(())
}
