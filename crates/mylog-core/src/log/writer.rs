//! The writer: a thread around [`Committer`], and the handle through which the event loop reaches it. The
//! event loop must never wait here but in [`Writer::wait_durable`], which has a deadline, and at shutdown.
//!
//! A forked child has the handle but not the thread: it must touch neither, as its locks may be held.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::clock::Clock;
use super::commit::{Committer, Listener, Step, StopReport};
use super::failure::Failure;
use super::file::LogFile;
use super::home::Home;
use super::linger::Linger;
use super::lock::Claim;
use super::policy::FsyncPolicy;
use super::queue::{Job, JobQueue};
use super::successor_slot::Successor;
use super::syncer::SyncThread;
use super::watermarks::Watermarks;
use crate::group::Group;
use crate::io::Fs;
use crate::io::os::block_size_signal;

/// What a writer starts with.
pub struct WriterConfig {
    /// The door to the disk.
    pub fs: Arc<dyn Fs>,
    /// Path of the live name.
    pub live: PathBuf,
    /// The live file, with this start's Run frame appended, everything before that on disk.
    pub file: LogFile,
    /// When to sync.
    pub policy: FsyncPolicy,
    /// The folder's lock, to be kept on whatever folder has the name. `None` where nobody else can come.
    pub claim: Option<Arc<Claim>>,
}

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitOutcome {
    /// It is on disk.
    Durable,
    /// The deadline passed first.
    TimedOut,
    /// The log is in trouble: it may or may not become durable later.
    Failed(Failure),
    /// The writer has ended.
    Stopped,
}

/// The handle of the writer thread. Dropped, it stops the writer without a seal.
pub struct Writer {
    queue: Arc<JobQueue>,
    gate: Arc<Gate>,
    thread: Option<JoinHandle<StopReport>>,
}

impl Writer {
    /// Starts the thread `mylog-writer`.
    pub fn spawn(config: WriterConfig, listener: Arc<dyn Listener>) -> io::Result<Self> {
        let WriterConfig {
            fs,
            live,
            file,
            policy,
            claim,
        } = config;
        let clock = Clock::default();
        let watermarks = Arc::new(Watermarks::new(clock, file.last_seq(), file.end()));
        let queue = Arc::new(JobQueue::new(watermarks));
        let gate = Arc::new(Gate {
            state: Mutex::default(),
            changed: Condvar::new(),
            listener,
        });
        let heard = Arc::clone(&gate) as Arc<dyn Listener>;
        let committer = Committer::new(
            Home::new(fs, live, claim),
            file,
            policy,
            Arc::clone(&queue),
            heard,
        );
        let sleeper = Arc::clone(&queue);
        let committer = committer.with_syncer(Box::new(SyncThread::spawn(move || sleeper.nudge())?));
        let (jobs, at_end) = (Arc::clone(&queue), Arc::clone(&gate));
        let thread = thread::Builder::new()
            .name("mylog-writer".to_owned())
            .spawn(move || {
                block_size_signal();
                let report = run(committer, &jobs, clock);
                at_end.change(|state| state.stopped = true);
                report
            })?;
        Ok(Self {
            queue,
            gate,
            thread: Some(thread),
        })
    }

    /// Submits a group that nobody waits for. False after the stop.
    pub fn submit(&self, group: Arc<Group>) -> bool {
        self.queue.submit(group)
    }

    /// Submits a group that so many clients wait for; groups come in seq order, from one thread. False after the stop.
    ///
    /// While a rewrite runs the group goes to its residual first, see [`crate::rewrite::residual`].
    pub fn submit_for(&self, group: Arc<Group>, clients: u64) -> bool {
        self.queue.submit_for(group, clients)
    }

    /// Asks for a sync of all that was submitted, whatever the policy.
    pub fn sync(&self) {
        self.queue.push(Job::Sync);
    }

