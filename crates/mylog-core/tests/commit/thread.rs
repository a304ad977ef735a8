//! The writer thread, on a disk whose syncs wait until the test lets them go.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use mylog_core::io::sim::SimFs;
use mylog_core::io::{File, FileId, Fs};
use mylog_core::log::commit::Listener;
use mylog_core::log::failure::FailureKind;
use mylog_core::log::file::LogFile;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::watermarks::Watermarks;
use mylog_core::log::writer::{WaitOutcome, Writer, WriterConfig};
use mylog_core::rewrite::cancel_flag::CancelFlag;
use mylog_core::rewrite::residual::Residual;
use mylog_core::rewrite::snapshot_file::SnapshotFile;
use mylog_core::rewrite::switch;
use mylog_core::rewrite::switch_outcome::SwitchOutcome;
use mylog_core::rewrite::switch_plan::SwitchPlan;

use crate::rig::{Ear, Heard, RUN, check_contents, first_log, group, identity, live, temp};
use crate::scan::load;

/// Longest that a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Turnstile {
    state: Mutex<Syncs>,
    changed: Condvar,
}

#[derive(Default)]
struct Syncs {
    entered: u64,
    allowed: u64,
}

impl Turnstile {
    fn enter(&self) {
        let mut state = self.state.lock();
        state.entered += 1;
        let me = state.entered;
        self.changed.notify_all();
        self.changed.wait_while(&mut state, |state| state.allowed < me);
    }

    fn allow(&self, syncs: u64) {
        self.state.lock().allowed += syncs;
        self.changed.notify_all();
    }

    fn wait_entered(&self, syncs: u64) {
        let mut state = self.state.lock();
        let waited = self
            .changed
            .wait_while_for(&mut state, |state| state.entered < syncs, PATIENCE);
        assert!(!waited.timed_out(), "sync {syncs} never began");
    }
}

struct SlowFile {
    file: Box<dyn File>,
    turnstile: Arc<Turnstile>,
}

impl File for SlowFile {
    fn id(&self) -> io::Result<FileId> {
        self.file.id()
    }
    fn has_name(&self) -> io::Result<bool> {
        self.file.has_name()
    }
    fn second(&self) -> io::Result<Box<dyn File>> {
        Ok(Box::new(SlowFile {
            file: self.file.second()?,
            turnstile: Arc::clone(&self.turnstile),
        }))
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }
    fn write_at(&mut self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.file.write_at(bufs, offset)
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }
    fn sync_data(&mut self) -> io::Result<()> {
        self.turnstile.enter();
        self.file.sync_data()
    }
}

struct Bench {
    sim: SimFs,
    ear: Arc<Ear>,
    turnstile: Arc<Turnstile>,
    writer: Writer,
}

impl Drop for Bench {
    /// A test that fails must not leave the writer, which is stopped next, waiting.
    fn drop(&mut self) {
        self.turnstile.allow(u64::from(u32::MAX));
    }
}

