//! A file that ends anywhere.

use mylog_core::log::damage::Verdict;

use super::image::{Image, rich, scan_bytes};

fn every_cut(image: &Image) {
    for cut in 0..=image.len() {
        let (read, seen) = scan_bytes(&image.bytes[..cut as usize]);
        if cut < image.snapshot_end {
            let Verdict::Corrupt(corrupt) = read.verdict else {
                panic!("cut {cut}: {:?}", read.verdict)
            };
            assert_eq!(corrupt.lost, None, "cut {cut}");
            assert!(seen.groups.is_empty(), "cut {cut}");
            continue;
        }
        assert_eq!(seen.groups, image.groups_before(cut), "cut {cut}");
        assert_eq!(seen.snapshot.len(), image.snapshot.len());
        let boundary = image.boundary_before(cut);
        let summary = read.summary.unwrap();
        match read.verdict {
            Verdict::Eof { zeros: 0 } => assert_eq!(boundary, cut),
            Verdict::Torn(torn) => {
                assert_eq!((torn.offset, torn.bytes), (boundary, cut - boundary), "cut {cut}");
                assert_eq!(torn.seq, summary.next_seq);
                assert_ne!(boundary, cut);
            }
            verdict => panic!("cut {cut}: {verdict:?}"),
        }
        if !summary.sealed {
            assert_eq!(summary.end, boundary, "cut {cut}");
        }
    }
}

#[test]
fn a_cut_in_header_or_snapshot_is_refused_and_any_later_one_loads_the_prefix_of_whole_groups() {
    every_cut(&rich());
}

#[test]
fn a_cut_of_a_sealed_log_loads_the_prefix_of_whole_groups() {
    every_cut(&rich().synced().seal());
}

#[test]
fn the_whole_log_is_handed_over_as_it_was_written() {
    let image = rich().synced().seal();
    let (read, seen) = scan_bytes(&image.bytes);
    assert!(matches!(read.verdict, Verdict::Eof { zeros: 0 }));
    assert_eq!(seen.groups, image.groups);
    let snapshot: Vec<_> = image
        .snapshot
        .iter()
        .map(|s| (s.count, s.payload.clone()))
        .collect();
    assert_eq!(seen.snapshot, snapshot);
    let summary = read.summary.unwrap();
    assert_eq!(seen.snapshot_end, summary.snapshot_end);
    assert!(summary.sealed);
    assert_eq!(summary.end, image.len() - 56);
    assert_eq!(
        (summary.next_seq, summary.durable_seq),
        (image.next_seq, image.next_seq - 1)
    );
    assert_eq!(summary.vouched_end, summary.end);
    assert_eq!((summary.run, summary.groups, summary.records), (3, 7, 15));
    assert_eq!(
        (summary.snapshot_records, summary.snapshot_end_offset),
        (4, image.snapshot_end)
    );
}

#[test]
fn zeros_after_the_last_frame_are_the_end_but_not_after_a_seal_nor_in_the_snapshot() {
    for zeros in [1, 8, 55, 56, 4096, 3 << 20] {
        let mut bytes = rich().bytes;
        bytes.resize(bytes.len() + zeros, 0);
        let (read, seen) = scan_bytes(&bytes);
        assert!(
            matches!(read.verdict, Verdict::Eof { zeros: z } if z == zeros as u64),
            "{:?}",
            read.verdict
        );
        assert_eq!(seen.groups.len(), 7);

        let mut sealed = rich().synced().seal().bytes;
        sealed.resize(sealed.len() + zeros, 0);
        assert!(matches!(scan_bytes(&sealed).0.verdict, Verdict::Corrupt(_)));

        let mut early = Image::new().snapshot(1, &[b"abc"]).bytes;
        early.resize(early.len() + zeros, 0);
        assert!(matches!(scan_bytes(&early).0.verdict, Verdict::Corrupt(_)));
    }
}
