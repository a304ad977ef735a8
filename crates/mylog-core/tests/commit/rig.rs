//! A writer without its thread, over a simulated disk, with a listener that notes what was promised when.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use parking_lot::Mutex;

use mylog_core::format::header::Identity;
use mylog_core::group::Group;
use mylog_core::io::sim::SimFs;
use mylog_core::io::{File, Fs};
use mylog_core::log::clock::{Clock, Now};
use mylog_core::log::commit::{Committer, Listener, Step};
use mylog_core::log::failure::{Failure, FailureKind};
use mylog_core::log::file::LogFile;
use mylog_core::log::home::Home;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::queue::{Job, JobQueue};
use mylog_core::log::recover::{Start, recover};
use mylog_core::log::replay::Ignore;
use mylog_core::log::syncer::{Synced, Syncer};
use mylog_core::log::watermarks::Watermarks;
use mylog_core::rewrite::cancel_flag::CancelFlag;
use mylog_core::rewrite::residual::Residual;
use mylog_core::rewrite::snapshot_file::{SnapshotFile, SnapshotReport};
use mylog_core::rewrite::switch;
use mylog_core::rewrite::switch_outcome::SwitchOutcome;
use mylog_core::rewrite::switch_plan::SwitchPlan;

use crate::scan::{Loaded, load};

pub const RUN: u64 = 77;

pub fn live() -> PathBuf {
    PathBuf::from("/log/current.mylog")
}

pub fn temp(epoch: u64) -> PathBuf {
    PathBuf::from(format!("/log/rewrite-{epoch}.mylog"))
}

pub fn history(epoch: u64) -> PathBuf {
    PathBuf::from(format!("/log/history/{epoch}.mylog"))
}

pub fn identity(epoch: u64) -> Identity {
    Identity {
        uuid: *b"0123456789abcdef",
        epoch,
        salt: 5 + epoch as u32,
    }
}

pub fn at(steady_ms: u64) -> Now {
    Now {
        steady_ms,
        wall_ms: 1_000_000 + steady_ms,
    }
}

/// A group whose payload follows from its seqs, so that a loaded log can be checked against the history.
pub fn group(first_seq: u64, count: u32) -> Arc<Group> {
    let payload = (0..u64::from(count))
        .flat_map(|n| record(first_seq + n))
        .collect();
    Arc::new(Group::new(first_seq, count, 9, payload))
}

fn record(seq: u64) -> Vec<u8> {
    format!("record-{seq};")
        .repeat(1 + seq as usize % 40)
        .into_bytes()
}

/// A simulated disk with a first log of epoch 1 and no records, all of it durable.
pub fn first_log() -> SimFs {
    let sim = SimFs::new();
    for folder in ["/log", "/log/history"] {
        sim.create_dir(Path::new(folder)).unwrap();
    }
    let file = SnapshotFile::create(&sim, &live(), &identity(1), RUN, 9).unwrap();
    file.finish(0, 0, 9).unwrap();
    sim.settle();
    sim
}

pub fn open_live(fs: &dyn Fs, epoch: u64, base_seq: u64) -> LogFile {
    let file = fs.open(&live()).unwrap();
    let end = file.len().unwrap();
    LogFile::new(file, identity(epoch), RUN, end, base_seq + 1).unwrap()
}

/// What the listener heard, each with the number of disk operations at that time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Durable(u64),
    Failed(FailureKind, i32),
    Recovered,
}

pub struct Ear {
    sim: SimFs,
    pub heard: Mutex<Vec<(usize, Heard)>>,
}

impl Ear {
    pub fn new(sim: &SimFs) -> Arc<Self> {
        Arc::new(Self {
            sim: sim.clone(),
            heard: Mutex::default(),
        })
    }

    fn note(&self, heard: Heard) {
        self.heard.lock().push((self.sim.op_count(), heard));
    }

    pub fn events(&self) -> Vec<Heard> {
        self.heard.lock().iter().map(|(_, heard)| heard.clone()).collect()
    }

