//! Members of a value by name: the fields of a hash with their values. In the order they came while they are
//! few; in leaves once they are many, so that no step moves more than a leaf.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::split::{Cursor, Leaf, Split};

/// So many are searched one by one: an index would cost more than it saves.
const UNINDEXED: usize = 8;
/// Room of a leaf that is not worth giving back.
const ROOM_KEPT: usize = 64;

#[derive(Debug, Clone)]
struct Member<V> {
    hash: u32,
    name: Box<[u8]>,
    value: V,
}

/// A leaf: members in a row, so that any of them is a step away, and their places by name.
#[derive(Debug, Clone)]
struct Row<V> {
    members: Vec<Member<V>>,
    /// Places in `members`. Empty, or of all of them; never empty with more than `UNINDEXED`.
    places: HashTable<u32>,
}

impl<V> Default for Row<V> {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            places: HashTable::new(),
        }
    }
}

/// The hash as the index wants it: it takes the place from the low bits, a tag from the high ones.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl<V> Row<V> {
    fn find(&self, hash: u32, name: &[u8]) -> Option<usize> {
        let is_it = |member: &Member<V>| member.hash == hash && *member.name == *name;
        if self.places.is_empty() {
            return self.members.iter().position(is_it);
        }
        let place = self.places.find(spread(hash), |&place| {
            self.members.get(place as usize).is_some_and(is_it)
        });
        place.map(|&place| place as usize)
    }

    fn index(&mut self, from: usize) {
        let members = &self.members;
        let hash_at = |place: &u32| {
            members
                .get(*place as usize)
                .map_or(0, |member| spread(member.hash))
        };
        for (place, member) in members.iter().enumerate().skip(from) {
            self.places
                .insert_unique(spread(member.hash), place as u32, hash_at);
        }
    }

    fn push(&mut self, member: Member<V>) {
        if self.members.len() == self.members.capacity() {
            // By a quarter: doubling would leave a third of all this memory unused on average.
            self.members.reserve_exact((self.members.len() / 4).max(2));
        }
        self.members.push(member);
        let len = self.members.len();
        if !self.places.is_empty() {
            self.index(len - 1);
        } else if len > UNINDEXED {
            self.index(0);
        }
    }

    /// Takes a member out: its last one fills the hole, or in order all behind it move up.
    fn remove(&mut self, place: usize, in_order: bool) -> Option<Member<V>> {
        let last = self.members.len().checked_sub(1).filter(|&last| place <= last)?;
        if !self.places.is_empty() {
            let hash = spread(self.members.get(place)?.hash);
            if let Ok(found) = self.places.find_entry(hash, |&at| at as usize == place) {
                found.remove();
            }
            if in_order {
                for at in self.places.iter_mut().filter(|at| **at as usize > place) {
                    *at -= 1;
                }
            } else if place != last {
                let moved = spread(self.members.get(last)?.hash);
                if let Some(at) = self.places.find_mut(moved, |&at| at as usize == last) {
                    *at = place as u32;
                }
            }
        }
        let removed = if in_order {
            self.members.remove(place)
        } else {
            self.members.swap_remove(place)
        };
        self.shrink();
        Some(removed)
    }

    /// Gives back room once little of it is used.
    fn shrink(&mut self) {
        let (len, room) = (self.members.len(), self.members.capacity());
        if room > ROOM_KEPT && len < room / 8 {
            self.members.shrink_to(2 * len);
            let members = &self.members;
            self.places.shrink_to(2 * len, |place| {
                members
                    .get(*place as usize)
                    .map_or(0, |member| spread(member.hash))
            });
        }
    }

    fn memory(&self) -> usize {
        self.members.capacity() * size_of::<Member<V>>() + self.places.capacity() * (size_of::<u32>() + 1)
    }
}

impl<V> Leaf for Row<V> {
    type Item = Member<V>;

    fn with_room(members: usize) -> Self {
        Self {
            members: Vec::with_capacity(members),
            places: HashTable::with_capacity(members),
        }
    }

    fn len(&self) -> usize {
        self.members.len()
    }

    fn put(&mut self, _: u32, member: Member<V>) {
        self.push(member);
    }

    fn into_items(self) -> impl Iterator<Item = (u32, Member<V>)> {
        self.members.into_iter().map(|member| (member.hash, member))
    }
}

/// Members of a value by name, each with a `V`.
#[derive(Debug, Clone)]
pub(super) struct Members<V> {
    rows: Split<Row<V>>,
    hasher: DefaultHashBuilder,
}

impl<V> Default for Members<V> {
    fn default() -> Self {
        Self {
            rows: Split::default(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<V> Members<V> {
    fn hash(&self, name: &[u8]) -> u32 {
        self.hasher.hash_one(name) as u32
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&V> {
        let hash = self.hash(name);
        let row = self.rows.leaf(hash);
        row.members.get(row.find(hash, name)?).map(|member| &member.value)
    }

    /// Gives `change` the member's value if there is one, else adds the one that `make` gives. Says whether
    /// it was added.
    pub(super) fn change_or_add<S>(
        &mut self,
        name: &[u8],
        state: S,
        change: impl FnOnce(S, &mut V),
        make: impl FnOnce(S) -> V,
    ) -> bool {
        let hash = self.hash(name);
        let row = self.rows.leaf_mut(hash);
        let found = row.find(hash, name);
        if let Some(member) = found.and_then(|place| row.members.get_mut(place)) {
            change(state, &mut member.value);
            return false;
        }
        let member = Member {
            hash,
            name: name.into(),
            value: make(state),
        };
        self.rows.put(hash, member);
        true
    }

    /// Takes a member out. With `in_order` the others keep their order; that is for few.
    pub(super) fn remove(&mut self, name: &[u8], in_order: bool) -> Option<V> {
        let hash = self.hash(name);
        let taken = self.rows.remove(hash, |row| {
            let place = row.find(hash, name)?;
            row.remove(place, in_order)
        });
        taken.map(|member| member.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        let members = self.rows.leaves().flat_map(|row| row.members.iter());
        members.map(|member| (&*member.name, &member.value))
    }

    /// A step of a scan; see [`Split::scan`]. Only where members are removed without keeping their order.
    pub(super) fn scan<'a>(
        &'a self,
        cursor: u64,
        count: usize,
        mut visit: impl FnMut(&'a [u8], &'a V),
    ) -> u64 {
        let next = self.rows.scan(Cursor::from_number(cursor), count, |row, places| {
            for member in row.members.get(places).into_iter().flatten().rev() {
                visit(&member.name, &member.value);
            }
        });
        next.map_or(0, Cursor::to_number)
    }

    /// True if a scan that stands at `cursor` has still to come to where this member is, or would be.
    pub(super) fn is_ahead(&self, cursor: u64, name: &[u8]) -> bool {
        cursor == 0 || Cursor::from_number(cursor).is_before(self.hash(name))
    }

    /// Bytes of memory, without those behind the names and values.
    pub(super) fn memory(&self) -> usize {
        self.rows.leaves().map(Row::memory).sum()
    }
}
