//! Integers in one block of memory, in order: what a set is as long as it has no other members, and not too many.
//! Each takes the bytes that its distance from a common base needs, so that ids that are close to each other take
//! one or two.
//!
//! Layout: two zeros, where a packed block has the number of its elements, which is never 0; the bytes of a distance
//! in one; the number of integers in two; the length of all their texts in two; the base in eight; the distances,
//! little-endian. What is behind them is room.

use super::block;
use super::decimal::Decimal;

/// Most integers in a block, as `set-max-intset-entries` is by default.
pub(super) const MOST: usize = 512;

const COUNT: usize = 3;
const TEXT: usize = 5;
/// Bytes before the distances. A word that ends with a distance never begins before the block.
const HEAD: usize = 15;

/// Integers in a block. To be had by [`of`](Self::of), or of no block none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Integers<'a> {
    block: &'a [u8],
    count: usize,
    /// Bytes of a distance, 1 to 8.
    width: usize,
    base: i64,
}

/// The largest distance of so many bytes.
fn reach(width: usize) -> u64 {
    u64::MAX >> (64 - 8 * width as u32)
}

fn width_for(distance: u64) -> usize {
    (1..8).find(|&width| distance <= reach(width)).unwrap_or(8)
}

fn two_at(block: &[u8], at: usize) -> Option<usize> {
    let two = block.get(at..)?.first_chunk()?;
    Some(usize::from(u16::from_le_bytes(*two)))
}

fn put_two(block: &mut [u8], at: usize, value: usize) {
    if let Some(two) = block.get_mut(at..at + 2) {
        two.copy_from_slice(&(value as u16).to_le_bytes());
    }
}

impl<'a> Integers<'a> {
    /// The integers of a block; `None` if it holds elements of another form, or nothing.
    #[inline]
    pub(super) fn of(block: &'a [u8]) -> Option<Self> {
        let head: &[u8; HEAD] = block.first_chunk()?;
        let [0, 0, width, low, high, _, _, base @ ..] = *head else {
            return None;
        };
        Some(Self {
            block,
            count: usize::from(u16::from_le_bytes([low, high])),
            width: usize::from(width),
            base: i64::from_le_bytes(base),
        })
    }

    /// Those of no block.
    pub(super) fn none() -> Self {
        Self {
            block: &[],
            count: 0,
            width: 1,
            base: 0,
        }
    }

    /// Number of integers.
    pub(super) fn len(self) -> usize {
        self.count
    }

    /// Length of all texts.
    pub(super) fn text_bytes(self) -> usize {
        two_at(self.block, TEXT).unwrap_or(0)
    }

    /// The distance of this number.
    #[inline]
    fn distance(self, index: usize) -> u64 {
        let end = HEAD + (index + 1) * self.width;
        let word = self.block.get(end - 8..).and_then(|word| word.first_chunk());
        u64::from_le_bytes(*word.unwrap_or(&[0; 8])) >> (64 - 8 * self.width as u32)
    }

    /// An integer by its number, in rising order.
    pub(super) fn get(self, index: usize) -> Option<i64> {
        (index < self.count).then(|| self.base.wrapping_add_unsigned(self.distance(index)))
    }

    /// All of them, in rising order.
    pub(super) fn iter(self) -> impl ExactSizeIterator<Item = i64> + Clone + use<'a> {
        (0..self.count).map(move |index| self.base.wrapping_add_unsigned(self.distance(index)))
    }

    /// The number of an integer, or that which it would have.
    pub(super) fn find(self, value: i64) -> Result<usize, usize> {
        if value < self.base {
            return Err(0);
        }
        let wanted = value.wrapping_sub(self.base) as u64;
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = (from + to) / 2;
            if self.distance(middle) < wanted {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        if from < self.count && self.distance(from) == wanted {
            return Ok(from);
        }
        Err(from)
    }

    fn used(self) -> usize {
        HEAD + self.count * self.width
    }
}

/// A block of integers, in rising order. None has no block.
pub(super) fn of_sorted(values: &[i64]) -> Box<[u8]> {
    let Some((&first, &last)) = values.first().zip(values.last()) else {
        return Box::default();
    };
    let width = width_for(last.wrapping_sub(first) as u64);
    make(values.iter().copied(), values.len(), first, width)
}

/// A block of so many integers, which are all in reach of the base.
fn make(values: impl Iterator<Item = i64>, count: usize, base: i64, width: usize) -> Box<[u8]> {
    let size = block::size_for(HEAD + count * width);
    let mut block = Vec::with_capacity(size);
    block.extend_from_slice(&[0, 0, width as u8, 0, 0, 0, 0]);
    block.extend_from_slice(&base.to_le_bytes());
    let mut text = 0;
    for value in values {
        text += Decimal::len_of(value);
        let distance = (value.wrapping_sub(base) as u64).to_le_bytes();
        block.extend(distance.iter().take(width));
    }
    block.resize(size, 0);
    put_two(&mut block, COUNT, count);
    put_two(&mut block, TEXT, text);
    block.into_boxed_slice()
}

