//! What the writer tells the rest of the program: how far it is and how it fares. Atomics, written by the
//! writer and the submitting side, sampled by the event loop once a turn. Reading never waits for the disk.
//!
//! `durable <= written <= queued` holds for a reader that loads them in this order.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::clock::Clock;
use super::failure::Health;
use super::fsync_times::FsyncTimes;

/// The published state of a log.
#[derive(Debug)]
pub struct Watermarks {
    clock: Clock,
    /// Last seq submitted; `>= written`.
    queued: AtomicU64,
    /// Last seq in the file; `>= durable`.
    written: AtomicU64,
    /// Last seq that is on disk, in the file that has the live name.
    durable: AtomicU64,
    current_size: AtomicU64,
    unwritten_bytes: AtomicU64,
    /// Steady ms of the submission of the oldest group that is not in the file; 0 if all are.
    unwritten_since: AtomicU64,
    /// Steady ms of the write of the oldest group that is not on disk; 0 if all written ones are.
    unsynced_since: AtomicU64,
    /// Bytes free on the log's disk, at most a second ago while the writer is not held up; `u64::MAX` unknown.
    free_bytes: AtomicU64,
    write_health: AtomicU64,
    fsync_health: AtomicU64,
    /// Kept after a recovery, as the last error there was.
    last_error: Mutex<Option<String>>,
    fsync_times: FsyncTimes,
    counters: Counters,
}

/// How often things happened since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Appends, each of any number of groups.
    pub appends: AtomicU64,
    /// Groups appended.
    pub groups: AtomicU64,
    /// Syncs that succeeded.
    pub fsyncs: AtomicU64,
    /// Vouching frames.
    pub vouches: AtomicU64,
    /// Writes that failed.
    pub write_failures: AtomicU64,
    /// Switches to a new file.
    pub switches: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

impl Watermarks {
    /// The state of a log of `size` bytes whose last seq is `seq`, all of it on disk.
    pub fn new(clock: Clock, seq: u64, size: u64) -> Self {
        Self {
            clock,
            queued: AtomicU64::new(seq),
            written: AtomicU64::new(seq),
            durable: AtomicU64::new(seq),
            current_size: AtomicU64::new(size),
            unwritten_bytes: AtomicU64::new(0),
            unwritten_since: AtomicU64::new(0),
            unsynced_since: AtomicU64::new(0),
            free_bytes: AtomicU64::new(u64::MAX),
            write_health: AtomicU64::new(Health::Ok.to_bits()),
            fsync_health: AtomicU64::new(Health::Ok.to_bits()),
            last_error: Mutex::new(None),
            fsync_times: FsyncTimes::default(),
            counters: Counters::default(),
        }
    }

    /// The clock that the ages are counted with.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Last seq submitted.
    pub fn queued(&self) -> u64 {
        self.queued.load(Ordering::Acquire)
    }

    /// Last seq in the file.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Last seq on disk.
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Bytes of the live file.
    pub fn current_size(&self) -> u64 {
        self.current_size.load(Ordering::Relaxed)
    }

    /// Payload bytes submitted that are not in the file.
    pub fn unwritten_bytes(&self) -> u64 {
        self.unwritten_bytes.load(Ordering::Relaxed)
    }

    /// Age in ms of the oldest group that is not in the file; 0 if all are.
    pub fn oldest_unwritten_age_ms(&self) -> u64 {
        self.age(&self.unwritten_since)
    }

    /// Age in ms of the oldest group that is not on disk, written or not; 0 if all are.
    pub fn oldest_unsynced_age_ms(&self) -> u64 {
        self.age(&self.unsynced_since).max(self.oldest_unwritten_age_ms())
    }

    /// Bytes that could still be written to the log's disk, as the writer saw it about a second ago; `u64::MAX`
    /// if it does not know.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// How writing fares.
    pub fn write_health(&self) -> Health {
        Health::from_bits(self.write_health.load(Ordering::Acquire))
    }

    /// How syncing fares.
    pub fn fsync_health(&self) -> Health {
        Health::from_bits(self.fsync_health.load(Ordering::Acquire))
    }

    /// True while nothing new becomes durable: durable writes are to be refused.
    pub fn is_down(&self) -> bool {
        self.write_health() != Health::Ok || self.fsync_health() != Health::Ok
    }

    /// The last error there was, also after a recovery.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().clone()
    }

    /// How long syncs take.
    pub fn fsync_times(&self) -> &FsyncTimes {
        &self.fsync_times
    }

    /// How often things happened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn age(&self, since: &AtomicU64) -> u64 {
        match since.load(Ordering::Relaxed) {
            0 => 0,
            since => self.clock.steady_ms().saturating_sub(since),
        }
    }

    pub(crate) fn set_queued(&self, seq: u64) {
        self.queued.store(seq, Ordering::Release);
    }

    pub(crate) fn set_written(&self, seq: u64, size: u64) {
        self.current_size.store(size, Ordering::Relaxed);
        self.written.store(seq, Ordering::Release);
    }

    pub(crate) fn set_durable(&self, seq: u64) {
        self.durable.store(seq, Ordering::Release);
    }

    pub(crate) fn add_unwritten(&self, bytes: u64) {
        self.unwritten_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn sub_unwritten(&self, bytes: u64) {
        self.unwritten_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Dates the oldest unwritten group, unless an older one still waits.
    pub(crate) fn start_unwritten(&self, ms: u64) {
        let _ = self
            .unwritten_since
            .compare_exchange(0, ms, Ordering::Relaxed, Ordering::Relaxed);
    }

    pub(crate) fn set_unwritten_since(&self, ms: Option<u64>) {
        self.unwritten_since.store(ms.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn set_unsynced_since(&self, ms: Option<u64>) {
        self.unsynced_since.store(ms.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn set_free_bytes(&self, bytes: u64) {
        self.free_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_health(&self, write: Health, fsync: Health) {
        self.write_health.store(write.to_bits(), Ordering::Release);
        self.fsync_health.store(fsync.to_bits(), Ordering::Release);
    }

    pub(crate) fn set_last_error(&self, text: &str) {
        *self.last_error.lock() = Some(text.to_owned());
    }
}
