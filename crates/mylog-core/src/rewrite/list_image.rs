//! What of a large list the file has: a run of the elements that are there now, and some at both ends that have
//! left. So what is pushed and popped at the ends of a list of millions costs those elements.

use std::ops::Range;

use crate::effect::{Change, Db};
use crate::store::Entry;
use crate::value::{Kind, List, Side};
use crate::varint::{put, put_bytes};

/// The list in the file, beside the list as it is. The list is `new_head` elements, `kept` ones, and the rest;
/// the file has `cut_head` elements, the kept ones, and `cut_tail` elements. What is not written yet of a list is
/// such a rest too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ListImage {
    cut_head: usize,
    cut_tail: usize,
    new_head: usize,
    kept: usize,
}

impl ListImage {
    /// A change is going to be made to the list, which has so many elements. False if the file's list is of no use
    /// after that: it has nothing in common with this one, or something in its middle differs.
    pub(super) fn touch(&mut self, change: &Change<'_>, len: usize) -> bool {
        let small = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        match change {
            Change::ListPush {
                side: Side::Head,
                elements,
            } => self.new_head += elements.len(),
            Change::ListPush { .. } | Change::Expire { .. } => {}
            Change::ListPop {
                side: Side::Head,
                count,
            } => return self.remove(0, small(*count)),
            Change::ListPop { count, .. } => {
                let count = small(*count).min(len);
                return self.remove(len - count, count);
            }
            Change::ListRemove { start, count } => return self.remove(small(*start), small(*count)),
            Change::ListRemoveAt { indexes } => {
                let mut runs = indexes.chunk_by(|a, b| a + 1 == *b).rev();
                return runs.all(|run| {
                    let first = run.first().copied().unwrap_or_default();
                    self.remove(small(first), run.len())
                });
            }
            Change::ListSet { index, .. } => return !self.common().contains(&small(*index)),
            Change::ListInsert { index, .. } => {
                if small(*index) <= self.new_head {
                    self.new_head += 1;
                } else {
                    return small(*index) >= self.common().end;
                }
            }
            _ => return false,
        }
        true
    }

    /// The elements that the file has as well.
    fn common(&self) -> Range<usize> {
        self.new_head..self.new_head + self.kept
    }

    fn remove(&mut self, start: usize, count: usize) -> bool {
        let end = start.saturating_add(count);
        let common = self.common();
        let (from, to) = (start.max(common.start), end.min(common.end));
        if from < to {
            if from == common.start {
                self.cut_head += to - from;
            } else if to == common.end {
                self.cut_tail += to - from;
            } else {
                return false;
            }
            self.kept -= to - from;
        }
        self.new_head -= end.min(self.new_head) - start.min(self.new_head);
        self.kept > 0
    }

    /// About how many bytes of records are missing.
    pub(super) fn pending_bytes(&self, list: &List) -> u64 {
        let element = list.data_bytes() / list.len().max(1) + 1;
        let missing = list.len().saturating_sub(self.kept) * element;
        let cut = if self.cut_head + self.cut_tail > 0 { 16 } else { 0 };
        (missing + cut) as u64
    }

    /// Appends the first record, of elements of about `part` bytes.
    pub(super) fn begin(db: Db, entry: Entry<'_>, list: &List, part: usize, record: &mut Vec<u8>) -> Self {
        let elements = take(list.iter(), list.len(), part);
        let mut body = Vec::new();
        put(&mut body, elements.len() as u64);
        elements.iter().for_each(|element| put_bytes(&mut body, element));
        let (expire_at, kind, body) = (entry.expire_at(), Kind::List, &*body);
        Change::Put {
            expire_at,
            kind,
            body,
        }
        .of(db, entry.key())
        .encode(record);
        Self {
            kept: elements.len(),
            ..Self::default()
        }
    }

    /// Appends the next record, or nothing if there was nothing left: first what has left at the ends, so that
    /// what comes goes to the kept ones, of which there is one at least.
    pub(super) fn next(&mut self, db: Db, key: &[u8], list: &List, part: usize, record: &mut Vec<u8>) {
        for (side, cut) in [(Side::Head, &mut self.cut_head), (Side::Tail, &mut self.cut_tail)] {
            if *cut > 0 {
                let count = std::mem::take(cut) as u64;
                return Change::ListPop { side, count }.of(db, key).encode(record);
            }
        }
        let (side, elements) = match self.new_head.checked_sub(1) {
            Some(last) => (Side::Head, take(list.iter_from(last, true), self.new_head, part)),
            None => {
                let left = list.len().saturating_sub(self.kept);
                (Side::Tail, take(list.iter_from(self.kept, false), left, part))
            }
        };
        if elements.is_empty() {
            return;
        }
        self.kept += elements.len();
        if side == Side::Head {
            self.new_head -= elements.len();
        }
        let elements = elements.into();
        Change::ListPush { side, elements }.of(db, key).encode(record);
    }

    /// True if the file has the list as it is.
    pub(super) fn is_whole(&self, list: &List) -> bool {
        self.cut_head + self.cut_tail + self.new_head == 0 && self.kept == list.len()
    }
}

/// The next elements, at most so many, of about so many bytes.
fn take<'a>(elements: impl Iterator<Item = &'a [u8]>, most: usize, part: usize) -> Vec<&'a [u8]> {
    let mut bytes = 0;
    let small = elements.take(most).take_while(|element| {
        let before = bytes;
        bytes += element.len() + 1;
        before < part
    });
    small.collect()
}
