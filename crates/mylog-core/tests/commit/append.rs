//! One file, appended to: short writes, full disks, and when it must be given up.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;

use mylog_core::format::frame::MAX_FRAME_PAYLOAD;
use mylog_core::group::Group;
use mylog_core::io::Fs;
use mylog_core::io::fault::{Fault, FaultFs, OpKind};
use mylog_core::io::sim::SimFs;
use mylog_core::log::file::{AppendError, LogFile, TaintStage};
use mylog_core::rewrite::snapshot_file::SnapshotFile;

use crate::rig::{RUN, check_contents, first_log, group, identity, live, open_live, temp};
use crate::scan::load;

fn faulty() -> (FaultFs<SimFs>, LogFile) {
    let fs = FaultFs::new(first_log());
    let file = open_live(&fs, 1, 0);
    (fs, file)
}

#[test]
fn groups_appended_together_load_as_they_were() {
    let (fs, mut file) = faulty();
    let groups: Vec<_> = (0..2000).map(|n| group(1 + n * 3, 3)).collect();
    file.begin_run(RUN + 1, 0, 1).unwrap();
    file.append(&groups, 0).unwrap();
    file.vouch(6000, 2).unwrap();
    file.seal(3).unwrap();
    let log = load(fs.inner(), &live()).unwrap();
    check_contents(&log);
    assert_eq!(
        (log.groups.len(), log.last_seq, log.vouched, log.sealed),
        (2000, 6000, 6000, true)
    );
    assert_eq!(file.end(), fs.inner().contents(&live()).unwrap().len() as u64);
}

#[test]
fn a_group_larger_than_a_frame_goes_on_in_further_ones() {
    let (fs, mut file) = faulty();
    let payload: Vec<u8> = (0..2 * MAX_FRAME_PAYLOAD + 5).map(|n| (n / 251) as u8).collect();
    let large = Arc::new(Group::new(1, 4, 9, payload.clone()));
    file.append(&[large, group(5, 1)], 0).unwrap();
    let log = load(fs.inner(), &live()).unwrap();
    assert_eq!(log.groups.len(), 2);
    assert!(log.groups[0] == (1, 4, payload));
}

#[test]
fn a_short_write_is_continued_where_it_ended() {
    for most in [1, 7, 55, 56, 57, 100] {
        let (fs, mut file) = faulty();
        for nth in 1..=5 {
            fs.fail(OpKind::WriteAt, nth, Fault::Short(most));
        }
        file.append(&[group(1, 2), group(3, 1)], 0).unwrap();
        let log = load(fs.inner(), &live()).unwrap();
        check_contents(&log);
        assert_eq!(log.last_seq, 3);
    }
}

#[test]
fn a_full_disk_keeps_whole_groups_and_cuts_the_rest() {
    let groups = [group(1, 1), group(2, 1), group(3, 1)];
    let (_, mut probe) = faulty();
    let first = probe.append(&groups[..1], 0).unwrap() as usize;
    for (taken, want) in [(0, 0), (5, 0), (first - 1, 0), (first, 1), (first + 20, 1)] {
        let (fs, mut file) = faulty();
        if taken > 0 {
            fs.fail(OpKind::WriteAt, 1, Fault::Short(taken));
        }
        fs.fail(
            OpKind::WriteAt,
            1 + u64::from(taken > 0),
            Fault::Once(Errno::ENOSPC),
        );
        let failed = file.append(&groups, 0).unwrap_err();
        assert!(
            matches!(failed, AppendError::CutBack { kept, .. } if kept == want),
            "{taken}: {failed}"
        );
        assert_eq!(fs.inner().contents(&live()).unwrap().len() as u64, file.end());
        file.append(&groups[want..], 0).unwrap();
        let log = load(fs.inner(), &live()).unwrap();
        check_contents(&log);
        assert_eq!(log.last_seq, 3);
    }
}

#[test]
fn a_tail_that_can_not_be_cut_taints_the_file() {
    let (fs, mut file) = faulty();
    fs.fail(OpKind::WriteAt, 1, Fault::Short(9));
    fs.fail(OpKind::WriteAt, 2, Fault::Once(Errno::ENOSPC));
    fs.fail(OpKind::Truncate, 1, Fault::Once(Errno::EIO));
    let failed = file.append(&[group(1, 1)], 0).unwrap_err();
    assert!(matches!(failed, AppendError::Tainted(taint) if taint.stage == TaintStage::CutBack));
    let writes = fs.count(OpKind::WriteAt);
    assert!(file.append(&[group(1, 1)], 0).is_err() && file.sync().is_err());
    assert_eq!(
        (fs.count(OpKind::WriteAt), fs.count(OpKind::SyncData)),
        (writes, 0)
    );
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let (fs, mut file) = faulty();
    fs.fail(OpKind::SyncData, 1, Fault::Once(Errno::EIO));
    file.append(&[group(1, 1)], 0).unwrap();
    assert_eq!(file.sync().unwrap_err().stage, TaintStage::Fsync);
    assert!(file.sync().is_err() && file.vouch(0, 1).is_err());
    assert_eq!((fs.count(OpKind::SyncData), fs.count(OpKind::WriteAt)), (1, 1));
}

#[test]
fn a_group_that_does_not_follow_is_never_written() {
    let (fs, mut file) = faulty();
    file.append(&[group(1, 2)], 0).unwrap();
    for wrong in [&[group(2, 1)][..], &[group(4, 1)], &[group(3, 1), group(5, 1)]] {
        assert!(matches!(file.append(wrong, 0), Err(AppendError::Gap { .. })));
    }
    assert_eq!(fs.count(OpKind::WriteAt), 1);
}

#[test]
fn a_snapshot_of_small_and_huge_records_loads_as_it_was() {
    let sim = first_log();
    let mut file = SnapshotFile::create(&sim, &temp(2), &identity(2), RUN, 9).unwrap();
    let mut all = Vec::new();
    let sizes = [10, 100_000, 300_000, 5, MAX_FRAME_PAYLOAD + 9, 1, 1];
    for (n, size) in sizes.into_iter().enumerate() {
        let payload = vec![n as u8; size];
        file.append_records(&payload, 1).unwrap();
        all.extend_from_slice(&payload);
    }
    assert_eq!(file.records(), sizes.len() as u64);
    let report = file.finish(41, 3, 9).unwrap();
    let log = load(&sim, &temp(2)).unwrap();
    assert!(log.snapshot == all);
    assert_eq!((log.base_seq, log.snapshot_records), (41, report.records));
    assert_eq!(report.bytes, sim.contents(&temp(2)).unwrap().len() as u64);
    assert_eq!(report.file_id, sim.file_id(&temp(2)).unwrap());
}

#[test]
fn a_snapshot_is_never_written_over_another_file() {
    let sim = first_log();
    let failed = SnapshotFile::create(&sim, &live(), &identity(2), RUN, 9)
        .err()
        .unwrap();
    assert_eq!(
        (failed.source.kind(), failed.path.as_path()),
        (ErrorKind::AlreadyExists, Path::new("/log/current.mylog"))
    );
}
