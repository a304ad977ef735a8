//! Keys that clients could have been served with while nothing might be written: those who wait for them are asked
//! again, in their order, once there may be writes.

use std::collections::BTreeSet;

use module_api::gil::Gil;
use module_api::{own_context, server};

use crate::engine;

/// So often is looked whether there may be writes.
const LOOK_MS: i64 = 10;

static KEYS: Gil<BTreeSet<(u32, Vec<u8>)>> = Gil::new(BTreeSet::new());

/// True while a pop would have to be refused: writes are paused, or the log does not take them.
pub(super) fn is_too_early() -> bool {
    server::writes_are_paused() || !engine::takes_writes()
}

/// Those who wait for this key are asked later.
pub(super) fn ask_later(db: u32, key: &[u8]) {
    let first = KEYS.with(|keys| {
        let first = keys.is_empty();
        keys.insert((db, key.to_vec()));
        first
    });
    if let (true, Some(ctx)) = (first, own_context()) {
        ctx.after_ms(LOOK_MS, ask);
    }
}

fn ask() {
    let Some(ctx) = own_context() else { return };
    if is_too_early() {
        return ctx.after_ms(LOOK_MS, ask);
    }
    let was = ctx.db();
    for (db, key) in KEYS.with(std::mem::take) {
        if ctx.select_db(db).is_ok() {
            ctx.signal_ready(&key);
        }
    }
    let _ = ctx.select_db(was);
}
