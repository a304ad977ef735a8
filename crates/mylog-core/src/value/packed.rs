//! Elements packed into one block of memory: what a small value is, and a node of a list. An element costs two
//! bytes beside its own, as in Redis' listpack.
//!
//! Layout: the number of elements in two bytes, the room behind them in one, then each element with its length before
//! it and, written backwards, behind it, so that it can be walked from both ends.

use std::ops::Deref;

use super::block;
use super::element::{behind_long, next_place, place_before, put, room, take_first};
use super::walk::Iter;
use crate::varint;

/// Bytes before the elements.
pub(super) const HEAD: usize = 3;

/// Elements in one block. An empty one takes no memory. It holds fewer than 2^16 of them: whoever fills it keeps
/// to far lower limits.
#[derive(Debug, Clone, Default)]
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

/// The last eight bytes of a name in one word, and what shifts the bytes before a shorter one out of such a word.
/// Names in a value often begin alike and differ at the end: nearly all are told apart by it.
fn last_word(name: &[u8]) -> Option<(u64, u32)> {
    if let Some(last) = name.last_chunk() {
        return Some((u64::from_le_bytes(*last), 0));
    }
    let word = name.iter().rfold(0, |word, byte| word << 8 | u64::from(*byte));
    (!name.is_empty()).then_some((word, 64 - 8 * name.len() as u32))
}

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.elements() == other.elements()
    }
}
impl Eq for Packed {}

impl Packed {
    /// One block of all these elements.
    pub(super) fn of<T: Deref<Target = [u8]>>(elements: impl Iterator<Item = T> + Clone) -> Self {
        let bytes: usize = elements.clone().map(|element| room(element.len())).sum();
        let used = HEAD + bytes;
        let mut block = vec![0; block::size_for(used)].into_boxed_slice();
        let (mut place, mut count) = (block.get_mut(HEAD..).unwrap_or_default(), 0);
        for element in elements {
            place = put(place, &element);
            count += 1;
        }
        if count == 0 {
            return Self::default();
        }
        let mut packed = Self(block);
        packed.set_head(count, used);
        packed
    }

    /// One block of so many elements, which are there as a block has them.
    fn of_part(part: &[u8], count: usize) -> Self {
        let used = HEAD + part.len();
        let mut block = Vec::with_capacity(block::size_for(used));
        block.extend_from_slice(&[0; HEAD]);
        block.extend_from_slice(part);
        Self::finish(block, count)
    }

    /// The block of what is used of it.
    fn finish(mut block: Vec<u8>, count: usize) -> Self {
        let used = block.len();
        let size = block::size_for(used);
        block.reserve_exact(size.saturating_sub(used));
        block.resize(size, 0);
        let mut packed = Self(block.into_boxed_slice());
        packed.set_head(count, used);
        packed
    }

    fn set_head(&mut self, count: usize, used: usize) {
        let left = (self.0.len() - used) as u8;
        if let Some(head) = self.0.first_chunk_mut::<HEAD>() {
            let [low, high] = (count as u16).to_le_bytes();
            *head = [low, high, left];
        }
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        match self.0.first_chunk() {
            Some(&count) => usize::from(u16::from_le_bytes(count)),
            None => 0,
        }
    }

    /// Bytes of the block that are used.
    pub(super) fn bytes(&self) -> usize {
        self.used().len()
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.0.len()
    }

    /// What is used of the block.
    #[inline]
    fn used(&self) -> &[u8] {
        let left = self.0.get(HEAD - 1).copied().unwrap_or(0);
        let used = self.0.len().saturating_sub(usize::from(left));
        self.0.get(..used).unwrap_or_default()
    }

    /// The elements as they are in the block.
    fn elements(&self) -> &[u8] {
        self.used().get(HEAD..).unwrap_or_default()
    }

    /// Bytes of the elements alone, if none is longer than 127.
    pub(super) fn data_bytes(&self) -> usize {
        self.bytes().saturating_sub(HEAD + 2 * self.len())
    }

