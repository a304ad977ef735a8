//! The hash: fields in one packed block, in the order they came, while they are few and short; in rows by name
//! once they are not.
//!
//! A small hash keeps its order through deletions and scans in one step, as Redis' listpack does. A large
//! one fills a hole with the last field of its row, and scans each row from its end down: a field that moves
//! was either visited already or lies still ahead, so a full scan misses none that stayed. It stays large.

use super::members::Members;
use super::packed::{Packed, are_distinct, take_items};
use super::walk::Pairs;
use crate::relocate::{self, Relocate};
use crate::varint::{self, put, put_bytes, take_bytes};

/// Most fields of a small hash, as `hash-max-listpack-entries` is by default.
const SMALL_FIELDS: usize = 512;
/// Longest field or value of a small hash, as `hash-max-listpack-value` is by default.
const SMALL_BYTES: usize = 64;

/// Fields with their values.
#[derive(Debug, Clone, Default)]
pub struct Hash(Form);

#[derive(Debug, Clone)]
enum Form {
    /// Field, value, field, value ...
    Small(Packed),
    Large(Box<Large>),
}

impl Default for Form {
    fn default() -> Self {
        Self::Small(Packed::default())
    }
}

#[derive(Debug, Clone, Default)]
struct Large {
    fields: Members<Box<[u8]>>,
    /// Sum of the lengths of all fields and values in `fields`.
    bytes: usize,
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(field, value)| other.get(field) == Some(value))
    }
}
impl Eq for Hash {}

