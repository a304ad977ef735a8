//! Members of a large value by name: the fields of a hash with their values, the members of a set. In leaves, so
//! that no step moves more than a leaf.

use std::hash::BuildHasher;
use std::ops::Deref;

use hashbrown::DefaultHashBuilder;

use super::places::Places;
use crate::relocate::{self, Relocate};
use crate::split::{Cursor, Leaf, Split};

/// So many are searched one by one: an index would cost more than it saves.
const UNINDEXED: usize = 8;
/// Room of a leaf that is not worth giving back.
const ROOM_KEPT: usize = 64;

#[derive(Debug, Clone)]
struct Member<V, N> {
    hash: u32,
    name: N,
    value: V,
}

/// A leaf: members in a row, so that any of them is a step away, and their places by name.
#[derive(Debug, Clone)]
struct Row<V, N> {
    members: Vec<Member<V, N>>,
    /// Places in `members`. Of none or of all of them; never of none with more than `UNINDEXED`.
    places: Places,
}

impl<V, N> Default for Row<V, N> {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            places: Places::default(),
        }
    }
}

impl<V, N: Deref<Target = [u8]>> Row<V, N> {
    fn find(&self, hash: u32, name: &[u8]) -> Option<usize> {
        let is_it = |member: &Member<V, N>| member.hash == hash && *member.name == *name;
        if self.places.is_none() {
            return self.members.iter().position(is_it);
        }
        self.places
            .find(hash, |place| self.members.get(place).is_some_and(is_it))
    }

    /// Makes the index anew, with room for so many.
    fn index(&mut self, room: usize) {
        self.places = Places::with_room(room);
        for (place, member) in self.members.iter().enumerate() {
            self.places.put(member.hash, place);
        }
    }

    fn push(&mut self, member: Member<V, N>) {
        if self.members.len() == self.members.capacity() {
            // By a quarter: doubling would leave a third of all this memory unused on average.
            self.members.reserve_exact((self.members.len() / 4).max(2));
        }
        let (hash, place) = (member.hash, self.members.len());
        self.members.push(member);
        if self.places.has_room_for(place + 1) {
            self.places.put(hash, place);
        } else if place >= UNINDEXED {
            self.index(place + 1);
        }
    }

    /// Takes a member out: the last one fills the hole.
    fn remove(&mut self, place: usize) -> Option<Member<V, N>> {
        let last = self.members.len().checked_sub(1).filter(|&last| place <= last)?;
        if !self.places.is_none() {
            let members = &self.members;
            let hash_of = |at: usize| members.get(at).map_or(0, |member| member.hash);
            self.places.remove(hash_of(place), place, hash_of);
            if place != last {
                self.places.change(hash_of(last), last, place);
            }
        }
        let removed = self.members.swap_remove(place);
        self.shrink();
        Some(removed)
    }

    /// Gives back room once little of it is used.
    fn shrink(&mut self) {
        let (len, room) = (self.members.len(), self.members.capacity());
        if room > ROOM_KEPT && len < room / 8 {
            self.members.shrink_to(2 * len);
            if !self.places.is_none() {
                self.index(2 * len);
            }
        }
    }

    fn memory(&self) -> usize {
        self.members.capacity() * size_of::<Member<V, N>>() + self.places.memory()
    }
}

impl<V, N: Deref<Target = [u8]>> Leaf for Row<V, N> {
    type Item = Member<V, N>;

    fn with_room(members: usize) -> Self {
        Self {
            members: Vec::with_capacity(members),
            places: Places::with_room(members),
        }
    }

    fn len(&self) -> usize {
        self.members.len()
    }

    fn put(&mut self, _: u32, member: Member<V, N>) {
        self.push(member);
    }

    fn into_items(self) -> impl Iterator<Item = (u32, Member<V, N>)> {
        self.members.into_iter().map(|member| (member.hash, member))
    }
}

/// Members of a value by name, each with a `V`.
#[derive(Debug, Clone)]
pub(super) struct Members<V, N: Deref<Target = [u8]> = Box<[u8]>> {
    rows: Split<Row<V, N>>,
    hasher: DefaultHashBuilder,
}

impl<V, N: Deref<Target = [u8]>> Default for Members<V, N> {
    fn default() -> Self {
        Self {
            rows: Split::default(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<V, N: Deref<Target = [u8]>> Members<V, N> {
    fn hash(&self, name: &[u8]) -> u32 {
        self.hasher.hash_one(name) as u32
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&V> {
        self.find(name).map(|(_, value)| value)
    }

    /// The member of this name, with the name that it holds.
    pub(super) fn find(&self, name: &[u8]) -> Option<(&N, &V)> {
        let hash = self.hash(name);
        let row = self.rows.leaf(hash);
        let member = row.members.get(row.find(hash, name)?)?;
        Some((&member.name, &member.value))
    }

    /// A member by its number: all numbers below the length name one, as long as none comes or goes.
    pub(super) fn nth(&self, index: usize) -> Option<(&[u8], &V)> {
        let (row, place) = self.rows.nth(index)?;
        let member = row.members.get(place)?;
        Some((&member.name, &member.value))
    }

    /// A member's value, to be changed.
    pub(super) fn get_mut(&mut self, name: &[u8]) -> Option<&mut V> {
        let hash = self.hash(name);
        let row = self.rows.leaf_mut(hash);
        let place = row.find(hash, name)?;
        row.members.get_mut(place).map(|member| &mut member.value)
    }

    /// Adds a member that there is not.
    pub(super) fn add(&mut self, name: N, value: V) {
        let hash = self.hash(&name);
        self.rows.put(hash, Member { hash, name, value });
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<V> {
        let hash = self.hash(name);
        let taken = self.rows.remove(hash, |row| {
            let place = row.find(hash, name)?;
            row.remove(place)
        });
        taken.map(|member| member.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        let members = self.rows.leaves().flat_map(|row| row.members.iter());
        members.map(|member| (&*member.name, &member.value))
    }

    /// A step of a scan; see [`Split::scan`].
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

    /// Moves the blocks of about `count` members from a cursor on, and those of the rows that they are in; `one` moves
    /// what a member has behind its name and value. The next cursor, 0 at the end.
    pub(super) fn relocate<R: Relocate>(
        &mut self,
        cursor: u64,
        count: usize,
        by: &mut R,
        mut one: impl FnMut(&mut N, &mut V, &mut R),
    ) -> u64 {
        let from = Cursor::from_number(cursor);
        let next = self.rows.relocate(from, count, by, |row, places, by| {
            relocate::items(&mut row.members, by);
            relocate::items(row.places.cells_mut(), by);
            for member in row.members.get_mut(places).into_iter().flatten() {
                one(&mut member.name, &mut member.value, by);
            }
        });
        next.map_or(0, Cursor::to_number)
    }

    /// As `find`, with the name to be moved.
    pub(super) fn name_mut(&mut self, name: &[u8]) -> Option<&mut N> {
        let hash = self.hash(name);
        let row = self.rows.leaf_mut(hash);
        let place = row.find(hash, name)?;
        row.members.get_mut(place).map(|member| &mut member.name)
    }

    /// Bytes of memory, without those behind the names and values.
    pub(super) fn memory(&self) -> usize {
        self.rows.leaves().map(Row::memory).sum()
    }
}
