//! What the writer tells the rest of the program: how far it is and how it fares. Atomics, written by the
//! writer and the submitting side, sampled by the event loop once a turn. Reading never waits for the disk.
//!
//! `durable <= written <= queued` holds for a reader that loads them in this order.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::clock::Clock;
use super::failure::{Healing, Health};
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
    healing: AtomicU8,
    peaks: Peaks,
    write_health: AtomicU64,
    fsync_health: AtomicU64,
    /// Why nothing becomes durable now.
    last_error: Mutex<Option<String>>,
    fsync_times: FsyncTimes,
    counters: Counters,
}

/// The most there was since the start. An age is noted when it ends, so that no stall between two looks is missed.
#[derive(Debug, Default)]
struct Peaks {
    unwritten_bytes: AtomicU64,
    unwritten_age_ms: AtomicU64,
    unsynced_age_ms: AtomicU64,
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
            healing: AtomicU8::new(Healing::NotNeeded.to_bits()),
            peaks: Peaks::default(),
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

    /// Bytes of memory that groups take which were submitted and are not in the file.
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

    /// True while everything submitted is on disk, which costs no look at the clock.
    pub fn nothing_waits(&self) -> bool {
        self.unwritten_since.load(Ordering::Relaxed) == 0 && self.unsynced_since.load(Ordering::Relaxed) == 0
    }

    /// The most that [`Watermarks::unwritten_bytes`] was since the start.
    pub fn unwritten_bytes_peak(&self) -> u64 {
        self.peaks.unwritten_bytes.load(Ordering::Relaxed)
    }

    /// The most that [`Watermarks::oldest_unwritten_age_ms`] was since the start.
    pub fn oldest_unwritten_age_peak_ms(&self) -> u64 {
        let peak = self.peaks.unwritten_age_ms.load(Ordering::Relaxed);
        peak.max(self.oldest_unwritten_age_ms())
    }

    /// The most that [`Watermarks::oldest_unsynced_age_ms`] was since the start.
    pub fn oldest_unsynced_age_peak_ms(&self) -> u64 {
        let peak = self.peaks.unsynced_age_ms.load(Ordering::Relaxed);
        peak.max(self.oldest_unsynced_age_ms())
            .max(self.oldest_unwritten_age_peak_ms())
    }

    /// Bytes that could still be written to the log's disk, as the writer saw it about a second ago; `u64::MAX`
    /// if it does not know.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Whether only a new file helps, and whether one can be made.
    pub fn healing(&self) -> Healing {
        Healing::from_bits(self.healing.load(Ordering::Acquire))
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

    /// Why nothing becomes durable; `None` while it does.
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
        let now = self.unwritten_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peaks.unwritten_bytes.fetch_max(now, Ordering::Relaxed);
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
        let was = self.unwritten_since.swap(ms.unwrap_or(0), Ordering::Relaxed);
        self.note_age(was, ms, &self.peaks.unwritten_age_ms);
    }

    pub(crate) fn set_unsynced_since(&self, ms: Option<u64>) {
        let was = self.unsynced_since.swap(ms.unwrap_or(0), Ordering::Relaxed);
        self.note_age(was, ms, &self.peaks.unsynced_age_ms);
    }

    /// What was oldest since `was` no longer waits: that was its age.
    fn note_age(&self, was: u64, now: Option<u64>, peak: &AtomicU64) {
        if was != 0 && now != Some(was) {
            let age = self.clock.steady_ms().saturating_sub(was);
            peak.fetch_max(age, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_free_bytes(&self, bytes: u64) {
        self.free_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_healing(&self, healing: Healing) {
        self.healing.store(healing.to_bits(), Ordering::Release);
    }

    pub(crate) fn set_health(&self, write: Health, fsync: Health) {
        self.write_health.store(write.to_bits(), Ordering::Release);
        self.fsync_health.store(fsync.to_bits(), Ordering::Release);
    }

    pub(crate) fn clear_last_error(&self) {
        *self.last_error.lock() = None;
    }

    pub(crate) fn set_last_error(&self, text: &str) {
        *self.last_error.lock() = Some(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_stall_that_nobody_looked_at_is_the_peak() {
        let clock = Clock::default();
        let marks = Watermarks::new(clock, 0, 0);
        marks.start_unwritten(1);
        marks.set_unsynced_since(Some(1));
        while clock.steady_ms() < 12 {
            std::thread::yield_now();
        }
        marks.set_unwritten_since(None);
        marks.set_unsynced_since(None);
        let peak = marks.oldest_unwritten_age_peak_ms();
        assert!(peak >= 11 && marks.oldest_unsynced_age_peak_ms() >= 11);
        assert_eq!(
            (marks.oldest_unwritten_age_ms(), marks.oldest_unsynced_age_ms()),
            (0, 0)
        );
        let now = clock.steady_ms();
        marks.start_unwritten(now);
        marks.set_unwritten_since(Some(now));
        marks.set_unwritten_since(None);
        assert!(marks.oldest_unwritten_age_peak_ms() >= peak);
    }
}
