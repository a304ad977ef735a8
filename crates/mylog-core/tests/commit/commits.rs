//! When the writer writes and syncs, and what it does in trouble. No thread, and time as a value.

use std::sync::Arc;

use nix::errno::Errno;

use mylog_core::io::Fs;
use mylog_core::io::fault::{Fault, FaultFs, OpKind};
use mylog_core::io::sim::SimFs;
use mylog_core::log::commit::{Step, StopReport};
use mylog_core::log::failure::{FailureKind, Health};
use mylog_core::log::file::TaintStage;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::queue::Job;

use crate::rig::{Heard, Rig, first_log, live};
use crate::scan::load;

fn faulty(policy: FsyncPolicy) -> (FaultFs<SimFs>, Rig) {
    let sim = first_log();
    let fs = FaultFs::new(sim.clone());
    let rig = Rig::new(&sim, Arc::new(fs.clone()), policy);
    (fs, rig)
}

fn wake(step: Step) -> u64 {
    match step {
        Step::WaitUntil(ms) => ms,
        Step::Stopped(report) => panic!("{report:?}"),
    }
}

#[test]
fn always_commits_all_that_is_queued_with_one_write_and_one_sync() {
    let (fs, mut rig) = faulty(FsyncPolicy::Always);
    for _ in 0..10 {
        rig.submit(2);
    }
    rig.step(1);
    assert_eq!((fs.count(OpKind::WriteAt), fs.count(OpKind::SyncData)), (1, 1));
    assert_eq!(rig.ear.events(), [Heard::Durable(20)]);
}

#[test]
fn everysec_syncs_the_tail_when_traffic_stops() {
    let mut rig = Rig::simple(FsyncPolicy::EverySec);
    rig.submit(1);
    rig.step(100);
    rig.submit(1);
    rig.step(900);
    assert_eq!((rig.marks().written(), rig.marks().durable()), (2, 0));
    assert!(wake(rig.step(1099)) == 1100);
    assert_eq!(rig.marks().durable(), 0);
    rig.step(1100);
    assert_eq!(rig.ear.events(), [Heard::Durable(2)]);
    assert_eq!(rig.marks().oldest_unsynced_age_ms(), 0);
}

#[test]
fn no_syncs_only_when_asked() {
    let mut rig = Rig::simple(FsyncPolicy::No);
    rig.submit(1);
    rig.step(1);
    rig.step(100_000);
    assert_eq!(rig.marks().durable(), 0);
    rig.queue.push(Job::Sync);
    rig.step(100_001);
    assert_eq!(rig.marks().durable(), 1);
}

#[test]
fn a_change_of_policy_syncs_at_once() {
    let policies = [FsyncPolicy::Always, FsyncPolicy::EverySec, FsyncPolicy::No];
    for (from, to) in policies
        .into_iter()
        .flat_map(|from| policies.map(|to| (from, to)))
    {
        let mut rig = Rig::simple(from);
        rig.submit(1);
        rig.queue.push(Job::SetPolicy(to));
        rig.step(1);
        let want = u64::from(from != to || to == FsyncPolicy::Always);
        assert_eq!(rig.marks().durable(), want, "{from:?} to {to:?}");
    }
}

#[test]
fn an_idle_log_is_vouched_for_once_and_without_a_sync() {
    let (fs, mut rig) = faulty(FsyncPolicy::Always);
    rig.submit(3);
    let idle = wake(rig.step(10));
    rig.step(idle - 1);
    assert_eq!(load(&rig.sim, &live()).unwrap().vouched, 0);
    for ms in idle..idle + 50 {
        rig.step(ms * 10);
    }
    let log = load(&rig.sim, &live()).unwrap();
    assert_eq!((log.vouched, log.vouching_frames), (3, 1));
    assert_eq!(fs.count(OpKind::SyncData), 1);
}

#[test]
fn a_busy_log_gets_no_vouching_frames() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    for ms in 0..200 {
        rig.submit(1);
        rig.step(ms * 50 + 1);
    }
    assert_eq!(load(&rig.sim, &live()).unwrap().vouching_frames, 0);
}

#[test]
fn a_full_disk_keeps_groups_and_probes_each_second() {
    let (fs, mut rig) = faulty(FsyncPolicy::Always);
    fs.fail(OpKind::WriteAt, 1, Fault::Forever(Errno::ENOSPC));
    rig.submit(1);
    rig.step(10);
    rig.submit(1);
    assert_eq!(wake(rig.step(20)), 1010);
    assert_eq!(rig.marks().write_health(), Health::Failing(Errno::ENOSPC as i32));
    assert_eq!(
        rig.ear.events(),
        [Heard::Failed(FailureKind::Write, Errno::ENOSPC as i32)]
    );
    assert!(rig.marks().unwritten_bytes() > 0 && rig.marks().is_down());
    rig.step(1010);
    assert_eq!((fs.count(OpKind::WriteAt), rig.ear.events().len()), (2, 1));
    fs.heal();
    rig.step(1500);
    assert_eq!(rig.marks().written(), 0);
    rig.step(2010);
    assert_eq!(rig.ear.events()[1..], [Heard::Recovered, Heard::Durable(2)]);
    assert_eq!((rig.marks().unwritten_bytes(), rig.marks().is_down()), (0, false));
    assert_eq!(load(&rig.sim, &live()).unwrap().last_seq, 2);
}

