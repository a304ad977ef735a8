//! The one `apply`: live commands, replay and the rewrite child all change a store through it.

use hashbrown::HashTable;

use super::{Discarded, Entry, MAX_DBS, Name, Remains, SlotId, Space, Store};
use crate::effect::{Db, Effect, ExpireAt, NEVER, Ttl};
use crate::value::{Hash, Kind, Value};

/// A value that takes more pieces than this to free is left to its owner (Redis' `LAZYFREE_THRESHOLD`).
const LARGE_EFFORT: usize = 64;

/// True if a string of `len` bytes may take room of `capacity`: it is enough, and half of it is not wasted.
fn fits(capacity: usize, len: usize) -> bool {
    capacity >= len && capacity / 2 <= len
}

/// An effect that the state it meets can't take: the log and the state have parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The name holds nothing.
    #[error("it changes a key of database {db} that does not exist")]
    Missing {
        /// Database.
        db: Db,
    },
    /// The name holds another type.
    #[error("it changes a {found:?} of database {db} as if it were another type")]
    WrongType {
        /// Database.
        db: Db,
        /// Type there.
        found: Kind,
    },
    /// The bytes of the value are not one.
    #[error("its bytes are not a {kind:?}")]
    Body {
        /// Type they should be.
        kind: Kind,
    },
    /// No such database is supported.
    #[error("it names database {db}, past the largest supported")]
    Db {
        /// Database.
        db: Db,
    },
}

/// What an effect left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The entry that the effect wrote, if it is still there.
    pub entry: Option<SlotId>,
}

impl Store {
    /// Applies an effect. After an error nothing has changed.
    pub fn apply(&mut self, effect: &Effect<'_>) -> Result<Applied, ApplyError> {
        let entry = match *effect {
            Effect::Put {
                db,
                key,
                expire_at,
                kind,
                body,
            } => {
                let value = Value::decode_body(kind, body).ok_or(ApplyError::Body { kind })?;
                Some(self.put(db, key, expire_at, value)?)
            }
            Effect::Del { db, key } => {
                self.find(db, key).ok_or(ApplyError::Missing { db })?;
                self.remove(db, key);
                None
            }
            Effect::Expire { db, key, expire_at } => {
                let (id, entry) = self.found_mut(db, key)?;
                entry.expire_at = expire_at;
                Some(id)
            }
            Effect::Rename { db, key, to_db, to } => Some(self.rename(db, key, to_db, to)?),
            Effect::Copy { db, key, to_db, to } => {
                let from = self.get(db, key).ok_or(ApplyError::Missing { db })?;
                let (expire_at, value) = (from.expire_at, from.value.clone());
                Some(self.put(to_db, to, expire_at, value)?)
            }
            Effect::FlushDb { db } => {
                self.flush(db);
                None
            }
            Effect::FlushAll => {
                self.flush_all();
                None
            }
            Effect::SwapDb { a, b } => {
                self.swap(a, b)?;
                None
            }
            Effect::Lineage { uuid, seq } => {
                let known = self.lineages.entry(uuid).or_default();
                *known = seq.max(*known);
                None
            }
            Effect::StrSet { db, key, ttl, value } => Some(self.str_set(db, key, ttl, value)?),
            Effect::StrAppend { db, key, tail } => Some(self.str_append(db, key, tail)?),
            Effect::HashSet { db, key, ref pairs } => Some(self.hash_set(db, key, pairs)?),
            Effect::HashDel { db, key, ref fields } => self.hash_del(db, key, fields)?,
        };
        Ok(Applied { entry })
    }

    fn str_set(&mut self, db: Db, key: &[u8], ttl: Ttl, value: &[u8]) -> Result<SlotId, ApplyError> {
        let Some(id) = self.find(db, key) else {
            let expire_at = match ttl {
                Ttl::Keep => NEVER,
                Ttl::Set(at) => at,
            };
            return self.insert(db, key, expire_at, Value::Str(value.to_vec()));
        };
        let left = self.change(db, id, |held| {
            // The same room again: fresh room costs time. While a child shares the pages, a value of the same
            // length changes one page, its own: the entry's is not touched.
            match held {
                Value::Str(bytes) if bytes.len() == value.len() => {
                    bytes.copy_from_slice(value);
                    return Ok(None);
                }
                Value::Str(bytes) if fits(bytes.capacity(), value.len()) => {
                    bytes.clear();
                    bytes.extend_from_slice(value);
                    return Ok(None);
                }
                _ => {}
            }
            Ok(Some(std::mem::replace(held, Value::Str(value.to_vec()))))
        })?;
        if let Some(left) = left {
            self.discard(left);
        }
        if let Ttl::Set(at) = ttl {
            self.set_expire_at(id, at);
        }
        Ok(id)
    }

