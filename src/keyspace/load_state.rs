//! Where the start, or a later load of a whole data set, stands; and what the server's files have brought so far. Below all that
//! asks for it: the loads themselves are in `lifecycle`.

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
    /// The log is read, or not yet; the server may be loading its files.
    Starting,
    /// The keyspace and the store agree.
    Serving,
    /// A load replaces everything; this is what the store held before, and what the log says.
    Reloading(Box<Store>),
    /// A load failed, or a replica goes on from an RDB that is older than its log: the server has that, the
    /// log has this. Over when the next sync with the primary is done.
    Broken(Box<Store>),
}

pub(crate) struct Start {
    pub(crate) phase: Phase,
    /// Of our log.
    pub(crate) uuid: [u8; 16],
    /// The log was made by this start: what an RDB or AOF brings has no log of its lineage.
    pub(crate) fresh: bool,
    /// The log that the RDB last read belongs to, and its seq then.
    pub(crate) rdb: Option<([u8; 16], u64)>,
    /// The RDB belongs to a log that ours knows nothing of.
    pub(crate) foreign: bool,
    /// The server has loaded an RDB at its start.
    pub(crate) rdb_at_start: bool,
    /// It has done so as a replica, and no client was served yet.
    pub(crate) follows: bool,
    /// Durable writes are refused for want of a lineage.
    pub(crate) refused: bool,
    /// Durable names that came with the server's files.
    pub(crate) loaded: Vec<(Db, Vec<u8>)>,
    /// Names whose adoption the log lacks: their durable value in the RDB is all that there is of them.
    pub(crate) ahead: BTreeSet<(Db, Vec<u8>)>,
    /// Captured names that came with the RDB, and that the log does not have.
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

/// The log is open.
pub(crate) fn log_is_open(uuid: [u8; 16], fresh: bool) {
    START.with(|start| {
        start.uuid = uuid;
        start.fresh = fresh;
    });
    // What the server's files bring for a log that did not exist goes into the store, and into the log
    // only once somebody has said so.
    engine::with(|engine| engine.mute = fresh);
}

/// True once the keyspace and the store agree: a rewrite may begin.
pub(crate) fn serves() -> bool {
    START.with(|start| matches!(start.phase, Phase::Serving))
}

/// True while the log has what was before a load that failed.
pub(crate) fn rebase_pending() -> bool {
    START.with(|start| matches!(start.phase, Phase::Reloading(_) | Phase::Broken(_)))
}

/// A command of ours runs while the server reads its AOF. True: it is to do nothing, since the log has it.
pub(crate) fn skips_loading_command() -> bool {
    START.with(|start| matches!(start.phase, Phase::Starting) && !start.fresh)
}

/// A durable value came under this name. True: the start deals with it later.
pub(crate) fn takes_loaded(db: Db, name: &[u8]) -> bool {
    START.with(|start| {
        let later = matches!(start.phase, Phase::Starting) && !start.fresh;
        if later {
            start.loaded.push((db, name.to_vec()));
        }
        later
    })
}

/// Databases are swapped. True: the server reads its AOF, and what it has loaded goes along.
pub(crate) fn swaps_loaded(a: Db, b: Db) -> bool {
    let later = skips_loading_command();
    START.with(|start| {
        for (db, _) in start.loaded.iter_mut().filter(|_| later) {
            *db = effect::swapped(*db, a, b);
        }
    });
    later
}

/// The server loads its RDB, and a key has come.
pub(crate) fn key_loaded(db: Db, name: &[u8]) {
    if !captured_keys::is_captured(name) {
        return;
    }
    let in_store = engine::with(|engine| engine.store.find(db, name).is_some()) == Some(true);
    START.with(|start| {
        let in_log = match &start.phase {
            Phase::Starting if !start.fresh && start.rdb_at_start => in_store,
            // A replica's: the log has what it may have to go on from.
            Phase::Broken(log) if start.follows && !start.fresh => log.find(db, name).is_some(),
            _ => return,
        };
        if !in_log {
            start.captured.push((db, name.to_vec()));
        }
    });
}

/// What is loaded will replace what the store held.
pub(crate) fn replace(held: Box<Store>) {
    // While nobody has decided about them, the log has none of the keys.
    let undecided = engine::with(|engine| std::mem::replace(&mut engine.mute, true)) == Some(true);
    reload(if undecided { Box::default() } else { held });
}

pub(crate) fn reload(before: Box<Store>) {
    START.with(|start| start.phase = Phase::Reloading(before));
    engine::with(engine::Engine::store_leaves);
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
        engine::with(engine::Engine::store_leaves);
        return;
    }
    all_keys::put_back(held);
    log::warning("everything was flushed for a load that did not begin: the durable keys are put back");
}

/// False on a replica that waits for its primary's data set: whatever it has until then is of no worth.
pub(crate) fn stands_by_itself() -> bool {
    !server_state::is_replica() || Flags::of_server().any(Flags::REPLICA_IS_ONLINE)
}
