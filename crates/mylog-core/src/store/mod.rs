//! The store: every durable value, by database and key. It changes only through `Store::apply`.
//!
//! It knows nothing of Redis, of clocks, or of the log. Whoever holds it guards it: the server's global
//! lock in the module, nothing at all in the child, which has its own copy.

mod apply;
mod bounds;
mod collections;
mod discarded;
mod form;
mod key;
mod loader;
mod moved;
mod names;
mod slab;
mod slot;

use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

pub use apply::{Applied, ApplyError};
pub use bounds::{Bounds, OutOfBounds};
pub use discarded::Discarded;
pub use form::Form;
pub use loader::LoadError;
pub use moved::TablesPlace;
pub use slab::SlotId;

use crate::effect::{Db, Effect, ExpireAt};
use crate::value::ValueRef;
use names::Names;
use slab::Slab;

/// Databases a log may name. Redis allows more; nobody has them.
pub const MAX_DBS: Db = 1 << 20;

/// What the bytes of an entry cost on disk beside its key and value, about.
const RECORD_OVERHEAD: usize = 12;

/// A look at a key with its value and its end.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which of the stores' spaces holds it. SWAPDB moves spaces between databases, not entries.
    space: u32,
    key: &'a [u8],
    expire_at: ExpireAt,
    value: ValueRef<'a>,
    form: Form,
}

impl<'a> Entry<'a> {
    /// The key.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The value.
    pub fn value(&self) -> ValueRef<'a> {
        self.value
    }

    /// The key's end.
    pub fn expire_at(&self) -> ExpireAt {
        self.expire_at
    }

    /// How its string was written.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Bytes of its snapshot record, about.
    pub fn live_bytes(&self) -> usize {
        live_bytes(self.key, self.value)
    }
}

/// Bytes of the snapshot record of an entry, about.
fn live_bytes(key: &[u8], value: ValueRef<'_>) -> usize {
    RECORD_OVERHEAD + key.len() + value.data_bytes()
}

/// The names of one space.
#[derive(Debug, Clone, Default)]
struct Space {
    /// Every slot in it holds an entry of this space, and every entry of this space is in it.
    names: Names,
    /// The database it is now.
    db: Db,
    /// Sum of `Entry::live_bytes`.
    live_bytes: usize,
}

/// Every durable value, by database and key.
#[derive(Debug, Clone, Default)]
pub struct Store {
    slab: Slab,
    spaces: Vec<Space>,
    /// The space that each database is now: the inverse of `Space::db`.
    space_of_db: Vec<u32>,
    hasher: DefaultHashBuilder,
    keys: usize,
    /// Logs whose contents were taken into this one, with the last seq of each. No flush takes them away.
    lineages: BTreeMap<[u8; 16], u64>,
    /// Looked at before `names`, and never trusted: see [`Store::guess`].
    guess: Option<SlotId>,
    /// What left and is large: giving it back takes long, so the store's owner does it elsewhere.
    discarded: Vec<Discarded>,
    /// Pieces of memory that were given back at once: see [`Store::freed`].
    freed: u64,
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
        std::mem::take(&mut self.discarded)
    }

    /// How many pieces of memory the store ever gave back itself, on the thread of its caller, about: what is
    /// large is left to its owner by [`Store::take_discarded`].
    pub fn freed(&self) -> u64 {
        self.freed
    }

    fn space(&self, db: Db) -> Option<&Space> {
        self.spaces.get(*self.space_of_db.get(db as usize)? as usize)
    }

    fn hash(&self, key: &[u8]) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    fn is_key_at(&self, slot: u32, key: &[u8]) -> bool {
        self.slab.key_at(slot) == Some(key)
    }
}
