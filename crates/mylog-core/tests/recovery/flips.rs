//! A file with one thing changed.

use mylog_core::format::frame::Kind;
use mylog_core::log::damage::{Reason, Verdict};
use mylog_core::log::scan::scan;

use super::image::{Collect, Image, Note, rich, scan_bytes};

/// What the notes say must be found when the bytes `hit` of a frame are wrong: the seqs that were durable.
fn vouched_for(image: &Image, hit: &Note, header_hit: bool) -> Option<u64> {
    let rest = image
        .notes
        .iter()
        .filter(|n| n.at >= hit.group_at && !(header_hit && n.at == hit.at));
    rest.map(|n| n.durable_seq)
        .max()
        .filter(|durable_seq| *durable_seq >= hit.seq)
}

fn every_flip(image: &Image) {
    let mut padding_flips = 0;
    for bit in 0..image.len() * 8 {
        let at = bit / 8;
        let mut bytes = image.bytes.clone();
        bytes[at as usize] ^= 1 << (bit % 8);
        let (read, seen) = scan_bytes(&bytes);
        if at < image.snapshot_end {
            assert!(
                matches!(read.verdict, Verdict::Corrupt(_)),
                "bit {bit}: {:?}",
                read.verdict
            );
            assert!(seen.groups.is_empty());
            continue;
        }
        let hit = image.frame_at(at);
        assert_eq!(seen.groups, image.groups_before(hit.group_at), "bit {bit}");
        match (read.verdict, vouched_for(image, hit, at < hit.at + 56)) {
            (Verdict::Corrupt(corrupt), Some(durable_seq)) => {
                assert_eq!(corrupt.offset, hit.group_at, "bit {bit}");
                assert_eq!(corrupt.lost, Some(hit.seq..=durable_seq), "bit {bit}");
                assert!(
                    corrupt
                        .resync
                        .is_some_and(|resync| image.notes.iter().any(|n| n.at == resync))
                );
            }
            (Verdict::Torn(torn), None) => assert_eq!(torn.offset, hit.group_at, "bit {bit}"),
            (verdict, vouched) => panic!("bit {bit}: {verdict:?}, vouched for up to {vouched:?}"),
        }
        padding_flips += u32::from(at == hit.end - 1 && (hit.end - hit.at) > 56);
    }
    assert!(padding_flips > 0);
}

#[test]
fn any_flipped_bit_is_refused_where_vouched_for_or_in_the_snapshot_else_torn() {
    every_flip(&rich());
}

#[test]
fn any_flipped_bit_before_a_seal_is_refused() {
    every_flip(&rich().synced().seal());
}

#[test]
fn a_missing_frame_is_refused_where_vouched_for_else_torn() {
    let image = rich();
    for (i, gone) in image
        .notes
        .iter()
        .enumerate()
        .filter(|(_, n)| n.at >= image.snapshot_end)
    {
        let mut bytes = image.bytes.clone();
        bytes.drain(gone.at as usize..gone.end as usize);
        let (read, seen) = scan_bytes(&bytes);
        let only_vouches = gone.kind == Kind::Data && gone.at + 56 == gone.end;
        if only_vouches {
            assert_eq!(seen.groups, image.groups, "frame {i}");
            continue;
        }
        if gone.end == image.len() {
            // Nothing shows that there was one.
            assert_eq!(seen.groups, image.groups_before(gone.group_at), "frame {i}");
            continue;
        }
        assert!(
            !matches!(read.verdict, Verdict::Eof { .. }),
            "frame {i}: {:?}",
            read.verdict
        );
        assert_eq!(seen.groups, image.groups_before(gone.group_at), "frame {i}");
        let vouched = vouched_for(&image, gone, true).is_some();
        assert_eq!(
            matches!(read.verdict, Verdict::Corrupt(_)),
            vouched,
            "frame {i}: {:?}",
            read.verdict
        );
    }
}

#[test]
fn a_frame_twice_is_never_taken_twice() {
    let image = rich();
    for note in image
        .notes
        .iter()
        .filter(|n| n.kind != Kind::Run && n.at + 56 < n.end)
    {
        let mut bytes = image.bytes.clone();
        let frame = bytes[note.at as usize..note.end as usize].to_vec();
        bytes.splice(note.end as usize..note.end as usize, frame);
        let (read, seen) = scan_bytes(&bytes);
        assert!(!matches!(read.verdict, Verdict::Eof { .. }), "at {}", note.at);
        assert!(image.groups.starts_with(&seen.groups));
    }
}

#[test]
fn frames_of_another_run_end_the_log() {
    let image = rich().synced();
    let resumed = image.clone().group(1, &[b"of run three"]);
    let mut bytes = resumed.bytes.clone();
    // The same frame as another run would have left it there.
    let other = image.run(9).group(1, &[b"of run nine"]);
    let stale = &other.bytes[resumed.notes.last().unwrap().at as usize + 56..];
    bytes.truncate(resumed.notes.last().unwrap().at as usize);
    bytes.extend_from_slice(stale);
    let (read, seen) = scan_bytes(&bytes);
    let Verdict::Torn(torn) = read.verdict else {
        panic!("{:?}", read.verdict)
    };
    assert!(matches!(torn.reason, Reason::Run { got: 9, want: 3 }));
    assert_eq!(seen.groups.len(), 7);
}

#[test]
fn bytes_after_a_seal_are_refused() {
    let image = rich().synced().seal();
    let mut bytes = image.bytes.clone();
    bytes.push(0);
    let Verdict::Corrupt(corrupt) = scan_bytes(&bytes).0.verdict else {
        panic!()
    };
    assert!(matches!(corrupt.reason, Reason::AfterSeal { bytes: 1 }));
    assert_eq!(corrupt.offset, image.len());
}

#[test]
fn records_that_the_consumer_refuses_make_the_log_corrupt_at_their_group() {
    use mylog_core::io::Fs;
    let image = rich();
    let fs = mylog_core::io::sim::SimFs::new();
    let path = std::path::Path::new("/f");
    fs.put(path, &image.bytes);
    for (i, group) in image.groups.iter().enumerate() {
        let mut seen = Collect {
            refuse: Some(group.first_seq),
            ..Collect::default()
        };
        let read = scan(fs.open_read(path).unwrap().as_ref(), &mut seen).unwrap();
        let Verdict::Corrupt(corrupt) = read.verdict else {
            panic!("{:?}", read.verdict)
        };
        let note = image
            .notes
            .iter()
            .find(|n| n.kind == Kind::Data && n.seq == group.first_seq && n.end > n.at + 56);
        assert_eq!(corrupt.offset, note.unwrap().at);
        assert!(matches!(corrupt.reason, Reason::Records(_)));
        assert_eq!(seen.groups.len(), i);
    }
}
