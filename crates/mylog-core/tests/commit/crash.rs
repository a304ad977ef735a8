//! Every power cut while the log is written, and while it goes over to a rewritten file.

use mylog_core::log::commit::Step;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::rewrite::switch_outcome::SwitchOutcome;

use crate::rig::{Rig, history};
use crate::scan::load;

const POLICIES: [FsyncPolicy; 3] = [FsyncPolicy::Always, FsyncPolicy::EverySec, FsyncPolicy::No];

#[test]
fn every_power_cut_while_appending_leaves_all_that_was_promised() {
    for policy in POLICIES {
        let mut rig = Rig::simple(policy);
        for turn in 0..6 {
            rig.submit(5 + turn);
            rig.submit(1);
            rig.step(u64::from(turn) * 400 + 1);
        }
        rig.step(5000);
        rig.step(6000);
        assert!(matches!(rig.stop(6001), Step::Stopped(report) if report.sealed));
        assert!(rig.check_crashes(0) > 60);
    }
}

#[test]
fn every_power_cut_around_a_switch_leaves_all_that_was_promised() {
    for (policy, caught_up) in POLICIES
        .into_iter()
        .flat_map(|policy| [(policy, false), (policy, true)])
    {
        let mut rig = Rig::simple(policy);
        rig.submit(3);
        rig.step(1);
        let report = rig.child_file(2).unwrap();
        rig.submit(2);
        rig.step(2);
        let mut plan = rig.plan(2, report, true);
        if caught_up {
            plan.exclusive_bytes = 1;
        }
        let told = rig.catch_up(plan);
        // Behind the switch in the queue, but submitted before it runs.
        rig.submit(1);
        rig.submit(4);
        rig.step(4);
        let SwitchOutcome::Switched(report) = told.recv().unwrap() else {
            panic!("the switch failed");
        };
        assert_eq!((report.last_seq, rig.marks().durable() >= 5), (5, true));
        assert_eq!(load(&rig.sim, &history(1)).unwrap().epoch, 1);
        let switched = rig.sim.op_count();
        rig.residual = None;
        rig.submit(2);
        rig.step(1500);
        rig.step(3000);
        rig.stop(3001);
        assert!(rig.check_crashes(0) > 50);
        for image in rig.sim.crash_images_from(switched) {
            assert_eq!(
                load(&image.fs, &history(1)).unwrap().epoch,
                1,
                "the old file is kept"
            );
        }
    }
}

#[test]
fn every_power_cut_around_a_failed_sync_and_the_switch_that_heals_it_leaves_all_that_was_promised() {
    for policy in POLICIES {
        let mut rig = Rig::simple(policy);
        rig.submit(2);
        rig.step(1);
        rig.step(1001);
        rig.submit(1);
        rig.sim.fail_sync_data(1);
        rig.queue.push(mylog_core::log::queue::Job::Sync);
        rig.step(1002);
        assert!(rig.marks().is_down());
        rig.submit(2);
        rig.step(1003);
        let report = rig.child_file(2).unwrap();
        rig.submit(1);
        assert!(matches!(rig.switch(2, report, 1004), SwitchOutcome::Switched(_)));
        assert!(!rig.marks().is_down());
        assert_eq!(rig.marks().durable(), 6);
        rig.submit(1);
        rig.step(1005);
        rig.stop(2005);
        assert!(rig.check_crashes(0) > 50);
    }
}

#[test]
fn every_power_cut_beside_a_sync_that_is_heard_of_later_leaves_all_that_was_promised() {
    for policy in POLICIES {
        for lag in 1..4 {
            let mut rig = Rig::simple(policy).lagging(lag);
            for turn in 0..8u64 {
                rig.submit(2);
                if turn % 3 == 1 {
                    rig.queue.push(mylog_core::log::queue::Job::Sync);
                }
                rig.step(turn * 400 + 1);
            }
            let report = rig.child_file(2).unwrap();
            rig.submit(2);
            rig.queue.push(mylog_core::log::queue::Job::Sync);
            rig.step(3601);
            rig.submit(1);
            assert!(matches!(rig.switch(2, report, 3602), SwitchOutcome::Switched(_)));
            rig.submit(1);
            for second in 4..12 {
                rig.step(second * 1000);
            }
            rig.submit(1);
            rig.queue.push(mylog_core::log::queue::Job::Sync);
            rig.step(12_000);
            rig.submit(1);
            assert!(matches!(rig.stop(12_001), Step::Stopped(report) if report.sealed));
            assert_eq!(
                load(&rig.sim, &crate::rig::live()).unwrap().last_seq,
                rig.next_seq - 1
            );
            assert!(rig.check_crashes(0) > 60);
        }
    }
}
