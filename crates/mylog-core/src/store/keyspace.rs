//! Every durable value by database and key, and how it is found.

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::discarded::{Discarded, Discards};
use super::entry::Entry;
use super::form::Form;
use super::slab::{Slab, SlotId};
use super::space::Space;
use crate::effect::{Db, Effect};

/// A key in its database.
pub(super) type Name<'a> = (Db, &'a [u8]);

/// Databases a log may name. Redis allows more; nobody has them.
pub const MAX_DBS: Db = 1 << 20;

/// Every durable value, by database and key.
#[derive(Debug, Clone, Default)]
pub struct Store {
    pub(super) slab: Slab,
    pub(super) spaces: Vec<Space>,
    /// The space that each database is now: the inverse of `Space::db`.
    pub(super) space_of_db: Vec<u32>,
    hasher: DefaultHashBuilder,
    pub(super) keys: usize,
    /// Logs whose contents were taken into this one, with the last seq of each. No flush takes them away.
    lineages: BTreeMap<[u8; 16], u64>,
    /// Looked at before `names`, and never trusted: see [`Store::guess`].
    guess: Option<SlotId>,
    pub(super) discards: Discards,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on a new entry takes a slot past the end. For the rewrite child's copy.
    pub fn append_only(&mut self) {
        self.slab.append_only();
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys
    }

    /// Logs whose contents were taken into this one, with the last seq of each.
    pub fn lineages(&self) -> impl Iterator<Item = Effect<'static>> + '_ {
        self.lineages
            .iter()
            .map(|(&uuid, &seq)| Effect::Lineage { uuid, seq })
    }

    /// True if that log was taken into this one, at least up to this seq.
    pub fn knows_lineage(&self, uuid: &[u8; 16], seq: u64) -> bool {
        self.lineages.get(uuid).is_some_and(|&known| seq <= known)
    }

    /// The contents of that log up to `seq` were taken into this one.
    pub(super) fn take_lineage(&mut self, uuid: [u8; 16], seq: u64) {
        let known = self.lineages.entry(uuid).or_default();
        *known = seq.max(*known);
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// Number of keys in a database.
    pub fn db_len(&self, db: Db) -> usize {
        self.space(db).map_or(0, |space| space.names.len())
    }

    /// Databases that hold or held a key: all of them are below this.
    pub fn dbs(&self) -> Db {
        self.space_of_db.len() as Db
    }

    /// About what a snapshot of all this takes on disk, in bytes.
    pub fn live_bytes(&self) -> u64 {
        self.spaces.iter().map(|space| space.live_bytes as u64).sum()
    }

    /// Where a name's entry is.
    pub fn find(&self, db: Db, key: &[u8]) -> Option<SlotId> {
        if let Some(id) = self.guess.filter(|&id| self.is_at(id, db, key)) {
            return Some(id);
        }
        let space = self.space(db)?;
        let hash = self.hash(key);
        let slot = space.names.find(hash, |slot| self.is_key_at(slot, key))?;
        self.slab.id(slot)
    }

    /// Says where the name looked for next probably is. A wrong guess costs a moment, nothing else.
    pub fn guess(&mut self, id: SlotId) {
        self.guess = Some(id);
    }

    /// True if this entry has this name. It is then the only one: every entry is in its space's `names`.
    fn is_at(&self, id: SlotId, db: Db, key: &[u8]) -> bool {
        self.slab
            .get(id)
            .is_some_and(|entry| entry.key == key && self.space_of_db.get(db as usize) == Some(&entry.space))
    }

    /// A name's entry.
    pub fn get(&self, db: Db, key: &[u8]) -> Option<Entry<'_>> {
        self.entry(self.find(db, key)?)
    }

    /// The entry of an id; `None` once it is gone.
    pub fn entry(&self, id: SlotId) -> Option<Entry<'_>> {
        self.slab.get(id)
    }

    /// Says how the string of an entry was written, where its effect does not say it. It is no part of the value.
    pub fn set_form(&mut self, id: SlotId, form: Form) {
        if let Some(slot) = self.slab.slot_mut(id.slot) {
            if slot.generation() == id.generation {
                slot.set_form(form);
            }
        }
    }

    /// The database that an entry is in now.
    pub fn db_of(&self, entry: Entry<'_>) -> Db {
        self.spaces.get(entry.space as usize).map_or(0, |space| space.db)
    }

    /// One past the highest slot in use.
    pub fn slots_end(&self) -> u32 {
        self.slab.end()
    }

    /// The id of the entry in a slot, if it holds one.
    pub fn id_at_slot(&self, slot: u32) -> Option<SlotId> {
        self.slab.key_at(slot).and_then(|_| self.slab.id(slot))
    }

    /// The entry in a slot, if it holds one.
    pub fn at_slot(&self, slot: u32) -> Option<Entry<'_>> {
        self.slab.at(slot)
    }

    /// Every entry, by slot.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.slots_end()).filter_map(|slot| self.slab.at(slot))
    }

    /// Takes what has left since the last call and takes long to free.
    pub fn take_discarded(&mut self) -> Vec<Discarded> {
        self.discards.take()
    }

    /// How many pieces of memory the store ever gave back itself, on the thread of its caller, about: what is
    /// large is left to its owner by [`Store::take_discarded`].
    pub fn freed(&self) -> u64 {
        self.discards.freed()
    }

    fn space(&self, db: Db) -> Option<&Space> {
        self.spaces.get(*self.space_of_db.get(db as usize)? as usize)
    }

    pub(super) fn hash(&self, key: &[u8]) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    fn is_key_at(&self, slot: u32, key: &[u8]) -> bool {
        self.slab.key_at(slot) == Some(key)
    }
}
