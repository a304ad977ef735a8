//! Where the server's defragmentation of the store's tables stands: of keys and expire times, then of changes.

use mylog_core::changes::Changes;
use mylog_core::relocate::Relocate;
use mylog_core::store::{Store, TablesPlace};

/// Where it stands.
#[derive(Debug, Default)]
pub(super) struct Tables {
    store: TablesPlace,
    /// Of the changes, once the tables of the store are done.
    changes: Option<usize>,
}

impl Tables {
    /// Goes on. True once all are done.
    pub(super) fn relocate(
        &mut self,
        store: &mut Store,
        changes: &mut Changes,
        mover: &mut impl Relocate,
    ) -> bool {
        if self.changes.is_none() {
            if !store.relocate_tables(&mut self.store, mover) {
                return false;
            }
            self.changes = Some(0);
        }
        self.changes = changes.relocate(self.changes.unwrap_or(0), mover);
        self.changes.is_none()
    }
}
