//! Starts on a disk that fails, stops, or lies about what it holds.

use std::io::IoSlice;
use std::path::Path;

use mylog_core::io::Fs;
use mylog_core::io::fault::{Fault, FaultFs, OpKind};
use mylog_core::io::sim::SimFs;
use mylog_core::log::damage::Verdict;
use mylog_core::log::harden::{HardenError, harden};
use mylog_core::log::scan::scan;
use nix::errno::Errno;

use super::image::{Collect, Image, Seen, first_frames, rich};
use super::starts::{current, dir, start, with_current};

/// A state to start from, and the groups that any later start must find at least, and at most.
struct Case {
    fs: SimFs,
    least: Vec<Seen>,
    most: Vec<Seen>,
}

fn case(bytes: &[u8], image: &Image, least: usize) -> Case {
    let most = image.groups_before(bytes.len() as u64).to_vec();
    Case {
        fs: with_current(bytes),
        least: most[..least].to_vec(),
        most,
    }
}

fn cases() -> Vec<Case> {
    let image = rich();
    let sealed = rich().synced().seal();
    let mut zeros = image.bytes.clone();
    zeros.resize(zeros.len() + 100, 0);
    let empty = SimFs::new();
    empty.create_dir(Path::new("/data")).unwrap();
    empty.settle();
    let died = SimFs::new();
    died.put(&dir().join("current.mylog.new"), b"x");
    let nothing = |fs| Case {
        fs,
        least: Vec::new(),
        most: Vec::new(),
    };
    vec![
        nothing(empty),
        nothing(died),
        // Vouched for: all but the last three groups.
        case(&image.bytes, &image, 4),
        case(&image.bytes[..image.len() as usize - 3], &image, 4),
        case(&sealed.bytes, &sealed, 7),
        case(&zeros, &image, 4),
    ]
}

/// Starts on this state, appends a group as a server would, and checks what is there after every power cut.
fn lives_on(fs: &SimFs, case: &Case, what: &str) {
    let (mut recovered, seen) = start(fs).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(seen.groups.starts_with(&case.least), "{what}");
    assert!(case.most.starts_with(&seen.groups), "{what}");
    // Everything loaded is durable now.
    for image in fs.crash_images_from(fs.op_count()) {
        let (_, again) = start(&image.fs).unwrap_or_else(|e| panic!("{what}, {:?}: {e}", image.loss));
        assert_eq!(again.groups, seen.groups, "{what}, {:?}", image.loss);
    }
    // And stays it while more is appended, of which any part may be lost until it is synced.
    let payload = vec![0xa5; 700];
    let frames = first_frames(&recovered.identity, recovered.next_seq, &payload);
    recovered
        .file
        .write_at(&[IoSlice::new(&frames)], recovered.end)
        .unwrap();
    let mut with_it = seen.groups.clone();
    with_it.push(Seen {
        first_seq: recovered.next_seq,
        count: 1,
        payload,
    });
    for image in fs.crash_images_from(fs.op_count()) {
        let (_, again) = start(&image.fs).unwrap_or_else(|e| panic!("{what}, {:?}: {e}", image.loss));
        assert!(
            again.groups == seen.groups || again.groups == with_it,
            "{what}, {:?}",
            image.loss
        );
    }
    recovered.file.sync_data().unwrap();
    for image in fs.crash_images_from(fs.op_count()) {
        let (_, again) = start(&image.fs).unwrap_or_else(|e| panic!("{what}, {:?}: {e}", image.loss));
        assert_eq!(again.groups, with_it, "{what}, {:?}", image.loss);
    }
}

#[test]
fn every_failing_call_is_a_refusal_and_the_next_start_works() {
    for (c, case) in cases().iter().enumerate() {
        for kind in OpKind::ALL {
            for nth in 1.. {
                let what = format!("case {c}, {kind:?} {nth}");
                let sim = case.fs.fork();
                let fs = FaultFs::new(sim.clone());
                fs.fail(kind, nth, Fault::Once(Errno::EIO));
                let result = start(&fs);
                if fs.fired() == 0 {
                    assert!(result.is_ok(), "{what}");
                    break;
                }
                assert!(result.is_err(), "{what}: the failure was swallowed");
                lives_on(&sim, case, &what);
            }
        }
    }
}

