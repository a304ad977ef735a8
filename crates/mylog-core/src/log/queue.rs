//! What the event loop hands to the writer, in order. Submitting costs one short lock, and a wake-up only if
//! the writer sleeps: a busy writer looks again by itself. It must never hold its lock across I/O.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::commit::Successor;
use super::policy::FsyncPolicy;
use super::watermarks::Watermarks;
use crate::group::Group;

/// What the writer is asked to do.
pub enum Job {
    /// Append a group.
    Frame(Arc<Group>),
    /// Sync all that was submitted before, whatever the policy.
    Sync,
    /// Change the policy, and sync.
    SetPolicy(FsyncPolicy),
    /// Make the folder ready for a new file though the old one may come back: somebody asked for a rewrite.
    Reclaim,
    /// Go over to a new file.
    Switch(Box<dyn Successor>),
    /// Write and sync what was submitted before, and end; with a seal if all of it is on disk.
    Stop {
        /// Append the mark of a clean stop.
        seal: bool,
    },
}

/// The queue between the event loop and the writer. Whoever is handed a job after the stop drops it.
pub struct JobQueue {
    inner: Mutex<Inner>,
    wake: Condvar,
    watermarks: Arc<Watermarks>,
}

#[derive(Default)]
struct Inner {
    jobs: Vec<Job>,
    /// When the oldest group of `jobs` was submitted; `None` if there is no group in it.
    oldest_ms: Option<u64>,
    /// True while the writer waits on `wake`.
    sleeping: bool,
    /// A group below this seq does not wake it: it waits for more.
    wake_at: u64,
    /// Somebody waits who keeps all others from coming.
    hurry: bool,
    /// The writer is to look around, though there is no job.
    nudged: bool,
    /// Set by the stop; nothing is taken in any more.
    closed: bool,
}

impl JobQueue {
    /// An empty queue that keeps `queued` and the unwritten gauges of `watermarks`.
    pub fn new(watermarks: Arc<Watermarks>) -> Self {
        Self {
            inner: Mutex::default(),
            wake: Condvar::new(),
            watermarks,
        }
    }

    /// The state that the queue publishes to.
    pub fn watermarks(&self) -> &Arc<Watermarks> {
        &self.watermarks
    }

    /// Submits a group; groups come in seq order, from one thread. False after the stop.
    ///
    /// While a rewrite runs the group goes to its residual first, see [`crate::rewrite::residual`].
    pub fn submit(&self, group: Arc<Group>) -> bool {
        let now_ms = self.watermarks.clock().steady_ms();
        let mut inner = self.inner.lock();
        if inner.closed {
            return false;
        }
        let seq = group.last_seq();
        if inner.oldest_ms.is_none() {
            inner.oldest_ms = Some(now_ms);
            self.watermarks.start_unwritten(now_ms);
        }
        self.watermarks.add_unwritten(group.memory());
        inner.jobs.push(Job::Frame(group));
        // Inside the lock and after the push: who reads `queued` knows that the group stands in the queue
        // before any job submitted from then on. The switch relies on it.
        self.watermarks.set_queued(seq);
        if seq >= inner.wake_at {
            self.wake_up(&mut inner);
        }
        true
    }

