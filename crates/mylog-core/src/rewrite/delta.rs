//! What the file lacks of the large values that it has: a function of what was written and the present value,
//! never a list of effects. So a hash of millions of fields that a few writes change costs those fields.
//!
//! A delta is dropped when its value is replaced, renamed or deleted, or when it is not worth it: then the name
//! is written whole, or deleted.

use std::collections::{BTreeMap, BTreeSet};

use super::entry_records::Place;
use super::named::{Named, Part};
use crate::effect::{Change, Db, Effect, ExpireAt};
use crate::store::Entry;
use crate::value::ValueRef;

/// About what a name in a set takes beside its bytes.
const NAME_COST: usize = 64;
/// Most memory that all deltas take: past it a value is written whole again.
const LIMIT: usize = 64 << 20;

/// A large value that is in the file, or on its way there.
#[derive(Debug)]
pub(super) struct Delta {
    /// How far it is written.
    pub(super) place: Place,
    /// Its end in the file.
    pub(super) expire_at: ExpireAt,
    /// Fields or members of which the file may have an old state. None that is there and that the writing has still to come to.
    dirty: BTreeSet<Box<[u8]>>,
}

/// What an effect makes of a field or member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// It is there, new or with another content.
    Newer,
    /// It is not there any more.
    Gone,
}

/// The large values of the file, by slot: in the child none is filled twice.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    by_slot: BTreeMap<u32, Delta>,
    /// Memory of all `Delta::dirty`, about.
    held: usize,
}

impl Deltas {
    /// A large value is going to be written whole.
    pub(super) fn begin(&mut self, slot: u32, expire_at: ExpireAt) {
        self.forget(slot);
        let delta = Delta {
            place: Place::Start,
            expire_at,
            dirty: BTreeSet::new(),
        };
        self.by_slot.insert(slot, delta);
    }

    /// The file does not have it, or what it has is of no use.
    pub(super) fn forget(&mut self, slot: u32) {
        if let Some(delta) = self.by_slot.remove(&slot) {
            self.held -= cost(&delta.dirty);
        }
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Delta> {
        self.by_slot.get_mut(&slot)
    }

    pub(super) fn has(&self, slot: u32) -> bool {
        self.by_slot.contains_key(&slot)
    }

    /// Takes the dirty fields, which are about to be written.
    pub(super) fn take_dirty(&mut self, slot: u32) -> BTreeSet<Box<[u8]>> {
        let dirty = self
            .by_slot
            .get_mut(&slot)
            .map(|delta| std::mem::take(&mut delta.dirty))
            .unwrap_or_default();
        self.held -= cost(&dirty);
        dirty
    }

    /// An effect is going to change the entry in this slot, or its name.
    pub(super) fn touch(&mut self, slot: u32, effect: &Effect<'_>, entry: Entry<'_>) {
        if self.by_slot.is_empty() {
            return;
        }
        let Effect::Key { change, .. } = effect else {
            return;
        };
        match change {
            Change::HashSet { pairs } => {
                self.add(
                    slot,
                    entry,
                    Presence::Newer,
                    pairs.iter().map(|(field, _)| *field),
                );
            }
            Change::ZSetSet { members } => {
                self.add(
                    slot,
                    entry,
                    Presence::Newer,
                    members.iter().map(|(_, name)| *name),
                );
            }
            Change::SetAdd { members } => self.add(slot, entry, Presence::Newer, members.iter().copied()),
            Change::HashDel { fields: names }
            | Change::SetRemove { members: names }
            | Change::ZSetRemove { members: names } => {
                self.add(slot, entry, Presence::Gone, names.iter().copied());
            }
            // The tail, and the expire time, are what differs.
            Change::StrAppend { .. } | Change::Expire { .. } => {}
            _ => self.touch_place(slot, change, entry),
        }
    }

    /// A change at a place of a string or list, or one that leaves nothing as it was.
    fn touch_place(&mut self, slot: u32, change: &Change<'_>, entry: Entry<'_>) {
        let Some(delta) = self.by_slot.get_mut(&slot) else {
            return;
        };
        let stays = match (change, &mut delta.place) {
            (Change::StrRange { offset, .. }, Place::Str(written)) => *offset >= *written as u64,
            (_, Place::List(image)) => image.touch(change, entry.value().len()),
            _ => false,
        };
        if !stays {
            self.forget(slot);
        }
    }

    fn add<'f>(
        &mut self,
        slot: u32,
        entry: Entry<'_>,
        presence: Presence,
        names: impl Iterator<Item = &'f [u8]>,
    ) {
        let (Some(delta), Some(named)) = (self.by_slot.get_mut(&slot), Named::of(entry.value())) else {
            return;
        };
        for field in names {
            let to_come = match delta.place {
                Place::Start => true,
                // What comes to a part of the table that was split meanwhile comes to some of it again: a name
                // that is gone may be in the file although it is ahead. What is newer is written there.
                Place::Named(cursor) => {
                    presence == Presence::Newer && cursor != 0 && named.is_ahead(cursor, field)
                }
                Place::Str(_) | Place::List(_) => false,
            };
            if !to_come && delta.dirty.insert(field.into()) {
                self.held += field.len() + NAME_COST;
            }
        }
        // While it is written, giving it up would only mean to begin again.
        let many = delta.place == Place::Named(0) && delta.dirty.len() > named.len() / 2;
        if many || self.held > LIMIT {
            self.forget(slot);
        }
    }