    /// Changes the policy, and syncs.
    pub fn set_policy(&self, policy: FsyncPolicy) {
        self.queue.push(Job::SetPolicy(policy));
    }

    /// Asks the writer to go over to a new file. Dropped after the stop.
    pub fn switch(&self, successor: Box<dyn Successor>) {
        self.queue.push(Job::Switch(successor));
    }

    /// Asks for a folder that takes a new file, though the live one may only have been moved away.
    pub fn reclaim(&self) {
        self.queue.push(Job::Reclaim);
    }

    /// How far the writer is and how it fares.
    pub fn watermarks(&self) -> &Arc<Watermarks> {
        self.queue.watermarks()
    }

    /// The way to the writer for another thread.
    pub fn queue(&self) -> &Arc<JobQueue> {
        &self.queue
    }

    /// Waits until `seq` is on disk, the log is in trouble, or the deadline. Asks for no sync.
    pub fn wait_durable(&self, seq: u64, deadline: Instant) -> WaitOutcome {
        self.queue.hurry();
        let mut state = self.gate.state.lock();
        loop {
            if self.watermarks().durable() >= seq {
                return WaitOutcome::Durable;
            }
            if let Some(failure) = &state.failure {
                return WaitOutcome::Failed(failure.clone());
            }
            if state.stopped {
                return WaitOutcome::Stopped;
            }
            if self.gate.changed.wait_until(&mut state, deadline).timed_out() && Instant::now() >= deadline {
                let durable = self.watermarks().durable() >= seq;
                return if durable {
                    WaitOutcome::Durable
                } else {
                    WaitOutcome::TimedOut
                };
            }
        }
    }

    /// Writes and syncs what was submitted, seals the file if `seal` and all of it is on disk, and ends the
    /// thread. `None` if it had ended before.
    pub fn stop(&mut self, seal: bool) -> Option<StopReport> {
        let thread = self.thread.take()?;
        self.queue.push(Job::Stop { seal });
        thread.join().ok()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop(false);
    }
}

fn run(mut committer: Committer, queue: &JobQueue, clock: Clock) -> StopReport {
    let mut jobs = Vec::new();
    let mut timeout = Duration::ZERO;
    let mut linger = Linger::new();
    loop {
        let taken = queue.take(&mut jobs, timeout);
        let (durable, began) = (queue.watermarks().durable(), Instant::now());
        match committer.step(&mut jobs, taken.oldest_ms, clock.now()) {
            Step::WaitUntil(wake) => {
                // Under `always` a step that syncs makes all durable that was taken for it.
                let synced = queue.watermarks().durable() > durable;
                let patience = match committer.policy() {
                    FsyncPolicy::Always if synced => {
                        linger.patience(taken.clients, queue.clients_before(), began.elapsed())
                    }
                    _ => None,
                };
                if let Some(patience) = patience {
                    linger.waited(queue.linger(taken.clients, patience), taken.clients);
                }
                timeout = Duration::from_millis(wake.saturating_sub(clock.steady_ms()));
            }
            Step::Stopped(report) => return report,
        }
    }
}

/// Passes on what the writer tells, and wakes who waits for it.
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
    listener: Arc<dyn Listener>,
}

#[derive(Default)]
struct GateState {
    /// The present trouble.
    failure: Option<Failure>,
    stopped: bool,
}

impl Gate {
    /// The watermarks are stored before this takes the lock, and a waiter looks at them under it: no
    /// wake-up falls between its look and its sleep.
    fn change(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }
}

impl Listener for Gate {
    fn on_durable(&self, seq: u64) {
        self.change(|_| {});
        self.listener.on_durable(seq);
    }

    fn on_failure(&self, failure: &Failure) {
        self.change(|state| state.failure = Some(failure.clone()));
        self.listener.on_failure(failure);
    }

    fn on_recovered(&self) {
        self.change(|state| state.failure = None);
        self.listener.on_recovered();
    }
}
