//! Log files for tests, built from the format alone, with a note of what each frame is and says. Not the code
//! under test: what it must find is computed here a second time, from these notes.

use std::path::Path;

use mylog_core::format::frame::{FrameHeader, Kind};
use mylog_core::format::header::{self, Identity};
use mylog_core::format::padding;
use mylog_core::format::snapshot_end::SnapshotEnd;
use mylog_core::io::Fs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::damage::BadRecords;
use mylog_core::log::replay::Replay;
use mylog_core::log::scan::{Scan, scan};

pub const ID: Identity = Identity {
    uuid: *b"0123456789abcdef",
    epoch: 7,
    salt: 99,
};
pub const BASE_SEQ: u64 = 100;

/// A group as the consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub first_seq: u64,
    pub count: u32,
    pub payload: Vec<u8>,
}

/// What one frame of a built log is.
#[derive(Debug, Clone)]
pub struct Note {
    pub kind: Kind,
    /// Bytes of the file: `at..end`.
    pub at: u64,
    pub end: u64,
    /// Where the first part of its group stands.
    pub group_at: u64,
    /// The group is whole with this frame.
    pub last_part: bool,
    pub seq: u64,
    pub durable_seq: u64,
}

/// A log file being built.
#[derive(Debug, Clone)]
pub struct Image {
    pub bytes: Vec<u8>,
    pub notes: Vec<Note>,
    /// The groups after the snapshot, in order.
    pub groups: Vec<Seen>,
    pub snapshot: Vec<Seen>,
    pub snapshot_end: u64,
    pub next_seq: u64,
    /// What the next frames say was durable.
    pub durable_seq: u64,
    run: u64,
    crc_of_crcs: u32,
}

impl Image {
    /// A header and nothing else.
    pub fn new() -> Self {
        Self {
            bytes: header::encode(&ID).to_vec(),
            notes: Vec::new(),
            groups: Vec::new(),
            snapshot: Vec::new(),
            snapshot_end: 0,
            next_seq: 0,
            durable_seq: 0,
            run: 1,
            crc_of_crcs: 0,
        }
    }

    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn push(&mut self, kind: Kind, part: u16, continues: bool, payload: &[u8], record_count: u32) {
        let frame = FrameHeader {
            kind,
            continues,
            part,
            payload_len: payload.len() as u32,
            record_count,
            seq: self.next_seq,
            durable_seq: self.durable_seq,
            wall_ms: 5,
            run: self.run,
            payload_crc: crc32c::crc32c(payload),
        };
        let header = frame.encode(ID.seed());
        if kind == Kind::Snapshot {
            self.crc_of_crcs = crc32c::crc32c_append(self.crc_of_crcs, &header[52..]);
        }
        let at = self.len();
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(payload);
        self.bytes
            .resize(self.bytes.len() + padding(payload.len() as u64) as usize, 0);
        let group_at = if part > 0 {
            self.notes.last().unwrap().group_at
        } else {
            at
        };
        let (end, seq, durable_seq) = (self.len(), self.next_seq, self.durable_seq);
        self.notes.push(Note {
            kind,
            at,
            end,
            group_at,
            last_part: !continues,
            seq,
            durable_seq,
        });
        self.next_seq += u64::from(record_count);
    }

    /// One group of these parts.
    fn parts(&mut self, kind: Kind, count: u32, parts: &[&[u8]]) -> Seen {
        let first_seq = self.next_seq;
        for (i, part) in parts.iter().enumerate() {
            let last = i + 1 == parts.len();
            self.push(kind, i as u16, !last, part, if last { count } else { 0 });
        }
        Seen {
            first_seq,
            count,
            payload: parts.concat(),
        }
    }

    pub fn snapshot(mut self, count: u32, parts: &[&[u8]]) -> Self {
        let seen = self.parts(Kind::Snapshot, count, parts);
        self.snapshot.push(seen);
        self
    }

    pub fn snapshot_end(mut self) -> Self {
        let totals = SnapshotEnd {
            base_seq: BASE_SEQ,
            records: self.next_seq,
            keys: 3,
            bytes: self.len(),
            crc_of_crcs: self.crc_of_crcs,
        };
        self.push(Kind::SnapshotEnd, 0, false, &totals.encode(), 0);
        self.snapshot_end = self.len();
        self.next_seq = BASE_SEQ + 1;
        self.durable_seq = BASE_SEQ;
        self
    }

    pub fn run(mut self, run: u64) -> Self {
        self.run = run;
        self.push(Kind::Run, 0, false, &[], 0);
        self
    }

