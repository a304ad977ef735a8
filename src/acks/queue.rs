//! The gated clients, in the order in which their seqs become durable.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

/// What a client waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gated {
    /// The last seq.
    pub(super) seq: u64,
    pub(super) since: Instant,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Each client once, in order of the seqs for which the clients were queued first, or again once that seq was durable.
    order: VecDeque<(u64, u64)>,
    /// What each client waits for, by its id.
    clients: HashMap<u64, Gated>,
}

impl Queue {
    /// A client waits for `seq`, beside what it waits for already. True if it waited for nothing before.
    pub(super) fn add(&mut self, id: u64, seq: u64) -> bool {
        if let Some(gated) = self.clients.get_mut(&id) {
            gated.seq = seq.max(gated.seq);
            return false;
        }
        let since = Instant::now();
        self.clients.insert(id, Gated { seq, since });
        self.enqueue(id, seq);
        true
    }

    /// A reader may wait for a lower seq than the clients before it, and must not wait for theirs.
    fn enqueue(&mut self, id: u64, seq: u64) {
        let place = self.order.iter().rposition(|(earlier, _)| *earlier <= seq);
        self.order.insert(place.map_or(0, |place| place + 1), (seq, id));
    }

    /// Removes clients, in one pass however many they are.
    pub(super) fn forget(&mut self, gone: &HashSet<u64>) {
        self.clients.retain(|id, _| !gone.contains(id));
        self.order.retain(|(_, id)| !gone.contains(id));
    }

    /// Removes all clients, and returns them.
    pub(super) fn drain(&mut self) -> Vec<u64> {
        self.order.clear();
        self.clients.drain().map(|(id, _)| id).collect()
    }

    /// The lowest seq that a client waits for.
    pub(super) fn least(&self) -> Option<u64> {
        self.order.front().map(|(seq, _)| *seq)
    }

    /// The highest seq that a client waits for.
    pub(super) fn last(&self) -> Option<u64> {
        self.clients.values().map(|gated| gated.seq).max()
    }

    /// When the client was gated that has waited longest.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.clients.values().map(|gated| gated.since).min()
    }

    /// The ids of all clients.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.clients.keys().copied()
    }

    /// How many clients wait.
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// True if the client waits.
    pub(super) fn contains(&self, id: u64) -> bool {
        self.clients.contains_key(&id)
    }

    /// How many clients are queued for no more than `reached`. Some of them may wait for a higher seq by now.
    pub(super) fn due(&self, reached: u64) -> usize {
        self.order.partition_point(|(seq, _)| *seq <= reached)
    }

    /// Removes and returns a client that waits for no more than `reached`.
    pub(super) fn next_due(&mut self, reached: u64) -> Option<(u64, Gated)> {
        while self.order.front().is_some_and(|(seq, _)| *seq <= reached) {
            let (_, id) = self.order.pop_front()?;
            match self.clients.get(&id) {
                Some(gated) if gated.seq > reached => self.enqueue(id, gated.seq),
                _ => {
                    if let Some(gated) = self.clients.remove(&id) {
                        return Some((id, gated));
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(queue: &mut Queue, reached: u64) -> Option<u64> {
        queue.next_due(reached).map(|(id, _)| id)
    }

    #[test]
    fn a_client_is_released_after_the_last_seq_that_it_waits_for() {
        let mut queue = Queue::default();
        assert!(queue.add(7, 10));
        assert!(queue.add(8, 11));
        assert!(!queue.add(7, 12));
        assert!(queue.add(9, 4));
        assert_eq!((queue.least(), queue.last()), (Some(4), Some(12)));
        assert_eq!(next(&mut queue, 3), None);
        assert_eq!(next(&mut queue, 10), Some(9));
        assert_eq!(next(&mut queue, 10), None);
        assert_eq!(next(&mut queue, 11), Some(8));
        assert_eq!(next(&mut queue, 11), None);
        assert!(!queue.add(7, 11));
        assert_eq!(next(&mut queue, u64::MAX), Some(7));
        assert_eq!(next(&mut queue, u64::MAX), None);
        assert!(queue.len() == 0 && queue.least().is_none());
    }

    #[test]
    fn a_forgotten_client_is_neither_due_nor_waited_for() {
        let mut queue = Queue::default();
        for id in 1..=4 {
            queue.add(id, 10 * id);
        }
        queue.forget(&HashSet::from([1, 3]));
        assert_eq!((queue.len(), queue.least(), queue.due(40)), (2, Some(20), 2));
        assert!(!queue.contains(1) && queue.contains(2));
        assert_eq!(next(&mut queue, 40), Some(2));
        let mut rest = queue.drain();
        rest.sort_unstable();
        assert_eq!((rest, queue.least()), (vec![4], None));
    }
}
