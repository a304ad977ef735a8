//! A key that is to be adopted.

use mylog_core::effect::Db;

/// A value that has changed this often while it was read in parts is read in one step.
pub(super) const MOST_CHANGES: u32 = 3;

/// A key that is to be adopted.
pub(super) struct Name {
    pub(super) db: Db,
    pub(super) bytes: Vec<u8>,
    /// How often its value has changed while it was read.
    pub(super) changes: u32,
}

impl Name {
    pub(super) fn found(db: Db, name: &[u8]) -> Self {
        Self {
            db,
            bytes: name.to_vec(),
            changes: 0,
        }
    }

    pub(super) fn changed(self) -> Self {
        Self {
            changes: self.changes + 1,
            ..self
        }
    }

    pub(super) fn in_one_step(self) -> Self {
        Self {
            changes: MOST_CHANGES,
            ..self
        }
    }
}
