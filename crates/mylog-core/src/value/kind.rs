//! The types of durable values, and their codes on disk.

/// The types there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A string or counter.
    Str,
    /// A hash.
    Hash,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    ZSet,
}

impl Kind {
    /// Every type, in the order of its codes.
    pub const ALL: [Self; 5] = [Self::Str, Self::Hash, Self::List, Self::Set, Self::ZSet];

    /// The byte that stands for the type in records.
    pub const fn code(self) -> u8 {
        match self {
            Self::Str => 1,
            Self::Hash => 2,
            Self::List => 3,
            Self::Set => 4,
            Self::ZSet => 5,
        }
    }

    /// The type of a byte.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Str),
            2 => Some(Self::Hash),
            3 => Some(Self::List),
            4 => Some(Self::Set),
            5 => Some(Self::ZSet),
            _ => None,
        }
    }
}
