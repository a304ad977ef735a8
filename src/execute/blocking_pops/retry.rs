//! Keys that could have served waiting clients while no write was taken: once writes are taken, the clients that wait for
//! these keys are tried again, in their order.

use std::collections::BTreeSet;

use module_api::gil::Gil;
use module_api::{own_context, server};

use crate::engine::backpressure;

/// Interval, in ms, at which it is checked whether writes are taken.
const LOOK_MS: i64 = 10;

static KEYS: Gil<BTreeSet<(u32, Vec<u8>)>> = Gil::new(BTreeSet::new());

/// True while a pop would have to be refused: writes are paused, or the log does not take them.
pub(super) fn is_too_early() -> bool {
    server::writes_are_paused() || !backpressure::takes_writes()
}

/// Has the clients that wait for this key tried again later.
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
