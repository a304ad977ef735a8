//! What the file lacks of the large values that it has: a function of what was written and the present value,
//! never a list of effects. So a hash of millions of fields that a few writes change costs those fields.
//!
//! A delta is dropped when its value is replaced, renamed or deleted, or when it is not worth it: then the name
//! is written whole, or deleted.

use std::collections::{BTreeMap, BTreeSet};

use super::entry_records::Place;
use crate::effect::{Db, Effect, ExpireAt};
use crate::store::Entry;
use crate::value::{Hash, Value};

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
    /// Fields whose value in the file may be an old one. None that the writing has still to come to.
    dirty: BTreeSet<Box<[u8]>>,
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
    pub(super) fn touch(&mut self, slot: u32, effect: &Effect<'_>, entry: &Entry) {
        if self.by_slot.is_empty() {
            return;
        }
        match (effect, entry.value()) {
            (Effect::HashSet { pairs, .. }, Value::Hash(hash)) => {
                self.add(slot, hash, pairs.iter().map(|(field, _)| *field));
            }
            (Effect::HashDel { fields, .. }, Value::Hash(hash)) => {
                self.add(slot, hash, fields.iter().copied());
            }
            // The tail, and the end, are what differs.
            (Effect::StrAppend { .. } | Effect::Expire { .. }, _) => {}
            _ => self.forget(slot),
        }
    }

    fn add<'f>(&mut self, slot: u32, hash: &Hash, fields: impl Iterator<Item = &'f [u8]>) {
        let Some(delta) = self.by_slot.get_mut(&slot) else {
            return;
        };
        for field in fields {
            let to_come = match delta.place {
                Place::Start => true,
                Place::Hash(cursor) => cursor != 0 && hash.is_ahead(cursor, field),
                Place::Str(_) => false,
            };
            if !to_come && delta.dirty.insert(field.into()) {
                self.held += field.len() + NAME_COST;
            }
        }
        // While it is written, giving it up would only mean to begin again.
        let many = delta.place == Place::Hash(0) && delta.dirty.len() > hash.len() / 2;
        if many || self.held > LIMIT {
            self.forget(slot);
        }
    }

    /// About how many bytes of records would bring the file up to date with this entry, if it has it.
    pub(super) fn pending_bytes(&self, slot: u32, entry: &Entry) -> Option<u64> {
        let delta = self.by_slot.get(&slot)?;
        Some(match (delta.place, entry.value()) {
            (Place::Str(written), Value::Str(bytes)) => bytes.len().saturating_sub(written) as u64,
            (_, Value::Hash(hash)) => {
                let field = hash.data_bytes() / hash.len().max(1) + 2;
                (delta.dirty.len() * field) as u64
            }
            _ => entry.live_bytes() as u64,
        })
    }
}

fn cost(dirty: &BTreeSet<Box<[u8]>>) -> usize {
    dirty.iter().map(|field| field.len() + NAME_COST).sum()
}

/// Dirty fields on their way into the file, in records of some size.
///
/// First all that the hash has, then those that it has not. The hash in the file must not become empty in
/// between, or the key would be gone there, with its end: so before the first field leaves it gets one that the hash
/// has now, which does not leave in this turn. The hash may change between two records.
#[derive(Debug)]
pub(super) struct FieldRecords {
    to_set: std::collections::btree_set::IntoIter<Box<[u8]>>,
    gone: Vec<Box<[u8]>>,
    keeper: Option<Box<[u8]>>,
}

impl FieldRecords {
    pub(super) fn new(dirty: BTreeSet<Box<[u8]>>) -> Self {
        Self {
            to_set: dirty.into_iter(),
            gone: Vec::new(),
            keeper: None,
        }
    }

    /// Appends the next record of about `part` bytes and says how many fields are in it; 0 at the end.
    pub(super) fn next(&mut self, db: Db, key: &[u8], hash: &Hash, part: usize, record: &mut Vec<u8>) -> u64 {
        let (mut set, mut bytes): (Vec<Box<[u8]>>, usize) = (Vec::new(), 0);
        while bytes < part {
            let Some(field) = self.to_set.next() else { break };
            match hash.get(&field) {
                Some(value) => {
                    bytes += field.len() + value.len() + 2;
                    set.push(field);
                }
                None => self.gone.push(field),
            }
        }
        let pairs = set.iter().filter_map(|field| Some((&**field, hash.get(field)?)));
        let mut pairs: Vec<(&[u8], &[u8])> = pairs.collect();
        if pairs.is_empty() && self.keeper.is_none() && !self.gone.is_empty() {
            if let Some((field, value)) = hash.iter().next() {
                self.keeper = Some(field.into());
                pairs.push((field, value));
            }
        }
        if !pairs.is_empty() {
            let count = pairs.len() as u64;
            let pairs = pairs.into();
            Effect::HashSet { db, key, pairs }.encode(record);
            return count;
        }
        self.next_gone(db, key, hash, part, record)
    }

    fn next_gone(&mut self, db: Db, key: &[u8], hash: &Hash, part: usize, record: &mut Vec<u8>) -> u64 {
        let (mut leaving, mut bytes): (Vec<Box<[u8]>>, usize) = (Vec::new(), 0);
        while let Some(field) = self.gone.pop() {
            // One that came back meanwhile is dirty again.
            if hash.get(&field).is_some() || self.keeper.as_ref() == Some(&field) {
                continue;
            }
            bytes += field.len() + 2;
            leaving.push(field);
            if bytes >= part {
                break;
            }
        }
        if !leaving.is_empty() {
            let fields: Vec<&[u8]> = leaving.iter().map(|field| &**field).collect();
            let fields = fields.into();
            Effect::HashDel { db, key, fields }.encode(record);
        }
        leaving.len() as u64
    }
}
