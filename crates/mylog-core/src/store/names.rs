//! The names of one space: slots by the hash of the entry's key. The keys stay with their entries.

use crate::relocate::{self, Relocate};
use crate::split::{Cursor, LEAF_ITEMS, Leaf, Split};

/// A slot with the hash of its entry's key: a leaf that grows or is split must not have to look up every key
/// for its hash.
#[derive(Debug, Clone, Copy)]
struct Name {
    /// The hash, mixed: all names of a leaf have the same high bits.
    mixed: u32,
    slot: u32,
}

/// No slot has this number.
const NO_SLOT: u32 = u32::MAX;
const NOTHING: Name = Name {
    mixed: 0,
    slot: NO_SLOT,
};

/// Odd, so that multiplying by it can be undone.
const MIXER: u32 = 0x9e37_79b1;
const UNMIXER: u32 = 0x0e8b_2f51;
const _: () = assert!(MIXER.wrapping_mul(UNMIXER) == 1);

/// Places of the smallest table.
const FEWEST: usize = 8;
/// Places at a table's end that are nobody's home, for those who find the last homes taken. It gets more of them in
/// the rare case that these don't do.
const OVERHANG: usize = 16;

/// A leaf: names in the order of their mixed hashes, each at its home or, if that is taken, behind it without a
/// gap. A search ends at the first place that is free or has a higher hash.
///
/// It may be nearly full, and grows by a quarter, in the sizes that the server's allocator has: a table that doubles
/// leaves a third of all this memory unused on average.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    places: Vec<Name>,
    /// So many of them are a home.
    homes: usize,
    len: usize,
}

/// The size behind this one.
fn larger(places: usize) -> usize {
    match places.checked_ilog2() {
        Some(log) => places + (1 << log) / 4,
        None => FEWEST,
    }
}

/// Most names that so many homes are for.
fn most_names(homes: usize) -> usize {
    homes * 9 / 10
}

impl Row {
    /// Of the smallest size that takes so many names.
    fn for_names(names: usize) -> Self {
        let mut places = FEWEST;
        let homes = loop {
            let homes = places - (places / 4).min(OVERHANG);
            if names <= most_names(homes) {
                break homes;
            }
            places = larger(places);
        };
        let places = vec![NOTHING; places];
        let len = 0;
        Self { places, homes, len }
    }

    fn home(&self, mixed: u32) -> usize {
        ((u64::from(mixed) * self.homes as u64) >> u32::BITS) as usize
    }

    /// From a place on, the first one that `stops` a walk.
    fn walk(&self, from: usize, stops: impl Fn(usize, Name) -> bool) -> Option<(usize, Name)> {
        let behind = self.places.get(from..)?;
        let places = (from..).zip(behind.iter().copied());
        let mut stopping = places.filter(|&(at, name)| stops(at, name));
        stopping.next()
    }

    /// The place of a name.
    fn find(&self, mixed: u32, is_it: impl Fn(u32) -> bool) -> Option<(usize, Name)> {
        let stops = |_, name: Name| {
            name.slot == NO_SLOT || name.mixed > mixed || name.mixed == mixed && is_it(name.slot)
        };
        let (at, name) = self.walk(self.home(mixed), stops)?;
        (name.slot != NO_SLOT && name.mixed == mixed).then_some((at, name))
    }

    fn insert(&mut self, new: Name) {
        if self.len >= most_names(self.homes) {
            let mut wider = Self::for_names(self.len + 1);
            for &name in self.names() {
                wider.insert(name);
            }
            *self = wider;
        }
        let is_behind = |_, name: Name| name.slot == NO_SLOT || name.mixed > new.mixed;
        let end = self.places.len();
        let at = self
            .walk(self.home(new.mixed), is_behind)
            .map_or(end, |(at, _)| at);
        let free = self
            .walk(at, |_, name| name.slot == NO_SLOT)
            .map_or(end, |(at, _)| at);
        if free == end {
            self.places.reserve_exact(OVERHANG);
            self.places.resize(end + OVERHANG, NOTHING);
        }
        self.places.copy_within(at..free, at + 1);
        if let Some(place) = self.places.get_mut(at) {
            *place = new;
            self.len += 1;
        }
    }

