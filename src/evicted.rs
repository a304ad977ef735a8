//! Durable keys are not for evicting: one that the server evicts is put back at once. The server has counted
//! its memory as freed by then, and goes on with the cache.

use std::sync::atomic::{AtomicBool, Ordering};

use mylog_core::effect::Db;
use mylog_core::store::SlotId;

use crate::api::key::{Key, Mode};
use crate::api::{Ctx, OwnedStr, log, server};
use crate::gil::Gil;
use crate::{capture, engine};

/// Names put back whose replicas have, or will have, a DEL in their stream.
static FOR_REPLICAS: Gil<Vec<(Db, Vec<u8>)>> = Gil::new(Vec::new());
static TOLD: AtomicBool = AtomicBool::new(false);

/// Puts an evicted key back under its name, with its end.
pub(crate) fn put_back(ctx: Ctx<'_>, db: Db, name: &[u8], id: SlotId) {
    let held = engine::with(|engine| {
        engine
            .store
            .entry(id)
            .map(|entry| (entry.value().kind(), entry.expire_at()))
    });
    let Some((kind, expire_at)) = held.flatten() else {
        return;
    };
    let _own = capture::own_op();
    let owned = OwnedStr::new(name);
    let key = Key::open(ctx, owned.lend(), Mode::Write);
    let back = key
        .set_word(kind, id.to_word() as usize)
        .and_then(|()| key.set_expire_at(expire_at));
    if let Err(error) = back {
        log::warning(&format!("an evicted durable key could not be put back: {error}"));
    }
    if !TOLD.swap(true, Ordering::Relaxed) {
        log::notice(
            "the server evicts durable keys, which are put back; a volatile-* policy, or more maxmemory, spares it the work",
        );
    }
    // The DEL goes out behind this callback: the value must follow it, not go before.
    FOR_REPLICAS.with(|names| names.push((db, name.to_vec())));
}

/// Sends replicas the values of keys that they were told to delete. Not inside a unit.
pub(crate) fn tell_replicas(ctx: Ctx<'_>) {
    // The common turn; and while writes are paused nothing may be replicated: they wait.
    if FOR_REPLICAS.with(|names| names.is_empty()) || server::writes_are_paused() {
        return;
    }
    let names = FOR_REPLICAS.with(std::mem::take);
    let was = ctx.db();
    for (db, name) in names {
        let mut record = Vec::new();
        engine::with(|engine| {
            if let Some(entry) = engine.store.get(db, &name) {
                mylog_core::effect::encode_put(&mut record, db, &name, entry.expire_at(), entry.value());
            }
        });
        if !record.is_empty() && ctx.select_db(db).is_ok() {
            ctx.replicate(c"MYLOG.APPLY", &[&name, &record]);
        }
    }
    let _ = ctx.select_db(was);
}
