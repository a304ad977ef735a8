//! The one `apply`: live commands, replay and the rewrite child all change a store through it.

use super::discarded::is_large;
use super::names::Names;
use super::slot::Slot;
use super::{MAX_DBS, SlotId, Space, Store};
use crate::effect::{Db, Effect, ExpireAt, NEVER, Ttl};
use crate::value::{Hash, Kind, Value};

/// Room that a long string gets beyond what it needs, as a part of that: what is appended goes there without
/// moving the rest, and a string that was written in parts must not end up with twice its size.
const SPARE_PART: usize = 4;
/// Strings up to this length get as much room again.
const SHORT: usize = 64 << 10;

/// Makes room for what comes behind a string's bytes.
pub(super) fn make_room(bytes: &mut Vec<u8>, more: usize) {
    let len = bytes.len() + more;
    if len > bytes.capacity() && len > SHORT {
        bytes.reserve_exact(more + len / SPARE_PART);
    }
}

fn append(bytes: &mut Vec<u8>, tail: &[u8]) {
    make_room(bytes, tail.len());
    bytes.extend_from_slice(tail);
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
    /// The value has no such place.
    #[error("it changes a {kind:?} of database {db} at a place that the value does not have")]
    Place {
        /// Database.
        db: Db,
        /// Type there.
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
    /// Of an effect on the members of a set, how many it added or took out: with none the store is as it was.
    pub members: Option<usize>,
}

impl Store {
    /// Applies an effect. After an error nothing has changed.
    #[expect(clippy::too_many_lines, reason = "an arm for each effect")]
    pub fn apply(&mut self, effect: &Effect<'_>) -> Result<Applied, ApplyError> {
        let mut members_changed = None;
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
                let id = self.find(db, key).ok_or(ApplyError::Missing { db })?;
                self.slab.set_expire_at(id.slot, expire_at);
                Some(id)
            }
            Effect::Rename { db, key, to_db, to } => Some(self.rename(db, key, to_db, to)?),
            Effect::Copy { db, key, to_db, to } => {
                let from = self.get(db, key).ok_or(ApplyError::Missing { db })?;
                let (expire_at, value, form) = (from.expire_at, from.value.to_value(), from.form);
                let id = self.put(to_db, to, expire_at, value)?;
                self.set_form(id, form);
                Some(id)
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
            Effect::StrRange {
                db,
                key,
                offset,
                bytes,
            } => Some(self.str_range((db, key), offset, bytes)?),
            Effect::ListPush {
                db,
                key,
                side,
                ref elements,
            } => Some(self.list_push((db, key), side, elements)?),
            Effect::ListPop { db, key, side, count } => self.list_pop((db, key), side, count)?,
            Effect::ListSet {
                db,
                key,
                index,
                element,
            } => self.list_set((db, key), index, element)?,
            Effect::ListInsert {
                db,
                key,
                index,
                element,
            } => self.list_insert((db, key), index, element)?,
            Effect::ListRemove {
                db,
                key,
                start,
                count,
            } => self.list_remove((db, key), start, count)?,
            Effect::ListRemoveAt { db, key, ref indexes } => self.list_remove_at((db, key), indexes)?,
            Effect::SetAdd { db, key, ref members } => {
                let (id, new) = self.set_add((db, key), members)?;
                members_changed = Some(new);
                Some(id)
            }
            Effect::SetRemove { db, key, ref members } => {
                let (id, gone) = self.set_remove((db, key), members)?;
                members_changed = Some(gone);
                id
            }
            Effect::ZSetSet { db, key, ref members } => Some(self.zset_set((db, key), members)?),
            Effect::ZSetRemove { db, key, ref members } => self.zset_remove((db, key), members)?,
        };
        Ok(Applied {
            entry,
            members: members_changed,
        })
    }

    fn str_set(&mut self, db: Db, key: &[u8], ttl: Ttl, value: &[u8]) -> Result<SlotId, ApplyError> {
        let Some(id) = self.find(db, key) else {
            let expire_at = match ttl {
                Ttl::Keep => NEVER,
                Ttl::Set(at) => at,
            };
            return self.insert(db, key, expire_at, Slot::string(key, value));
        };
        if let Some(left) = self.change_slot(db, id, |slot| Some(slot.set_string(value)))? {
            self.discard(left);
        }
        if let Ttl::Set(at) = ttl {
            self.slab.set_expire_at(id.slot, at);
        }
        Ok(id)
    }

    fn str_append(&mut self, db: Db, key: &[u8], tail: &[u8]) -> Result<SlotId, ApplyError> {
        let Some(id) = self.find(db, key) else {
            return self.put(db, key, NEVER, Value::Str(tail.to_vec()));
        };
        self.change(db, id, |value| match value {
            Value::Str(bytes) => {
                append(bytes, tail);
                Ok(())
            }
            other => Err(other.kind()),
        })?;
        Ok(id)
    }

    fn hash_set(&mut self, db: Db, key: &[u8], pairs: &[(&[u8], &[u8])]) -> Result<SlotId, ApplyError> {
        let fill = |hash: &mut Hash| {
            let old = pairs
                .iter()
                .filter_map(|(field, value)| hash.replace(field, value).1);
            old.filter(|old| is_large(old)).collect::<Vec<_>>()
        };
        let Some(id) = self.find(db, key) else {
            let mut hash = Hash::default();
            fill(&mut hash);
            return self.put(db, key, NEVER, Value::Hash(hash));
        };
        let left = self.change(db, id, |value| match value {
            Value::Hash(hash) => Ok(fill(hash)),
            other => Err(other.kind()),
        })?;
        self.discard_pieces(left, pairs.len());
        Ok(id)
    }

    fn hash_del(&mut self, db: Db, key: &[u8], fields: &[&[u8]]) -> Result<Option<SlotId>, ApplyError> {
        let id = self.find(db, key).ok_or(ApplyError::Missing { db })?;
        let (left, empty) = self.change(db, id, |value| match value {
            Value::Hash(hash) => {
                let left = fields.iter().filter_map(|field| hash.take(field));
                let left = left.filter(|left| is_large(left)).collect::<Vec<_>>();
                Ok((left, hash.is_empty()))
            }
            other => Err(other.kind()),
        })?;
        self.discard_pieces(left, 2 * fields.len());
        if empty {
            self.remove(db, key);
        }
        Ok((!empty).then_some(id))
    }

    /// Changes a value in place and keeps the sums.
    pub(super) fn change<T>(
        &mut self,
        db: Db,
        id: SlotId,
        change: impl FnOnce(&mut Value) -> Result<T, Kind>,
    ) -> Result<T, ApplyError> {
        self.change_slot(db, id, |slot| slot.change(change))?
            .map_err(|found| ApplyError::WrongType { db, found })
    }

    /// Changes the entry in a slot and keeps the sums. `None` says that there is none.
    fn change_slot<T>(
        &mut self,
        db: Db,
        id: SlotId,
        change: impl FnOnce(&mut Slot) -> Option<T>,
    ) -> Result<T, ApplyError> {
        let missing = ApplyError::Missing { db };
        let (slot, space) = self.slab.slot_and_space(id.slot).ok_or(missing)?;
        let before = slot.live_bytes();
        let done = change(slot).ok_or(missing)?;
        let after = slot.live_bytes();
        if let Some(space) = self.spaces.get_mut(space as usize) {
            space.live_bytes = space.live_bytes - before + after;
        }
        Ok(done)
    }

    fn live_bytes_at(&self, slot: u32) -> usize {
        self.slab.slot(slot).map_or(0, Slot::live_bytes)
    }

    /// As [`Store::apply`] of an [`Effect::Put`] of a value that is made already.
    pub fn put_value(
        &mut self,
        db: Db,
        key: &[u8],
        expire_at: ExpireAt,
        value: Value,
    ) -> Result<SlotId, ApplyError> {
        self.put(db, key, expire_at, value)
    }

    /// Gives a name a value: in place if it holds one, so that its entry stays where it is.
    pub(super) fn put(
        &mut self,
        db: Db,
        key: &[u8],
        expire_at: ExpireAt,
        value: Value,
    ) -> Result<SlotId, ApplyError> {
        if let Some(id) = self.find(db, key) {
            if let Some(old) = self.change_slot(db, id, |slot| Some(slot.set_value(value)))? {
                self.discard(old);
            }
            self.slab.set_expire_at(id.slot, expire_at);
            return Ok(id);
        }
        self.insert(db, key, expire_at, Slot::of(key, value))
    }

    /// Gives a name that holds nothing an entry.
    fn insert(&mut self, db: Db, key: &[u8], expire_at: ExpireAt, entry: Slot) -> Result<SlotId, ApplyError> {
        let space = self.space_for(db)?;
        self.keys += 1;
        let id = self.slab.insert(space, expire_at, entry);
        self.link(space, key, id.slot, self.live_bytes_at(id.slot));
        Ok(id)
    }

    pub(super) fn remove(&mut self, db: Db, key: &[u8]) {
        let Some(slot) = self.unlink(db, key) else { return };
        if let Some((entry, _)) = self.slab.remove(slot) {
            self.keys -= 1;
            self.discard_entry(entry);
        }
    }

    fn rename(&mut self, db: Db, key: &[u8], to_db: Db, to: &[u8]) -> Result<SlotId, ApplyError> {
        let missing = ApplyError::Missing { db };
        let mut id = self.find(db, key).ok_or(missing)?;
        let to_space = self.space_for(to_db)?;
        if (db, key) == (to_db, to) {
            return Ok(id);
        }
        self.remove(to_db, to);
        self.unlink(db, key);
        if self.slab.at(id.slot).ok_or(missing)?.space != to_space {
            id = self.slab.move_to_space(id, to_space).ok_or(missing)?;
        }
        self.slab.slot_mut(id.slot).ok_or(missing)?.set_key(to);
        self.link(to_space, to, id.slot, self.live_bytes_at(id.slot));
        Ok(id)
    }

    /// Every key leaves in one step: their number costs nothing here, only whoever frees them.
    fn flush_all(&mut self) {
        let entries = self.slab.take();
        let names: Vec<Names> = self.spaces.iter_mut().map(Space::empty).collect();
        self.keys = 0;
        self.discard_entries(entries, names.into_iter());
    }

    /// As `flush_all`, for the keys of a database.
    fn flush(&mut self, db: Db) {
        let Some(at) = self.space_of_db.get(db as usize).copied() else {
            return;
        };
        let Some(space) = self.spaces.get_mut(at as usize) else {
            return;
        };
        let names = space.empty();
        self.keys -= names.len();
        if !self.slab.is_append_only() {
            let entries = self.slab.take_space(at);
            return self.discard_entries(entries, std::iter::once(names));
        }
        for slot in names.slots() {
            if let Some((entry, _)) = self.slab.remove(slot) {
                self.discard_entry(entry);
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

    /// Gives an entry its name in its space.
    fn link(&mut self, space: u32, key: &[u8], slot: u32, live_bytes: usize) {
        let hash = self.hash(key);
        if let Some(space) = self.spaces.get_mut(space as usize) {
            space.names.put(hash, slot);
            space.live_bytes += live_bytes;
        }
    }

    /// Takes a name out of its space. Its entry is where it was.
    fn unlink(&mut self, db: Db, key: &[u8]) -> Option<u32> {
        let hash = self.hash(key);
        let space = *self.space_of_db.get(db as usize)?;
        let slab = &self.slab;
        let space = self.spaces.get_mut(space as usize)?;
        let is_it = |slot| slab.key_at(slot) == Some(key);
        let slot = space.names.remove(hash, is_it)?;
        space.live_bytes -= slab.slot(slot).map_or(0, Slot::live_bytes);
        Some(slot)
    }
}

impl Space {
    /// Its names; none are left.
    fn empty(&mut self) -> Names {
        self.live_bytes = 0;
        std::mem::take(&mut self.names)
    }
}