impl Hash {
    /// Number of fields.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.len() / 2,
            Form::Large(large) => large.fields.len(),
        }
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if it is one packed block, as a listpack is in the server.
    pub fn is_small(&self) -> bool {
        matches!(self.0, Form::Small(_))
    }

    /// A field's value.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.0 {
            Form::Small(packed) => packed.at(packed.find::<2>(field)?.1),
            Form::Large(large) => large.fields.get(field).map(|value| &**value),
        }
    }

    /// Gives a field a value and says whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.replace(field, value).0
    }

    /// As `set`; gives the old value back as well, if it took another block of memory.
    pub(crate) fn replace(&mut self, field: &[u8], value: &[u8]) -> (bool, Option<Box<[u8]>>) {
        if let Form::Small(packed) = &mut self.0 {
            let found = packed.find::<2>(field).map(|(_, behind)| behind);
            let short = field.len().max(value.len()) <= SMALL_BYTES;
            match found {
                Some(place) if short => {
                    packed.replace(place, value);
                    return (false, None);
                }
                None if short && packed.len() < 2 * SMALL_FIELDS => {
                    packed.splice(packed.bytes(), 0, &[field, value]);
                    return (true, None);
                }
                _ => self.grow(),
            }
        }
        match &mut self.0 {
            Form::Large(large) => large.replace(field, value),
            // It has just grown.
            Form::Small(_) => (false, None),
        }
    }

    /// Removes a field and says whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.take(field).is_some()
    }

    /// As `remove`; gives back the value's memory, if it has a block of its own.
    pub(crate) fn take(&mut self, field: &[u8]) -> Option<Box<[u8]>> {
        match &mut self.0 {
            Form::Small(packed) => {
                let (place, _) = packed.find::<2>(field)?;
                packed.splice(place, 2, &[]);
                Some(Box::default())
            }
            Form::Large(large) => {
                let value = large.fields.remove(field)?;
                large.bytes -= field.len() + value.len();
                Some(value)
            }
        }
    }

    fn grow(&mut self) {
        if let Form::Small(packed) = &self.0 {
            let mut large = Large::default();
            for (field, value) in Pairs(packed.iter()) {
                large.replace(field, value);
            }
            self.0 = Form::Large(Box::new(large));
        }
    }

    /// The fields with their values: of a small hash in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (small, large) = match &self.0 {
            Form::Small(packed) => (Some(Pairs(packed.iter())), None),
            Form::Large(large) => (None, Some(large.fields.iter())),
        };
        let large = large
            .into_iter()
            .flatten()
            .map(|(field, value)| (field, &**value));
        small.into_iter().flatten().chain(large)
    }

    /// A field by its number, in one step or a few, for a random one: every number below the length names
    /// one, as long as the hash does not change.
    pub fn nth(&self, index: usize) -> Option<(&[u8], &[u8])> {
        match &self.0 {
            Form::Small(packed) => Pairs(packed.range(2 * index, 2 * index + 2)).next(),
            Form::Large(large) => large.fields.nth(index).map(|(field, value)| (field, &**value)),
        }
    }

    /// A step of a scan: visits about `count` fields and returns the next cursor, 0 at the end. A full scan
    /// from 0 visits every field that is there all the while; one may come twice.
    pub fn scan<'a>(&'a self, cursor: u64, count: usize, mut visit: impl FnMut(&'a [u8], &'a [u8])) -> u64 {
        match &self.0 {
            Form::Small(packed) => {
                Pairs(packed.iter()).for_each(|(field, value)| visit(field, value));
                0
            }
            Form::Large(large) => large
                .fields
                .scan(cursor, count, |field, value| visit(field, value)),
        }
    }

    /// True if a scan that stands at `cursor`, not at its end, has still to come to this field, whether it
    /// is there or not: what changes until then the scan will see.
    pub fn is_ahead(&self, cursor: u64, field: &[u8]) -> bool {
        match &self.0 {
            Form::Small(_) => false,
            Form::Large(large) => large.fields.is_ahead(cursor, field),
        }
    }

    pub(super) fn body_len(&self) -> usize {
        let len = |bytes: &[u8]| varint::len(bytes.len() as u64);
        let lengths = self.iter().map(|(field, value)| len(field) + len(value));
        varint::len(self.len() as u64) + self.data_bytes() + lengths.sum::<usize>()
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        put(out, self.len() as u64);
        for (field, value) in self.iter() {
            put_bytes(out, field);
            put_bytes(out, value);
        }
    }

    pub(super) fn decode_body(body: &[u8]) -> Option<Self> {
        let pairs = take_items(body, |rest| Some([take_bytes(rest)?, take_bytes(rest)?]))?;
        let longest = pairs.as_flattened().iter().map(|bytes| bytes.len()).max();
        if pairs.len() <= SMALL_FIELDS && longest <= Some(SMALL_BYTES) {
            let distinct = are_distinct(pairs.iter().map(|[field, _]| *field));
            let all = pairs.as_flattened().iter().copied();
            return distinct.then(|| Self(Form::Small(Packed::of(all))));
        }
        let mut hash = Self::default();
        let distinct = pairs.into_iter().all(|[field, value]| hash.set(field, value));
        distinct.then_some(hash)
    }

    /// Bytes of the fields and values alone, without taking them one by one.
    pub fn data_bytes(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.data_bytes(),
            Form::Large(large) => large.bytes,
        }
    }

    /// A step of moving its blocks to others. See [`Value::relocate`](super::Value::relocate).
    pub(super) fn relocate(&mut self, from: u64, by: &mut impl Relocate) -> u64 {
        if from == 0 {
            self.0 = match std::mem::take(&mut self.0) {
                Form::Small(mut packed) => {
                    relocate::bytes(packed.block_mut(), by);
                    Form::Small(packed)
                }
                Form::Large(large) => Form::Large(by.boxed(large)),
            };
        }
        match &mut self.0 {
            Form::Small(_) => 0,
            Form::Large(large) => large
                .fields
                .relocate(from, relocate::STEP, by, |field, value, by| {
                    relocate::bytes(field, by);
                    relocate::bytes(value, by);
                }),
        }
    }

    /// Blocks of memory, about.
    pub(super) fn blocks(&self) -> usize {
        match &self.0 {
            Form::Small(_) => 1,
            Form::Large(large) => 2 + 2 * large.fields.len(),
        }
    }

    pub(super) fn memory(&self) -> usize {
        match &self.0 {
            Form::Small(packed) => packed.memory(),
            Form::Large(large) => size_of::<Large>() + large.bytes + large.fields.memory(),
        }
    }
}

