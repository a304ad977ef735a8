//! Going over to a rewritten file: what it checks, what it keeps, how it is given up, what it heals.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;

use mylog_core::io::fault::{Fault, FaultFs, OpKind};
use mylog_core::io::sim::SimFs;
use mylog_core::io::{File, FileId, Fs};
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::rewrite::snapshot_file::SnapshotFile;
use mylog_core::rewrite::switch_outcome::{SwitchOutcome, SwitchStage};

use crate::rig::{Heard, RUN, Rig, check_contents, first_log, history, identity, live, temp};
use crate::scan::load;

fn stage(outcome: &SwitchOutcome) -> Option<SwitchStage> {
    match outcome {
        SwitchOutcome::Failed(failure) => Some(failure.stage),
        SwitchOutcome::Switched(_) => None,
    }
}

#[test]
fn the_new_file_holds_what_the_old_one_does_and_what_waits_behind_the_switch_follows() {
    for exclusive_bytes in [1, 1 << 20] {
        let mut rig = Rig::simple(FsyncPolicy::EverySec);
        rig.submit(4);
        rig.step(1);
        let child = rig.child_file(2).unwrap();
        rig.submit(1);
        rig.step(2);
        rig.submit(1);
        let mut plan = rig.plan(2, child, false);
        plan.exclusive_bytes = exclusive_bytes;
        let told = rig.catch_up(plan);
        rig.submit(3);
        rig.step(3);
        let SwitchOutcome::Switched(report) = told.recv().unwrap() else {
            panic!("the switch failed");
        };
        assert_eq!((report.base_size, report.last_seq), (child.bytes, 6));
        let log = load(&rig.sim, &live()).unwrap();
        check_contents(&log);
        assert_eq!((log.epoch, log.base_seq, log.last_seq, log.vouched), (2, 4, 9, 6));
        assert_eq!((rig.marks().durable(), rig.marks().written()), (6, 9));
        assert_eq!(
            rig.marks().current_size(),
            rig.sim.contents(&live()).unwrap().len() as u64
        );
        assert!(rig.sim.file_id(&temp(2)).is_err());
    }
}

#[test]
fn no_frame_vouches_for_what_was_not_on_disk_in_its_own_file() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    rig.submit(4);
    rig.step(1);
    let child = rig.child_file(2).unwrap();
    for ms in 2..10 {
        rig.submit(1);
        rig.step(ms);
    }
    let mut plan = rig.plan(2, child, false);
    plan.exclusive_bytes = 1;
    let told = rig.catch_up(plan);
    // The old file is durable up to 12; the new one, caught up but not yet vouched for, claims no more than 4.
    let log = load(&rig.sim, &temp(2)).unwrap();
    assert_eq!((log.last_seq, log.vouched, rig.marks().durable()), (12, 4, 12));
    rig.step(10);
    assert_eq!(stage(&told.recv().unwrap()), None);
    assert_eq!(load(&rig.sim, &live()).unwrap().vouched, 12);
}

#[test]
fn what_the_last_step_appended_is_vouched_for_as_soon_as_it_has_the_name() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    let child = rig.child_file(2).unwrap();
    rig.submit(3);
    assert_eq!(stage(&rig.switch(2, child, 1)), None);
    let log = load(&rig.sim, &live()).unwrap();
    assert_eq!((log.last_seq, log.vouched, log.vouching_frames), (3, 3, 1));
}

#[test]
fn a_rename_that_fails_after_the_deed_taints_the_new_file() {
    let sim = first_log();
    let fs = Arc::new(LateFailure(sim.clone()));
    let mut rig = Rig::new(&sim, fs, FsyncPolicy::Always);
    let child = rig.child_file(2).unwrap();
    rig.submit(1);
    assert_eq!(stage(&rig.switch(2, child, 1)), Some(SwitchStage::Folder));
    assert!(rig.marks().is_down());
    assert_eq!((rig.marks().written(), rig.marks().durable()), (1, 0));
    assert_eq!(load(&sim, &live()).unwrap().epoch, 2);
    rig.check_crashes(0);
}

