//! Filling a store from a log: the records of its snapshot section, then those of its groups.

use super::apply_error::ApplyError;
use super::bounds::{Bounds, OutOfBounds};
use super::keyspace::Store;
use crate::effect::{BadRecord, Change, Effect, decode_records};

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
    /// A record makes more than the server takes.
    #[error("record {index} of its group makes too much of a few bytes: {cause}")]
    Bound {
        /// Which record of the payload, from 0.
        index: u32,
        /// What, and which bound.
        cause: OutOfBounds,
    },
}

impl Store {
    /// Applies the records of a snapshot frame.
    pub fn load_snapshot(
        &mut self,
        payload: &[u8],
        count: u32,
        bounds: &mut Bounds,
    ) -> Result<(), LoadError> {
        self.load(payload, count, true, bounds)
    }

    /// Applies the records of a group.
    pub fn load_group(&mut self, payload: &[u8], count: u32, bounds: &mut Bounds) -> Result<(), LoadError> {
        self.load(payload, count, false, bounds)
    }

    fn load(
        &mut self,
        payload: &[u8],
        count: u32,
        snapshot: bool,
        bounds: &mut Bounds,
    ) -> Result<(), LoadError> {
        bounds.read(payload.len());
        decode_records(payload, count, |index, effect| {
            bounds
                .check(self, &effect)
                .map_err(|cause| LoadError::Bound { index, cause })?;
            match self.apply(&effect) {
                Ok(_) => {}
                // The child deletes a name that it may have written under another one only.
                Err(ApplyError::Missing { .. }) if snapshot && deletes(&effect) => {}
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

fn deletes(effect: &Effect<'_>) -> bool {
    matches!(
        effect,
        Effect::Key {
            change: Change::Del,
            ..
        }
    )
}
