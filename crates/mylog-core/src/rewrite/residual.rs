//! The groups that the new file still lacks: those after the last one that the child has. The event loop adds
//! to them until the switch, the catch-up thread and at last the writer take them out in order.
//!
//! Ordering 1. The event loop pushes a group here *before* it submits the same group to the writer. The
//! writer, when it goes over to the new file, takes from here all that it has ever dequeued. A group that it
//! had dequeued, but that was not here yet, would stand in the old file alone: acknowledged, and lost with
//! that file.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::group::Group;

/// Groups on their way into the new file, in seq order without a gap.
#[derive(Debug, Default)]
pub struct Residual {
    inner: Mutex<Inner>,
    gauge: Arc<Gauge>,
}

#[derive(Debug, Default)]
struct Inner {
    groups: VecDeque<Arc<Group>>,
    /// Payload bytes of `groups`.
    bytes: u64,
    /// Set when nothing more is taken; what is pushed then is dropped.
    closed: bool,
}

#[derive(Debug, Default)]
struct Gauge {
    held: AtomicU64,
    peak: AtomicU64,
}

impl Gauge {
    fn add(&self, bytes: u64) {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(held, Ordering::Relaxed);
    }
}

/// Groups taken out; they count as held until this is dropped.
#[derive(Debug)]
pub struct Slice {
    groups: Vec<Arc<Group>>,
    bytes: u64,
    gauge: Arc<Gauge>,
}

impl Slice {
    /// The groups, in seq order.
    pub fn groups(&self) -> &[Arc<Group>] {
        &self.groups
    }

    /// Their payload bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Slice {
    fn drop(&mut self) {
        self.gauge.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Residual {
    /// What the parent had not sent to the child when it stopped sending.
    pub fn new(groups: impl IntoIterator<Item = Arc<Group>>) -> Self {
        let residual = Self::default();
        for group in groups {
            residual.push(group);
        }
        residual
    }

    /// Adds the next group. Before the same group is submitted to the writer: see ordering 1 above. False
    /// once the residual is closed.
    pub fn push(&self, group: Arc<Group>) -> bool {
        let mut inner = self.inner.lock();
        if inner.closed {
            return false;
        }
        let bytes = group.payload().len() as u64;
        inner.bytes += bytes;
        inner.groups.push_back(group);
        self.gauge.add(bytes);
        true
    }

    /// Takes out all groups up to `seq`.
    pub fn take_through(&self, seq: u64) -> Slice {
        self.take(seq, u64::MAX)
    }

    /// Takes out the first groups up to `seq`: until they make up `bytes`, or there are no more.
    pub fn take(&self, seq: u64, bytes: u64) -> Slice {
        let mut inner = self.inner.lock();
        let mut taken = 0;
        let wanted = |group: &&Arc<Group>| {
            let wanted = taken < bytes && group.last_seq() <= seq;
            taken += group.payload().len() as u64;
            wanted
        };
        let count = inner.groups.iter().take_while(wanted).count();
        let groups: Vec<_> = inner.groups.drain(..count).collect();
        let bytes = groups.iter().map(|group| group.payload().len() as u64).sum();
        inner.bytes -= bytes;
        Slice {
            groups,
            bytes,
            gauge: Arc::clone(&self.gauge),
        }
    }

    /// Drops what is left, and what is pushed from now on.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        self.gauge
            .held
            .fetch_sub(std::mem::take(&mut inner.bytes), Ordering::Relaxed);
        let rest = std::mem::take(&mut inner.groups);
        drop(inner);
        // Outside the lock: freeing many groups takes long, and the event loop may be at the door.
        drop(rest);
    }

    /// Payload bytes not yet taken out.
    pub fn waiting_bytes(&self) -> u64 {
        self.inner.lock().bytes
    }

    /// Payload bytes that are held in memory, taken out or not.
    pub fn held_bytes(&self) -> u64 {
        self.gauge.held.load(Ordering::Relaxed)
    }

    /// The most that was ever held.
    pub fn peak_bytes(&self) -> u64 {
        self.gauge.peak.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(first_seq: u64, count: u32) -> Arc<Group> {
        Arc::new(Group::new(first_seq, count, 7, vec![b'x'; 10]))
    }

    #[test]
    fn as_many_bytes_are_taken_as_wanted_and_the_rest_of_the_last_group() {
        let residual = Residual::new([group(1, 1), group(2, 1), group(3, 1)]);
        let seqs = |slice: &Slice| {
            slice
                .groups()
                .iter()
                .map(|group| group.last_seq())
                .collect::<Vec<_>>()
        };
        assert_eq!(seqs(&residual.take(3, 1)), [1]);
        assert_eq!(seqs(&residual.take(2, 100)), [2]);
        assert_eq!(seqs(&residual.take(2, 100)), []);
        assert_eq!(residual.waiting_bytes(), 10);
        assert_eq!(seqs(&residual.take(3, 10)), [3]);
    }

    #[test]
    fn groups_are_taken_whole_and_in_order() {
        let residual = Residual::new([group(5, 2), group(7, 3), group(10, 1)]);
        let slice = residual.take_through(8);
        assert_eq!(slice.groups(), [group(5, 2)]);
        assert_eq!(residual.take_through(10).groups(), [group(7, 3), group(10, 1)]);
        assert!(residual.take_through(99).groups().is_empty());
    }

    #[test]
    fn a_slice_counts_as_held_until_it_is_dropped() {
        let residual = Residual::new([group(1, 1), group(2, 1)]);
        let slice = residual.take_through(1);
        assert_eq!((residual.waiting_bytes(), residual.held_bytes()), (10, 20));
        drop(slice);
        assert_eq!((residual.held_bytes(), residual.peak_bytes()), (10, 20));
    }

    #[test]
    fn nothing_is_held_after_the_close() {
        let residual = Residual::new([group(1, 1)]);
        residual.close();
        assert!(!residual.push(group(2, 1)));
        assert_eq!((residual.held_bytes(), residual.waiting_bytes()), (0, 0));
    }
}