fn start(policy: FsyncPolicy) -> Bench {
    let sim = first_log();
    let turnstile = Arc::new(Turnstile::default());
    let file = sim.open(&live()).unwrap();
    let end = file.len().unwrap();
    let slow = SlowFile {
        file,
        turnstile: Arc::clone(&turnstile),
    };
    let file = LogFile::new(Box::new(slow), identity(1), RUN, end, 1).unwrap();
    let ear = Ear::new(&sim);
    let config = WriterConfig {
        fs: Arc::new(sim.clone()),
        live: live(),
        file,
        policy,
        claim: None,
    };
    let writer = Writer::spawn(config, Arc::clone(&ear) as Arc<dyn Listener>).unwrap();
    Bench {
        sim,
        ear,
        turnstile,
        writer,
    }
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

fn fsyncs(watermarks: &Watermarks) -> u64 {
    watermarks
        .counters()
        .fsyncs
        .load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn what_comes_during_a_sync_shares_the_next_one_and_nothing_is_told_early() {
    let mut bench = start(FsyncPolicy::Always);
    bench.writer.submit(group(1, 1));
    bench.turnstile.wait_entered(1);
    for seq in 2..=50 {
        bench.writer.submit(group(seq, 1));
    }
    let marks = Arc::clone(bench.writer.watermarks());
    assert_eq!((marks.queued(), marks.written(), marks.durable()), (50, 1, 0));
    assert_eq!(bench.ear.events(), []);
    assert_eq!(
        bench.writer.wait_durable(1, Instant::now()),
        WaitOutcome::TimedOut
    );
    bench.turnstile.allow(1);
    assert_eq!(bench.writer.wait_durable(1, soon()), WaitOutcome::Durable);
    bench.turnstile.wait_entered(2);
    assert_eq!((marks.written(), marks.durable()), (50, 1));
    assert_eq!(bench.ear.events(), [Heard::Durable(1)]);
    bench.turnstile.allow(1);
    assert_eq!(bench.writer.wait_durable(50, soon()), WaitOutcome::Durable);
    assert_eq!(fsyncs(&marks), 2);
    bench.turnstile.allow(u64::from(u32::MAX));
    let report = bench.writer.stop(true).unwrap();
    assert!(report.sealed && report.durable_seq == 50);
    assert_eq!(bench.ear.events(), [Heard::Durable(1), Heard::Durable(50)]);
    let log = load(&bench.sim, &live()).unwrap();
    assert_eq!((log.groups.len(), log.sealed), (50, true));
}

#[test]
fn a_failed_commit_wakes_who_waits_for_it() {
    let mut bench = start(FsyncPolicy::Always);
    bench.sim.fail_sync_data(1);
    bench.turnstile.allow(u64::from(u32::MAX));
    bench.writer.submit(group(1, 1));
    let outcome = bench.writer.wait_durable(1, soon());
    assert!(
        matches!(outcome, WaitOutcome::Failed(failure) if matches!(failure.kind, FailureKind::Tainted(_)))
    );
    let report = bench.writer.stop(true).unwrap();
    assert_eq!((report.durable_seq, report.sealed), (0, false));
    assert_eq!(
        bench.writer.wait_durable(1, soon()).clone(),
        bench.writer.wait_durable(1, soon())
    );
    assert!(bench.writer.stop(true).is_none());
}

#[test]
fn under_everysec_a_sync_asked_for_comes_at_once() {
    let mut bench = start(FsyncPolicy::No);
    bench.turnstile.allow(u64::from(u32::MAX));
    bench.writer.submit(group(1, 7));
    bench.writer.sync();
    assert_eq!(bench.writer.wait_durable(7, soon()), WaitOutcome::Durable);
    assert!(bench.writer.stop(false).is_some_and(|report| !report.sealed));
    assert_eq!(bench.writer.wait_durable(8, soon()), WaitOutcome::Stopped);
    assert!(!bench.writer.submit(group(8, 1)));
}

/// The event loop's side of a rewrite: the child's file as of `base_seq`, and the switch to it.
fn start_switch(bench: &Bench, epoch: u64, base_seq: u64) -> (Arc<Residual>, Receiver<SwitchOutcome>) {
    let path = temp(epoch);
    let mut file = SnapshotFile::create(&bench.sim, &path, &identity(epoch), RUN, 9).unwrap();
    file.append_records(format!("state at {base_seq}").as_bytes(), 1)
        .unwrap();
    let residual: Arc<Residual> = Arc::default();
    let plan = SwitchPlan {
        fs: Arc::new(bench.sim.clone()),
        temp: path,
        live: live(),
        history: None,
        identity: identity(epoch),
        run: RUN,
        report: file.finish(base_seq, 1, 9).unwrap(),
        residual: Arc::clone(&residual),
        exclusive_bytes: 1000,
        cancel: Arc::new(CancelFlag::default()),
    };
    let (tell, told) = mpsc::channel();
    let on_done = Box::new(move |outcome| tell.send(outcome).unwrap());
    switch::start(plan, Arc::clone(bench.writer.queue()), on_done);
    (residual, told)
}

#[test]
fn switches_under_load_lose_and_repeat_no_group() {
    let mut bench = start(FsyncPolicy::Always);
    bench.turnstile.allow(u64::from(u32::MAX));
    let mut seq = 0;
    for epoch in 2..12 {
        let (residual, told) = start_switch(&bench, epoch, seq);
        let patience = soon();
        let outcome = loop {
            seq += 1;
            residual.push(group(seq, 1));
            bench.writer.submit(group(seq, 1));
            if let Ok(outcome) = told.try_recv() {
                break outcome;
            }
            assert!(Instant::now() < patience, "the switch never ended");
        };
        assert!(matches!(outcome, SwitchOutcome::Switched(_)), "{outcome:?}");
        assert_eq!(bench.writer.wait_durable(seq, soon()), WaitOutcome::Durable);
        let log = load(&bench.sim, &live()).unwrap();
        check_contents(&log);
        assert_eq!((log.epoch, log.last_seq, residual.held_bytes()), (epoch, seq, 0));
    }
    let report = bench.writer.stop(true).unwrap();
    assert_eq!((report.durable_seq, report.sealed), (seq, true));
    let told: Vec<_> = bench.ear.events();
    assert!(told.is_sorted_by_key(|heard| if let Heard::Durable(seq) = heard { *seq } else { 0 }));
}

fn wait_written(bench: &Bench, seq: u64) {
    let patience = soon();
    while bench.writer.watermarks().written() < seq {
        assert!(Instant::now() < patience, "seq {seq} was never written");
        std::thread::yield_now();
    }
}

const BESIDE: [FsyncPolicy; 2] = [FsyncPolicy::EverySec, FsyncPolicy::No];

#[test]
fn writes_go_on_while_a_sync_hangs_and_it_proves_only_what_was_written_before() {
    for policy in BESIDE {
        let mut bench = start(policy);
        bench.writer.submit(group(1, 1));
        bench.writer.sync();
        bench.turnstile.wait_entered(1);
        for seq in 2..=50 {
            bench.writer.submit(group(seq, 1));
            wait_written(&bench, seq);
        }
        bench.writer.sync();
        // What kill -9 would leave.
        assert_eq!(load(&bench.sim, &live()).unwrap().last_seq, 50);
        assert_eq!(bench.writer.watermarks().durable(), 0);
        bench.turnstile.allow(1);
        assert_eq!(bench.writer.wait_durable(1, soon()), WaitOutcome::Durable);
        bench.turnstile.wait_entered(2);
        assert_eq!(bench.writer.watermarks().durable(), 1);
        bench.turnstile.allow(u64::from(u32::MAX));
        assert_eq!(bench.writer.wait_durable(50, soon()), WaitOutcome::Durable);
        assert_eq!(bench.ear.events(), [Heard::Durable(1), Heard::Durable(50)]);
        let report = bench.writer.stop(true).unwrap();
        assert!(report.sealed && report.durable_seq == 50);
    }
}

#[test]
fn a_stop_waits_for_the_sync_that_runs() {
    let mut bench = start(FsyncPolicy::EverySec);
    bench.writer.submit(group(1, 1));
    bench.writer.sync();
    bench.turnstile.wait_entered(1);
    bench.writer.submit(group(2, 1));
    wait_written(&bench, 2);
    let turnstile = Arc::clone(&bench.turnstile);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| bench.writer.stop(true).unwrap());
        std::thread::yield_now();
        assert!(!stopping.is_finished());
        turnstile.allow(u64::from(u32::MAX));
        let report = stopping.join().unwrap();
        assert!(report.sealed && report.durable_seq == 2);
    });
    let log = load(&bench.sim, &live()).unwrap();
    assert_eq!((log.last_seq, log.sealed), (2, true));
}

