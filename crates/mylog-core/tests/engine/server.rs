//! A server without Redis and without threads: the store, the group being built, the writer's state machine,
//! and the parent's end of a rewrite. It does what the module does, in the same order.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mylog_core::format::header::Identity;
use mylog_core::group::{Group, GroupBuilder};
use mylog_core::io::Fs;
use mylog_core::io::sim::SimFs;
use mylog_core::log::clock::{Clock, Now};
use mylog_core::log::commit::{Committer, Step, StopReport};
use mylog_core::log::file::LogFile;
use mylog_core::log::home::Home;
use mylog_core::log::names;
use mylog_core::log::policy::FsyncPolicy;
use mylog_core::log::queue::{Job, JobQueue};
use mylog_core::log::recover::Recovered;
use mylog_core::log::watermarks::Watermarks;
use mylog_core::rewrite::backlog::Backlog;
use mylog_core::rewrite::cancel_flag::CancelFlag;
use mylog_core::rewrite::residual::Residual;
use mylog_core::rewrite::switch_outcome::{SwitchOutcome, SwitchStage};
use mylog_core::store::Store;

use crate::model::{Op, Rng, Shape};
use crate::oracle::{Heard, Oracle, dir};

/// Where sealed groups go beside the log.
#[derive(Default)]
pub enum Feed {
    #[default]
    None,
    Child(Backlog),
    Residual(Arc<Residual>),
}

/// A switch that was handed to the writer.
pub struct Switching {
    pub outcome: Receiver<SwitchOutcome>,
    pub identity: Identity,
    pub cancel: Arc<CancelFlag>,
}

pub struct Server {
    pub rng: Rng,
    pub shape: Shape,
    pub fs: Arc<dyn Fs>,
    pub oracle: Oracle,
    pub heard: Arc<Heard>,
    pub store: Store,
    pub groups: GroupBuilder,
    pub queue: Arc<JobQueue>,
    committer: Committer,
    pub now: Now,
    /// Of the file that the writer has.
    pub identity: Identity,
    pub next_epoch: u64,
    pub run: u64,
    pub feed: Feed,
    pub switching: Option<Switching>,
    /// How the last switch ended.
    pub outcome: Option<SwitchOutcome>,
    /// Old files keep a name in the history.
    pub keeps_history: bool,
    /// A flush gave the rewrite up.
    pub aborted: bool,
    /// Killed: it does nothing any more.
    pub dead: bool,
}

pub const POLICIES: [FsyncPolicy; 3] = [FsyncPolicy::Always, FsyncPolicy::EverySec, FsyncPolicy::No];

impl Server {
    /// Goes on from what a start found. `sim` is the disk below `fs`.
    pub fn start(
        fs: Arc<dyn Fs>,
        sim: &SimFs,
        found: (Recovered, Store),
        mut oracle: Oracle,
        policy: FsyncPolicy,
        seed: u64,
    ) -> Self {
        let (recovered, store) = found;
        let seq = recovered.durable_seq;
        oracle.go_back_to(seq);
        let run = seed ^ recovered.run.rotate_left(7) ^ 0x5bd1;
        let identity = recovered.identity;
        let mut file =
            LogFile::new(recovered.file, identity, run, recovered.end, recovered.next_seq).unwrap();
        file.begin_run(run, seq, 1).unwrap();
        let watermarks = Arc::new(Watermarks::new(Clock::default(), seq, file.end()));
        let queue = Arc::new(JobQueue::new(watermarks));
        let heard = Arc::new(Heard::new(sim.clone(), seq));
        let live = live();
        let listener = Arc::clone(&heard) as _;
        let committer = Committer::new(
            Home::new(Arc::clone(&fs), live, None),
            file,
            policy,
            Arc::clone(&queue),
            listener,
        );
        Self {
            rng: Rng::new(seed),
            shape: Shape {
                names: 20,
                value_bytes: 60,
                fields: 20,
                databases: false,
            },
            fs,
            oracle,
            heard,
            store,
            groups: GroupBuilder::new(seq + 1),
            queue,
            committer,
            now: Now {
                steady_ms: 1,
                wall_ms: 1,
            },
            identity,
            next_epoch: identity.epoch + 1,
            run,
            feed: Feed::None,
            switching: None,
            outcome: None,
            keeps_history: false,
            aborted: false,
            dead: false,
        }
    }

