//! How the child writes an entry: a large value in parts, between which the diffs go on, and of one that is in the
//! file already only what the file lacks.

use super::{Child, ChildError, ParentLink};
use crate::effect::Change;
use crate::rewrite::delta::PartRecords;
use crate::rewrite::entry_records::{next_part, whole};
use crate::rewrite::named::Named;

impl<L: ParentLink> Child<'_, L> {
    /// Writes the entry in a slot whole, if there is one.
    pub(super) fn write_slot(&mut self, slot: u32) -> Result<(), ChildError> {
        self.deltas.forget(slot);
        let Some(entry) = self.store.at_slot(slot) else {
            return Ok(());
        };
        if entry.live_bytes() > self.sizes.large {
            self.deltas.begin(slot, entry.expire_at());
            return self.write_parts(slot).map(drop);
        }
        let mut record = Vec::with_capacity(entry.live_bytes() + 32);
        whole(self.store.db_of(entry), entry, &mut record);
        self.emit(&record)
    }

    /// Writes what is left of a large value, and looks at the data pipe between its records. Stops when the delta
    /// is dropped: the name is dirty then. Says whether there was anything.
    fn write_parts(&mut self, slot: u32) -> Result<bool, ChildError> {
        let mut any = false;
        loop {
            let (Some(entry), Some(delta)) = (self.store.at_slot(slot), self.deltas.get_mut(slot)) else {
                return Ok(any);
            };
            let mut record = Vec::with_capacity(self.sizes.part + entry.key().len() + 64);
            let db = self.store.db_of(entry);
            let more = next_part(db, entry, self.sizes, &mut delta.place, &mut record);
            if !record.is_empty() {
                any = true;
                self.emit(&record)?;
            }
            if !more {
                return Ok(any);
            }
            self.look_at_pipe()?;
        }
    }

    /// Writes an entry that was written before: of a large value what the file lacks of it.
    pub(super) fn write_again(&mut self, slot: u32) -> Result<(), ChildError> {
        let (Some(entry), Some(delta)) = (self.store.at_slot(slot), self.deltas.get_mut(slot)) else {
            self.emitted += 1;
            return self.write_slot(slot);
        };
        let (db, key, expire_at) = (self.store.db_of(entry), entry.key(), entry.expire_at());
        let mut record = Vec::new();
        if std::mem::replace(&mut delta.expire_at, expire_at) != expire_at {
            Change::Expire { expire_at }.of(db, key).encode(&mut record);
        }
        if !record.is_empty() {
            self.emitted += 1;
            self.emit(&record)?;
        }
        self.emitted += u64::from(self.write_parts(slot)?);
        self.write_dirty_parts(slot)
    }

    /// Writes the dirty fields or members of a large value. Stops as `write_parts` does.
    fn write_dirty_parts(&mut self, slot: u32) -> Result<(), ChildError> {
        let mut parts = PartRecords::new(self.deltas.take_dirty(slot));
        while let Some(entry) = self.store.at_slot(slot).filter(|_| self.deltas.has(slot)) {
            let Some(value) = Named::of(entry.value()) else {
                break;
            };
            let mut record = Vec::new();
            let name = (self.store.db_of(entry), entry.key());
            let count = parts.next(name, value, self.sizes.part, &mut record);
            if count == 0 {
                break;
            }
            self.emitted += count;
            self.emit(&record)?;
            self.look_at_pipe()?;
        }
        Ok(())
    }
}
