//! The walk over the elements of a packed block, from either end.

use super::element::{next_place, place_before, take_first, take_last};

/// Elements by twos, from both ends: names with what belongs to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs<'a>(pub(super) Iter<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.left / 2, Some(self.0.left / 2))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let second = self.0.next_back()?;
        Some((self.0.next_back()?, second))
    }
}

/// The elements of a block, from both ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Iter<'a> {
    pub(super) rest: &'a [u8],
    pub(super) left: usize,
}

impl Iter<'_> {
    fn skip_elements(&mut self, count: usize) {
        let count = count.min(self.left);
        self.left -= count;
        let end = (0..count).try_fold(0, |at, _| next_place(self.rest, at));
        self.rest = end.and_then(|end| self.rest.get(end..)).unwrap_or_default();
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (element, rest) = take_first(self.rest)?;
        self.rest = rest;
        Some(element)
    }

    fn nth(&mut self, n: usize) -> Option<&'a [u8]> {
        self.skip_elements(n);
        self.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    fn next_back(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (element, rest) = take_last(self.rest)?;
        self.rest = rest;
        Some(element)
    }

    fn nth_back(&mut self, n: usize) -> Option<&'a [u8]> {
        let n = n.min(self.left);
        self.left -= n;
        let end = (0..n).try_fold(self.rest.len(), |end, _| place_before(self.rest, end));
        self.rest = end.and_then(|end| self.rest.get(..end)).unwrap_or_default();
        self.next_back()
    }
}

impl ExactSizeIterator for Iter<'_> {}
