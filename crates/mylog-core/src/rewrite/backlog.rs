//! The diff backlog: groups on their way to the child, bounded, and the residual that stays behind.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use super::wire::{GROUP_HEADER_BYTES, group_header};
use crate::group::Group;

/// Groups handed to one system call.
const BATCH: usize = 32;

/// The backlog grew past its limit: the child does not keep up, and the rewrite must be given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the child has not taken {bytes} bytes of diffs; mylog.rewrite-backlog-limit is {limit}")]
pub struct OverLimit {
    /// Bytes not taken.
    pub bytes: u64,
    /// The limit.
    pub limit: u64,
}

/// Groups that the child has not got yet, in order.
#[derive(Debug)]
pub struct Backlog {
    groups: VecDeque<Arc<Group>>,
    /// Bytes of the first group's message that are in the pipe. Always less than the whole message: a
    /// group that is in the pipe whole is not here any more.
    sent_of_first: usize,
    /// Last seq of the last group that is in the pipe whole, or the seq at the fork.
    sent_seq: u64,
    /// Sum of the messages' lengths.
    bytes: u64,
    peak: u64,
    /// Large groups that are in the pipe whole: if the writer has them behind it, dropping one gives it back.
    sent: Vec<Arc<Group>>,
}

/// A group of more payload than this is large.
const LARGE_GROUP: usize = 256 << 10;

fn message_len(group: &Group) -> usize {
    GROUP_HEADER_BYTES + group.payload().len()
}

impl Backlog {
    /// An empty backlog for a child whose copy has everything up to `fork_seq`.
    pub fn new(fork_seq: u64) -> Self {
        Self {
            groups: VecDeque::new(),
            sent_of_first: 0,
            sent_seq: fork_seq,
            bytes: 0,
            peak: 0,
            sent: Vec::new(),
        }
    }

    /// Large groups that were sent since the last call. To be dropped where nobody waits.
    pub fn take_sent(&mut self) -> Vec<Arc<Group>> {
        std::mem::take(&mut self.sent)
    }

    /// Adds a sealed group.
    pub fn push(&mut self, group: Arc<Group>, limit: u64) -> Result<(), OverLimit> {
        self.bytes += message_len(&group) as u64;
        self.peak = self.peak.max(self.bytes);
        self.groups.push_back(group);
        if self.bytes > limit {
            Err(OverLimit {
                bytes: self.bytes,
                limit,
            })
        } else {
            Ok(())
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Most bytes ever held.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// True with nothing left to send.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Hands the front of the backlog to `write` once, which says how many bytes the pipe took.
    pub fn send(&mut self, write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        let headers: Vec<_> = self
            .groups
            .iter()
            .take(BATCH)
            .map(|group| group_header(group))
            .collect();
        let mut slices = Vec::with_capacity(2 * headers.len());
        for (header, group) in headers.iter().zip(&self.groups) {
            slices.push(IoSlice::new(header));
            slices.push(IoSlice::new(group.payload()));
        }
        let mut rest = slices.as_mut_slice();
        IoSlice::advance_slices(&mut rest, self.sent_of_first);
        if rest.is_empty() {
            return Ok(0);
        }
        let took = write(rest)?;
        self.sent(took);
        Ok(took)
    }

    fn sent(&mut self, took: usize) {
        self.sent_of_first += took;
        while let Some(first) = self.groups.front() {
            let len = message_len(first);
            if self.sent_of_first < len {
                break;
            }
            self.sent_of_first -= len;
            self.sent_seq = first.last_seq();
            self.bytes -= len as u64;
            let sent = self.groups.pop_front();
            self.sent
                .extend(sent.filter(|group| group.payload().len() > LARGE_GROUP));
        }
    }

    /// Ends the stream: `H`, the last seq that the child has whole, and the residual behind it. A group of
    /// which only a part is in the pipe belongs to the residual: the child drops what is beyond `H`.
    pub fn stop(self) -> (u64, VecDeque<Arc<Group>>) {
        (self.sent_seq, self.groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::wire::{GroupReader, WireError};

    fn group(first_seq: u64, len: usize) -> Arc<Group> {
        Arc::new(Group::new(first_seq, 1, 0, vec![7; len]))
    }

    #[test]
    fn h_is_the_last_group_in_the_pipe_whole_at_every_cut() {
        let total = 3 * GROUP_HEADER_BYTES + 1 + 2 + 3;
        for cut in 0..=total {
            let mut backlog = Backlog::new(10);
            for (seq, len) in [(11, 1), (12, 2), (13, 3)] {
                backlog.push(group(seq, len), 1 << 20).unwrap();
            }
            let mut pipe = Vec::new();
            while pipe.len() < cut && !backlog.is_empty() {
                let step = (cut - pipe.len()).min(5);
                backlog
                    .send(|slices| {
                        pipe.extend(slices.iter().flat_map(|slice| slice.iter()).take(step));
                        Ok(step)
                    })
                    .unwrap();
            }
            let mut reader = GroupReader::new(11);
            reader.push(&pipe);
            while reader.next_group().unwrap().is_some() {}
            let (h, residual) = backlog.stop();
            assert_eq!(h, reader.taken(), "cut {cut}");
            assert_eq!(residual.len() as u64, 13 - h);
        }
    }

    #[test]
    fn a_backlog_past_its_limit_says_so() {
        let mut backlog = Backlog::new(0);
        assert_eq!(backlog.push(group(1, 68), 100), Ok(()));
        assert_eq!(
            backlog.push(group(2, 68), 100),
            Err(OverLimit {
                bytes: 200,
                limit: 100
            })
        );
        assert_eq!(backlog.peak(), 200);
    }

    #[test]
    fn a_lost_or_doubled_group_is_seen() {
        let bytes = |seq| {
            let group = group(seq, 4);
            [&group_header(&group)[..], group.payload()].concat()
        };
        let mut reader = GroupReader::new(5);
        reader.push(&bytes(6));
        assert_eq!(reader.next_group(), Err(WireError::Gap { want: 5, got: 6 }));
        let mut reader = GroupReader::new(6);
        let mut bad = bytes(6);
        *bad.last_mut().unwrap() ^= 1;
        reader.push(&bad);
        assert_eq!(reader.next_group(), Err(WireError::Garbage { want: 6 }));
    }
}