    /// Highest seq that was told durable when at most `ops` operations had been issued.
    pub fn promised(&self, ops: usize) -> u64 {
        let heard = self.heard.lock();
        let told = heard.iter().filter(|(at, _)| *at <= ops);
        told.filter_map(|(_, heard)| {
            if let Heard::Durable(seq) = heard {
                Some(*seq)
            } else {
                None
            }
        })
        .max()
        .unwrap_or(0)
    }
}

impl Listener for Ear {
    fn on_durable(&self, seq: u64) {
        self.note(Heard::Durable(seq));
    }

    fn on_failure(&self, failure: &Failure) {
        self.note(Heard::Failed(failure.kind, failure.errno));
    }

    fn on_recovered(&self) {
        self.note(Heard::Recovered);
    }
}

/// Syncs at once, so that nothing written later can be in it, and tells later.
struct Lagging {
    steps: u32,
    left: u32,
    synced: Option<Synced>,
}

impl Syncer for Lagging {
    fn begin(&mut self, mut file: Box<dyn File>) {
        assert!(self.synced.is_none(), "two syncs at once");
        self.left = self.steps;
        self.synced = Some(Synced {
            result: file.sync_data(),
            took: Duration::ZERO,
        });
    }

    fn take(&mut self) -> Option<Synced> {
        if self.left > 0 {
            self.left -= 1;
            return None;
        }
        self.synced.take()
    }

    fn wait(&mut self) -> Synced {
        self.synced.take().unwrap()
    }
}

pub struct Rig {
    pub sim: SimFs,
    pub fs: Arc<dyn Fs>,
    pub ear: Arc<Ear>,
    pub queue: Arc<JobQueue>,
    pub committer: Committer,
    pub next_seq: u64,
    pub residual: Option<Arc<Residual>>,
}

impl Rig {
    /// A writer of the first log of `sim`, reaching it through `fs`.
    pub fn new(sim: &SimFs, fs: Arc<dyn Fs>, policy: FsyncPolicy) -> Self {
        let file = open_live(sim, 1, 0);
        drop(file);
        let file = open_live(fs.as_ref(), 1, 0);
        Self::with_file(sim, fs, file, policy)
    }

    /// A writer of this file, the first log of `sim`.
    pub fn with_file(sim: &SimFs, fs: Arc<dyn Fs>, file: LogFile, policy: FsyncPolicy) -> Self {
        let ear = Ear::new(sim);
        let watermarks = Arc::new(Watermarks::new(Clock::default(), 0, file.end()));
        let queue = Arc::new(JobQueue::new(watermarks));
        let listener = Arc::clone(&ear) as Arc<dyn Listener>;
        let committer = Committer::new(
            Home::new(Arc::clone(&fs), live(), None),
            file,
            policy,
            Arc::clone(&queue),
            listener,
        );
        Self {
            sim: sim.clone(),
            fs,
            ear,
            queue,
            committer,
            next_seq: 1,
            residual: None,
        }
    }

    pub fn simple(policy: FsyncPolicy) -> Self {
        let sim = first_log();
        Self::new(&sim, Arc::new(sim.clone()), policy)
    }

    /// A writer whose syncs run beside it, and are heard of only so many steps later.
    pub fn lagging(mut self, steps: u32) -> Self {
        self.committer = self.committer.with_syncer(Box::new(Lagging {
            steps,
            left: 0,
            synced: None,
        }));
        self
    }

    /// Submits the next group of `count` records.
    pub fn submit(&mut self, count: u32) {
        let group = group(self.next_seq, count);
        self.next_seq += u64::from(count);
        if let Some(residual) = &self.residual {
            residual.push(Arc::clone(&group));
        }
        self.queue.submit(group);
    }

    pub fn step(&mut self, ms: u64) -> Step {
        let mut jobs = Vec::new();
        let oldest = self.queue.take(&mut jobs, std::time::Duration::ZERO).oldest_ms;
        self.committer.step(&mut jobs, oldest.map(|_| ms), at(ms))
    }