    pub fn group(mut self, count: u32, parts: &[&[u8]]) -> Self {
        let seen = self.parts(Kind::Data, count, parts);
        self.groups.push(seen);
        self
    }

    /// A sync returns: the frames from here on say that everything before was durable.
    pub fn synced(mut self) -> Self {
        self.durable_seq = self.next_seq - 1;
        self
    }

    pub fn vouch(mut self) -> Self {
        self.push(Kind::Data, 0, false, &[], 0);
        self
    }

    pub fn seal(mut self) -> Self {
        self.push(Kind::Seal, 0, false, &[], 0);
        self
    }

    /// The whole groups that end at or before `offset`.
    pub fn groups_before(&self, offset: u64) -> &[Seen] {
        let ends = |n: &&Note| n.kind == Kind::Data && n.last_part && n.end <= offset;
        let vouching = |n: &&Note| n.at + 56 == n.end;
        let n = self.notes.iter().filter(ends).filter(|n| !vouching(n)).count();
        &self.groups[..n]
    }

    /// The note of the frame that holds byte `at`.
    pub fn frame_at(&self, at: u64) -> &Note {
        self.notes.iter().find(|n| (n.at..n.end).contains(&at)).unwrap()
    }

    /// The last place at or before `offset` where the log could end.
    pub fn boundary_before(&self, offset: u64) -> u64 {
        let ends = self
            .notes
            .iter()
            .filter(|n| n.last_part && n.end <= offset)
            .map(|n| n.end);
        ends.max().unwrap_or(0)
    }
}

/// Snapshot, runs, single and multi-part groups, vouched for and not, with every length of padding.
pub fn rich() -> Image {
    Image::new()
        .snapshot(2, &[b"snapshot one"])
        .snapshot(1, &[b"a large", b" record over", b" parts"])
        .snapshot(1, &[b"snap"])
        .snapshot_end()
        .run(2)
        .group(2, &[b"first"])
        .synced()
        .vouch()
        .group(3, &[b"multi ", b"part gr", b"oup"])
        .group(1, &[b"x"])
        .synced()
        .group(1, &[b"12345678"])
        .run(3)
        .synced()
        .group(2, &[b"of run three"])
        .group(5, &[b"not vouched", b" for, in", b" part", b"s"])
        .group(1, &[b"the last one"])
}

/// The frames that a server would append first: a Run frame, and a group of one record with this payload.
pub fn first_frames(id: &Identity, seq: u64, payload: &[u8]) -> Vec<u8> {
    let mut image = Image {
        run: 55,
        ..Image::new()
    };
    image.bytes.clear();
    image.next_seq = seq;
    image.durable_seq = seq - 1;
    let image = image.run(55).group(1, &[payload]);
    let mut bytes = Vec::new();
    for note in &image.notes {
        let frame = &image.bytes[note.at as usize..note.end as usize];
        let header = FrameHeader::decode(frame, ID.seed()).unwrap();
        bytes.extend_from_slice(&header.encode(id.seed()));
        bytes.extend_from_slice(&frame[56..]);
    }
    bytes
}

/// Collects what a scan hands over.
#[derive(Debug, Default)]
pub struct Collect {
    pub snapshot: Vec<(u32, Vec<u8>)>,
    pub snapshot_end: Option<SnapshotEnd>,
    pub groups: Vec<Seen>,
    /// Refuses the group with this first seq.
    pub refuse: Option<u64>,
}

impl Replay for Collect {
    fn snapshot(&mut self, payload: &[u8], record_count: u32) -> Result<(), BadRecords> {
        self.snapshot.push((record_count, payload.to_vec()));
        Ok(())
    }

    fn snapshot_end(&mut self, totals: &SnapshotEnd) -> Result<(), BadRecords> {
        self.snapshot_end = Some(*totals);
        Ok(())
    }

    fn group(&mut self, first_seq: u64, count: u32, payload: &[u8], wall_ms: u64) -> Result<(), BadRecords> {
        assert_eq!(wall_ms, 5);
        if self.refuse == Some(first_seq) {
            return Err(BadRecords::new("no such record"));
        }
        self.groups.push(Seen {
            first_seq,
            count,
            payload: payload.to_vec(),
        });
        Ok(())
    }
}

/// Scans these bytes as a file.
pub fn scan_bytes(bytes: &[u8]) -> (Scan, Collect) {
    let fs = SimFs::new();
    let path = Path::new("/f");
    fs.put(path, bytes);
    let mut seen = Collect::default();
    let read = scan(fs.open_read(path).unwrap().as_ref(), &mut seen).unwrap();
    (read, seen)
}
