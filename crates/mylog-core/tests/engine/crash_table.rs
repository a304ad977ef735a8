//! What each crash in a rewrite or a switch leaves, a test a row.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use mylog_core::effect::NEVER;
use mylog_core::io::Fs;
use mylog_core::io::fault::{Fault, FaultFs, OpKind};
use mylog_core::io::sim::SimFs;
use mylog_core::log::names;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::recover::RecoverError;
use mylog_core::rewrite::child::ChildError;
use mylog_core::rewrite::switch_outcome::SwitchOutcome;
use nix::errno::Errno;

use crate::model::{Op, Plain};
use crate::oracle::{Oracle, dir, open};
use crate::rewrite::{Course, Ended, rewrite};
use crate::server::{Server, kept, live};

const BUSY: Course = Course {
    busy: true,
    killed_one_in: None,
};

/// A server with some keys, all of them durable.
fn server(fs: impl Fs, sim: &SimFs) -> RefCell<Server> {
    let fs: Arc<dyn Fs> = Arc::new(fs);
    let oracle = Oracle::new();
    let found = oracle.check(fs.as_ref(), 0, "the first start");
    let mut server = Server::start(fs, sim, found, oracle, FsyncPolicy::Always, 11);
    for i in 0..40u8 {
        server.write(&Op::Put((0, vec![i]), Plain::Str(vec![i; 30]), NEVER));
        server.seal();
    }
    assert!(server.sync());
    RefCell::new(server)
}

fn live_epoch(fs: &SimFs) -> u64 {
    open(fs).unwrap().0.identity.epoch
}

fn rewrites(fs: &SimFs) -> usize {
    let names = fs.list(dir()).unwrap();
    names.iter().filter(|name| names::is_rewrite(name)).count()
}

/// Runs a rewrite to its end. The ranges are the operations before, and of, the writer's last step.
fn switched(server: &RefCell<Server>, sim: &SimFs) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let began = sim.op_count();
    assert!(matches!(rewrite(server, BUSY), Ended::HandedOver));
    let last_step = sim.op_count();
    let mut server = server.borrow_mut();
    // A turn of the child may have made the step already; then there is nothing left of it to look at.
    assert!(server.switching.is_some());
    server.step();
    let Some(SwitchOutcome::Switched(_)) = server.outcome else {
        panic!("{:?}", server.outcome);
    };
    (began..last_step, last_step..sim.op_count())
}

/// Operations after which the rename has been issued, and after which the folder has been synced.
fn rename_and_folder_sync(sim: &SimFs, step: &std::ops::Range<usize>) -> (usize, usize) {
    let epochs_at = |at: usize| {
        let images = sim.crash_images_from(at).take_while(move |image| image.at == at);
        let mut epochs: Vec<u64> = images.map(|image| live_epoch(&image.fs)).collect();
        epochs.sort_unstable();
        epochs.dedup();
        epochs
    };
    let renamed = (step.start..=step.end)
        .find(|at| epochs_at(*at).contains(&2))
        .unwrap();
    let synced = (renamed..=step.end).find(|at| epochs_at(*at) == [2]).unwrap();
    (renamed, synced)
}

#[test]
fn any_time_before_the_rename_the_old_log_loads_and_the_temporary_is_swept() {
    let sim = SimFs::new();
    let server = server(sim.clone(), &sim);
    let (before, step) = switched(&server, &sim);
    let (renamed, _) = rename_and_folder_sync(&sim, &step);
    let server = server.into_inner();
    let mut leftovers = 0;
    for at in before.start..renamed {
        for image in sim.crash_images_from(at).take_while(|image| image.at == at) {
            let what = format!("after {at} operations, {:?}", image.loss);
            leftovers += rewrites(&image.fs);
            assert_eq!(live_epoch(&image.fs), 1, "{what}");
            server.oracle.check(&image.fs, server.heard.durable_at(at), &what);
        }
    }
    assert!(leftovers > 0);
}

