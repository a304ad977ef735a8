//! Elements packed into one block of memory: what a small value is, and a node of a list. An element costs two
//! bytes beside its own, as in Redis' listpack.
//!
//! Layout: the number of elements in two bytes, then each element with its length before it and, written
//! backwards, behind it, so that it can be walked from both ends.

use crate::effect::varint;

/// Bytes of the number of elements.
pub(super) const COUNT: usize = 2;

/// Elements in one block. An empty one takes no memory. It holds fewer than 2^16 of them: whoever fills it keeps
/// to far lower limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packed(Box<[u8]>);

/// True if no name comes twice.
pub(super) fn are_distinct<'a>(names: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut names: Vec<&[u8]> = names.collect();
    names.sort_unstable();
    names.windows(2).all(|pair| pair.first() != pair.last())
}

/// Takes all the items of a body, which are not none, and nothing else is behind them.
pub(super) fn take_items<'a, T>(
    mut body: &'a [u8],
    mut one: impl FnMut(&mut &'a [u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let count = usize::try_from(varint::take(&mut body)?).ok()?;
    // An item takes a byte at least: a false count is not believed.
    if count == 0 || count > body.len() {
        return None;
    }
    let items: Option<Vec<T>> = (0..count).map(|_| one(&mut body)).collect();
    items.filter(|_| body.is_empty())
}

/// What an element of `len` bytes takes.
pub(super) fn room(len: usize) -> usize {
    len + 2 * varint::len(len as u64)
}

fn put(block: &mut Vec<u8>, element: &[u8]) {
    varint::put_bytes(block, element);
    if element.len() < 0x80 {
        return block.push(element.len() as u8);
    }
    let from = block.len();
    varint::put(block, element.len() as u64);
    if let Some(behind) = block.get_mut(from..) {
        behind.reverse();
    }
}

/// Splits the first element off.
fn take_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    // Nearly all are short: a node is walked over hundreds of them.
    if first < 0x80 {
        let (element, rest) = rest.split_at_checked(usize::from(first))?;
        return Some((element, rest.get(1..)?));
    }
    rest = bytes;
    let len = varint::take(&mut rest)? as usize;
    let (element, rest) = rest.split_at_checked(len)?;
    Some((element, rest.get(varint::len(len as u64)..)?))
}

/// Where the element behind the one at `at` begins.
#[inline]
fn next_place(bytes: &[u8], at: usize) -> Option<usize> {
    match *bytes.get(at)? {
        short @ 0..0x80 => Some(at + usize::from(short) + 2),
        _ => behind_long(bytes, at),
    }
}

/// Not in line: it would take the registers of the loop that passes the short ones.
#[cold]
#[inline(never)]
fn behind_long(bytes: &[u8], at: usize) -> Option<usize> {
    let (_, rest) = take_first(bytes.get(at..)?)?;
    Some(bytes.len() - rest.len())
}

/// Where the element that ends at `end` begins.
#[inline]
fn place_before(bytes: &[u8], end: usize) -> Option<usize> {
    match *bytes.get(end.checked_sub(1)?)? {
        short @ 0..0x80 => end.checked_sub(usize::from(short) + 2),
        _ => take_last(bytes.get(..end)?).map(|(_, rest)| rest.len()),
    }
}

/// True if this is what the element takes in a block where one of its length is.
#[inline]
fn holds(block: &[u8], range: std::ops::Range<usize>, element: &[u8]) -> bool {
    let head = varint::len(element.len() as u64);
    let held = block
        .get(range.start + head..range.end - head)
        .unwrap_or_default();
    // Names in a value often begin alike and differ at the end: most are told apart without a call.
    held.last() == element.last() && held == element
}

/// Splits the last element off; what is before it comes second.
fn take_last(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&last, rest) = bytes.split_last()?;
    if last < 0x80 {
        let (rest, element) = rest.split_at_checked(rest.len().checked_sub(usize::from(last))?)?;
        return Some((element, rest.get(..rest.len().checked_sub(1)?)?));
    }
    let (mut len, mut shift, mut rest) = (0, 0, bytes);
    loop {
        let (&byte, before) = rest.split_last()?;
        rest = before;
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    let (rest, element) = rest.split_at_checked(rest.len().checked_sub(len)?)?;
    let rest = rest.get(..rest.len().checked_sub(varint::len(len as u64))?)?;
    Some((element, rest))
}