    fn str_append(&mut self, db: Db, key: &[u8], tail: &[u8]) -> Result<SlotId, ApplyError> {
        let Some(id) = self.find(db, key) else {
            return self.put(db, key, NEVER, Value::Str(tail.to_vec()));
        };
        self.change(db, id, |value| match value {
            Value::Str(bytes) => {
                bytes.extend_from_slice(tail);
                Ok(())
            }
            other => Err(other.kind()),
        })?;
        Ok(id)
    }

    fn hash_set(&mut self, db: Db, key: &[u8], pairs: &[(&[u8], &[u8])]) -> Result<SlotId, ApplyError> {
        let fill = |hash: &mut Hash| {
            for (field, value) in pairs {
                hash.set(field, value);
            }
        };
        let Some(id) = self.find(db, key) else {
            let mut hash = Hash::default();
            fill(&mut hash);
            return self.put(db, key, NEVER, Value::Hash(Box::new(hash)));
        };
        self.change(db, id, |value| match value {
            Value::Hash(hash) => {
                fill(hash);
                Ok(())
            }
            other => Err(other.kind()),
        })?;
        Ok(id)
    }

    fn hash_del(&mut self, db: Db, key: &[u8], fields: &[&[u8]]) -> Result<Option<SlotId>, ApplyError> {
        let id = self.find(db, key).ok_or(ApplyError::Missing { db })?;
        let empty = self.change(db, id, |value| match value {
            Value::Hash(hash) => {
                for field in fields {
                    hash.remove(field);
                }
                Ok(hash.is_empty())
            }
            other => Err(other.kind()),
        })?;
        if empty {
            self.remove(db, key);
        }
        Ok((!empty).then_some(id))
    }

    /// Changes a value in place and keeps the sums.
    fn change<T>(
        &mut self,
        db: Db,
        id: SlotId,
        change: impl FnOnce(&mut Value) -> Result<T, Kind>,
    ) -> Result<T, ApplyError> {
        let entry = self.slab.at_mut(id.slot).ok_or(ApplyError::Missing { db })?;
        let before = entry.live_bytes();
        let done = change(&mut entry.value).map_err(|found| ApplyError::WrongType { db, found })?;
        let after = entry.live_bytes();
        self.live_bytes = self.live_bytes - before + after;
        Ok(done)
    }

    fn found_mut(&mut self, db: Db, key: &[u8]) -> Result<(SlotId, &mut Entry), ApplyError> {
        let missing = ApplyError::Missing { db };
        let id = self.find(db, key).ok_or(missing)?;
        Ok((id, self.slab.at_mut(id.slot).ok_or(missing)?))
    }

    /// Gives a name a value: in place if it holds one, so that its entry stays where it is.
    fn put(&mut self, db: Db, key: &[u8], expire_at: ExpireAt, value: Value) -> Result<SlotId, ApplyError> {
        if let Some(id) = self.find(db, key) {
            let old = self.change(db, id, |held| Ok(std::mem::replace(held, value)))?;
            self.discard(old);
            self.set_expire_at(id, expire_at);
            return Ok(id);
        }
        self.insert(db, key, expire_at, value)
    }

    /// Gives a name that holds nothing a value.
    fn insert(
        &mut self,
        db: Db,
        key: &[u8],
        expire_at: ExpireAt,
        value: Value,
    ) -> Result<SlotId, ApplyError> {
        let space = self.space_for(db)?;
        let entry = Entry {
            space,
            key: key.into(),
            expire_at,
            value,
        };
        self.live_bytes += entry.live_bytes();
        self.keys += 1;
        let id = self.slab.insert(entry);
        self.link(space, key, id.slot);
        Ok(id)
    }

