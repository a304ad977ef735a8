//! Durable keys must not be evicted: a key that the server evicts is put back at once. The server has already counted its
//! memory as freed, and goes on with keys of the cache.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::keys::key::{Contents, Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr, server};
use mylog_core::effect::Db;
use mylog_core::store::SlotId;

use crate::engine;
use crate::engine::{own_change, resend};

static LOGGED: AtomicBool = AtomicBool::new(false);

/// Puts an evicted key back into the keyspace, with its expire time.
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
    let _own = own_change::own_op();
    let owned = OwnedStr::new(name);
    let key = Key::open(ctx, owned.lend(), Mode::Write);
    let back = key
        .set_number(kind, id.to_word())
        .and_then(|()| key.set_expire_at(expire_at));
    if let Err(error) = back {
        log::warning(&format!("an evicted durable key could not be put back: {error}"));
    }
    if !LOGGED.swap(true, Ordering::Relaxed) {
        log::notice(
            "the server evicts durable keys, which are put back; a volatile-* policy, or more maxmemory, spares it the work",
        );
    }
    // The server replicates the DEL after this callback. The value must be replicated after the DEL, so it is sent at the end of
    // the turn.
    resend::note(db, name);
}

/// Sends replicas the values of keys whose DEL they have received, and of keys that were changed after that. Not to be called
/// inside a unit.
pub(crate) fn tell_replicas(ctx: Ctx<'_>) {
    // Mostly there is nothing to send. While writes are paused nothing may be replicated, so the values wait.
    if !resend::is_due() || server::writes_are_paused() {
        return;
    }
    let names = resend::take();
    let was = ctx.db();
    for (db, name) in names {
        let mut record = Vec::new();
        engine::with(|engine| {
            if let Some(entry) = engine.store.get(db, &name) {
                mylog_core::effect::encode_put(&mut record, db, &name, entry.expire_at(), entry.value());
            }
        });
        if ctx.select_db(db).is_err() {
            continue;
        }
        if !record.is_empty() {
            ctx.replicate(c"MYLOG.APPLY", &[&name, &record]);
        } else if Key::open(ctx, OwnedStr::new(&name).lend(), Mode::ReadNoTouch).contents()
            == Contents::Nothing
        {
            ctx.replicate(c"MYLOG.DEL", &[&name]);
        }
    }
    let _ = ctx.select_db(was);
}