    pub fn stop(&mut self, ms: u64) -> Step {
        self.queue.push(Job::Stop { seal: true });
        self.step(ms)
    }

    pub fn marks(&self) -> &Watermarks {
        self.queue.watermarks()
    }

    /// Does what the child would: a file that holds the state as of the last seq submitted. The parent keeps
    /// what comes later in the residual.
    pub fn child_file(&mut self, epoch: u64) -> Option<SnapshotReport> {
        let base_seq = self.next_seq - 1;
        self.residual = Some(Arc::default());
        let _ = self.sim.remove(&temp(epoch));
        let mut file = SnapshotFile::create(self.fs.as_ref(), &temp(epoch), &identity(epoch), RUN, 9).ok()?;
        file.append_records(format!("state at {base_seq}").as_bytes(), 1)
            .ok()?;
        file.finish(base_seq, 1, 9).ok()
    }

    pub fn plan(&self, epoch: u64, report: SnapshotReport, keep: bool) -> SwitchPlan {
        SwitchPlan {
            fs: Arc::clone(&self.fs),
            temp: temp(epoch),
            live: live(),
            history: keep.then(|| history(epoch - 1)),
            identity: identity(epoch),
            run: RUN,
            report,
            residual: Arc::clone(self.residual.as_ref().unwrap()),
            exclusive_bytes: switch::EXCLUSIVE_BYTES,
            cancel: Arc::new(CancelFlag::default()),
        }
    }

    /// Catches up and leaves the last step in the queue. The outcome arrives at the receiver.
    pub fn catch_up(&self, plan: SwitchPlan) -> Receiver<SwitchOutcome> {
        let (tell, told) = mpsc::channel();
        switch::catch_up(
            plan,
            &self.queue,
            Box::new(move |outcome| tell.send(outcome).unwrap()),
        );
        told
    }

    /// Goes over to the child's file at `ms`.
    pub fn switch(&mut self, epoch: u64, report: SnapshotReport, ms: u64) -> SwitchOutcome {
        let told = self.catch_up(self.plan(epoch, report, epoch % 2 == 0));
        self.step(ms);
        let outcome = told.recv().unwrap();
        self.residual = None;
        outcome
    }

    /// Checks every power cut after the first `from` operations: the live name leads to a log that holds
    /// everything promised by then, and nothing but a prefix of the history; and the start loads the same.
    pub fn check_crashes(&self, from: usize) -> usize {
        let mut images = 0;
        for image in self.sim.crash_images_from(from) {
            let log = load(&image.fs, &live())
                .unwrap_or_else(|why| panic!("after {} operations, {:?}: {why}", image.at, image.loss));
            let promised = self.ear.promised(image.at);
            let seen = (image.at, image.loss, promised, log.last_seq);
            assert!(log.last_seq >= promised, "lost: {seen:?}");
            check_contents(&log);
            let start = Start {
                load_truncated: true,
                run: RUN + 1,
                wall_ms: 10,
            };
            let recovered = recover(&image.fs, Path::new("/log"), start, &mut Ignore)
                .unwrap_or_else(|why| panic!("{seen:?}: {why}"));
            assert_eq!(
                (recovered.next_seq, recovered.identity.epoch),
                (log.last_seq + 1, log.epoch),
                "{seen:?}"
            );
            images += 1;
        }
        images
    }
}

/// Every group of the log is the one of the history.
pub fn check_contents(log: &Loaded) {
    let mut next_seq = log.base_seq + 1;
    for (first_seq, count, payload) in &log.groups {
        assert_eq!(*first_seq, next_seq);
        assert!(
            payload == group(*first_seq, *count).payload(),
            "group {first_seq} has other bytes"
        );
        next_seq += u64::from(*count);
    }
    if log.base_seq > 0 {
        assert_eq!(log.snapshot, format!("state at {}", log.base_seq).as_bytes());
    }
}
