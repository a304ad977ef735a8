//! Loads after the start: DEBUG RELOAD and full syncs. The loaded keyspace becomes the store, and the log gets the difference.
//! Until then the log keeps the old data set, and that one is restored if the load fails.

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

/// Called when a load of a whole data set begins.
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
    // The present data set stays until the other one replaces it, for the clients and for the log.
    if names_beside::is_loading() {
        return;
    }
    let flushed = native_effects::load_begins();
    let into_nothing = engine::with(|engine| engine.store.is_empty()) == Some(true);
    match START.with(|start| std::mem::replace(&mut start.phase, Phase::Starting)) {
        Phase::Starting => {}
        // The result of the load that failed is worth nothing. The log still has the data set from before it.
        Phase::Broken(before) | Phase::Reloading(before) => reload(before),
        // With an empty store, too: a load that is cut off must leave none of its keys in the log.
        Phase::Serving if flushed.is_some() || into_nothing => replace(flushed.unwrap_or_default()),
        // The load adds to the present keys (DEBUG RELOAD NOFLUSH), or will flush them once it has read the head of the file.
        Phase::Serving => START.with(|start| start.phase = Phase::Serving),
    }
    rewrite::heed();
}

/// A replica that starts is about to load its RDB, and will ask its primary to continue from the end of the RDB. The log
/// contains more than the RDB: with the log's state, the replica would apply those changes a second time. So the RDB's state
/// counts until the sync is done, and the log stays as it is.
///
/// The store is emptied now, so that each value is registered while it is loaded. After the load a key whose expire time has
/// passed opens as a missing one, although the primary may have renewed that time since.
fn follow() {
    let before = engine::with(|engine| {
        // A new log is empty, and so is the store.
        engine.mute = true;
        std::mem::take(&mut engine.store)
    });
    START.with(|start| {
        start.follows = true;
        start.phase = Phase::Broken(Box::new(before.unwrap_or_default()));
    });
}

/// Called when a data set that was loaded beside the present one has replaced it.
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

/// Called when a load has ended: the loaded keyspace is the store, and the log gets the difference.
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
        // A load that added to the present keys went straight to the log.
        Phase::Serving if !failed => drop(engine::with(remember_lineage)),
        other => START.with(|start| start.phase = other),
    }
}

/// Called when the link to the primary is up: the replica's data set is the primary's, whatever its log contains.
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

/// Appends the difference between the log's last state and the store.
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
            // The log has this lineage already. A lineage can be applied to any store.
            let _ = engine.store.apply(&lineage);
        }
        let changes = append_difference(engine, before);
        // In the same group as the keys: with a lineage but without its keys, the log would win over the only copy of them.
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
        // The reply to DEBUG RELOAD depends on a data set that the log does not have on disk yet. On a replica no client waits.
        if always_keys::anything() {
            unheld::must_wait(seq);
        }
    }
}

/// Called when the server became a primary. If its last sync is unfinished, it gets the log's keys back.
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
