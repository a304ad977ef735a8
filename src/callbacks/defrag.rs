//! The server's active defragmentation (`activedefrag`): the blocks of a key when it comes to the key, by the callback of
//! its type, and the tables of the store once in each of its cycles. Without it the server would go on at its highest
//! effort for ever, since what it counts as fragmented would stay so.
//!
//! The server does none of it while it has a child: moving a block would copy the pages that both share.

use std::time::Duration;

use module_api::Ctx;
use module_api::keys::defrag::{self, Mover};
use mylog_core::store::SlotId;

use crate::engine;
use crate::engine::value_handle::Unnamed;

/// Has the tables defragmented. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>) {
    defrag::register::<StoreTables>(ctx);
}

/// Moves the blocks of an entry, from where the last call stopped. Where it stops, 0 if it is done.
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
