//! The server's active defragmentation (`activedefrag`). The blocks of a key are moved when the server gets to the key, by the
//! callback of its type; the tables of the store are moved once in each cycle. Without that, the server would count their
//! memory as fragmented for ever, and go on at its highest effort.
//!
//! The server defragments nothing while it has a child: a moved block would copy memory pages that the two share.

use std::time::Duration;

use module_api::Ctx;
use module_api::keys::defrag::{self, Mover};
use mylog_core::store::SlotId;

use crate::engine;
use crate::engine::value_handle::Unnamed;

/// Registers the defragmentation of the tables. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>) {
    defrag::register::<StoreTables>(ctx);
}

/// Moves the blocks of an entry, from the point where the last call stopped. Returns the point where it stops, 0 if it is done.
pub(super) fn entry(number: u64, mover: &mut Mover<'_>) -> u64 {
    let from = mover.cursor();
    let next = SlotId::from_word(number)
        .and_then(|id| engine::with(|engine| engine.store.relocate(id, from, mover)));
    next.unwrap_or(0)
}

/// The same for a value that is not registered yet.
pub(super) fn unnamed(value: &mut Unnamed, mover: &mut Mover<'_>) -> u64 {
    match value {
        Unnamed::Value(value) => value.relocate(mover.cursor(), mover),
        Unnamed::CopyOf(..) => 0,
    }
}

/// The tables of the store and of the engine's `changes`.
struct StoreTables;

impl defrag::Tables for StoreTables {
    const LONGEST: Duration = Duration::from_millis(2);

    fn relocate(mover: &mut Mover<'_>) -> bool {
        tables(mover)
    }
}

fn tables(mover: &mut Mover<'_>) -> bool {
    engine::with(|engine| engine.relocate_tables(mover)).unwrap_or(true)
}