    /// The elements, from both ends.
    pub(super) fn iter(&self) -> Iter<'_> {
        Iter {
            rest: self.elements(),
            left: self.len(),
        }
    }

    /// The elements from one on, as many as there are before `to`.
    pub(super) fn range(&self, from: usize, to: usize) -> Iter<'_> {
        let (to, len) = (to.min(self.len()), self.len());
        if from >= to {
            return Iter::default();
        }
        let start = self.place(from);
        let end = match to {
            _ if to == len => self.bytes(),
            // Few are asked for much more often than nearly all.
            _ if to - from < len / 4 => self.place_from(start, to - from),
            _ => self.place(to),
        };
        Iter {
            rest: self.used().get(start..end).unwrap_or_default(),
            left: to - from,
        }
    }

    /// Where the element begins that so many elements are before, from a place on.
    fn place_from(&self, place: usize, count: usize) -> usize {
        let used = self.used();
        let to = (0..count).try_fold(place, |at, _| next_place(used, at));
        to.unwrap_or(used.len())
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

    /// The element at a place.
    pub(super) fn at(&self, place: usize) -> Option<&[u8]> {
        self.used()
            .get(place..)
            .and_then(take_first)
            .map(|(element, _)| element)
    }

    /// Where in the block an element begins; its end for the number of elements. From the nearer end.
    pub(super) fn place(&self, index: usize) -> usize {
        let (len, used) = (self.len(), self.used());
        if index >= len {
            return used.len();
        }
        if index <= len / 2 {
            return self.place_from(HEAD, index);
        }
        let place = (index..len).try_fold(used.len(), |end, _| place_before(used, end));
        place.unwrap_or(HEAD)
    }

    /// The place of an element that is the first of its `STRIDE`, and the one behind it.
    pub(super) fn find<const STRIDE: usize>(&self, element: &[u8]) -> Option<(usize, usize)> {
        let used = self.used();
        let (len, Some((wanted, shift))) = (element.len(), last_word(element)) else {
            return self.find_any::<STRIDE>(element);
        };
        if len >= 0x80 {
            return self.find_any::<STRIDE>(element);
        }
        let mut at = HEAD;
        while let Some(&head) = used.get(at) {
            let mut next = match head {
                short @ 0..0x80 => at + usize::from(short) + 2,
                _ => behind_long(used, at)?,
            };
            if usize::from(head) == len {
                // Before a short name that is the first there may be no word.
                let word = used.get(next.wrapping_sub(9)..next - 1);
                let word = word.and_then(|word| word.first_chunk());
                let is_alike = word.is_none_or(|word| u64::from_le_bytes(*word) >> shift == wanted);
                if is_alike && used.get(at + 1..next - 1) == Some(element) {
                    return Some((at, next));
                }
            }
            for _ in 1..STRIDE {
                next = next_place(used, next)?;
            }
            at = next;
        }
        None
    }

    /// As `find`, of an element that is empty or long.
    #[cold]
    #[inline(never)]
    fn find_any<const STRIDE: usize>(&self, element: &[u8]) -> Option<(usize, usize)> {
        let (used, mut at) = (self.used(), HEAD);
        while at < used.len() {
            let next = next_place(used, at)?;
            if self.at(at) == Some(element) {
                return Some((at, next));
            }
            at = next;
            for _ in 1..STRIDE {
                at = next_place(used, at)?;
            }
        }
        None
    }

    /// Takes out `gone` elements, which begin at `place`, and puts others there.
    pub(super) fn splice(&mut self, place: usize, gone: usize, added: &[&[u8]]) {
        let count = self.len() - gone + added.len();
        if count == 0 {
            *self = Self::default();
            return;
        }
        let used = self.bytes().max(HEAD);
        let place = place.clamp(HEAD, used);
        let end = if gone == 0 {
            place
        } else {
            self.place_from(place, gone)
        };
        let room: usize = added.iter().map(|element| room(element.len())).sum();
        let (to, now) = (place + room, used - (end - place) + room);
        if now > used {
            block::fit(&mut self.0, now);
            block::move_tail(&mut self.0, end, used, to);
        } else {
            block::move_tail(&mut self.0, end, used, to);
            block::fit(&mut self.0, now);
        }
        let mut free = self.0.get_mut(place..to).unwrap_or_default();
        for element in added {
            free = put(free, element);
        }
        self.set_head(count, now);
    }

    /// Gives the element at `place` other bytes: in place if they are as many.
    pub(super) fn replace(&mut self, place: usize, element: &[u8]) {
        if self.at(place).map(<[u8]>::len) == Some(element.len()) {
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
        self.splice(self.bytes(), 0, &[element]);
    }

    /// What is used of the block, without the room.
    fn take(&mut self) -> Vec<u8> {
        let used = self.bytes();
        let mut block = std::mem::take(&mut self.0).into_vec();
        block.truncate(used);
        block
    }

    /// Takes the elements from one on off. Copies the smaller part: an element may be huge.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let (place, count) = (self.place(index), self.len());
        if index == 0 {
            return std::mem::take(self);
        }
        if index >= count {
            return Self::default();
        }
        let mut block = self.take();
        if place < block.len() / 2 {
            *self = Self::of_part(block.get(HEAD..place).unwrap_or_default(), index);
            block.drain(HEAD..place);
            Self::finish(block, count - index)
        } else {
            let tail = Self::of_part(block.get(place..).unwrap_or_default(), count - index);
            block.truncate(place);
            *self = Self::finish(block, index);
            tail
        }
    }

    /// Adds all elements of another block at the end.
    pub(super) fn append(&mut self, other: &Self) {
        let (count, added) = (self.len() + other.len(), other.elements());
        if self.len() == 0 {
            *self = other.clone();
            return;
        }
        let mut block = self.take();
        block.reserve_exact(block::size_for(block.len() + added.len()) - block.len());
        block.extend_from_slice(added);
        *self = Self::finish(block, count);
    }

    /// A block that holds something else.
    pub(super) fn holding(block: Box<[u8]>) -> Self {
        Self(block)
    }

    /// The whole block: of a set it may hold integers instead.
    pub(super) fn block(&self) -> &[u8] {
        &self.0
    }

    /// As `block`.
    pub(super) fn block_mut(&mut self) -> &mut Box<[u8]> {
        &mut self.0
    }

    /// Its memory, to be freed elsewhere.
    pub(super) fn into_block(self) -> Box<[u8]> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_end_alike_are_told_apart() {
        let names = [
            "",
            "a",
            "b",
            "aa",
            "1:12345678",
            "2:12345678",
            "12345678",
            "a2345678",
            "1:2345678",
        ];
        let packed = Packed::of(names.iter().map(|name| name.as_bytes()));
        for (at, name) in names.iter().enumerate() {
            let places = (packed.place(at), packed.place(at + 1));
            assert_eq!(packed.find::<1>(name.as_bytes()), Some(places), "{name}");
        }
        for other in ["c", "ba", "3:12345678", "22345678", "2:2345678", "x1:12345678"] {
            assert_eq!(packed.find::<1>(other.as_bytes()), None, "{other}");
        }
    }

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
                    let places = |at: usize| (packed.place(at), packed.place(at + 1));
                    assert_eq!(found, first.map(places));
                    let name = plain.iter().step_by(2).position(|held| held == wanted);
                    let found = packed
                        .find::<2>(wanted)
                        .map(|(place, behind)| (place, packed.at(behind)));
                    let place = |at: usize| (packed.place(2 * at), second(2 * at).map(|held| &held[..]));
                    assert_eq!(found, name.map(place));
                }
                assert_eq!(packed, Packed::of(plain.iter().map(|element| &element[..])));
            }
        }
    }
}
