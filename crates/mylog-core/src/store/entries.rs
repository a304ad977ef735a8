//! Entries come, change, move and leave, and the sums over them follow.

use super::apply_error::ApplyError;
use super::keyspace::{MAX_DBS, Name, Store};
use super::names::Names;
use super::slab::SlotId;
use super::slot::Slot;
use super::space::Space;
use crate::effect::{Db, ExpireAt};
use crate::value::{Kind, Value};

impl Store {
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
    pub(super) fn change_slot<T>(
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

    /// As [`Store::apply`] of an [`Change::Put`](crate::effect::Change::Put) of a value that is made already.
    pub fn put_value(
        &mut self,
        db: Db,
        key: &[u8],
        expire_at: ExpireAt,
        value: Value,
    ) -> Result<SlotId, ApplyError> {
        self.put((db, key), expire_at, value)
    }

    /// Gives a name a value: in place if it holds one, so that its entry stays where it is.
    pub(super) fn put(
        &mut self,
        (db, key): Name<'_>,
        expire_at: ExpireAt,
        value: Value,
    ) -> Result<SlotId, ApplyError> {
        if let Some(id) = self.find(db, key) {
            if let Some(old) = self.change_slot(db, id, |slot| Some(slot.set_value(value)))? {
                self.discards.value(old);
            }
            self.slab.set_expire_at(id.slot, expire_at);
            return Ok(id);
        }
        self.insert((db, key), expire_at, Slot::of(key, value))
    }

    /// Gives a name that holds nothing an entry.
    pub(super) fn insert(
        &mut self,
        (db, key): Name<'_>,
        expire_at: ExpireAt,
        entry: Slot,
    ) -> Result<SlotId, ApplyError> {
        let space = self.space_for(db)?;
        self.keys += 1;
        let id = self.slab.insert(space, expire_at, entry);
        self.link(space, key, id.slot, self.live_bytes_at(id.slot));
        Ok(id)
    }

    pub(super) fn remove(&mut self, name: Name<'_>) {
        let Some(slot) = self.unlink(name) else { return };
        if let Some((entry, _)) = self.slab.remove(slot) {
            self.keys -= 1;
            self.discards.entry(entry);
        }
    }

    pub(super) fn delete(&mut self, name: Name<'_>) -> Result<Option<SlotId>, ApplyError> {
        let (db, key) = name;
        self.find(db, key).ok_or(ApplyError::Missing { db })?;
        self.remove(name);
        Ok(None)
    }

    pub(super) fn expire(&mut self, (db, key): Name<'_>, expire_at: ExpireAt) -> Result<SlotId, ApplyError> {
        let id = self.find(db, key).ok_or(ApplyError::Missing { db })?;
        self.slab.set_expire_at(id.slot, expire_at);
        Ok(id)
    }

    pub(super) fn copy(&mut self, (db, key): Name<'_>, to: Name<'_>) -> Result<SlotId, ApplyError> {
        let from = self.get(db, key).ok_or(ApplyError::Missing { db })?;
        let (expire_at, value, form) = (from.expire_at, from.value.to_value(), from.form);
        let id = self.put(to, expire_at, value)?;
        self.set_form(id, form);
        Ok(id)
    }

    pub(super) fn rename(
        &mut self,
        (db, key): Name<'_>,
        (to_db, to): Name<'_>,
    ) -> Result<SlotId, ApplyError> {
        let missing = ApplyError::Missing { db };
        let mut id = self.find(db, key).ok_or(missing)?;
        let to_space = self.space_for(to_db)?;
        if (db, key) == (to_db, to) {
            return Ok(id);
        }
        self.remove((to_db, to));
        self.unlink((db, key));
        if self.slab.at(id.slot).ok_or(missing)?.space != to_space {
            id = self.slab.move_to_space(id, to_space).ok_or(missing)?;
        }
        self.slab.slot_mut(id.slot).ok_or(missing)?.set_key(to);
        self.link(to_space, to, id.slot, self.live_bytes_at(id.slot));
        Ok(id)
    }

    /// Every key leaves in one step: their number costs nothing here, only whoever frees them.
    pub(super) fn flush_all(&mut self) {
        let entries = self.slab.take();
        let names: Vec<Names> = self.spaces.iter_mut().map(Space::empty).collect();
        self.keys = 0;
        self.discards.entries(entries, names.into_iter());
    }

    /// As `flush_all`, for the keys of a database.
    pub(super) fn flush(&mut self, db: Db) {
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
            return self.discards.entries(entries, std::iter::once(names));
        }
        for slot in names.slots() {
            if let Some((entry, _)) = self.slab.remove(slot) {
                self.discards.entry(entry);
            }
        }
    }

    pub(super) fn swap(&mut self, a: Db, b: Db) -> Result<(), ApplyError> {
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
    fn unlink(&mut self, (db, key): Name<'_>) -> Option<u32> {
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
