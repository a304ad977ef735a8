//! What effects on strings do. Each checks before it changes anything.

use super::apply_error::ApplyError;
use super::form::Form;
use super::keyspace::{Name, Store};
use super::slab::SlotId;
use super::slot::Slot;
use crate::effect::{MAX_GAP, NEVER, Ttl};
use crate::value::{Kind, Value};

/// Room that a long string gets beyond what it needs, as a part of that: what is appended goes there without
/// moving the rest, and a string that was written in parts must not end up with twice its size.
const SPARE_PART: usize = 4;
/// Strings up to this length get as much room again.
const SHORT: usize = 64 << 10;

/// Makes room for what comes behind a string's bytes.
fn make_room(bytes: &mut Vec<u8>, more: usize) {
    let len = bytes.len() + more;
    if len > bytes.capacity() && len > SHORT {
        bytes.reserve_exact(more + len / SPARE_PART);
    }
}

fn append(bytes: &mut Vec<u8>, tail: &[u8]) {
    make_room(bytes, tail.len());
    bytes.extend_from_slice(tail);
}

impl Store {
    pub(super) fn str_set(
        &mut self,
        (db, key): Name<'_>,
        ttl: Ttl,
        value: &[u8],
    ) -> Result<SlotId, ApplyError> {
        let Some(id) = self.find(db, key) else {
            let expire_at = match ttl {
                Ttl::Keep => NEVER,
                Ttl::Set(at) => at,
            };
            return self.insert((db, key), expire_at, Slot::string(key, value));
        };
        if let Some(left) = self.change_slot(db, id, |slot| Some(slot.set_string(value)))? {
            self.discards.value(left);
        }
        if let Ttl::Set(at) = ttl {
            self.slab.set_expire_at(id.slot, at);
        }
        Ok(id)
    }

    pub(super) fn str_append(&mut self, (db, key): Name<'_>, tail: &[u8]) -> Result<SlotId, ApplyError> {
        let Some(id) = self.find(db, key) else {
            return self.put((db, key), NEVER, Value::Str(tail.to_vec()));
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

    pub(super) fn str_range(
        &mut self,
        (db, key): Name<'_>,
        offset: u64,
        bytes: &[u8],
    ) -> Result<SlotId, ApplyError> {
        let kind = Kind::Str;
        let past = ApplyError::Place { db, kind };
        let fits = |len: usize| offset <= len as u64 + MAX_GAP;
        let offset = usize::try_from(offset).map_err(|_| past)?;
        let Some(id) = self.find(db, key) else {
            if !fits(0) {
                return Err(past);
            }
            let mut held = Vec::new();
            write_at(&mut held, offset, bytes);
            let id = self.put((db, key), NEVER, Value::Str(held))?;
            self.set_form(id, Form::Grown);
            return Ok(id);
        };
        let written = self.change(db, id, |value| match value {
            Value::Str(held) => Ok(fits(held.len()).then(|| write_at(held, offset, bytes))),
            other => Err(other.kind()),
        })?;
        written.map(|()| id).ok_or(past)
    }
}

/// Writes bytes over those from `offset` on, behind zeros if it is past the end.
fn write_at(held: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let over = held.len().saturating_sub(offset).min(bytes.len());
    let (inside, behind) = bytes.split_at_checked(over).unwrap_or((bytes, &[]));
    if let Some(held) = held.get_mut(offset..offset + over) {
        held.copy_from_slice(inside);
    }
    let gap = offset.saturating_sub(held.len());
    make_room(held, gap + behind.len());
    held.resize(held.len() + gap, 0);
    held.extend_from_slice(behind);
}