    /// Submits any other job. False after the stop: the job is dropped.
    pub fn push(&self, job: Job) -> bool {
        let mut inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            // A dropped switch reports its failure, which may take time and locks.
            drop(job);
            return false;
        }
        inner.closed = matches!(job, Job::Stop { .. });
        inner.jobs.push(job);
        self.wake_up(&mut inner);
        true
    }

    /// Has the writer take a step: a sync that it waits for has ended.
    pub(crate) fn nudge(&self) {
        let mut inner = self.inner.lock();
        inner.nudged = true;
        self.wake_up(&mut inner);
    }

    fn wake_up(&self, inner: &mut Inner) {
        if std::mem::take(&mut inner.sleeping) {
            self.wake.notify_one();
        }
    }

    /// Waits until groups up to `seq` are here, or any other job, or somebody hurries; at most for `limit`. True
    /// if the groups came.
    pub(crate) fn linger(&self, seq: u64, limit: Duration) -> bool {
        let mut inner = self.inner.lock();
        let others = inner.jobs.iter().any(|job| !matches!(job, Job::Frame(_)));
        if !others && !inner.hurry && self.watermarks.queued() < seq {
            inner.sleeping = true;
            inner.wake_at = seq;
            // Woken for nothing, it merely goes on too soon.
            let _ = self.wake.wait_for(&mut inner, limit);
            inner.sleeping = false;
            inner.wake_at = 0;
        }
        inner.hurry = false;
        self.watermarks.queued() >= seq
    }

    /// The event loop stands still for what is queued: whoever might come to share its sync can't.
    pub(crate) fn hurry(&self) {
        let mut inner = self.inner.lock();
        inner.hurry = true;
        if inner.wake_at > 0 {
            self.wake_up(&mut inner);
        }
    }

    /// Moves all jobs to `out`, which must be empty, after waiting for one until `timeout`. The result is
    /// when the oldest group among them was submitted.
    pub fn take(&self, out: &mut Vec<Job>, timeout: Duration) -> Option<u64> {
        let mut inner = self.inner.lock();
        if inner.jobs.is_empty() && !inner.nudged && !timeout.is_zero() {
            inner.sleeping = true;
            // A spurious or late wake-up is harmless: the writer looks at its own times and comes again.
            let _ = self.wake.wait_for(&mut inner, timeout);
            inner.sleeping = false;
        }
        inner.nudged = false;
        std::mem::swap(&mut inner.jobs, out);
        inner.oldest_ms.take()
    }

    /// Publishes since when the oldest unwritten group waits: `kept`, if the writer still holds one, or the
    /// oldest in the queue.
    pub(crate) fn publish_unwritten_since(&self, kept: Option<u64>) {
        let inner = self.inner.lock();
        self.watermarks.set_unwritten_since(kept.or(inner.oldest_ms));
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::log::clock::Clock;

    /// Far beyond any test.
    const FOR_EVER: Duration = Duration::from_secs(1000);

    fn queue() -> JobQueue {
        JobQueue::new(Arc::new(Watermarks::new(Clock::default(), 0, 0)))
    }

    fn group(seq: u64) -> Arc<Group> {
        Arc::new(Group::new(seq, 1, 0, vec![0; 8]))
    }

    /// Lingers for seq 3 while `meanwhile` runs.
    fn lingered(meanwhile: impl FnOnce(&JobQueue)) -> bool {
        let queue = queue();
        queue.submit(group(1));
        thread::scope(|scope| {
            let lingering = scope.spawn(|| queue.linger(3, FOR_EVER));
            while queue.inner.lock().wake_at == 0 {
                thread::yield_now();
            }
            queue.submit(group(2));
            assert!(queue.inner.lock().sleeping, "one is not enough");
            meanwhile(&queue);
            lingering.join().unwrap()
        })
    }

    #[test]
    fn lingering_ends_when_all_have_come() {
        assert!(lingered(|queue| assert!(queue.submit(group(3)))));
    }

    #[test]
    fn lingering_ends_for_any_other_job_and_for_who_stands_still() {
        assert!(!lingered(|queue| assert!(queue.push(Job::Sync))));
        assert!(!lingered(JobQueue::hurry));
    }

    #[test]
    fn nobody_lingers_with_all_there_or_behind_who_stands_still() {
        let queue = queue();
        queue.submit(group(1));
        assert!(queue.linger(1, FOR_EVER));
        queue.hurry();
        assert!(!queue.linger(2, FOR_EVER));
        queue.push(Job::Sync);
        assert!(!queue.linger(2, FOR_EVER));
    }
}
