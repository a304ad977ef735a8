//! Filling a store from a log: the records of its snapshot section, then those of its groups.

use super::{ApplyError, Store};
use crate::effect::{BadRecord, Effect, decode_records};

/// Records that can't be loaded though every checksum was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A record can't be read.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// A record does not fit the state before it.
    #[error("record {index} of its group does not fit the state before it: {cause}")]
    Apply {
        /// Which record of the payload, from 0.
        index: u32,
        /// Why.
        cause: ApplyError,
    },
}

impl Store {
    /// Applies the records of a snapshot frame.
    pub fn load_snapshot(&mut self, payload: &[u8], count: u32) -> Result<(), LoadError> {
        self.load(payload, count, true)
    }

    /// Applies the records of a group.
    pub fn load_group(&mut self, payload: &[u8], count: u32) -> Result<(), LoadError> {
        self.load(payload, count, false)
    }

    fn load(&mut self, payload: &[u8], count: u32, snapshot: bool) -> Result<(), LoadError> {
        decode_records(payload, count, |index, effect| {
            match self.apply(&effect) {
                Ok(_) => {}
                // The child deletes a name that it may have written under another one only.
                Err(ApplyError::Missing { .. }) if snapshot && matches!(effect, Effect::Del { .. }) => {}
                Err(cause) => return Err(LoadError::Apply { index, cause }),
            }
            self.take_discarded();
            Ok(())
        })
    }

    /// True if both hold the same keys with the same values and ends. Where they stand does not count.
    pub fn same_contents(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.entries().all(|entry| {
                other.get(self.db_of(entry), entry.key()).is_some_and(|twin| {
                    twin.value() == entry.value() && twin.expire_at() == entry.expire_at()
                })
            })
    }
}