/// Adds an integer that there is not, as the one of this number. There are fewer than [`MOST`].
pub(super) fn insert(block: &mut Box<[u8]>, index: usize, value: i64) {
    let Some(held) = Integers::of(block) else {
        *block = of_sorted(&[value]);
        return;
    };
    let (
        Integers {
            count, width, base, ..
        },
        used,
    ) = (held, held.used());
    let distance = value.wrapping_sub(base) as u64;
    if value < base || distance > reach(width) {
        *block = widened(held, index, value);
        return;
    }
    let text = held.text_bytes() + Decimal::len_of(value);
    let at = HEAD + index * width;
    block::fit(block, used + width);
    block::move_tail(block, at, used, at + width);
    if let Some((room, bytes)) = block
        .get_mut(at..at + width)
        .zip(distance.to_le_bytes().get(..width))
    {
        room.copy_from_slice(bytes);
    }
    put_two(block, COUNT, count + 1);
    put_two(block, TEXT, text);
}

/// The integers with one more, which the base does not reach.
fn widened(held: Integers<'_>, index: usize, value: i64) -> Box<[u8]> {
    let first = held.get(0).unwrap_or(value);
    let last = held.get(held.count.saturating_sub(1)).unwrap_or(value);
    let span = last.max(value).wrapping_sub(first.min(value)) as u64;
    let width = width_for(span);
    let base = if value < first {
        // What goes on downwards finds room.
        value.saturating_sub_unsigned((reach(width) - span) / 2)
    } else {
        first
    };
    let before = held.iter().take(index);
    let all = before
        .chain(std::iter::once(value))
        .chain(held.iter().skip(index));
    make(all, held.count + 1, base, width)
}

/// Takes out the integer of this number. The last one takes the block along.
pub(super) fn remove(block: &mut Box<[u8]>, index: usize) {
    let Some((held, value)) = Integers::of(block).and_then(|held| Some((held, held.get(index)?))) else {
        return;
    };
    if held.count == 1 {
        *block = Box::default();
        return;
    }
    let (Integers { count, width, .. }, used) = (held, held.used());
    let text = held.text_bytes() - Decimal::len_of(value);
    let at = HEAD + index * width;
    block::move_tail(block, at + width, used, at);
    block::fit(block, used - width);
    put_two(block, COUNT, count - 1);
    put_two(block, TEXT, text);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Values around what one byte more begins with, from some base, and the ends.
    fn edges() -> Vec<i64> {
        let mut all = vec![0, -1, 1, i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX];
        for base in [0, 1_000_000_007, -5, i64::MIN, i64::MAX - 300] {
            for width in 1..8 {
                let reach = reach(width) as i64;
                for value in [reach - 1, reach, reach.saturating_add(1)] {
                    all.extend([base.saturating_add(value), base.saturating_sub(value)]);
                }
            }
        }
        all
    }

    fn checked(block: &[u8], plain: &BTreeSet<i64>) {
        let Some(held) = Integers::of(block) else {
            assert!(plain.is_empty() && block.is_empty());
            return;
        };
        assert!(held.iter().eq(plain.iter().copied()));
        assert_eq!(held.len(), plain.len());
        let texts: usize = plain.iter().map(|value| value.to_string().len()).sum();
        assert_eq!(held.text_bytes(), texts);
        assert!(held.used() <= block.len() && block.len() <= held.used() + block::MOST_ROOM);
        assert_eq!(held.get(plain.len()), None);
    }

    fn put(block: &mut Box<[u8]>, plain: &mut BTreeSet<i64>, value: i64) {
        let found = Integers::of(block).map_or(Err(0), |held| held.find(value));
        assert_eq!(found.is_ok(), plain.contains(&value), "{value}");
        if let Err(index) = found {
            insert(block, index, value);
            plain.insert(value);
        }
        let found = Integers::of(block).map(|held| held.find(value));
        assert_eq!(found, Some(Ok(plain.range(..value).count())), "{value}");
    }

    #[test]
    fn integers_of_every_width_come_and_go_in_any_order() {
        for seed in 1..200u64 {
            let mut state = seed;
            let mut below = |n: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as usize % n
            };
            let edges = edges();
            let some = 1 + below(edges.len());
            let (mut block, mut plain) = (Box::<[u8]>::default(), BTreeSet::new());
            for step in 0..300 {
                let value = edges[below(some)];
                if below(5) < if step < 200 { 4 } else { 1 } {
                    put(&mut block, &mut plain, value);
                } else if let Some(Ok(index)) = Integers::of(&block).map(|held| held.find(value)) {
                    remove(&mut block, index);
                    assert!(plain.remove(&value));
                }
                checked(&block, &plain);
            }
            let sorted: Vec<i64> = plain.iter().copied().collect();
            checked(&of_sorted(&sorted), &plain);
        }
    }

    #[test]
    fn a_row_that_grows_either_way_takes_two_bytes_each_at_most() {
        for (first, step) in [(0, 1), (0, -1), (i64::MAX, -100), (i64::MIN, 100), (1 << 40, 7)] {
            let (mut block, mut plain) = (Box::<[u8]>::default(), BTreeSet::new());
            for n in 0..MOST as i64 {
                put(&mut block, &mut plain, first + n * step);
            }
            checked(&block, &plain);
            assert!(
                block.len() <= HEAD + 2 * MOST + block::MOST_ROOM,
                "{first} {step}"
            );
        }
    }

    #[test]
    fn no_packed_block_is_taken_for_integers() {
        let one = super::super::packed::Packed::of([&[0u8; 40][..]].into_iter());
        assert!(Integers::of(one.block()).is_none());
        assert!(Integers::of(&[]).is_none());
    }
}