#[test]
fn a_sync_that_fails_beside_the_writing_taints_the_log_and_is_not_tried_again() {
    let mut bench = start(FsyncPolicy::EverySec);
    bench.sim.fail_sync_data(1);
    bench.writer.submit(group(1, 1));
    bench.writer.sync();
    bench.turnstile.wait_entered(1);
    bench.writer.submit(group(2, 1));
    wait_written(&bench, 2);
    bench.turnstile.allow(u64::from(u32::MAX));
    let outcome = bench.writer.wait_durable(2, soon());
    assert!(
        matches!(outcome, WaitOutcome::Failed(failure) if matches!(failure.kind, FailureKind::Tainted(_)))
    );
    bench.writer.submit(group(3, 1));
    bench.writer.sync();
    let report = bench.writer.stop(true).unwrap();
    assert_eq!((report.durable_seq, report.sealed), (0, false));
    assert_eq!(fsyncs(bench.writer.watermarks()), 0);
    assert_eq!(bench.turnstile.state.lock().entered, 1);
}

#[test]
fn a_switch_goes_past_a_sync_of_the_old_file_that_hangs_and_whose_end_changes_nothing() {
    for fails in [false, true] {
        let mut bench = start(FsyncPolicy::EverySec);
        bench.writer.submit(group(1, 1));
        bench.writer.sync();
        bench.turnstile.wait_entered(1);
        let (residual, told) = start_switch(&bench, 2, 1);
        residual.push(group(2, 1));
        bench.writer.submit(group(2, 1));
        let outcome = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(outcome, SwitchOutcome::Switched(_)), "{outcome:?}");
        let durable = bench.writer.watermarks().durable();
        assert!(durable >= 1, "what is in the new file is on disk");
        bench.sim.fail_sync_data(u32::from(fails));
        bench.turnstile.allow(1);
        // Behind the old sync's end, and on the new file, which has no turnstile.
        let patience = soon();
        while bench.sim.fails_left() > 0 {
            assert!(Instant::now() < patience, "the old sync never ended");
            std::thread::yield_now();
        }
        bench.writer.submit(group(3, 1));
        bench.writer.sync();
        assert_eq!(bench.writer.wait_durable(3, soon()), WaitOutcome::Durable);
        assert!(!bench.writer.watermarks().is_down());
        assert!(bench.writer.stop(true).is_some_and(|report| report.sealed));
        let log = load(&bench.sim, &live()).unwrap();
        check_contents(&log);
        assert_eq!((log.epoch, log.last_seq), (2, 3));
    }
}

#[test]
fn a_new_file_becomes_durable_while_a_sync_of_the_old_one_still_hangs() {
    for policy in BESIDE {
        let mut bench = start(policy);
        bench.writer.submit(group(1, 1));
        bench.writer.sync();
        bench.turnstile.wait_entered(1);
        let (residual, told) = start_switch(&bench, 2, 1);
        residual.push(group(2, 1));
        bench.writer.submit(group(2, 1));
        let outcome = told.recv_timeout(PATIENCE).unwrap();
        assert!(matches!(outcome, SwitchOutcome::Switched(_)), "{outcome:?}");
        for seq in 3..6 {
            bench.writer.submit(group(seq, 1));
            bench.writer.sync();
            assert_eq!(bench.writer.wait_durable(seq, soon()), WaitOutcome::Durable);
        }
        assert_eq!(
            bench.turnstile.state.lock().allowed,
            0,
            "the old sync still hangs"
        );
        assert!(bench.writer.stop(true).is_some_and(|report| report.sealed));
        bench.turnstile.allow(u64::from(u32::MAX));
    }
}