    fn set_expire_at(&mut self, id: SlotId, expire_at: ExpireAt) {
        // Not written in vain: a child may share the page.
        if let Some(entry) = self
            .slab
            .at_mut(id.slot)
            .filter(|entry| entry.expire_at != expire_at)
        {
            entry.expire_at = expire_at;
        }
    }

    fn remove(&mut self, db: Db, key: &[u8]) {
        let Some(slot) = self.unlink(db, key) else { return };
        if let Some(entry) = self.slab.remove(slot) {
            self.live_bytes -= entry.live_bytes();
            self.keys -= 1;
            self.discard(entry.value);
        }
    }

    fn rename(&mut self, db: Db, key: &[u8], to_db: Db, to: &[u8]) -> Result<SlotId, ApplyError> {
        let id = self.find(db, key).ok_or(ApplyError::Missing { db })?;
        let space = self.space_for(to_db)?;
        if (db, key) == (to_db, to) {
            return Ok(id);
        }
        self.remove(to_db, to);
        self.unlink(db, key);
        if let Some(entry) = self.slab.at_mut(id.slot) {
            self.live_bytes = self.live_bytes - entry.key.len() + to.len();
            entry.key = to.into();
            entry.space = space;
        }
        self.link(space, to, id.slot);
        Ok(id)
    }

    /// Every key leaves in one step: their number costs nothing here, only whoever frees them.
    fn flush_all(&mut self) {
        for space in &mut self.spaces {
            space.names = HashTable::new();
        }
        self.keys = 0;
        self.live_bytes = 0;
        let slab = self.slab.take();
        self.discarded.push(Discarded(Remains::Everything(slab)));
    }

    fn flush(&mut self, db: Db) {
        if self.db_len(db) == self.keys {
            return self.flush_all();
        }
        let Some(space) = self.space_of_db.get(db as usize).copied() else {
            return;
        };
        let Some(space) = self.spaces.get_mut(space as usize) else {
            return;
        };
        let names = std::mem::take(&mut space.names);
        for name in names {
            if let Some(entry) = self.slab.remove(name.slot) {
                self.live_bytes -= entry.live_bytes();
                self.keys -= 1;
                self.discard(entry.value);
            }
        }
    }

    fn swap(&mut self, a: Db, b: Db) -> Result<(), ApplyError> {
        let (space_a, space_b) = (self.space_for(a)?, self.space_for(b)?);
        for (db, space) in [(a, space_b), (b, space_a)] {
            if let Some(of) = self.space_of_db.get_mut(db as usize) {
                *of = space;
            }
            if let Some(space) = self.spaces.get_mut(space as usize) {
                space.db = db;
            }
        }
        Ok(())
    }

    fn discard(&mut self, value: Value) {
        if value.free_effort() > LARGE_EFFORT {
            self.discarded.push(Discarded(Remains::Value(value)));
        }
    }

    /// The space that is `db`, made with all before it if it is not there yet.
    fn space_for(&mut self, db: Db) -> Result<u32, ApplyError> {
        if db >= MAX_DBS {
            return Err(ApplyError::Db { db });
        }
        while self.space_of_db.len() <= db as usize {
            let new = self.space_of_db.len() as u32;
            self.spaces.push(Space {
                db: new,
                ..Space::default()
            });
            self.space_of_db.push(new);
        }
        self.space_of_db
            .get(db as usize)
            .copied()
            .ok_or(ApplyError::Db { db })
    }

    fn link(&mut self, space: u32, key: &[u8], slot: u32) {
        let hash = self.hash(key);
        if let Some(space) = self.spaces.get_mut(space as usize) {
            let rehash = |name: &Name| Name::spread(name.hash);
            space
                .names
                .insert_unique(Name::spread(hash), Name { hash, slot }, rehash);
        }
    }

    fn unlink(&mut self, db: Db, key: &[u8]) -> Option<u32> {
        let hash = self.hash(key);
        let space = *self.space_of_db.get(db as usize)?;
        let slab = &self.slab;
        let names = &mut self.spaces.get_mut(space as usize)?.names;
        let is_it =
            |name: &Name| name.hash == hash && slab.at(name.slot).is_some_and(|entry| *entry.key == *key);
        let found = names.find_entry(Name::spread(hash), is_it).ok()?;
        Some(found.remove().0.slot)
    }
}
