//! Loads after the start, DEBUG RELOAD and full syncs: the keyspace says what the store is, and the log gets
//! the difference. Until then the log keeps what was before, and wins if the load comes to nothing.

use module_api::context::Flags;
use module_api::keys::key::{Key, Mode};
use module_api::server::log;
use module_api::server::server_state;
use module_api::{Ctx, OwnedStr, own_context};
use mylog_core::effect::Effect;
use mylog_core::store::Store;

use super::startup::{Phase, START, decide_unlogged, enter_all, follow};
use super::{loaded_beside, stale_rdb};
use crate::acks::execution_unit;
use crate::engine::{lazyfree, own_change, refusal};
use crate::keyspace::native_effects;
use crate::settings::always_keys;
use crate::{engine, rewrite};

/// A load of a whole data set begins.
pub(crate) fn load_begins(of_rdb: bool) {
    START.with(|start| {
        start.rdb = None;
        if !matches!(start.phase, Phase::Starting) {
            start.captured.clear();
        }
        start.rdb_at_start |= of_rdb && matches!(start.phase, Phase::Starting);
    });
    let starts = START.with(|start| matches!(start.phase, Phase::Starting));
    if starts && of_rdb && Flags::of_server().any(Flags::REPLICA) {
        return follow();
    }
    // What there is stays until then, for the clients and for the log.
    if loaded_beside::is_loading() {
        return;
    }
    let flushed = native_effects::load_begins();
    let into_nothing = engine::with(|engine| engine.store.is_empty()) == Some(true);
    match START.with(|start| std::mem::replace(&mut start.phase, Phase::Starting)) {
        Phase::Starting => {}
        // What came of a load that failed is nothing; the log still has what was before it.
        Phase::Broken(before) | Phase::Reloading(before) => reload(before),
        // Where there was nothing before, a load that is cut off must leave nothing of its own in the log.
        Phase::Serving if flushed.is_some() || into_nothing => replace(flushed.unwrap_or_default()),
        // It adds to what is there (DEBUG RELOAD NOFLUSH), or will flush that once it has seen the head of the file.
        Phase::Serving => START.with(|start| start.phase = Phase::Serving),
    }
}

/// What is loaded will replace what the store held.
fn replace(held: Box<Store>) {
    // While nobody has decided about them, the log has none of the keys.
    let undecided = engine::with(|engine| std::mem::replace(&mut engine.mute, true)) == Some(true);
    reload(if undecided { Box::default() } else { held });
}

fn reload(before: Box<Store>) {
    START.with(|start| start.phase = Phase::Reloading(before));
    rewrite::start_anew();
}

/// A data set that was loaded beside it has taken the place of what the store held.
pub(super) fn replaced() {
    let held = engine::with(|engine| Box::new(std::mem::take(&mut engine.store))).unwrap_or_default();
    match START.with(|start| std::mem::replace(&mut start.phase, Phase::Starting)) {
        Phase::Starting => {}
        Phase::Serving => replace(held),
        Phase::Broken(before) | Phase::Reloading(before) => {
            lazyfree::give_back(held);
            reload(before);
        }
    }
}

/// Everything was flushed. `None`: that belongs to a load, which keeps what is to be kept.
pub(crate) fn flushed_by_load(held: Box<Store>) -> Option<Box<Store>> {
    match START.with(|start| std::mem::replace(&mut start.phase, Phase::Starting)) {
        // What was loaded so far.
        Phase::Reloading(before) => reload(before),
        Phase::Broken(before) => START.with(|start| start.phase = Phase::Broken(before)),
        Phase::Serving if server_state::is_loading() => {
            replace(held);
            return None;
        }
        as_it_was => {
            START.with(|start| start.phase = as_it_was);
            return Some(held);
        }
    }
    lazyfree::give_back(held);
    None
}

/// Everything was flushed for a load that does not begin.
pub(crate) fn flushed_in_vain(held: Box<Store>) {
    if !stands_by_itself() {
        let undecided = engine::with(|engine| std::mem::replace(&mut engine.mute, true)) == Some(true);
        let before = if undecided { Box::default() } else { held };
        START.with(|start| start.phase = Phase::Broken(before));
        return rewrite::start_anew();
    }
    put_back(held);
    log::warning("everything was flushed for a load that did not begin: the durable keys are put back");
}

/// False on a replica that waits for its primary's data set: whatever it has until then is of no worth.
fn stands_by_itself() -> bool {
    !server_state::is_replica() || Flags::of_server().any(Flags::REPLICA_IS_ONLINE)
}