    /// About how many bytes of records would bring the file up to date with this entry, if it has it.
    pub(super) fn pending_bytes(&self, slot: u32, entry: Entry<'_>) -> Option<u64> {
        let delta = self.by_slot.get(&slot)?;
        Some(match (delta.place, entry.value()) {
            (Place::Str(written), ValueRef::Str(bytes)) => bytes.len().saturating_sub(written) as u64,
            (Place::List(image), ValueRef::List(list)) => image.pending_bytes(list),
            (_, ValueRef::Str(_) | ValueRef::List(_)) => entry.live_bytes() as u64,
            (_, value) => {
                let part = value.data_bytes() / value.len().max(1) + 1;
                (delta.dirty.len() * part) as u64
            }
        })
    }
}

fn cost(dirty: &BTreeSet<Box<[u8]>>) -> usize {
    dirty.iter().map(|field| field.len() + NAME_COST).sum()
}

/// Dirty fields or members on their way into the file, in records of some size.
///
/// First all that the value has, then those that it has not. The value in the file must not become empty in
/// between, or the key would be gone there, with its end: so before the first part leaves it gets one that the
/// value has now, which does not leave in this turn. The value may change between two records.
#[derive(Debug)]
pub(super) struct PartRecords {
    to_set: std::collections::btree_set::IntoIter<Box<[u8]>>,
    gone: Vec<Box<[u8]>>,
    keeper: Option<Box<[u8]>>,
}

impl PartRecords {
    pub(super) fn new(dirty: BTreeSet<Box<[u8]>>) -> Self {
        Self {
            to_set: dirty.into_iter(),
            gone: Vec::new(),
            keeper: None,
        }
    }

    /// Appends the next record of about `size` bytes and says how many parts are in it; 0 at the end.
    pub(super) fn next(
        &mut self,
        name: (Db, &[u8]),
        value: Named<'_>,
        size: usize,
        record: &mut Vec<u8>,
    ) -> u64 {
        let (mut set, mut bytes): (Vec<Box<[u8]>>, usize) = (Vec::new(), 0);
        while bytes < size {
            let Some(field) = self.to_set.next() else { break };
            match value.get(&field).map(|part| part.bytes()) {
                Some(more) => {
                    bytes += more;
                    set.push(field);
                }
                None => self.gone.push(field),
            }
        }
        let mut parts: Vec<Part<'_>> = set.iter().filter_map(|field| value.get(field)).collect();
        if parts.is_empty() && self.keeper.is_none() && !self.gone.is_empty() {
            if let Some(any) = value.any() {
                self.keeper = Some((*any.name).into());
                parts.push(any);
            }
        }
        if !parts.is_empty() {
            value.encode_set(name, &parts, record);
            return parts.len() as u64;
        }
        self.next_gone(name, value, size, record)
    }

    fn next_gone(&mut self, name: (Db, &[u8]), value: Named<'_>, size: usize, record: &mut Vec<u8>) -> u64 {
        let (mut leaving, mut bytes): (Vec<Box<[u8]>>, usize) = (Vec::new(), 0);
        while let Some(field) = self.gone.pop() {
            // One that came back meanwhile is dirty again.
            if value.get(&field).is_some() || self.keeper.as_ref() == Some(&field) {
                continue;
            }
            bytes += field.len() + 2;
            leaving.push(field);
            if bytes >= size {
                break;
            }
        }
        if !leaving.is_empty() {
            let names: Vec<&[u8]> = leaving.iter().map(|field| &**field).collect();
            value.encode_remove(name, &names, record);
        }
        leaving.len() as u64
    }
}
