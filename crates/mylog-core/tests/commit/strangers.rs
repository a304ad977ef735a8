//! Somebody else cuts the log in place, or writes to it, under a writer that runs: noticed by the next write or
//! within a second, acknowledged never, and healed by a new file.

use std::io::IoSlice;
use std::sync::Arc;

use mylog_core::io::Fs;
use mylog_core::io::fault::FaultFs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::failure::{FailureKind, Healing};
use mylog_core::log::file::TaintStage;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::queue::Job;
use mylog_core::rewrite::switch_outcome::SwitchOutcome;

use crate::rig::{Heard, Rig, check_contents, first_log, live, temp};
use crate::scan::load;

/// What strangers do to a file of a length.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Empty,
    Halve,
    CutLast,
    Append,
}

const DEEDS: [Deed; 4] = [Deed::Empty, Deed::Halve, Deed::CutLast, Deed::Append];

impl Deed {
    fn to(self, sim: &SimFs, path: &std::path::Path) {
        let Ok(mut file) = sim.open(path) else { return };
        let len = file.len().unwrap();
        match self {
            Self::Empty => file.truncate(0).unwrap(),
            Self::Halve => file.truncate(len / 2).unwrap(),
            // More than the zeros that may end a file, which nobody misses.
            Self::CutLast => file.truncate(len.saturating_sub(64)).unwrap(),
            Self::Append => assert_eq!(file.write_at(&[IoSlice::new(b"a stranger")], len).unwrap(), 10),
        }
    }
}

fn is_foul(heard: &Heard) -> bool {
    matches!(
        heard,
        Heard::Failed(FailureKind::Tainted(TaintStage::Length(_) | TaintStage::Hole), 0)
    )
}

/// A new file is made from memory: everything that was submitted is durable in it.
fn heal(rig: &mut Rig, epoch: u64, ms: u64) {
    let child = rig.child_file(epoch).unwrap();
    rig.submit(1);
    let outcome = rig.switch(epoch, child, ms);
    assert!(matches!(outcome, SwitchOutcome::Switched(_)), "{outcome:?}");
    rig.submit(1);
    rig.queue.push(Job::Sync);
    rig.step(ms + 1);
    assert!(!rig.marks().is_down());
    assert_eq!(rig.marks().healing(), Healing::NotNeeded);
    assert_eq!(rig.marks().durable(), rig.next_seq - 1);
    let log = load(&rig.sim, &live()).unwrap();
    check_contents(&log);
    assert_eq!(log.last_seq, rig.next_seq - 1);
}

#[test]
fn a_log_cut_or_written_to_in_place_is_noticed_within_a_second_and_made_anew() {
    for policy in [FsyncPolicy::Always, FsyncPolicy::EverySec, FsyncPolicy::No] {
        for deed in DEEDS {
            let mut rig = Rig::simple(policy);
            rig.submit(2);
            rig.step(1);
            deed.to(&rig.sim, &live());
            rig.step(1001);
            assert!(
                rig.ear.events().last().is_some_and(is_foul),
                "{deed:?}: {:?}",
                rig.ear.events()
            );
            assert!(rig.marks().is_down());
            let said = rig.marks().last_error().unwrap();
            assert!(said.contains("somebody else has cut the log"), "{said}");
            rig.step(1002);
            assert_eq!(rig.marks().healing(), Healing::Ready);
            heal(&mut rig, 2, 1003);
        }
    }
}

#[test]
fn a_write_to_a_log_that_was_cut_is_not_acknowledged() {
    for deed in DEEDS {
        let mut rig = Rig::simple(FsyncPolicy::Always);
        rig.submit(2);
        rig.step(1);
        deed.to(&rig.sim, &live());
        rig.submit(1);
        rig.step(2);
        // What a stranger appended is overwritten by a longer group, and the log is whole.
        let whole = load(&rig.sim, &live()).is_ok_and(|log| log.last_seq == 3);
        let events = rig.ear.events();
        assert!(
            events.last().is_some_and(is_foul) || (whole && events.last() == Some(&Heard::Durable(3))),
            "{deed:?}: {events:?}"
        );
        assert_eq!(whole, matches!(deed, Deed::Append), "{deed:?}");
    }
}

/// Writes and syncs, turn by turn.
fn trace(rig: &mut Rig) {
    for ms in 1..5 {
        rig.submit(2);
        rig.step(ms);
    }
    rig.step(1001);
    rig.submit(3);
    rig.step(1002);
}

#[test]
fn nothing_is_acknowledged_after_a_cut_whatever_the_writer_was_doing() {
    for deed in [Deed::Empty, Deed::Halve, Deed::CutLast] {
        for nth in 1.. {
            let sim = first_log();
            let fs = FaultFs::new(sim.clone());
            let mut rig = Rig::new(&sim, Arc::new(fs.clone()), FsyncPolicy::Always);
            let stranger = sim.clone();
            fs.before(nth, move || deed.to(&stranger, &live()));
            trace(&mut rig);
            if fs.fired() == 0 {
                assert!(nth > 20, "the trace has {nth} calls only");
                break;
            }
            rig.step(2500);
            let events = rig.ear.events();
            let told = events.iter().filter(|heard| is_foul(heard)).count();
            assert_eq!(told, 1, "{deed:?} before call {nth}: {events:?}");
            assert!(
                events.last().is_some_and(is_foul),
                "acknowledged after the {deed:?} before call {nth}: {events:?}"
            );
            heal(&mut rig, 2, 3000);
        }
    }
}

#[test]
fn a_rewritten_file_that_was_cut_never_becomes_the_log() {
    let mut failed = 0;
    for deed in DEEDS {
        for nth in 1.. {
            let sim = first_log();
            let fs = FaultFs::new(sim.clone());
            let mut rig = Rig::new(&sim, Arc::new(fs.clone()), FsyncPolicy::Always);
            rig.submit(2);
            rig.step(1);
            let stranger = sim.clone();
            fs.before(nth, move || deed.to(&stranger, &temp(2)));
            let mut switched = false;
            if let Some(child) = rig.child_file(2) {
                rig.submit(2);
                let mut plan = rig.plan(2, child, false);
                plan.exclusive_bytes = 1;
                let told = rig.catch_up(plan);
                rig.submit(1);
                rig.step(2);
                switched = matches!(told.recv().unwrap(), SwitchOutcome::Switched(_));
            }
            rig.residual = None;
            rig.step(3);
            failed += u32::from(!switched);
            if rig.ear.events().last().is_some_and(is_foul) {
                // Cut as it took the live name.
                heal(&mut rig, 3, 10);
            }
            let log = load(&sim, &live())
                .unwrap_or_else(|why| panic!("{deed:?} before call {nth}: {why}, {:?}", rig.ear.events()));
            check_contents(&log);
            assert_eq!(log.last_seq, rig.next_seq - 1, "{deed:?} before call {nth}");
            if fs.fired() == 0 {
                break;
            }
        }
    }
    assert!(failed > 20, "only {failed} switches met the stranger");
}
