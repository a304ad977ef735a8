//! The state of the start, or of a later load of a whole data set, with the keys that the server's files have contained so far.
//! The files that need the state import this one; the loads themselves are in `lifecycle`.

use std::collections::BTreeSet;

use module_api::context::Flags;
use module_api::gil::Gil;
use module_api::server::{log, server_state};
use mylog_core::effect::{self, Db};
use mylog_core::store::Store;

use super::all_keys;
use crate::engine::{self, lazyfree};
use crate::settings::captured_keys;

pub(crate) enum Phase {
    /// The server starts: it may be loading its files. Before OnLoad has read the log, too.
    Starting,
    /// The keyspace and the store agree.
    Serving,
    /// A load replaces everything. Contains the store from before the load, which is what the log contains.
    Reloading(Box<Store>),
    /// A load has failed, or a replica continues from an RDB that is older than its log: the server has that data set, and the
    /// log still has this one. The phase ends with the next complete sync with the primary.
    Broken(Box<Store>),
}

pub(crate) struct Start {
    pub(crate) phase: Phase,
    /// Id of our log.
    pub(crate) uuid: [u8; 16],
    /// This start has made the log: the keys of an RDB or AOF have no log of their lineage here.
    pub(crate) fresh: bool,
    /// The id of the log that the last loaded RDB belongs to, and its seq in the RDB.
    pub(crate) rdb: Option<([u8; 16], u64)>,
    /// The RDB belongs to a log that our log does not know.
    pub(crate) foreign: bool,
    /// The server has loaded an RDB at its start.
    pub(crate) rdb_at_start: bool,
    /// It has done so as a replica, and no client was served yet.
    pub(crate) follows: bool,
    /// Durable writes are refused because the loaded keys have no log of their lineage.
    pub(crate) refused: bool,
    /// Durable keys of the server's files.
    pub(crate) loaded: Vec<(Db, Vec<u8>)>,
    /// Keys whose adoption the log lacks: their durable value in the RDB is the only copy.
    pub(crate) ahead: BTreeSet<(Db, Vec<u8>)>,
    /// Native keys of the RDB under a captured prefix that the log does not contain.
    pub(crate) captured: Vec<(Db, Vec<u8>)>,
}

pub(crate) static START: Gil<Start> = Gil::new(Start {
    phase: Phase::Starting,
    uuid: [0; 16],
    fresh: false,
    rdb: None,
    foreign: false,
    rdb_at_start: false,
    follows: false,
    refused: false,
    loaded: Vec::new(),
    ahead: BTreeSet::new(),
    captured: Vec::new(),
});

/// Notes the log, once it is open.
pub(crate) fn log_is_open(uuid: [u8; 16], fresh: bool) {
    START.with(|start| {
        start.uuid = uuid;
        start.fresh = fresh;
    });
    // A log that did not exist may lack the keys of the server's files. They go into the store, but into the log only after the
    // operator has allowed that.
    engine::with(|engine| engine.mute = fresh);
}

/// True once the keyspace and the store agree, so that a rewrite may begin.
pub(crate) fn serves() -> bool {
    START.with(|start| matches!(start.phase, Phase::Serving))
}

/// True while the log still contains the data set from before a load.
pub(crate) fn rebase_pending() -> bool {
    START.with(|start| matches!(start.phase, Phase::Reloading(_) | Phase::Broken(_)))
}

/// True if the module's commands must do nothing while the server reads its AOF, since the log contains their effects.
pub(crate) fn skips_loading_command() -> bool {
    START.with(|start| matches!(start.phase, Phase::Starting) && !start.fresh)
}

/// Called for a loaded durable value, with its key. True if the start handles the key later.
pub(crate) fn takes_loaded(db: Db, name: &[u8]) -> bool {
    START.with(|start| {
        let later = matches!(start.phase, Phase::Starting) && !start.fresh;
        if later {
            start.loaded.push((db, name.to_vec()));
        }
        later
    })
}

/// Called for SWAPDB. True if the server reads its AOF: then the databases of the loaded keys are swapped.
pub(crate) fn swaps_loaded(a: Db, b: Db) -> bool {
    let later = skips_loading_command();
    START.with(|start| {
        for (db, _) in start.loaded.iter_mut().filter(|_| later) {
            *db = effect::swapped(*db, a, b);
        }
    });
    later
}

/// Notes a key that the server has loaded from its RDB, if the key may be stale.
pub(crate) fn key_loaded(db: Db, name: &[u8]) {
    if !captured_keys::is_captured(name) {
        return;
    }
    let in_store = engine::with(|engine| engine.store.find(db, name).is_some()) == Some(true);
    START.with(|start| {
        let in_log = match &start.phase {
            Phase::Starting if !start.fresh && start.rdb_at_start => in_store,
            // A replica that starts from an RDB: this is the log's state, from which the replica may have to go on.
            Phase::Broken(log) if start.follows && !start.fresh => log.find(db, name).is_some(),
            _ => return,
        };
        if !in_log {
            start.captured.push((db, name.to_vec()));
        }
    });
}

/// The loaded data set will replace `held`, the values of the store so far.
pub(crate) fn replace(held: Box<Store>) {
    // If the operator has not decided about these keys yet, the log contains none of them.
    let undecided = engine::with(|engine| std::mem::replace(&mut engine.mute, true)) == Some(true);
    reload(if undecided { Box::default() } else { held });
}

pub(crate) fn reload(before: Box<Store>) {
    START.with(|start| start.phase = Phase::Reloading(before));
    engine::with(engine::Engine::store_leaves);
}

/// Handles a flush of everything that belongs to a load. `None` if it does: the phase then has what the log contains.
pub(crate) fn flushed_by_load(held: Box<Store>) -> Option<Box<Store>> {
    match START.with(|start| std::mem::replace(&mut start.phase, Phase::Starting)) {
        // `held` is what was loaded so far.
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

/// Handles a flush of everything that was made for a load which could not begin.
pub(crate) fn flushed_in_vain(held: Box<Store>) {
    if !stands_by_itself() {
        let undecided = engine::with(|engine| std::mem::replace(&mut engine.mute, true)) == Some(true);
        let before = if undecided { Box::default() } else { held };
        START.with(|start| start.phase = Phase::Broken(before));
        engine::with(engine::Engine::store_leaves);
        return;
    }
    all_keys::put_back(held);
    log::warning("everything was flushed for a load that did not begin: the durable keys are put back");
}

/// False on a replica that waits for its primary's data set, which will replace all keys that the replica has.
pub(crate) fn stands_by_itself() -> bool {
    !server_state::is_replica() || Flags::of_server().any(Flags::REPLICA_IS_ONLINE)
}