#[test]
fn between_the_rename_and_the_sync_of_the_folder_either_log_is_complete() {
    let sim = SimFs::new();
    let server = server(sim.clone(), &sim);
    let (_, step) = switched(&server, &sim);
    let (renamed, synced) = rename_and_folder_sync(&sim, &step);
    assert!(renamed < synced);
    let server = server.into_inner();
    let mut seen = [0, 0];
    for at in renamed..synced {
        for image in sim.crash_images_from(at).take_while(|image| image.at == at) {
            let what = format!("after {at} operations, {:?}", image.loss);
            seen[live_epoch(&image.fs) as usize - 1] += 1;
            server.oracle.check(&image.fs, server.heard.durable_at(at), &what);
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn with_a_history_the_old_log_has_a_name_at_every_instant() {
    let sim = SimFs::new();
    let server = server(sim.clone(), &sim);
    sim.create_dir(&dir().join(names::HISTORY)).unwrap();
    sim.sync_dir(dir()).unwrap();
    server.borrow_mut().keeps_history = true;
    let (_, step) = switched(&server, &sim);
    let server = server.into_inner();
    let mut switched = 0;
    for at in step.start..=step.end {
        for image in sim.crash_images_from(at).take_while(|image| image.at == at) {
            let what = format!("after {at} operations, {:?}", image.loss);
            if live_epoch(&image.fs) == 1 {
                continue;
            }
            switched += 1;
            let old = SimFs::new();
            old.put(&live(), &image.fs.contents(&kept(1)).unwrap());
            let (recovered, _) = server
                .oracle
                .check(&old, server.heard.durable_at(step.start), &what);
            assert_eq!(recovered.identity.epoch, 1, "{what}");
        }
    }
    assert!(switched > 0);
}

/// The child fails at one call; the server goes on, and the next rewrite works.
fn a_child_that_fails(kind: OpKind, nth: u64, errno: Errno) {
    let what = format!("{kind:?} {nth} {errno}");
    let sim = SimFs::new();
    let faulty = FaultFs::new(sim.clone());
    let server = server(faulty.clone(), &sim);
    let standing_still = Course { busy: false, ..BUSY };
    faulty.fail(kind, nth, Fault::Forever(errno));
    assert!(
        matches!(
            rewrite(&server, standing_still),
            Ended::Failed(ChildError::Output(_))
        ),
        "{what}"
    );
    faulty.heal();
    assert_eq!(live_epoch(&sim.fork()), 1, "{what}");
    {
        let mut server = server.borrow_mut();
        assert!(!server.is_down(), "{what}: a child's failure is not the log's");
        server.write_random(9);
        assert!(server.sync(), "{what}");
    }
    // A full disk also keeps the parent from removing the file when removing fails: the next epoch is free.
    assert!(matches!(rewrite(&server, BUSY), Ended::HandedOver), "{what}");
    let mut server = server.into_inner();
    server.step();
    assert!(
        matches!(server.outcome, Some(SwitchOutcome::Switched(_))),
        "{what}"
    );
    assert!(server.sync());
    let last = server.groups.last_seq();
    server.oracle.check(&sim, last, &what);
}

#[test]
fn a_child_that_dies_or_fills_the_disk_leaves_the_server_and_its_log_as_they_were() {
    a_child_that_fails(OpKind::CreateNew, 1, Errno::ENOSPC);
    for nth in 1..=3 {
        a_child_that_fails(OpKind::WriteAt, nth, Errno::ENOSPC);
    }
    for nth in 1..=2 {
        a_child_that_fails(OpKind::SyncData, nth, Errno::EIO);
    }
}

#[test]
fn a_child_whose_parent_was_killed_never_takes_the_live_name() {
    for seed in 0..30 {
        let sim = SimFs::new();
        let server = server(sim.clone(), &sim);
        server.borrow_mut().rng = crate::model::Rng::new(seed);
        let before = sim.file_id(&live()).unwrap();
        let course = Course {
            busy: true,
            killed_one_in: Some(3),
        };
        if !matches!(rewrite(&server, course), Ended::Killed) {
            continue;
        }
        assert_eq!(sim.file_id(&live()).unwrap(), before, "seed {seed}");
        assert_eq!(rewrites(&sim), 1, "seed {seed}");
        let server = server.into_inner();
        let written = server.queue.watermarks().written();
        let (recovered, _) = server.oracle.check(&sim, written, &format!("seed {seed}"));
        assert_eq!(recovered.identity.epoch, 1);
    }
}

#[test]
fn a_stop_while_a_rewrite_waits_for_its_last_step_leaves_the_old_log_sealed() {
    for seed in 0..30 {
        let sim = SimFs::new();
        let server = server(sim.clone(), &sim);
        server.borrow_mut().rng = crate::model::Rng::new(seed);
        let ended = rewrite(&server, BUSY);
        assert!(matches!(ended, Ended::HandedOver), "seed {seed}: {ended:?}");
        let mut server = server.into_inner();
        server.abort_rewrite();
        let report = server.stop(true);
        assert!(report.sealed, "seed {seed}");
        assert_eq!(report.durable_seq, server.groups.last_seq(), "seed {seed}");
        let outcome = &server.outcome;
        assert!(
            matches!(outcome, Some(SwitchOutcome::Failed(_))),
            "seed {seed}: {outcome:?}"
        );
        let (recovered, _) = server.oracle.check(&sim, report.durable_seq, "stopped");
        assert!(recovered.report.sealed, "seed {seed}");
        assert_eq!(recovered.identity.epoch, 1, "seed {seed}");
    }
}

#[test]
fn a_stop_while_the_child_runs_leaves_the_old_log_sealed_and_the_temporary_to_sweep() {
    let sim = SimFs::new();
    let server = server(sim.clone(), &sim);
    // The shutdown kills the child; its file stays.
    let course = Course {
        busy: true,
        killed_one_in: Some(1),
    };
    assert!(matches!(rewrite(&server, course), Ended::Killed));
    let mut server = server.into_inner();
    let report = server.stop(true);
    assert!(report.sealed && rewrites(&sim) == 1);
    let (recovered, _) = server.oracle.check(&sim, report.durable_seq, "stopped");
    assert!(recovered.report.sealed);
}

#[test]
fn a_finished_rewrite_without_a_live_log_is_refused() {
    let sim = SimFs::new();
    let server = server(sim.clone(), &sim);
    assert!(matches!(rewrite(&server, BUSY), Ended::HandedOver));
    sim.remove(&live()).unwrap();
    let rewritten: PathBuf = dir().join(names::rewrite(2));
    let whole = sim.contents(&rewritten).unwrap();
    let fork = sim.fork();
    assert!(matches!(open(&fork), Err(RecoverError::MissingLive { .. })));
    assert_eq!(fork.contents(&rewritten).unwrap(), whole);
    server.borrow_mut().abort_rewrite();
    server.borrow_mut().step();
}
