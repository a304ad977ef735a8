//! Every call of a whole trace failing, once and for ever: nothing that was promised is lost, no lie is told
//! about what is on disk, and once the disk works again a rewrite brings everything back.

use std::sync::Arc;

use nix::errno::Errno;

use mylog_core::io::fault::{Fault, FaultFs};
use mylog_core::io::sim::SimFs;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::queue::Job;
use mylog_core::rewrite::switch_outcome::SwitchOutcome;

use crate::rig::{Rig, check_contents, first_log, live};
use crate::scan::load;

/// Writes, goes over to a new file if the child could make one, and writes again.
fn trace(rig: &mut Rig) {
    for ms in 1..4 {
        rig.submit(2);
        rig.step(ms);
    }
    rig.step(1000);
    if let Some(child) = rig.child_file(2) {
        rig.submit(1);
        rig.step(1001);
        rig.submit(3);
        let mut plan = rig.plan(2, child, true);
        plan.exclusive_bytes = 1;
        let told = rig.catch_up(plan);
        rig.submit(1);
        rig.step(1002);
        told.recv().unwrap();
    }
    rig.residual = None;
    for second in 2..5 {
        rig.submit(1);
        rig.step(second * 1000 + 3);
    }
}

/// A disk that works again, and a rewrite: everything submitted is durable.
fn heal(rig: &mut Rig, fs: &FaultFs<SimFs>) {
    fs.heal();
    let child = rig.child_file(4).expect("nothing fails any more");
    rig.submit(1);
    let outcome = rig.switch(4, child, 9000);
    assert!(matches!(outcome, SwitchOutcome::Switched(_)), "{outcome:?}");
    rig.submit(1);
    rig.queue.push(Job::Sync);
    // More than one step: a sync beside the writing is heard of later.
    for ms in 9001..9006 {
        rig.step(ms);
    }
    assert!(!rig.marks().is_down());
    assert_eq!(rig.marks().durable(), rig.next_seq - 1);
    assert_eq!(rig.marks().unwritten_bytes(), 0);
    let log = load(&rig.sim, &live()).unwrap();
    check_contents(&log);
    assert_eq!(log.last_seq, rig.next_seq - 1);
}

fn every_nth_call_fails(fault: Fault, policy: FsyncPolicy) {
    every_nth_call_fails_with(fault, policy, |rig| rig);
}

fn every_nth_call_fails_with(fault: Fault, policy: FsyncPolicy, set_up: fn(Rig) -> Rig) {
    let mut nth = 1;
    loop {
        let sim = first_log();
        let fs = FaultFs::new(sim.clone());
        let mut rig = set_up(Rig::new(&sim, Arc::new(fs.clone()), policy));
        fs.fail(None, nth, fault);
        trace(&mut rig);
        if fs.fired() == 0 {
            assert!(nth > 30, "the trace has {nth} calls only");
            return;
        }
        let log = load(&sim, &live()).unwrap();
        check_contents(&log);
        assert!(log.last_seq >= rig.ear.promised(usize::MAX), "call {nth}");
        rig.check_crashes(0);
        let before = sim.op_count();
        heal(&mut rig, &fs);
        rig.check_crashes(before);
        nth += 1;
    }
}

#[test]
fn a_full_disk_at_any_call_loses_nothing_promised() {
    every_nth_call_fails(Fault::Once(Errno::ENOSPC), FsyncPolicy::Always);
    every_nth_call_fails(Fault::Forever(Errno::ENOSPC), FsyncPolicy::EverySec);
}

#[test]
fn an_io_error_at_any_call_loses_nothing_promised() {
    every_nth_call_fails(Fault::Once(Errno::EIO), FsyncPolicy::EverySec);
    every_nth_call_fails(Fault::Forever(Errno::EIO), FsyncPolicy::Always);
}

#[test]
fn any_call_that_fails_beside_a_sync_that_runs_loses_nothing_promised() {
    for (fault, policy) in [
        (Fault::Once(Errno::ENOSPC), FsyncPolicy::EverySec),
        (Fault::Once(Errno::EIO), FsyncPolicy::EverySec),
        (Fault::Forever(Errno::EIO), FsyncPolicy::No),
    ] {
        every_nth_call_fails_with(fault, policy, |rig| rig.lagging(1));
    }
}

#[test]
fn a_short_write_at_any_call_changes_nothing() {
    every_nth_call_fails(Fault::Short(60), FsyncPolicy::Always);
}

#[test]
fn a_sync_that_fails_as_under_linux_at_any_commit_loses_nothing_promised() {
    for commit in 0..6 {
        let sim = first_log();
        let fs = FaultFs::new(sim.clone());
        let mut rig = Rig::new(&sim, Arc::new(fs.clone()), FsyncPolicy::Always);
        for turn in 0..6 {
            if turn == commit {
                sim.fail_sync_data(1);
            }
            rig.submit(1);
            rig.step(turn + 1);
        }
        assert!(rig.marks().is_down());
        assert_eq!(rig.marks().durable(), commit);
        heal(&mut rig, &fs);
        rig.check_crashes(0);
    }
}
