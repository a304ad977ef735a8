//! What the writer tells of a log that only a new file can help: when one can be made, and what becomes of it.

use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;

use mylog_core::io::Fs;
use mylog_core::io::fault::{Fault, FaultFs, OpKind};
use mylog_core::io::sim::SimFs;
use mylog_core::log::clock::Clock;
use mylog_core::log::failure::{FailureKind, Healing};
use mylog_core::log::names;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::queue::{Job, JobQueue};
use mylog_core::log::recover::{Start, recover};
use mylog_core::log::replay::Ignore;
use mylog_core::log::watermarks::Watermarks;
use mylog_core::rewrite::switch_outcome::SwitchOutcome;

use crate::rig::{Heard, RUN, Rig, check_contents, first_log, group, live, open_live};
use crate::scan::load;

fn faulty() -> (FaultFs<SimFs>, Rig) {
    let sim = first_log();
    let fs = FaultFs::new(sim.clone());
    let rig = Rig::new(&sim, Arc::new(fs.clone()), FsyncPolicy::Always);
    (fs, rig)
}

fn displaced(rig: &Rig) -> bool {
    matches!(
        rig.ear.events().last(),
        Some(Heard::Failed(FailureKind::Displaced, _))
    )
}

/// Makes a new file and goes over to it: everything that was submitted is durable in it.
fn heal(rig: &mut Rig, ms: u64) {
    assert_eq!(rig.marks().healing(), Healing::Ready);
    let child = rig.child_file(2).unwrap();
    rig.submit(1);
    let outcome = rig.switch(2, child, ms);
    assert!(matches!(outcome, SwitchOutcome::Switched(_)), "{outcome:?}");
    assert_eq!(rig.marks().healing(), Healing::NotNeeded);
    assert!(!rig.marks().is_down());
    assert_eq!(rig.marks().durable(), rig.next_seq - 1);
    let log = load(&rig.sim, &live()).unwrap();
    check_contents(&log);
    assert_eq!(log.last_seq, rig.next_seq - 1);
    rig.check_crashes(rig.sim.op_count());
}

#[test]
fn a_removed_log_is_made_anew_from_memory() {
    let (_, mut rig) = faulty();
    rig.submit(2);
    rig.step(1);
    rig.sim.remove(&live()).unwrap();
    rig.step(1001);
    rig.submit(1);
    rig.step(1002);
    assert!(displaced(&rig), "{:?}", rig.ear.events());
    heal(&mut rig, 1500);
}

#[test]
fn a_file_put_in_the_logs_place_gives_way_and_is_kept() {
    let (_, mut rig) = faulty();
    rig.submit(2);
    rig.step(1);
    let other = Path::new("/log/other");
    rig.sim.put(other, b"somebody's");
    rig.sim.rename(other, &live()).unwrap();
    let id = rig.sim.file_id(&live()).unwrap();
    rig.step(1001);
    assert!(displaced(&rig), "{:?}", rig.ear.events());
    heal(&mut rig, 1500);
    let kept = Path::new("/log").join(names::replaced(id.ino));
    assert_eq!(rig.sim.contents(&kept).unwrap(), b"somebody's");
}

#[test]
fn a_log_that_was_moved_away_is_waited_for_until_somebody_asks() {
    let (_, mut rig) = faulty();
    rig.submit(1);
    rig.step(1);
    rig.sim.rename(&live(), Path::new("/log/moved")).unwrap();
    rig.step(1001);
    assert!(displaced(&rig), "{:?}", rig.ear.events());
    rig.step(2001);
    assert_eq!(rig.marks().healing(), Healing::Waiting);
    rig.queue.push(Job::Reclaim);
    rig.step(2002);
    heal(&mut rig, 2500);
}

#[test]
fn a_folder_that_takes_no_file_is_looked_at_each_second_and_said_so() {
    let (fs, mut rig) = faulty();
    fs.fail(OpKind::SyncData, 1, Fault::Once(Errno::EIO));
    fs.fail(OpKind::Probe, 1, Fault::Forever(Errno::EROFS));
    rig.submit(1);
    rig.step(1);
    rig.step(1);
    assert_eq!(rig.marks().healing(), Healing::Waiting);
    let said = rig.marks().last_error().unwrap();
    assert!(said.contains("Read-only file system"), "{said}");
    fs.heal();
    rig.step(500);
    assert_eq!(rig.marks().healing(), Healing::Waiting);
    rig.step(1001);
    let said = rig.marks().last_error().unwrap();
    assert!(!said.contains("Read-only file system"), "{said}");
    heal(&mut rig, 1500);
}

#[test]
fn a_full_disk_needs_no_new_file() {
    let (fs, mut rig) = faulty();
    fs.fail(OpKind::WriteAt, 1, Fault::Forever(Errno::ENOSPC));
    rig.submit(1);
    rig.step(1);
    rig.step(1001);
    assert!(rig.marks().is_down());
    assert_eq!(rig.marks().healing(), Healing::NotNeeded);
    assert_eq!(fs.count(OpKind::Probe), 0);
}

#[test]
fn a_start_on_a_full_disk_is_in_trouble_until_its_run_frame_is_written() {
    let sim = first_log();
    let fs = FaultFs::new(sim.clone());
    let mut file = open_live(&fs, 1, 0);
    fs.fail(OpKind::WriteAt, 1, Fault::Forever(Errno::ENOSPC));
    assert!(file.begin_run(RUN + 1, 0, 9).is_err());
    let mut rig = Rig::with_file(&sim, Arc::new(fs.clone()), file, FsyncPolicy::Always);
    rig.step(1);
    assert!(rig.marks().is_down());
    rig.submit(1);
    fs.heal();
    rig.step(500);
    assert_eq!(rig.marks().written(), 0);
    rig.step(1001);
    assert!(!rig.marks().is_down());
    assert_eq!(rig.marks().durable(), 1);
    let start = Start {
        load_truncated: true,
        run: RUN + 2,
        wall_ms: 10,
    };
    let found = recover(&sim, Path::new("/log"), start, &mut Ignore).unwrap();
    assert_eq!((found.next_seq, found.run), (2, RUN + 1));
}

#[test]
fn all_that_a_waiting_group_takes_is_counted_and_the_peak_stays() {
    let marks = Arc::new(Watermarks::new(Clock::default(), 0, 0));
    let queue = JobQueue::new(Arc::clone(&marks));
    let (first, second) = (group(1, 3), group(4, 2));
    let both = first.memory() + second.memory();
    assert!(first.memory() > first.payload().len() as u64);
    queue.submit(first);
    queue.submit(second);
    assert_eq!(
        (marks.unwritten_bytes(), marks.unwritten_bytes_peak()),
        (both, both)
    );

    let mut rig = Rig::simple(FsyncPolicy::Always);
    rig.submit(3);
    let peak = rig.marks().unwritten_bytes();
    rig.step(1);
    assert_eq!(
        (rig.marks().unwritten_bytes(), rig.marks().unwritten_bytes_peak()),
        (0, peak)
    );
}