#[test]
fn a_group_not_yet_submitted_is_not_taken_ahead_of_the_writer() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    let child = rig.child_file(2).unwrap();
    // Pushed, as the event loop does first; its submission comes after the switch was asked for.
    rig.residual.as_ref().unwrap().push(crate::rig::group(1, 1));
    let mut plan = rig.plan(2, child, false);
    plan.exclusive_bytes = 1;
    let told = rig.catch_up(plan);
    rig.queue.submit(crate::rig::group(1, 1));
    rig.step(1);
    assert_eq!(stage(&told.recv().unwrap()), None);
    assert_eq!(load(&rig.sim, &live()).unwrap().groups.len(), 1);
}

#[test]
fn a_switch_heals_a_full_disk_and_a_tainted_file_with_all_kept_groups() {
    for (kind, errno) in [
        (OpKind::WriteAt, Errno::ENOSPC),
        (OpKind::WriteAt, Errno::EIO),
        (OpKind::SyncData, Errno::EIO),
    ] {
        let sim = first_log();
        let fs = FaultFs::new(sim.clone());
        let mut rig = Rig::new(&sim, Arc::new(fs.clone()), FsyncPolicy::Always);
        rig.submit(1);
        rig.step(1);
        fs.fail(kind, 1, Fault::Once(errno));
        rig.submit(1);
        rig.step(2);
        assert!(rig.marks().is_down());
        rig.submit(1);
        rig.step(3);
        let child = rig.child_file(2).unwrap();
        rig.submit(1);
        assert_eq!(stage(&rig.switch(2, child, 4)), None);
        assert!(!rig.marks().is_down());
        assert_eq!((rig.marks().durable(), rig.marks().unwritten_bytes()), (4, 0));
        assert!(rig.ear.events().contains(&Heard::Recovered));
        rig.submit(1);
        rig.step(5);
        assert_eq!(load(&sim, &live()).unwrap().last_seq, 5);
    }
}

#[test]
fn a_switch_heals_a_log_whose_name_was_taken() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    rig.sim.remove(&live()).unwrap();
    rig.step(1);
    assert!(rig.marks().is_down());
    let child = rig.child_file(2).unwrap();
    rig.submit(1);
    assert_eq!(stage(&rig.switch(2, child, 2)), None);
    assert!(!rig.marks().is_down());
    assert_eq!(load(&rig.sim, &live()).unwrap().last_seq, 1);
}

#[test]
fn a_cancelled_switch_leaves_the_old_file_and_no_temporary() {
    for early in [true, false] {
        let mut rig = Rig::simple(FsyncPolicy::Always);
        let child = rig.child_file(2).unwrap();
        rig.submit(1);
        let mut plan = rig.plan(2, child, false);
        plan.exclusive_bytes = 1;
        let cancel = Arc::clone(&plan.cancel);
        if early {
            assert!(cancel.cancel());
        }
        let told = rig.catch_up(plan);
        assert!(cancel.cancel());
        rig.step(1);
        assert_eq!(stage(&told.recv().unwrap()), Some(SwitchStage::Cancelled));
        assert!(rig.sim.file_id(&temp(2)).is_err());
        let log = load(&rig.sim, &live()).unwrap();
        assert_eq!((log.epoch, log.last_seq, rig.marks().durable()), (1, 1, 1));
    }
}

#[test]
fn after_the_last_step_began_a_cancel_comes_too_late() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    let child = rig.child_file(2).unwrap();
    let plan = rig.plan(2, child, false);
    let cancel = Arc::clone(&plan.cancel);
    let told = rig.catch_up(plan);
    rig.step(1);
    assert!(!cancel.cancel());
    assert_eq!(stage(&told.recv().unwrap()), None);
}

#[test]
fn a_file_that_is_not_what_the_child_reported_is_not_taken() {
    let wrong: [fn(&mut mylog_core::rewrite::switch_plan::SwitchPlan); 6] = [
        |plan| plan.report.base_seq += 1,
        |plan| plan.report.bytes -= 8,
        |plan| plan.report.records += 1,
        |plan| plan.report.file_id.ino += 1,
        |plan| plan.identity.salt += 1,
        |plan| plan.run += 1,
    ];
    for change in wrong {
        let mut rig = Rig::simple(FsyncPolicy::Always);
        rig.submit(1);
        rig.step(1);
        let child = rig.child_file(2).unwrap();
        let mut plan = rig.plan(2, child, false);
        change(&mut plan);
        let told = rig.catch_up(plan);
        assert_eq!(stage(&told.recv().unwrap()), Some(SwitchStage::Verify));
        assert!(rig.sim.file_id(&temp(2)).is_err());
        assert_eq!(load(&rig.sim, &live()).unwrap().epoch, 1);
    }
}

