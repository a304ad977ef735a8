//! Durable values. A value knows its own bytes (`encode_body`) and nothing of names, ends or Redis.

mod block;
mod counted;
mod decimal;
mod element;
mod hash;
mod integers;
mod kind;
pub mod list;
mod member;
mod members;
mod packed;
mod places;
mod set;
mod side;
mod walk;
pub mod zset;

use crate::relocate::{self, Relocate};
pub use decimal::{Decimal, integer};
pub use hash::Hash;
pub use kind::Kind;
pub use list::List;
pub use member::Member;
pub use set::Set;
pub use side::Side;
pub use zset::ZSet;

/// A durable value. All but a string are never empty while they have a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string or counter, as its bytes.
    Str(Vec<u8>),
    /// A hash.
    Hash(Hash),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A sorted set.
    ZSet(ZSet),
}

// No score is a NaN.
impl Eq for Value {}

/// A look at a value. A short string is in its entry's block, so that no [`Value`] of it is anywhere in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// A string or counter, as its bytes.
    Str(&'a [u8]),
    /// A hash.
    Hash(&'a Hash),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A sorted set.
    ZSet(&'a ZSet),
}

// A small value costs its block, and the entry nothing but this: none needs a block for its head.
const _: () = assert!(size_of::<Value>() == size_of::<Vec<u8>>());

impl Value {
    /// A look at it.
    pub fn view(&self) -> ValueRef<'_> {
        match self {
            Self::Str(bytes) => ValueRef::Str(bytes),
            Self::Hash(hash) => ValueRef::Hash(hash),
            Self::List(list) => ValueRef::List(list),
            Self::Set(set) => ValueRef::Set(set),
            Self::ZSet(zset) => ValueRef::ZSet(zset),
        }
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.view().kind()
    }

    /// True with nothing in it: no key holds such a value, but for a string.
    pub fn is_empty(&self) -> bool {
        self.view().is_empty()
    }

    /// The value of these bytes; `None` if they are not one of this type.
    pub fn decode_body(kind: Kind, body: &[u8]) -> Option<Self> {
        match kind {
            Kind::Str => Some(Self::Str(body.to_vec())),
            Kind::Hash => Hash::decode_body(body).map(Self::Hash),
            Kind::List => List::decode_body(body).map(Self::List),
            Kind::Set => Set::decode_body(body).map(Self::Set),
            Kind::ZSet => ZSet::decode_body(body).map(Self::ZSet),
        }
    }

    /// As [`ValueRef::body_len`].
    pub fn body_len(&self) -> usize {
        self.view().body_len()
    }

    /// As [`ValueRef::encode_body`].
    pub fn encode_body(&self, out: &mut Vec<u8>) {
        self.view().encode_body(out);
    }

    /// Moves its blocks of memory to others, from a number on that an earlier call gave; 0 is the beginning. Goes on
    /// until `by` says to stop. The number to go on with, 0 if it is done; any number does no harm.
    pub fn relocate(&mut self, mut from: u64, by: &mut impl Relocate) -> u64 {
        loop {
            from = match self {
                Self::Str(bytes) => {
                    relocate::items(bytes, by);
                    0
                }
                Self::Hash(hash) => hash.relocate(from, by),
                Self::List(list) => list.relocate(from, by),
                Self::Set(set) => set.relocate(from, by),
                Self::ZSet(zset) => zset.relocate(from, by),
            };
            if from == 0 || by.should_stop() {
                return from;
            }
        }
    }

    /// As [`ValueRef::free_effort`].
    pub fn free_effort(&self) -> usize {
        self.view().free_effort()
    }
}

impl ValueRef<'_> {
    /// A value of its own.
    pub fn to_value(self) -> Value {
        match self {
            Self::Str(bytes) => Value::Str(bytes.to_vec()),
            Self::Hash(hash) => Value::Hash(hash.clone()),
            Self::List(list) => Value::List(list.clone()),
            Self::Set(set) => Value::Set(set.clone()),
            Self::ZSet(zset) => Value::ZSet(zset.clone()),
        }
    }

    /// Its type.
    pub fn kind(self) -> Kind {
        match self {
            Self::Str(_) => Kind::Str,
            Self::Hash(_) => Kind::Hash,
            Self::List(_) => Kind::List,
            Self::Set(_) => Kind::Set,
            Self::ZSet(_) => Kind::ZSet,
        }
    }

    /// Number of elements, fields or members; of a string its bytes.
    pub fn len(self) -> usize {
        match self {
            Self::Str(bytes) => bytes.len(),
            Self::Hash(hash) => hash.len(),
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::ZSet(zset) => zset.len(),
        }
    }

    /// True with nothing in it: no key holds such a value, but for a string.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Bytes that [`ValueRef::encode_body`] appends.
    pub fn body_len(self) -> usize {
        match self {
            Self::Str(bytes) => bytes.len(),
            Self::Hash(hash) => hash.body_len(),
            Self::List(list) => list.body_len(),
            Self::Set(set) => set.body_len(),
            Self::ZSet(zset) => zset.body_len(),
        }
    }

    /// Appends the value's bytes: a string's own; else what it holds after their number.
    pub fn encode_body(self, out: &mut Vec<u8>) {
        match self {
            Self::Str(bytes) => out.extend_from_slice(bytes),
            Self::Hash(hash) => hash.encode_body(out),
            Self::List(list) => list.encode_body(out),
            Self::Set(set) => set.encode_body(out),
            Self::ZSet(zset) => zset.encode_body(out),
        }
    }

    /// About how many bytes of records it makes, in one step.
    pub fn data_bytes(self) -> usize {
        match self {
            Self::Str(bytes) => bytes.len(),
            Self::Hash(hash) => hash.data_bytes() + 2 * hash.len(),
            Self::List(list) => list.data_bytes(),
            Self::Set(set) => set.data_bytes() + set.len(),
            Self::ZSet(zset) => zset.data_bytes() + zset.len(),
        }
    }

    /// How many pieces of memory freeing it gives back, about: what decides whether another thread does it.
    pub fn free_effort(self) -> usize {
        match self {
            // One block, but giving back the pages of a huge one takes long.
            Self::Str(bytes) => 1 + bytes.len() / (1 << 20) * 64,
            Self::Hash(hash) => hash.blocks(),
            Self::List(list) => list.blocks(),
            Self::Set(set) => set.blocks(),
            Self::ZSet(zset) => zset.blocks(),
        }
    }

    /// Bytes of memory it holds, about.
    pub fn memory(self) -> usize {
        match self {
            Self::Str(bytes) => bytes.len(),
            Self::Hash(hash) => hash.memory(),
            Self::List(list) => list.memory(),
            Self::Set(set) => set.memory(),
            Self::ZSet(zset) => zset.memory(),
        }
    }
}
