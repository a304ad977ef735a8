//! All keys of the store at once: they enter the keyspace, or are deleted from it.

use module_api::keys::key::{Key, Mode};
use module_api::server::{log, server_state};
use module_api::{Ctx, OwnedStr, own_context};
use mylog_core::effect::Db;
use mylog_core::store::{SlotId, Store};
use mylog_core::value::Kind;

use crate::engine::{self, lazyfree, own_change};

/// Number of slots whose keys enter the keyspace between two borrows of the engine.
const BATCH: u32 = 4096;

/// Gives every entry of the store its handle in the keyspace.
pub(crate) fn enter_all(ctx: Ctx<'_>) {
    let mut from = 0;
    loop {
        let batch = engine::with(|engine| {
            let end = engine.store.slots_end().min(from + BATCH);
            let found = (from..end).filter_map(|slot| {
                let (id, entry) = (engine.store.id_at_slot(slot)?, engine.store.at_slot(slot)?);
                let (db, key) = (engine.store.db_of(entry), entry.key());
                Some((
                    db,
                    OwnedStr::new(key),
                    entry.value().kind(),
                    id,
                    entry.expire_at(),
                ))
            });
            (found.collect::<Vec<_>>(), end >= engine.store.slots_end())
        });
        let Some((batch, last)) = batch else { return };
        for (db, key, kind, id, expire_at) in batch {
            enter_one(ctx, db, &key, kind, id, expire_at);
        }
        if last {
            return;
        }
        from += BATCH;
    }
}

fn enter_one(ctx: Ctx<'_>, db: Db, name: &OwnedStr, kind: Kind, id: SlotId, expire_at: i64) {
    let _own = own_change::own_op();
    if ctx.db() != db && ctx.select_db(db).is_err() {
        log::warning(&format!(
            "a durable key of database {db} has no place: raise 'databases' and restart"
        ));
        return;
    }
    // On a replica the AOF may have loaded a value whose expire time has passed. Such a key opens as a missing one but exists,
    // and to make it again would end the server. DEL deletes it whatever its expire time.
    if server_state::is_replica() {
        let _ = ctx.call(c"DEL", "", &[name.lend().bytes()]);
    }
    let key = Key::open(ctx, name.lend(), Mode::Write);
    let done = key.set_number(kind, id.to_word());
    let done = done.and_then(|()| {
        if expire_at < 0 {
            Ok(())
        } else {
            key.set_expire_at(expire_at)
        }
    });
    if let Err(error) = done {
        log::warning(&format!(
            "a durable key of database {db} could not enter the keyspace: {error}"
        ));
    }
}

/// Replaces the store by `before`, which is what the log contains, and the durable keys of the keyspace by its keys.
pub(crate) fn put_back(before: Box<Store>) {
    let Some(ctx) = own_context() else { return };
    let was = ctx.db();
    delete_all(ctx);
    let unfinished = engine::with(|engine| {
        engine.store_replaced();
        std::mem::replace(&mut engine.store, *before)
    });
    lazyfree::give_back(unfinished);
    enter_all(ctx);
    let _ = ctx.select_db(was);
}

/// Deletes every durable key from the keyspace. The store stays as it is.
fn delete_all(ctx: Ctx<'_>) {
    let names = engine::with(|engine| {
        let names = engine
            .store
            .entries()
            .map(|entry| (engine.store.db_of(entry), OwnedStr::new(entry.key())));
        names.collect::<Vec<_>>()
    });
    let _own = own_change::own_op();
    for (db, name) in names.into_iter().flatten() {
        if ctx.select_db(db).is_ok() {
            let _ = Key::open(ctx, name.lend(), Mode::Write).delete();
        }
    }
}
