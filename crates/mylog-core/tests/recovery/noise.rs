//! Bytes that nobody would write: never a panic, never more memory than a frame can take.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mylog_core::format::frame::{FrameHeader, Kind, MAX_FRAME_PAYLOAD};
use mylog_core::io::sim::SimFs;
use mylog_core::io::{File, FileId, Fs};
use mylog_core::log::damage::Verdict;
use mylog_core::log::replay::Ignore;
use mylog_core::log::scan::{Scan, scan};

use super::image::{ID, Image, rich, scan_bytes};

/// Xorshift: the same numbers for the same seed, everywhere.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Small numbers, huge ones, and everything between.
    fn any(&mut self) -> u64 {
        match self.next() % 4 {
            0 => self.next() % 4,
            1 => 100 + self.next() % 8,
            2 => u64::MAX - self.next() % 4,
            _ => self.next(),
        }
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// A file that notes the largest buffer it was asked to fill.
struct Measured {
    file: Box<dyn File>,
    largest: Arc<AtomicUsize>,
}

impl File for Measured {
    fn id(&self) -> io::Result<FileId> {
        self.file.id()
    }
    fn has_name(&self) -> io::Result<bool> {
        self.file.has_name()
    }
    fn second(&self) -> io::Result<Box<dyn File>> {
        self.file.second()
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.largest.fetch_max(buf.len(), Ordering::Relaxed);
        self.file.read_at(buf, offset)
    }
    fn write_at(&mut self, _: &[IoSlice<'_>], _: u64) -> io::Result<usize> {
        panic!("a scan writes");
    }
    fn truncate(&mut self, _: u64) -> io::Result<()> {
        panic!("a scan cuts");
    }
    fn sync_data(&mut self) -> io::Result<()> {
        panic!("a scan syncs");
    }
}

fn measured(bytes: &[u8]) -> (Scan, usize) {
    let fs = SimFs::new();
    fs.put(Path::new("/f"), bytes);
    let largest = Arc::new(AtomicUsize::new(0));
    let file = Measured {
        file: fs.open_read(Path::new("/f")).unwrap(),
        largest: Arc::clone(&largest),
    };
    (scan(&file, &mut Ignore).unwrap(), largest.load(Ordering::Relaxed))
}

#[test]
fn random_bytes_never_load_as_a_log() {
    for seed in 1..500 {
        let mut rng = Rng(seed);
        let len = rng.next() as usize % 5000;
        let bytes = rng.bytes(len);
        assert!(
            matches!(scan_bytes(&bytes).0.verdict, Verdict::Corrupt(_)),
            "seed {seed}"
        );
    }
}

#[test]
fn random_bytes_after_the_snapshot_are_torn_and_load_nothing() {
    for seed in 1..500 {
        let mut rng = Rng(seed);
        let mut bytes = Image::new().snapshot_end().bytes;
        let len = 1 + rng.next() as usize % 5000;
        bytes.extend(rng.bytes(len));
        let (read, seen) = scan_bytes(&bytes);
        assert!(matches!(read.verdict, Verdict::Torn(_)), "seed {seed}");
        assert!(seen.groups.is_empty(), "seed {seed}");
    }
}

#[test]
fn whole_headers_of_any_fields_never_panic_and_never_allocate_what_they_claim() {
    let kinds = [
        Kind::Data,
        Kind::Snapshot,
        Kind::SnapshotEnd,
        Kind::Seal,
        Kind::Run,
    ];
    for seed in 1..5000 {
        let mut rng = Rng(seed);
        let mut bytes = if rng.next() % 4 == 0 {
            Image::new().bytes
        } else {
            Image::new().snapshot_end().bytes
        };
        for _ in 0..1 + rng.next() % 6 {
            let body_len = rng.next() as usize % 64;
            let payload = rng.bytes(body_len);
            let honest = rng.next() % 4 != 0;
            let frame = FrameHeader {
                kind: kinds[rng.next() as usize % kinds.len()],
                continues: rng.next() % 3 == 0,
                part: rng.any() as u16,
                payload_len: if honest {
                    body_len as u32
                } else {
                    rng.any() as u32 % (MAX_FRAME_PAYLOAD as u32 + 1)
                },
                record_count: if rng.next() % 2 == 0 { 0 } else { rng.any() as u32 },
                seq: rng.any(),
                durable_seq: rng.any(),
                wall_ms: rng.any(),
                run: 1 + rng.next() % 2,
                payload_crc: crc32c::crc32c(&payload),
            };
            bytes.extend_from_slice(&frame.encode(ID.seed()));
            bytes.extend_from_slice(&payload);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        let (_, largest) = measured(&bytes);
        assert!(
            largest <= 1 << 20,
            "seed {seed}: a buffer of {largest} bytes for a file of {}",
            bytes.len()
        );
    }
}

#[test]
fn a_whole_log_with_random_bytes_in_it_never_gives_a_wrong_group() {
    let image = rich();
    for seed in 1..2000 {
        let mut rng = Rng(seed);
        let mut bytes = image.bytes.clone();
        let at = rng.next() as usize % bytes.len();
        let len = (1 + rng.next() as usize % 300).min(bytes.len() - at);
        let noise = rng.bytes(len);
        bytes[at..at + len].copy_from_slice(&noise);
        let (_, seen) = scan_bytes(&bytes);
        assert!(image.groups.starts_with(&seen.groups), "seed {seed}");
    }
}

#[test]
fn the_largest_frame_and_a_group_of_many_parts_load() {
    let large = vec![7u8; MAX_FRAME_PAYLOAD];
    let image = Image::new()
        .snapshot_end()
        .group(3, &[&large, &large, b"end"])
        .group(1, &[b"next"]);
    let (read, seen) = scan_bytes(&image.bytes);
    assert!(matches!(read.verdict, Verdict::Eof { .. }));
    assert_eq!(seen.groups, image.groups);
}

#[test]
fn a_vouching_frame_far_behind_the_damage_is_found_wherever_it_stands() {
    // Around the places where one read of the search ends and the next begins.
    for gap in [
        (1 << 20) - 200,
        (1 << 20) - 112,
        (1 << 20) - 104,
        (1 << 20) - 56,
        1 << 20,
        (1 << 20) + 8,
    ] {
        for shift in (0..128).step_by(8) {
            let payload = vec![1u8; gap + shift];
            let image = Image::new().snapshot_end().group(1, &[&payload]).synced().vouch();
            let mut bytes = image.bytes.clone();
            bytes[image.snapshot_end as usize + 60] ^= 1;
            let Verdict::Corrupt(corrupt) = scan_bytes(&bytes).0.verdict else {
                panic!("gap {gap}, shift {shift}")
            };
            assert_eq!(corrupt.lost, Some(101..=101));
            assert_eq!(corrupt.resync, Some(image.len() - 56));
        }
    }
}
