//! A member of a set, as whoever asks for it gets it.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use super::decimal::Decimal;

/// Bytes that the set holds, or the text of a number that it holds. Two are the same if their bytes are.
#[derive(Debug, Clone, Copy)]
pub enum Member<'a> {
    /// Bytes of the set.
    Bytes(&'a [u8]),
    /// A number's text.
    Number(Decimal),
}

impl Member<'_> {
    pub(super) fn of_number(value: i64) -> Self {
        Self::Number(Decimal::of(value))
    }
}

impl Deref for Member<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(decimal) => decimal.bytes(),
        }
    }
}

impl<'a> From<&'a [u8]> for Member<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl PartialEq for Member<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl Eq for Member<'_> {}

impl PartialOrd for Member<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Member<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Member<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
