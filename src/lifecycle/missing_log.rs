//! Durable keys of the server's files whose log is missing: either they are taken into the log, or durable writes are refused
//! (`mylog.load-missing`).

use module_api::server::log;
use module_api::{OwnedStr, own_context};
use mylog_core::store::Store;

use super::log_difference::{append_difference, remember_lineage};
use crate::engine;
use crate::engine::refusal::Refusal;
use crate::keyspace::load_state::{START, serves};
use crate::keyspace::native_effects;
use crate::settings::config;

/// Refuses durable writes until the operator has decided.
pub(super) fn refuse(keys: usize, what: &'static str) {
    let refusal = Refusal::NoLineage { keys, what };
    log::warning(&refusal.to_string());
    START.with(|start| start.refused = true);
    engine::with(|engine| engine.refusing = Some(refusal));
    engine::refresh_attention();
}

/// Decides, by the config, about keys of the server's files for which no log existed.
pub(super) fn decide_unlogged() {
    let keys = engine::with(|engine| if engine.mute { engine.store.len() } else { 0 }).unwrap_or(0);
    if keys > 0 && !config::adopts_missing() {
        return refuse(keys, "have no log of their lineage");
    }
    engine::with(|engine| {
        if std::mem::take(&mut engine.mute) && keys > 0 {
            let before = Store::new();
            append_difference(engine, &before);
            remember_lineage(engine);
        }
    });
    if keys > 0 {
        log::notice(&format!(
            "{keys} durable keys of the RDB or AOF are taken into the log"
        ));
    }
}

/// Called when `mylog.load-missing` was set.
pub(crate) fn load_missing_changed() {
    if !config::adopts_missing() || !serves() {
        return;
    }
    // Only this refusal is ended. Durable writes may be refused for another reason, which no config can remove.
    let (refused, foreign) = START.with(|start| {
        (
            std::mem::take(&mut start.refused),
            std::mem::take(&mut start.loaded),
        )
    });
    if let (true, Some(ctx)) = (refused, own_context()) {
        engine::with(|engine| engine.refusing = None);
        let was = ctx.db();
        for (db, name) in foreign {
            let owned = OwnedStr::new(&name);
            if ctx.select_db(db).is_ok() {
                native_effects::adopt_now(ctx, owned.lend());
            }
        }
        let _ = ctx.select_db(was);
        decide_unlogged();
        engine::with(remember_lineage);
        engine::refresh_attention();
    }
}