#[test]
fn a_sync_asked_for_on_a_full_disk_covers_the_kept_groups() {
    let (fs, mut rig) = faulty(FsyncPolicy::No);
    fs.fail(OpKind::WriteAt, 1, Fault::Once(Errno::EDQUOT));
    rig.submit(1);
    rig.queue.push(Job::Sync);
    rig.step(10);
    assert_eq!(rig.marks().durable(), 0);
    rig.step(1010);
    assert_eq!(rig.marks().durable(), 1);
}

#[test]
fn after_a_failed_sync_the_file_is_never_touched_and_nothing_becomes_durable() {
    let (fs, mut rig) = faulty(FsyncPolicy::Always);
    fs.fail(OpKind::SyncData, 1, Fault::Once(Errno::EIO));
    rig.submit(1);
    rig.step(10);
    for second in 1..5 {
        rig.submit(1);
        rig.queue.push(Job::Sync);
        rig.step(second * 1000 + 10);
    }
    let report = StopReport {
        durable_seq: 0,
        unwritten_groups: 4,
        sealed: false,
    };
    assert_eq!(rig.stop(9000), Step::Stopped(report));
    let touched = [OpKind::WriteAt, OpKind::SyncData, OpKind::Truncate].map(|kind| fs.count(kind));
    assert_eq!(touched, [1, 1, 0]);
    let kind = FailureKind::Tainted(TaintStage::Fsync);
    assert_eq!(rig.ear.events(), [Heard::Failed(kind, Errno::EIO as i32)]);
    assert_eq!(rig.marks().fsync_health(), Health::Tainted(Errno::EIO as i32));
}

#[test]
fn a_log_that_lost_its_name_acknowledges_nothing_until_it_is_back() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    rig.step(1);
    rig.sim.rename(&live(), "/log/moved".as_ref()).unwrap();
    rig.step(1001);
    rig.submit(1);
    rig.step(1002);
    assert_eq!(
        rig.ear.events(),
        [Heard::Failed(FailureKind::Displaced, Errno::ENOENT as i32)]
    );
    assert!(rig.marks().is_down());
    rig.sim.rename("/log/moved".as_ref(), &live()).unwrap();
    rig.step(2001);
    assert_eq!(rig.ear.events()[1..], [Heard::Recovered, Heard::Durable(1)]);
}

#[test]
fn a_foreign_file_under_the_live_name_is_noticed_while_idle() {
    let mut rig = Rig::simple(FsyncPolicy::No);
    let next = wake(rig.step(1));
    rig.sim.rename(&live(), "/log/moved".as_ref()).unwrap();
    rig.sim.create_new(&live()).unwrap();
    rig.step(next);
    assert_eq!(rig.ear.events(), [Heard::Failed(FailureKind::Displaced, 0)]);
}

#[test]
fn a_hole_in_the_seqs_is_refused() {
    let mut rig = Rig::simple(FsyncPolicy::Always);
    rig.submit(1);
    rig.next_seq += 1;
    rig.submit(1);
    rig.step(1);
    assert_eq!(
        rig.ear.events(),
        [Heard::Failed(FailureKind::Tainted(TaintStage::Sequence), 0)]
    );
    assert_eq!(load(&rig.sim, &live()).unwrap().last_seq, 0);
}

#[test]
fn a_clean_stop_writes_syncs_and_seals_under_every_policy() {
    for policy in [FsyncPolicy::Always, FsyncPolicy::EverySec, FsyncPolicy::No] {
        let mut rig = Rig::simple(policy);
        rig.submit(2);
        let report = StopReport {
            durable_seq: 2,
            unwritten_groups: 0,
            sealed: true,
        };
        assert_eq!(rig.stop(5), Step::Stopped(report));
        assert!(!rig.queue.submit(crate::rig::group(3, 1)));
        let log = load(&rig.sim, &live()).unwrap();
        assert_eq!((log.last_seq, log.vouched, log.sealed), (2, 2, true));
    }
}

#[test]
fn free_space_is_told_each_second_and_on_a_tainted_log_too() {
    let sim = first_log();
    let fs = FaultFs::new(sim.clone());
    let mut rig = Rig::new(&sim, Arc::new(fs.clone()), FsyncPolicy::Always);
    assert_eq!(rig.marks().free_bytes(), u64::MAX, "not known yet");
    sim.set_free_bytes(1000);
    rig.step(1);
    assert_eq!(rig.marks().free_bytes(), 1000);
    sim.set_free_bytes(0);
    rig.step(1000);
    assert_eq!(rig.marks().free_bytes(), 1000);
    rig.step(1001);
    assert_eq!(rig.marks().free_bytes(), 0);
    fs.fail(OpKind::SyncData, 1, Fault::Once(Errno::EIO));
    rig.submit(1);
    rig.step(1002);
    assert!(matches!(rig.marks().fsync_health(), Health::Tainted(_)));
    sim.set_free_bytes(77);
    let due = wake(rig.step(1003));
    rig.step(due);
    assert_eq!(rig.marks().free_bytes(), 77);
}
