//! A key with its value, as a reader of the store gets it.

use super::form::Form;
use crate::effect::ExpireAt;
use crate::value::ValueRef;

/// What the bytes of an entry cost on disk beside its key and value, about.
const RECORD_OVERHEAD: usize = 12;

/// A view of a key with its value and its expire time.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which of the store's spaces holds it. SWAPDB moves spaces between databases, not entries.
    pub(super) space: u32,
    pub(super) key: &'a [u8],
    pub(super) expire_at: ExpireAt,
    pub(super) value: ValueRef<'a>,
    pub(super) form: Form,
}

impl<'a> Entry<'a> {
    /// The key.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The value.
    pub fn value(&self) -> ValueRef<'a> {
        self.value
    }

    /// The key's expire time.
    pub fn expire_at(&self) -> ExpireAt {
        self.expire_at
    }

    /// How its string was written.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Bytes of its snapshot record, about.
    pub fn live_bytes(&self) -> usize {
        live_bytes(self.key, self.value)
    }
}

/// Bytes of the snapshot record of an entry, about.
pub(super) fn live_bytes(key: &[u8], value: ValueRef<'_>) -> usize {
    RECORD_OVERHEAD + key.len() + value.data_bytes()
}