/// The store becomes what it was, and so does the keyspace. The log has it.
fn put_back(before: Box<Store>) {
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

/// A load has ended: the store is what the keyspace holds, and the log gets the difference.
pub(crate) fn load_ended(failed: bool) {
    native_effects::loads_ended();
    match START.with(|start| std::mem::replace(&mut start.phase, Phase::Serving)) {
        Phase::Reloading(before) if !failed => {
            rebase(&before);
            lazyfree::give_back(before);
        }
        Phase::Reloading(before) if stands_by_itself() => {
            put_back(before);
            engine::with(|engine| engine.mute = false);
            log::warning("a load has failed: the durable keys are those of the log");
        }
        Phase::Reloading(before) => START.with(|start| start.phase = Phase::Broken(before)),
        // A load that added to what was there went straight to the log.
        Phase::Serving if !failed => drop(engine::with(remember_lineage)),
        other => START.with(|start| start.phase = other),
    }
}

/// The link to the primary is up: what a replica has is the primary's, whatever its log has.
pub(crate) fn synced() {
    START.with(|start| start.captured.clear());
    let before = START.with(
        |start| match std::mem::replace(&mut start.phase, Phase::Serving) {
            Phase::Broken(before) => Some(before),
            other => {
                start.phase = other;
                None
            }
        },
    );
    if let Some(before) = before {
        rebase(&before);
        lazyfree::give_back(before);
    }
}

/// The log gets what makes what it has into what the store has.
fn rebase(before: &Store) {
    let refused = START.with(|start| {
        start.fresh = false;
        start.loaded.clear();
        std::mem::take(&mut start.refused)
    });
    if refused {
        engine::with(|engine| engine.refusing = None);
        refusal::refresh();
    }
    let (keys, changes, seq) = engine::with(|engine| {
        engine.mute = false;
        for lineage in before.lineages() {
            // The log has it. It fits any store.
            let _ = engine.store.apply(&lineage);
        }
        let changes = append_difference(engine, before);
        // In the same group: a lineage without its keys would let the log win over the only copy of them.
        remember_lineage(engine);
        engine.store_replaced();
        (engine.store.len(), changes, engine.last_seq())
    })
    .unwrap_or_default();
    log::notice(&format!(
        "a data set was loaded: {keys} durable keys, {changes} changes for the log"
    ));
    if changes > 0 {
        rewrite::schedule();
        // Whoever sent DEBUG RELOAD is told of another data set than the log has. On a replica nobody waits.
        if always_keys::anything() {
            execution_unit::must_wait(seq);
        }
    }
}

/// The server became a primary. One whose last sync is unfinished has its log's keys, not what came of it.
pub(crate) fn became_primary() {
    let (before, fresh) = START.with(|start| {
        let before = match std::mem::replace(&mut start.phase, Phase::Serving) {
            Phase::Broken(before) => Some(before),
            other => {
                start.phase = other;
                None
            }
        };
        (before, start.fresh)
    });
    let (Some(before), Some(ctx)) = (before, own_context()) else {
        return;
    };
    if fresh && before.is_empty() {
        return decide_unlogged();
    }
    let was = ctx.db();
    put_back(before);
    engine::with(|engine| engine.mute = false);
    stale_rdb::drop_outdated(ctx);
    let _ = ctx.select_db(was);
    log::warning("promoted while a sync was unfinished: the durable keys are those of the log");
}

/// Takes every durable key out of the keyspace. The store stays.
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

/// What the RDB last read brought is the log's now: found again beside the log, it is no stranger. Noted each time,
/// since it also tells what the log had before that (`stale_rdb`).
pub(super) fn remember_lineage(engine: &mut engine::Engine) {
    let (own, rdb) = START.with(|start| (start.uuid, start.rdb));
    if let Some((uuid, seq)) = rdb.filter(|(uuid, _)| *uuid != own) {
        // It fits any store.
        let _ = engine.commit(&Effect::Lineage { uuid, seq });
    }
}

/// Appends what makes `before` into the store's present state. All of it is one group.
pub(super) fn append_difference(engine: &mut engine::Engine, before: &Store) -> usize {
    let mut records: Vec<Vec<u8>> = Vec::new();
    let now = &engine.store;
    for old in before.entries() {
        let (db, key) = (before.db_of(old), old.key());
        if now.find(db, key).is_none() {
            let mut record = Vec::new();
            Effect::Del { db, key }.encode(&mut record);
            records.push(record);
        }
    }
    for entry in now.entries() {
        let (db, key) = (now.db_of(entry), entry.key());
        let old = before.get(db, key);
        if old.is_none_or(|old| old.value() != entry.value() || old.expire_at() != entry.expire_at()) {
            let mut record = Vec::new();
            mylog_core::effect::encode_put(&mut record, db, key, entry.expire_at(), entry.value());
            records.push(record);
        }
    }
    for record in &records {
        engine.append_record(record);
    }
    records.len()
}
