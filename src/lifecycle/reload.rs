//! Loads after the start, DEBUG RELOAD and full syncs: the keyspace says what the store is, and the log gets
//! the difference. Until then the log keeps what was before, and wins if the load comes to nothing.

use module_api::context::Flags;
use module_api::own_context;
use module_api::server::log;
use mylog_core::store::Store;

use super::log_difference::{append_difference, remember_lineage};
use super::missing_log::decide_unlogged;
use super::stale_rdb;
use crate::acks::unheld;
use crate::engine::lazyfree;
use crate::keyspace::load_state::{Phase, START, reload, replace, stands_by_itself};
use crate::keyspace::{all_keys, names_beside, native_effects};
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
    if names_beside::is_loading() {
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
    rewrite::heed();
}

/// A replica that starts is about to load its RDB, and will ask its primary to go on from where that ends. The log has
/// more: to have that and to be sent it again would apply it twice. So the RDB counts until the sync is done, and the
/// log keeps what it has.
///
/// The store is emptied now, so that each value is taken in while it is loaded: behind the load, a key whose expire time
/// has passed opens as a missing one, and its primary may have renewed that time since.
fn follow() {
    let before = engine::with(|engine| {
        // A new log has nothing, nor has the store.
        engine.mute = true;
        std::mem::take(&mut engine.store)
    });
    START.with(|start| {
        start.follows = true;
        start.phase = Phase::Broken(Box::new(before.unwrap_or_default()));
    });
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
    rewrite::heed();
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
            all_keys::put_back(before);
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
        engine::refresh_attention();
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
            unheld::must_wait(seq);
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
    all_keys::put_back(before);
    engine::with(|engine| engine.mute = false);
    stale_rdb::drop_outdated(ctx);
    let _ = ctx.select_db(was);
    log::warning("promoted while a sync was unfinished: the durable keys are those of the log");
}