    pub fn write(&mut self, op: &Op) {
        self.oracle.apply(op);
        let spans = op.with_effect(|effect| {
            self.store.apply(effect).unwrap();
            self.groups.append(effect);
            effect.spans_databases()
        });
        if spans {
            self.abort_rewrite();
        }
    }

    pub fn write_random(&mut self, most: u64) {
        for _ in 0..self.rng.below(most + 1) {
            let op = self.oracle.model.random(&mut self.rng, self.shape);
            self.write(&op);
        }
    }

    /// Gives a running rewrite up, unless its last step has begun.
    pub fn abort_rewrite(&mut self) {
        let too_late = self.switching.as_ref().is_some_and(|s| !s.cancel.cancel());
        if !too_late && !matches!(self.feed, Feed::None) {
            self.feed = Feed::None;
            self.aborted = true;
        }
    }

    /// Ends the group: to the rewrite first, then to the writer, as ordering 1 of the switch asks.
    pub fn seal(&mut self) {
        let Some(group) = self.groups.seal(self.now.wall_ms) else {
            return;
        };
        let group = Arc::new(group);
        self.oracle.sealed(group.last_seq());
        self.feed_group(&group);
        assert!(self.queue.submit(group));
    }

    fn feed_group(&mut self, group: &Arc<Group>) {
        match &mut self.feed {
            Feed::None => {}
            Feed::Child(backlog) => backlog.push(Arc::clone(group), u64::MAX).unwrap(),
            Feed::Residual(residual) => {
                residual.push(Arc::clone(group));
            }
        }
    }

    /// The writer does what it was handed.
    pub fn step(&mut self) -> Step {
        let mut jobs = Vec::new();
        let oldest = self.queue.take(&mut jobs, Duration::ZERO).oldest_ms;
        // The queue dates groups by the real clock; here time is what the test says.
        let oldest = oldest.map(|_| self.now.steady_ms);
        let step = self.committer.step(&mut jobs, oldest, self.now);
        self.conclude_switch();
        step
    }

    /// The outcome comes on a thread of its own. Waiting for it keeps the order of the operations on the disk
    /// the same in every run.
    pub fn conclude_switch(&mut self) {
        let Some(switching) = self.switching.take() else {
            return;
        };
        let outcome = switching.outcome.recv_timeout(Duration::from_secs(60)).unwrap();
        let has_name = match &outcome {
            SwitchOutcome::Switched(_) => true,
            SwitchOutcome::Failed(failure) => failure.stage == SwitchStage::Folder,
        };
        if has_name {
            self.identity = switching.identity;
        }
        self.feed = Feed::None;
        self.outcome = Some(outcome);
    }

    pub fn sleep(&mut self, ms: u64) {
        self.now.steady_ms += ms;
        self.now.wall_ms += ms;
    }

    /// A turn of the event loop.
    pub fn turn(&mut self) {
        if self.dead {
            return;
        }
        if self.rng.one_in(2) {
            self.write_random(5);
            self.seal();
        }
        let ms = self.rng.below(300);
        self.sleep(ms);
        match self.rng.below(40) {
            0 => drop(self.queue.push(Job::Sync)),
            1 => {
                let policy = POLICIES[self.rng.below(3) as usize];
                self.queue.push(Job::SetPolicy(policy));
            }
            _ => {}
        }
        if self.rng.one_in(2) {
            self.step();
        }
    }

    /// All that was written so far, durable; true if it is.
    pub fn sync(&mut self) -> bool {
        self.seal();
        self.queue.push(Job::Sync);
        self.step();
        self.queue.watermarks().durable() == self.groups.last_seq()
    }

    pub fn stop(&mut self, seal: bool) -> StopReport {
        self.seal();
        self.queue.push(Job::Stop { seal });
        self.dead = true;
        match self.step() {
            Step::Stopped(report) => report,
            Step::WaitUntil(_) => panic!("the writer did not stop"),
        }
    }

    pub fn is_down(&self) -> bool {
        self.queue.watermarks().is_down()
    }
}

pub fn live() -> PathBuf {
    dir().join(names::CURRENT)
}

/// Where the file of an epoch is kept.
pub fn kept(epoch: u64) -> PathBuf {
    dir().join(names::HISTORY).join(format!("{epoch}.mylog"))
}
