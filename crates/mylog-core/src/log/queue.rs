//! What the event loop hands to the writer, in order. Submitting costs one short lock, and a wake-up only if
//! the writer sleeps: a busy writer looks again by itself. It must never hold its lock across I/O.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::linger::Patience;
use super::policy::FsyncPolicy;
use super::successor_slot::Successor;
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

/// What is known of the jobs that were taken.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// When the oldest group among them was submitted.
    pub oldest_ms: Option<u64>,
    /// Clients that wait for them.
    pub clients: u64,
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
    /// Clients that wait for the groups of `jobs`.
    clients: u64,
    /// Those of them that were here before the last sync let others go.
    before: u64,
    /// With fewer of them it is not woken: it waits for more.
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

    /// Submits a group that nobody waits for. False after the stop.
    pub fn submit(&self, group: Arc<Group>) -> bool {
        self.submit_for(group, 0)
    }

    /// Submits a group that so many clients wait for; groups come in seq order, from one thread. False after the stop.
    ///
    /// While a rewrite runs the group goes to its residual first, see [`crate::rewrite::residual`].
    pub fn submit_for(&self, group: Arc<Group>, clients: u64) -> bool {
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
        inner.clients += clients;
        if inner.clients >= inner.wake_at {
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

    /// Clients are about to be let go: whoever comes from now on may be one of them.
    pub(crate) fn clients_leave(&self) {
        let mut inner = self.inner.lock();
        inner.before = inner.clients;
    }

    /// Clients that were here before others were let go.
    pub(crate) fn clients_before(&self) -> u64 {
        self.inner.lock().before
    }

    /// Waits until so many clients have come since others were let go, or any other job, or somebody hurries, or patience is at its
    /// end. How many came.
    pub(crate) fn linger(&self, clients: u64, patience: Patience) -> u64 {
        let mut inner = self.inner.lock();
        let all = inner.before + clients;
        let others = inner.jobs.iter().any(|job| !matches!(job, Job::Frame(_)));
        let end = Instant::now() + patience.limit;
        let mut seen = None;
        while !others && !inner.hurry && inner.clients < all && seen != Some(inner.clients) {
            seen = Some(inner.clients);
            inner.sleeping = true;
            inner.wake_at = all;
            let until = (Instant::now() + patience.quiet).min(end);
            // Woken it goes on, whatever for.
            let woken = !self.wake.wait_until(&mut inner, until).timed_out();
            inner.sleeping = false;
            inner.wake_at = 0;
            if woken || until == end {
                break;
            }
        }
        inner.hurry = false;
        inner.clients.saturating_sub(inner.before)
    }

    /// The event loop stands still for what is queued: whoever might come to share its sync can't.
    pub(crate) fn hurry(&self) {
        let mut inner = self.inner.lock();
        inner.hurry = true;
        if inner.wake_at > 0 {
            self.wake_up(&mut inner);
        }
    }

    /// Moves all jobs to `out`, which must be empty, after waiting for one until `timeout`.
    pub fn take(&self, out: &mut Vec<Job>, timeout: Duration) -> Taken {
        let mut inner = self.inner.lock();
        if inner.jobs.is_empty() && !inner.nudged && !timeout.is_zero() {
            inner.sleeping = true;
            // A spurious or late wake-up is harmless: the writer looks at its own times and comes again.
            let _ = self.wake.wait_for(&mut inner, timeout);
            inner.sleeping = false;
        }
        inner.nudged = false;
        std::mem::swap(&mut inner.jobs, out);
        inner.before = 0;
        Taken {
            oldest_ms: inner.oldest_ms.take(),
            clients: std::mem::take(&mut inner.clients),
        }
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
    const LONG: Duration = Duration::from_secs(1000);
    const FOR_EVER: Patience = Patience {
        limit: LONG,
        quiet: LONG,
    };

    fn queue() -> JobQueue {
        JobQueue::new(Arc::new(Watermarks::new(Clock::default(), 0, 0)))
    }

    fn group(seq: u64) -> Arc<Group> {
        Arc::new(Group::new(seq, 1, 0, vec![0; 8]))
    }

    /// Lingers for two clients while `meanwhile` runs.
    fn lingered(meanwhile: impl FnOnce(&JobQueue)) -> u64 {
        let queue = queue();
        queue.submit_for(group(1), 5);
        queue.clients_leave();
        thread::scope(|scope| {
            let lingering = scope.spawn(|| queue.linger(2, FOR_EVER));
            while queue.inner.lock().wake_at == 0 {
                thread::yield_now();
            }
            queue.submit_for(group(2), 1);
            assert!(queue.inner.lock().sleeping, "one is not enough");
            meanwhile(&queue);
            lingering.join().unwrap()
        })
    }

    #[test]
    fn lingering_ends_when_all_have_come() {
        assert_eq!(lingered(|queue| assert!(queue.submit_for(group(3), 1))), 2);
    }

    #[test]
    fn lingering_ends_for_any_other_job_and_for_who_stands_still() {
        assert_eq!(lingered(|queue| assert!(queue.push(Job::Sync))), 1);
        assert_eq!(lingered(JobQueue::hurry), 1);
    }

    #[test]
    fn nobody_lingers_with_all_there_or_behind_who_stands_still() {
        let queue = queue();
        // Some of those who were let go are back before it lingers.
        queue.clients_leave();
        queue.submit_for(group(1), 1);
        assert_eq!(queue.linger(1, FOR_EVER), 1);
        queue.hurry();
        assert_eq!(queue.linger(2, FOR_EVER), 1);
        queue.push(Job::Sync);
        assert_eq!(queue.linger(2, FOR_EVER), 1);
    }

    #[test]
    fn lingering_ends_when_nobody_comes_any_more_or_it_takes_too_long() {
        let short = Duration::from_millis(2);
        for (limit, quiet) in [(LONG, short), (short, LONG)] {
            let queue = queue();
            queue.submit_for(group(1), 1);
            assert_eq!(queue.linger(2, Patience { limit, quiet }), 1);
        }
    }
}