impl Large {
    fn replace(&mut self, field: &[u8], value: &[u8]) -> (bool, Option<Box<[u8]>>) {
        let Some(held) = self.fields.get_mut(field) else {
            self.fields.add(field.into(), value.into());
            self.bytes += field.len() + value.len();
            return (true, None);
        };
        self.bytes = self.bytes - held.len() + value.len();
        // The same room again: fresh room costs time, and another page that a child shares.
        if held.len() == value.len() {
            held.copy_from_slice(value);
            return (false, None);
        }
        (false, Some(std::mem::replace(held, value.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(range: std::ops::Range<u32>) -> Hash {
        let mut hash = Hash::default();
        for i in range {
            assert!(hash.set(&i.to_le_bytes(), b"v"));
        }
        hash
    }

    #[test]
    fn a_body_comes_back_and_tells_its_length() {
        for fields in [1, 2, 127, 128, 600] {
            let hash = hash(0..fields);
            let mut body = Vec::new();
            hash.encode_body(&mut body);
            assert_eq!(body.len(), hash.body_len());
            assert_eq!(Hash::decode_body(&body), Some(hash));
            body.push(0);
            assert_eq!(Hash::decode_body(&body), None);
        }
    }

    #[test]
    fn a_full_scan_misses_no_field_that_stays() {
        for step in [1usize, 7, 100] {
            let mut hash = hash(0..2000);
            let mut seen = std::collections::HashSet::new();
            let (mut cursor, mut removed) = (0, 0u32);
            loop {
                cursor = hash.scan(cursor, step, |field, _| {
                    seen.insert(field.to_vec());
                });
                if cursor == 0 {
                    break;
                }
                // Odd fields go and others come, before and behind the cursor.
                hash.remove(&((removed % 2000) | 1).to_le_bytes());
                removed = removed.wrapping_add(997);
                hash.set(&(100_000 + removed).to_le_bytes(), b"w");
            }
            assert!(
                (0..2000u32)
                    .step_by(2)
                    .all(|i| seen.contains(&i.to_le_bytes()[..])),
                "step {step}"
            );
        }
    }

    #[test]
    fn a_full_scan_misses_no_field_that_stays_while_rows_are_split() {
        for step in [100usize, 5000] {
            let mut hash = hash(0..12_000);
            let mut seen = std::collections::HashSet::new();
            let (mut cursor, mut round) = (0, 0u32);
            loop {
                cursor = hash.scan(cursor, step, |field, _| {
                    seen.insert(field.to_vec());
                });
                if cursor == 0 {
                    break;
                }
                round += 1;
                for i in 0..if round < 300 { 500 } else { 0 } {
                    hash.set(&(1_000_000 + round * 1000 + i).to_le_bytes(), b"new");
                }
                for i in 0..20 {
                    hash.remove(&(((round * 20 + i) % 12_000) | 1).to_le_bytes());
                }
            }
            assert!(
                hash.len() > 3 * crate::split::LEAF_ITEMS || step > 100,
                "{}",
                hash.len()
            );
            let missed = (0..12_000u32)
                .step_by(2)
                .find(|i| !seen.contains(&i.to_le_bytes()[..]));
            assert_eq!(missed, None, "step {step}");
            assert_eq!(hash.iter().count(), hash.len());
            assert!(hash.iter().all(|(field, value)| hash.get(field) == Some(value)));
        }
    }

    #[test]
    fn what_a_scan_has_visited_is_not_ahead_of_it() {
        let hash = hash(0..40_000);
        let (mut cursor, mut seen) = (0, std::collections::HashSet::new());
        loop {
            cursor = hash.scan(cursor, 1000, |field, _| {
                seen.insert(field.to_vec());
            });
            if cursor == 0 {
                break;
            }
            let ahead = hash.iter().filter(|(field, _)| hash.is_ahead(cursor, field));
            let ahead: Vec<_> = ahead.map(|(field, _)| field.to_vec()).collect();
            assert!(ahead.iter().all(|field| !seen.contains(field)));
            assert!(ahead.len() + seen.len() + crate::split::LEAF_ITEMS >= hash.len());
        }
        assert_eq!(seen.len(), hash.len());
    }

    #[test]
    fn a_hash_does_what_a_plain_map_does_through_splits_and_shrinking() {
        let mut hash = Hash::default();
        let mut plain = std::collections::BTreeMap::new();
        let mut state = 1u64;
        for step in 0..120_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // It grows to some 30 000 fields, then goes down to none.
            let field = ((state >> 33) % 40_000).to_le_bytes();
            if step < 60_000 && state % 7 != 0 {
                let value = vec![1; (state >> 40) as usize % 5];
                assert_eq!(hash.set(&field, &value), plain.insert(field, value).is_none());
            } else {
                assert_eq!(hash.remove(&field), plain.remove(&field).is_some());
            }
        }
        for field in plain.keys().copied().collect::<Vec<_>>() {
            assert_eq!(hash.get(&field), plain.get(&field).map(|value| &value[..]));
            if field[0] % 16 != 0 {
                assert!(hash.remove(&field) && plain.remove(&field).is_some());
            }
        }
        assert_eq!(hash.len(), plain.len());
        let bytes: usize = plain.values().map(|value| 8 + value.len()).sum();
        assert_eq!(hash.data_bytes(), bytes);
        assert!(
            hash.iter()
                .all(|(field, value)| plain.get(field).is_some_and(|held| held == value))
        );
        assert!(
            hash.memory() < 1 << 20,
            "{} bytes for {} fields",
            hash.memory(),
            hash.len()
        );
    }

    #[test]
    fn a_small_hash_keeps_its_order() {
        let mut hash = hash(0..10);
        hash.remove(&3u32.to_le_bytes());
        let order: Vec<_> = hash.iter().map(|(field, _)| field.first().copied()).collect();
        assert_eq!(order, [0, 1, 2, 4, 5, 6, 7, 8, 9].map(Some));
    }
}
