//! The hash: fields in the order they came.
//!
//! A small hash keeps that order through deletions and scans in one step, as Redis' listpack does. A large
//! one fills a hole with its last field, and scans from its end down: a field that moves was either visited
//! already or lies still ahead, so a full scan misses none that stayed.

use hashbrown::DefaultHashBuilder;
use indexmap::IndexMap;

use crate::effect::varint::{put, put_bytes, take, take_bytes};

/// Most fields of a small hash, as `hash-max-listpack-entries` is by default.
const SMALL_FIELDS: usize = 512;
/// Longest field or value of a small hash, as `hash-max-listpack-value` is by default.
const SMALL_BYTES: usize = 64;
/// About what an entry costs beside its bytes: two pointers with lengths, the hash, the index.
const ENTRY_OVERHEAD: usize = 48;

/// Fields with their values.
#[derive(Debug, Clone, Default)]
pub struct Hash {
    fields: IndexMap<Box<[u8]>, Box<[u8]>, DefaultHashBuilder>,
    /// Sum of the lengths of all fields and values in `fields`.
    bytes: usize,
    /// Set when `fields` first outgrew the limits of a small hash, and never cleared.
    large: bool,
}

impl PartialEq for Hash {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}
impl Eq for Hash {}

impl Hash {
    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True without fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// A field's value.
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.fields.get(field).map(|value| &**value)
    }

    /// Gives a field a value and says whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.bytes += value.len();
        let new = if let Some(old) = self.fields.get_mut(field) {
            self.bytes -= old.len();
            *old = value.into();
            false
        } else {
            self.bytes += field.len();
            self.fields.insert(field.into(), value.into());
            true
        };
        self.large |= self.fields.len() > SMALL_FIELDS || field.len().max(value.len()) > SMALL_BYTES;
        new
    }

    /// Removes a field and says whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let removed = if self.large {
            self.fields.swap_remove(field)
        } else {
            self.fields.shift_remove(field)
        };
        if let Some(value) = &removed {
            self.bytes -= field.len() + value.len();
        }
        removed.is_some()
    }

    /// The fields with their values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(field, value)| (&**field, &**value))
    }

    /// A step of a scan: visits about `count` fields and returns the next cursor, 0 at the end. A full scan
    /// from 0 visits every field that is there all the while; one may come twice.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        if !self.large {
            self.iter().for_each(|(field, value)| visit(field, value));
            return 0;
        }
        // The cursor is the number of fields not visited yet: those at the indices below it.
        let len = self.fields.len();
        let from = match usize::try_from(cursor) {
            Ok(0) | Err(_) => len,
            Ok(left) => left.min(len),
        };
        let to = from.saturating_sub(count.max(1));
        for index in (to..from).rev() {
            if let Some((field, value)) = self.fields.get_index(index) {
                visit(field, value);
            }
        }
        to as u64
    }

    pub(super) fn body_len(&self) -> usize {
        fn varint_len(len: usize) -> usize {
            (usize::BITS - (len | 1).leading_zeros()).div_ceil(7) as usize
        }
        let lengths = self
            .iter()
            .map(|(field, value)| varint_len(field.len()) + varint_len(value.len()));
        varint_len(self.len()) + self.bytes + lengths.sum::<usize>()
    }

    pub(super) fn encode_body(&self, out: &mut Vec<u8>) {
        put(out, self.len() as u64);
        for (field, value) in self.iter() {
            put_bytes(out, field);
            put_bytes(out, value);
        }
    }

    pub(super) fn decode_body(mut body: &[u8]) -> Option<Self> {
        let count = usize::try_from(take(&mut body)?).ok()?;
        // A pair takes two bytes at least: a false count can't make us reserve more than there is.
        if count == 0 || count > body.len() / 2 {
            return None;
        }
        let mut hash = Self::default();
        hash.fields.reserve(count);
        for _ in 0..count {
            let field = take_bytes(&mut body)?;
            if !hash.set(field, take_bytes(&mut body)?) {
                return None;
            }
        }
        body.is_empty().then_some(hash)
    }

    /// Bytes of the fields and values alone, without taking them one by one.
    pub fn data_bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.bytes + self.fields.capacity() * ENTRY_OVERHEAD
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
    fn a_small_hash_keeps_its_order() {
        let mut hash = hash(0..10);
        hash.remove(&3u32.to_le_bytes());
        let order: Vec<_> = hash.iter().map(|(field, _)| field.first().copied()).collect();
        assert_eq!(order, [0, 1, 2, 4, 5, 6, 7, 8, 9].map(Some));
    }
}
