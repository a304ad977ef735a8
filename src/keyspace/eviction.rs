//! Durable keys are not for evicting: one that the server evicts is put back at once. The server has counted
//! its memory as freed by then, and goes on with the cache.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use module_api::keys::key::{Holds, Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr, server};
use mylog_core::effect::{self, Db, Effect};
use mylog_core::store::SlotId;

use crate::engine;
use crate::engine::own_change;

/// Names put back whose replicas have, or will have, a DEL in their stream; and those that were changed after that in
/// the same turn, perhaps by a command that found nothing there on a replica.
static FOR_REPLICAS: Gil<BTreeSet<(Db, Vec<u8>)>> = Gil::new(BTreeSet::new());
/// Set while there are any.
static ANY: AtomicBool = AtomicBool::new(false);
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
    let _own = own_change::own_op();
    let owned = OwnedStr::new(name);
    let key = Key::open(ctx, owned.lend(), Mode::Write);
    let back = key
        .set_number(kind, id.to_word())
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
    FOR_REPLICAS.with(|names| names.insert((db, name.to_vec())));
    ANY.store(true, Ordering::Relaxed);
}

/// An effect was committed. Its command comes to replicas behind the DEL of a name put back and before its value: a
/// RENAME or an LMOVE of that name does nothing there. So what it has changed here is sent as it is, too.
pub(crate) fn changed_behind(effect: &Effect<'_>) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    let names = effect.names().into_iter().flatten();
    FOR_REPLICAS.with(|waiting| waiting.extend(names.map(|(db, name)| (db, name.to_vec()))));
}

/// Two databases have changed places, at replicas too: what they were told to delete has the other number by now.
pub(crate) fn swapped(a: Db, b: Db) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    FOR_REPLICAS.with(|waiting| {
        let names = std::mem::take(waiting).into_iter();
        *waiting = names
            .map(|(db, name)| (effect::swapped(db, a, b), name))
            .collect();
    });
}

/// Sends replicas the values of keys that they were told to delete, and of those changed behind that. Not inside a
/// unit.
pub(crate) fn tell_replicas(ctx: Ctx<'_>) {
    // The common turn; and while writes are paused nothing may be replicated: they wait.
    if FOR_REPLICAS.with(|names| names.is_empty()) || server::writes_are_paused() {
        return;
    }
    let names = FOR_REPLICAS.with(std::mem::take);
    ANY.store(false, Ordering::Relaxed);
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
        } else if Key::open(ctx, OwnedStr::new(&name).lend(), Mode::ReadNoTouch).holds() == Holds::Nothing {
            ctx.replicate(c"MYLOG.DEL", &[&name]);
        }
    }
    let _ = ctx.select_db(was);
}
