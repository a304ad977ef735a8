//! The names of one space: slots by the hash of the entry's key. The keys stay with their entries.

use hashbrown::HashTable;

use crate::split::{Leaf, Split};

/// A slot with the hash of its entry's key: a leaf that grows or is split must not have to look up every key
/// for its hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    hash: u32,
    slot: u32,
}

impl Name {
    /// The hash as the table wants it: it takes the place from the low bits, a tag from the high ones.
    fn spread(hash: u32) -> u64 {
        u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Leaf for HashTable<Name> {
    type Item = Name;

    fn with_room(names: usize) -> Self {
        Self::with_capacity(names)
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn put(&mut self, hash: u32, name: Name) {
        self.insert_unique(Name::spread(hash), name, |name| Name::spread(name.hash));
    }

    fn into_items(self) -> impl Iterator<Item = (u32, Name)> {
        self.into_iter().map(|name| (name.hash, name))
    }
}

/// The slots of a space's entries.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Split<HashTable<Name>>);

impl Names {
    /// Number of names.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The slot of this hash that `is_it`.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let of_hash = |name: &Name| name.hash == hash && is_it(name.slot);
        let found = self.0.leaf(hash).find(Name::spread(hash), of_hash)?;
        Some(found.slot)
    }

    /// Adds a slot whose key it does not have.
    pub(super) fn put(&mut self, hash: u32, slot: u32) {
        self.0.put(hash, Name { hash, slot });
    }

    /// Takes out the slot of this hash that `is_it`.
    pub(super) fn remove(&mut self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.0.remove(hash, |leaf| {
            let of_hash = |name: &Name| name.hash == hash && is_it(name.slot);
            let found = leaf.find_entry(Name::spread(hash), of_hash).ok()?;
            Some(found.remove().0.slot)
        })
    }

    /// All slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.leaves().flat_map(|leaf| leaf.iter().map(|name| name.slot))
    }
}