impl Packed {
    /// One block of all these elements.
    pub(super) fn of<'a>(elements: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let bytes: usize = elements.clone().map(|element| room(element.len())).sum();
        let mut block = Vec::with_capacity(COUNT + bytes);
        block.extend_from_slice(&[0; COUNT]);
        let mut count = 0;
        for element in elements {
            put(&mut block, element);
            count += 1;
        }
        Self::finish(block, count)
    }

    /// The block with its number of elements.
    fn finish(mut block: Vec<u8>, count: usize) -> Self {
        if count == 0 {
            return Self::default();
        }
        for (to, from) in block.iter_mut().zip((count as u16).to_le_bytes()) {
            *to = from;
        }
        Self(block.into_boxed_slice())
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        match self.0.first_chunk() {
            Some(&count) => usize::from(u16::from_le_bytes(count)),
            None => 0,
        }
    }

    /// Bytes of the block.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Bytes of the elements alone, if none is longer than 127.
    pub(super) fn data_bytes(&self) -> usize {
        self.0.len().saturating_sub(COUNT + 2 * self.len())
    }

    /// The elements, from both ends.
    pub(super) fn iter(&self) -> Iter<'_> {
        Iter {
            rest: self.0.get(COUNT..).unwrap_or_default(),
            left: self.len(),
        }
    }

    /// The elements from one on, as many as there are before `to`.
    pub(super) fn range(&self, from: usize, to: usize) -> Iter<'_> {
        let (to, len) = (to.min(self.len()), self.len());
        if from >= to {
            return Iter::default();
        }
        let (start, end) = (
            self.place(from),
            if to == len { self.0.len() } else { self.place(to) },
        );
        Iter {
            rest: self.0.get(start..end).unwrap_or_default(),
            left: to - from,
        }
    }

    /// An element by its number.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        let len = self.len();
        if index >= len {
            return None;
        }
        if index <= len / 2 {
            self.iter().nth(index)
        } else {
            self.iter().nth_back(len - 1 - index)
        }
    }

    /// Where in the block an element begins; its end for the number of elements. From the nearer end.
    pub(super) fn place(&self, index: usize) -> usize {
        let (len, mut iter) = (self.len(), self.iter());
        if index >= len {
            return self.0.len();
        }
        if index <= len / 2 {
            iter.skip_elements(index);
            self.0.len() - iter.rest.len()
        } else {
            iter.nth_back(len - 1 - index);
            COUNT + iter.rest.len()
        }
    }

    /// Where an element stands that is the first of its `STRIDE`, and what is behind it.
    pub(super) fn find<const STRIDE: usize>(&self, element: &[u8]) -> Option<(usize, Iter<'_>)> {
        let (block, room) = (&*self.0, room(element.len()));
        let (mut at, mut left) = (COUNT, self.len());
        while left > 0 {
            let next = next_place(block, at)?;
            // The room tells the length.
            if next - at == room && holds(block, at..next, element) {
                let rest = block.get(next..).unwrap_or_default();
                let left = left - 1;
                return Some((at, Iter { rest, left }));
            }
            at = next;
            for _ in 1..STRIDE {
                at = next_place(block, at)?;
            }
            left = left.saturating_sub(STRIDE);
        }
        None
    }

    /// Takes out `gone` elements, which begin at `place`, and puts others there.
    pub(super) fn splice(&mut self, place: usize, gone: usize, added: &[&[u8]]) {
        let mut behind = Iter {
            rest: self.0.get(place..).unwrap_or_default(),
            left: gone,
        };
        behind.skip_elements(gone);
        let end = self.0.len() - behind.rest.len();
        let room: usize = added.iter().map(|element| room(element.len())).sum();
        let count = self.len() - gone + added.len();
        if count == 0 {
            *self = Self::default();
            return;
        }
        let mut block = std::mem::take(&mut self.0).into_vec();
        if block.is_empty() {
            block.reserve_exact(COUNT + room);
            block.extend_from_slice(&[0; COUNT]);
        }
        let place = place.clamp(COUNT, block.len());
        if place < end {
            block.drain(place..end);
        }
        block.reserve_exact(room);
        added.iter().for_each(|element| put(&mut block, element));
        if let Some(behind) = block.get_mut(place..) {
            behind.rotate_right(room);
        }
        *self = Self::finish(block, count);
    }

    /// Gives the element at `place` other bytes: in place if they are as many.
    pub(super) fn replace(&mut self, place: usize, element: &[u8]) {
        let held = self
            .0
            .get(place..)
            .and_then(take_first)
            .map(|(held, _)| held.len());
        if held == Some(element.len()) {
            let from = place + varint::len(element.len() as u64);
            if let Some(held) = self.0.get_mut(from..from + element.len()) {
                held.copy_from_slice(element);
            }
        } else {
            self.splice(place, 1, &[element]);
        }
    }

    /// Adds an element at the end.
    pub(super) fn push(&mut self, element: &[u8]) {
        self.splice(self.0.len(), 0, &[element]);
    }

    /// Takes the elements from one on off. Copies the smaller part: an element may be huge.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let (place, count) = (self.place(index), self.len());
        if index == 0 || index >= count {
            let all = std::mem::take(self);
            if index > 0 {
                *self = all;
                return Self::default();
            }
            return all;
        }
        let mut block = std::mem::take(&mut self.0).into_vec();
        let copy = |part: &[u8], count| Self::finish([&[0; COUNT], part].concat(), count);
        if place < block.len() / 2 {
            *self = copy(block.get(COUNT..place).unwrap_or_default(), index);
            block.drain(COUNT..place);
            Self::finish(block, count - index)
        } else {
            let tail = copy(block.get(place..).unwrap_or_default(), count - index);
            block.truncate(place);
            *self = Self::finish(block, index);
            tail
        }
    }

    /// Adds all elements of another block at the end.
    pub(super) fn append(&mut self, other: &Self) {
        let count = self.len() + other.len();
        let Some(added) = other.0.get(COUNT..) else { return };
        let mut block = std::mem::take(&mut self.0).into_vec();
        if block.is_empty() {
            block = other.0.to_vec();
        } else {
            block.reserve_exact(added.len());
            block.extend_from_slice(added);
        }
        *self = Self::finish(block, count);
    }

    /// Its memory, to be freed elsewhere.
    pub(super) fn into_block(self) -> Box<[u8]> {
        self.0
    }
}

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
    rest: &'a [u8],
    left: usize,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_does_what_a_vec_does() {
        for seed in 1..60u64 {
            let mut state = seed;
            let mut below = |n: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as usize % n
            };
            let (mut packed, mut plain) = (Packed::default(), Vec::<Vec<u8>>::new());
            for step in 0..400 {
                let len = [3, 20, 127, 128, 300, 20_000][below(6).min(below(6))];
                let element = |n: usize| vec![n as u8; n];
                let at = below(plain.len() + 1);
                match below(6) {
                    0 | 1 => {
                        let two = [element(below(len)), element(below(len))];
                        packed.splice(packed.place(at), 0, &[&two[0], &two[1]]);
                        plain.splice(at..at, two);
                    }
                    2 if at < plain.len() => {
                        let n = 1 + below(plain.len() - at);
                        packed.splice(packed.place(at), n, &[]);
                        plain.drain(at..at + n);
                    }
                    3 if at < plain.len() => {
                        let new = element(below(len));
                        packed.replace(packed.place(at), &new);
                        plain[at] = new;
                    }
                    4 => {
                        let tail = packed.split_off(at);
                        assert_eq!((packed.len(), tail.len()), (at, plain.len() - at));
                        packed.append(&tail);
                    }
                    _ => {
                        let new = element(below(len));
                        packed.push(&new);
                        plain.push(new);
                    }
                }
                assert_eq!(packed.len(), plain.len(), "seed {seed} step {step}");
                assert!(packed.iter().eq(plain.iter()), "seed {seed} step {step}");
                assert!(
                    packed.iter().rev().eq(plain.iter().rev()),
                    "seed {seed} step {step}"
                );
                let (from, to) = (below(plain.len() + 1), below(plain.len() + 1));
                if from <= to {
                    assert!(packed.range(from, to).rev().eq(plain[from..to].iter().rev()));
                }
                assert_eq!(packed.get(at), plain.get(at).map(|element| &element[..]));
                let (wanted, second) = (element(below(len)), |at: usize| plain.get(at + 1));
                for wanted in [plain.get(at).unwrap_or(&wanted), &wanted] {
                    let first = plain.iter().position(|held| held == wanted);
                    let found = packed.find::<1>(wanted);
                    assert_eq!(found.map(|(place, _)| place), first.map(|at| packed.place(at)));
                    let name = plain.iter().step_by(2).position(|held| held == wanted);
                    let found = packed
                        .find::<2>(wanted)
                        .map(|(place, mut rest)| (place, rest.next()));
                    let place = |at: usize| (packed.place(2 * at), second(2 * at).map(|held| &held[..]));
                    assert_eq!(found, name.map(place));
                }
                assert_eq!(packed, Packed::of(plain.iter().map(|element| &element[..])));
            }
        }
    }
}
