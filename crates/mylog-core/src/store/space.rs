//! The keys of one database. SWAPDB gives a space another database number, and moves no entry.

use super::names::Names;
use crate::effect::Db;

/// The names of one space.
#[derive(Debug, Clone, Default)]
pub(super) struct Space {
    /// Every slot in it holds an entry of this space, and every entry of this space is in it.
    pub(super) names: Names,
    /// The database it is now.
    pub(super) db: Db,
    /// Sum of `Entry::live_bytes`.
    pub(super) live_bytes: usize,
}

impl Space {
    /// Its names; none are left.
    pub(super) fn empty(&mut self) -> Names {
        self.live_bytes = 0;
        std::mem::take(&mut self.names)
    }
}