    /// Takes out the name of a place: those behind it that are not at home move up.
    fn take(&mut self, at: usize) {
        let stays = |at, name: Name| name.slot == NO_SLOT || self.home(name.mixed) == at;
        let end = self.walk(at + 1, stays).map_or(self.places.len(), |(end, _)| end);
        self.places.copy_within(at + 1..end, at);
        if let Some(last) = self.places.get_mut(end - 1) {
            *last = NOTHING;
        }
        self.len -= 1;
    }

    fn names(&self) -> impl Iterator<Item = &Name> + '_ {
        self.places.iter().filter(|name| name.slot != NO_SLOT)
    }
}

impl Leaf for Row {
    /// A slot.
    type Item = u32;

    fn with_room(names: usize) -> Self {
        Self::for_names(names)
    }

    fn len(&self) -> usize {
        self.len
    }

    fn put(&mut self, hash: u32, slot: u32) {
        let mixed = hash.wrapping_mul(MIXER);
        self.insert(Name { mixed, slot });
    }

    fn into_items(self) -> impl Iterator<Item = (u32, u32)> {
        let names = self.places.into_iter().filter(|name| name.slot != NO_SLOT);
        names.map(|name| (name.mixed.wrapping_mul(UNMIXER), name.slot))
    }
}

/// The slots of a space's entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Split<Row>);

impl Names {
    /// Number of names.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The slot of this hash that `is_it`.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (_, name) = self.0.leaf(hash).find(hash.wrapping_mul(MIXER), is_it)?;
        Some(name.slot)
    }

    /// Adds a slot whose key it does not have.
    pub(super) fn put(&mut self, hash: u32, slot: u32) {
        self.0.put(hash, slot);
    }

    /// Takes out the slot of this hash that `is_it`.
    pub(super) fn remove(&mut self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.0.remove(hash, |leaf| {
            let (at, name) = leaf.find(hash.wrapping_mul(MIXER), is_it)?;
            leaf.take(at);
            Some(name.slot)
        })
    }

    /// Moves some of the leaves, from a number on; 0 is the beginning. The next number, 0 at the end.
    pub(super) fn relocate(&mut self, from: u64, by: &mut impl Relocate) -> u64 {
        let next = self
            .0
            .relocate(Cursor::from_number(from), LEAF_ITEMS, by, |row, _, by| {
                relocate::items(&mut row.places, by);
            });
        next.map_or(0, Cursor::to_number)
    }

    /// All slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.0
            .leaves()
            .flat_map(|leaf| leaf.names().map(|name| name.slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn names_come_and_go_as_in_a_map_and_stand_in_order() {
        for (seed, hashes) in (1..40u32).zip([1, 100, 2048, 1 << 28].into_iter().cycle()) {
            let (mut row, mut all) = (Row::default(), BTreeMap::new());
            let mut random = seed;
            for slot in 0..3000u32 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Within a leaf the high bits are the same, and some hashes are of many names.
                let hash = (random >> 4) % hashes;
                if random >> 30 == 0 {
                    let old = all.range((hash, 0)..).next().map(|(&name, ())| name);
                    if let Some((hash, slot)) = old {
                        let found = row.find(hash.wrapping_mul(MIXER), |at| at == slot);
                        row.take(found.unwrap().0);
                        all.remove(&(hash, slot));
                    }
                } else {
                    row.put(hash, slot);
                    all.insert((hash, slot), ());
                }
                assert_eq!(row.len(), all.len());
            }
            for &(hash, slot) in all.keys() {
                assert!(row.find(hash.wrapping_mul(MIXER), |at| at == slot).is_some());
                assert!(row.find(hash.wrapping_mul(MIXER), |at| at == 5000).is_none());
            }
            assert!(row.names().is_sorted_by_key(|name| name.mixed));
            let items: BTreeMap<_, _> = row.into_items().map(|item| (item, ())).collect();
            assert_eq!(items, all);
        }
    }

    #[test]
    fn a_row_is_seldom_less_than_two_thirds_full() {
        let mut row = Row::default();
        let mut most = 0;
        for slot in 0..14_336u32 {
            row.put(slot.wrapping_mul(2_654_435_769), slot);
            if slot > 300 {
                most = most.max(row.places.len() * 100 / row.len());
            }
        }
        assert!(most < 150, "{most} places for 100 names");
    }
}