#[test]
fn an_unfinished_file_is_not_taken() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    let mut child = rig.child_file(2).unwrap();
    rig.sim.remove(&temp(2)).unwrap();
    let mut file = SnapshotFile::create(&rig.sim, &temp(2), &identity(2), RUN, 9).unwrap();
    file.append_records(&[7; 300], 1).unwrap();
    file.sync().unwrap();
    child.file_id = rig.sim.file_id(&temp(2)).unwrap();
    child.bytes = file.bytes();
    let told = rig.catch_up(rig.plan(2, child, false));
    assert_eq!(stage(&told.recv().unwrap()), Some(SwitchStage::Verify));
}

#[test]
fn a_file_put_in_the_place_of_the_new_one_never_gets_the_live_name() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    let child = rig.child_file(2).unwrap();
    let told = rig.catch_up(rig.plan(2, child, false));
    rig.sim.remove(&temp(2)).unwrap();
    rig.sim.create_new(&temp(2)).unwrap();
    rig.submit(1);
    rig.step(1);
    assert_eq!(stage(&told.recv().unwrap()), Some(SwitchStage::Rename));
    assert_eq!(load(&rig.sim, &live()).unwrap().last_seq, 1);
}

#[test]
fn a_failed_folder_sync_taints_and_the_next_switch_heals() {
    let sim = first_log();
    let fs = FaultFs::new(sim.clone());
    let mut rig = Rig::new(&sim, Arc::new(fs.clone()), FsyncPolicy::Always);
    rig.submit(1);
    rig.step(1);
    let child = rig.child_file(3).unwrap();
    rig.submit(1);
    fs.fail(OpKind::SyncDir, 1, Fault::Once(Errno::EIO));
    assert_eq!(stage(&rig.switch(3, child, 2)), Some(SwitchStage::Folder));
    assert!(rig.marks().is_down());
    assert_eq!((rig.marks().durable(), rig.ear.promised(usize::MAX)), (1, 1));
    rig.submit(1);
    rig.step(3);
    let child = rig.child_file(5).unwrap();
    assert_eq!(stage(&rig.switch(5, child, 4)), None);
    assert!(!rig.marks().is_down());
    assert_eq!(rig.marks().durable(), 3);
    rig.check_crashes(0);
}

#[test]
fn a_failed_switch_keeps_the_history_as_it_was() {
    let sim = first_log();
    let fs = FaultFs::new(sim.clone());
    let mut rig = Rig::new(&sim, Arc::new(fs.clone()), FsyncPolicy::Always);
    let child = rig.child_file(2).unwrap();
    fs.fail(OpKind::Rename, 1, Fault::Once(Errno::EACCES));
    assert_eq!(stage(&rig.switch(2, child, 1)), Some(SwitchStage::Rename));
    assert!(rig.sim.file_id(&history(1)).is_err());
    sim.put(&history(1), b"an older file of that name");
    let child = rig.child_file(2).unwrap();
    assert_eq!(stage(&rig.switch(2, child, 2)), Some(SwitchStage::History));
    assert_eq!(sim.contents(&history(1)).unwrap(), b"an older file of that name");
}

#[test]
fn a_stopped_writer_answers_a_switch_all_the_same() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    let child = rig.child_file(2).unwrap();
    rig.stop(1);
    let told = rig.catch_up(rig.plan(2, child, false));
    assert_eq!(stage(&told.recv().unwrap()), Some(SwitchStage::Abandoned));
    assert!(rig.sim.file_id(&temp(2)).is_err());
}

/// A file system whose renames happen and then fail.
struct LateFailure(SimFs);

impl Fs for LateFailure {
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.create_new(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.open(path)
    }
    fn open_read(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.0.open_read(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)?;
        Err(Errno::EIO.into())
    }
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.hard_link(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<bool> {
        self.0.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.0.list(path)
    }
    fn file_id(&self, path: &Path) -> io::Result<FileId> {
        self.0.file_id(path)
    }
    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.0.free_bytes(path)
    }
    fn probe(&self, path: &Path) -> io::Result<()> {
        self.0.probe(path)
    }
}