#[test]
fn a_start_killed_at_any_call_leaves_a_folder_that_starts() {
    for (c, case) in cases().iter().enumerate() {
        for nth in 1.. {
            let sim = case.fs.fork();
            let fs = FaultFs::new(sim.clone());
            fs.fail(None, nth, Fault::Forever(Errno::EIO));
            let finished = start(&fs).is_ok();
            lives_on(&sim, case, &format!("case {c}, killed at call {nth}"));
            if finished {
                break;
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_point_of_a_start_leaves_a_folder_that_starts() {
    for (c, case) in cases().iter().enumerate() {
        let sim = case.fs.fork();
        start(&sim).unwrap();
        for image in sim.crash_images() {
            // A power cut takes what the cut, the sealing or the copy did not sync: never what was durable.
            lives_on(
                &image.fs,
                case,
                &format!("case {c}, cut after {} calls, {:?}", image.at, image.loss),
            );
        }
    }
}

#[test]
fn short_writes_change_nothing() {
    for case in cases() {
        for nth in 1.. {
            let sim = case.fs.fork();
            let fs = FaultFs::new(sim.clone());
            fs.fail(OpKind::WriteAt, nth, Fault::Short(7));
            start(&fs).unwrap();
            lives_on(&sim, &case, &format!("short write {nth}"));
            if fs.fired() == 0 {
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_is_a_refusal_not_a_loss() {
    let image = rich();
    let cut = &image.bytes[..image.len() as usize - 3];
    let sim = with_current(cut);
    let fs = FaultFs::new(sim.clone());
    fs.fail(OpKind::WriteAt, 1, Fault::Forever(Errno::ENOSPC));
    let error = start(&fs).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("saving the torn tail"), "{error}");
    assert_eq!(sim.contents(&current()).unwrap(), cut);
}

#[test]
fn what_a_failed_sync_left_in_the_page_cache_is_durable_after_the_next_start() {
    let image = rich();
    let vouched = image
        .notes
        .iter()
        .find(|n| n.seq == 107 && n.last_part && n.end > n.at + 56)
        .unwrap()
        .end;
    let sim = with_current(&image.bytes[..vouched as usize]);
    let mut file = sim.open(&current()).unwrap();
    file.write_at(&[IoSlice::new(&image.bytes[vouched as usize..])], vouched)
        .unwrap();
    sim.fail_sync_data(1);
    assert!(file.sync_data().is_err());
    // Reads see it, and a sync says yes, but no disk has it.
    file.sync_data().unwrap();
    assert!(
        sim.crash_images_from(sim.op_count())
            .any(|i| i.fs.contents(&current()).unwrap().len() as u64 == vouched)
    );
    let (_, seen) = start(&sim).unwrap();
    assert_eq!(seen.groups, image.groups);
    for cut in sim.crash_images_from(sim.op_count()) {
        assert_eq!(
            cut.fs.contents(&current()).unwrap(),
            image.bytes,
            "{:?}",
            cut.loss
        );
    }
}

#[test]
fn bytes_that_change_between_load_and_the_second_reading_are_refused() {
    let image = rich();
    let sim = with_current(&image.bytes);
    let mut file = sim.open(&current()).unwrap();
    let read = scan(file.as_ref(), &mut Collect::default()).unwrap();
    assert!(matches!(read.verdict, Verdict::Eof { .. }));
    let summary = read.summary.unwrap();
    assert!(summary.vouched_end < summary.end);
    for at in summary.vouched_end..summary.end {
        let old = image.bytes[at as usize];
        file.write_at(&[IoSlice::new(&[old ^ 4])], at).unwrap();
        let before = sim.contents(&current()).unwrap();
        assert!(
            matches!(harden(file.as_mut(), &summary), Err(HardenError::Changed { .. })),
            "byte {at}"
        );
        assert_eq!(sim.contents(&current()).unwrap(), before);
        file.write_at(&[IoSlice::new(&[old])], at).unwrap();
    }
}

#[test]
fn a_log_of_more_groups_than_marks_still_knows_a_vouched_place() {
    let mut image = Image::new().snapshot_end();
    for _ in 0..10_000 {
        image = image.group(1, &[b"r"]);
    }
    let all = image.len();
    let image = image.synced().vouch();
    let (read, _) = super::image::scan_bytes(&image.bytes);
    let summary = read.summary.unwrap();
    assert!(summary.vouched_end > all / 2 && summary.vouched_end <= all);
    assert_eq!(summary.durable_seq, image.next_seq - 1);
}
