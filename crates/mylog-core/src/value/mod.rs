//! Durable values. A value knows its own bytes (`encode_body`) and nothing of names, ends or Redis.

mod hash;
mod members;

pub use hash::Hash;

/// The types there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A string or counter.
    Str,
    /// A hash.
    Hash,
}

impl Kind {
    /// Every type, in the order of its codes.
    pub const ALL: [Self; 2] = [Self::Str, Self::Hash];

    /// The byte that stands for the type in records.
    pub const fn code(self) -> u8 {
        match self {
            Self::Str => 1,
            Self::Hash => 2,
        }
    }

    /// The type of a byte.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Str),
            2 => Some(Self::Hash),
            _ => None,
        }
    }
}

/// A durable value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string or counter, as its bytes.
    Str(Vec<u8>),
    /// A hash. Never empty while it has a name.
    Hash(Box<Hash>),
}

impl Value {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Str(_) => Kind::Str,
            Self::Hash(_) => Kind::Hash,
        }
    }

    /// Bytes that [`Value::encode_body`] appends.
    pub fn body_len(&self) -> usize {
        match self {
            Self::Str(bytes) => bytes.len(),
            Self::Hash(hash) => hash.body_len(),
        }
    }

    /// Appends the value's bytes: a string's own; a hash's pairs after their number.
    pub fn encode_body(&self, out: &mut Vec<u8>) {
        match self {
            Self::Str(bytes) => out.extend_from_slice(bytes),
            Self::Hash(hash) => hash.encode_body(out),
        }
    }

    /// The value of these bytes; `None` if they are not one of this type.
    pub fn decode_body(kind: Kind, body: &[u8]) -> Option<Self> {
        match kind {
            Kind::Str => Some(Self::Str(body.to_vec())),
            Kind::Hash => Hash::decode_body(body).map(|hash| Self::Hash(Box::new(hash))),
        }
    }

    /// How many pieces of memory freeing it gives back, about: what decides whether another thread does it.
    pub fn free_effort(&self) -> usize {
        match self {
            // One block, but giving back the pages of a huge one takes long.
            Self::Str(bytes) => 1 + bytes.len() / (1 << 20) * 64,
            Self::Hash(hash) => 1 + 2 * hash.len(),
        }
    }

    /// Bytes of memory it holds, about.
    pub fn memory(&self) -> usize {
        match self {
            Self::Str(bytes) => bytes.capacity(),
            Self::Hash(hash) => hash.memory(),
        }
    }
}
