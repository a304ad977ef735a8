//! From the server's start to its first client: the log is read in OnLoad, and its keys enter the keyspace
//! once the server has loaded its own files. The log is authoritative: what an RDB or AOF brought for its
//! keys is replaced. And the loads that come later: DEBUG RELOAD and full syncs.

use std::collections::BTreeSet;

use module_api::gil::Gil;
use module_api::keys::io::Io;
use module_api::keys::key::{Holds, Key, Mode};
use module_api::server::log;
use module_api::server::server_state;
use module_api::{Ctx, OwnedStr, own_context};
use mylog_core::effect::{self, Db};
use mylog_core::store::{SlotId, Store};
use mylog_core::value::Kind;

use super::{foreign_slots, readopt, stale_rdb};
use crate::adopt::census;
use crate::engine::{self, own_change, refusal};
use crate::keyspace::{native_effects, unsynced_adoptions};
use crate::lifecycle::reload::{append_difference, remember_lineage};
pub(crate) use crate::lifecycle::reload::{
    became_primary, flushed_by_load, flushed_in_vain, load_begins, load_ended, synced,
};
use crate::settings::config;

/// Keys entered between two looks at the store.
const BATCH: u32 = 4096;

pub(super) enum Phase {
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

pub(super) struct Start {
    pub(super) phase: Phase,
    /// Of our log.
    pub(super) uuid: [u8; 16],
    /// The log was made by this start: what an RDB or AOF brings has no log of its lineage.
    pub(super) fresh: bool,
    /// The log that the RDB last read belongs to, and its seq then.
    pub(super) rdb: Option<([u8; 16], u64)>,
    /// The RDB belongs to a log that ours knows nothing of.
    pub(super) foreign: bool,
    /// The server has loaded an RDB at its start.
    pub(super) rdb_at_start: bool,
    /// It has done so as a replica, and no client was served yet.
    pub(super) follows: bool,
    /// Durable writes are refused for want of a lineage.
    pub(super) refused: bool,
    /// Durable names that came with the server's files.
    pub(super) loaded: Vec<(Db, Vec<u8>)>,
    /// Names whose adoption the log lacks: their durable value in the RDB is all that there is of them.
    pub(super) ahead: BTreeSet<(Db, Vec<u8>)>,
    /// Captured names that came with the RDB, and that the log does not have.
    pub(super) captured: Vec<(Db, Vec<u8>)>,
}

pub(super) static START: Gil<Start> = Gil::new(Start {
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
    if later {
        readopt::swapped(a, b);
    }
    START.with(|start| {
        for (db, _) in start.loaded.iter_mut().filter(|_| later) {
            *db = effect::swapped(*db, a, b);
        }
    });
    later
}

/// Before the first client: the log's keys enter the keyspace.
pub(crate) fn enter(ctx: Ctx<'_>) {
    if START.with(|start| std::mem::take(&mut start.follows)) {
        census::begin();
        return readopt::forget();
    }
    if !START.with(|start| matches!(start.phase, Phase::Starting)) {
        return;
    }
    let (loaded, foreign, rdb) = START.with(|start| {
        start.phase = Phase::Serving;
        (
            std::mem::take(&mut start.loaded),
            start.foreign,
            start.rdb_at_start,
        )
    });
    census::begin();
    if rdb {
        refuse_partial_syncs(ctx);
    }
    enter_all(ctx);
    stale_rdb::drop_outdated(ctx);
    settle_loaded(ctx, loaded, foreign);
    native_effects::loads_ended();
    decide_unlogged();
    readopt::adopt_again(ctx);
    foreign_slots::drop_those_of_others(ctx);
}

/// A replica that starts is about to load its RDB, and will ask its primary to go on from where that ends. The log has
/// more: to have that and to be sent it again would apply it twice. So the RDB counts until the sync is done, and the
/// log keeps what it has.
///
/// The store is emptied now, so that each value is taken in while it is loaded: behind the load, a key whose expire time
/// has passed opens as a missing one, and its primary may have renewed that time since.
pub(super) fn follow() {
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

/// A primary with an RDB offers its replicas to go on from where the RDB ends. Where the log has more, they
/// would never get that: a new replication id makes them sync in full.
fn refuse_partial_syncs(ctx: Ctx<'_>) {
    let (own, rdb) = START.with(|start| (start.uuid, start.rdb));
    let differs = engine::with(|engine| match rdb {
        Some(rdb) => rdb != (own, engine.last_seq()),
        None => engine.last_seq() > 0,
    });
    if differs == Some(true) && ctx.call(c"DEBUG", "", &[b"CHANGE-REPL-ID"]).is_none() {
        log::warning("replicas that go on from the RDB lack what the log has; make them sync in full");
    }
}

/// Gives every entry of the store its handle in the keyspace.
pub(super) fn enter_all(ctx: Ctx<'_>) {
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
    // A replica's AOF may bring a value whose expire time has passed. It opens as a missing one, and is there: to make
    // it again would end the server. DEL looks at no time.
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

/// Durable keys that the server's files have and the log has not: the log knows that they were deleted, or
/// does not know yet that they were adopted, or they belong to another log.
fn settle_loaded(ctx: Ctx<'_>, loaded: Vec<(Db, Vec<u8>)>, foreign: bool) {
    let mut unknown = Vec::new();
    let ahead = START.with(|start| std::mem::take(&mut start.ahead));
    for (db, name) in loaded {
        if engine::with(|engine| engine.store.find(db, &name).is_some()) == Some(true)
            || ctx.select_db(db).is_err()
        {
            continue;
        }
        let owned = OwnedStr::new(&name);
        let key = Key::open(ctx, owned.lend(), Mode::Write);
        if !matches!(key.holds(), Holds::Ours(..)) {
            continue;
        }
        if foreign {
            unknown.push((db, name));
        } else if ahead.contains(&(db, name.clone())) {
            drop(key);
            native_effects::adopt_now(ctx, owned.lend());
        } else {
            let _own = own_change::own_op();
            let _ = key.delete();
        }
    }
    let _ = ctx.select_db(0);
    if !unknown.is_empty() {
        refuse(unknown.len(), "belong to another log");
        START.with(|start| start.loaded = unknown);
    }
}

fn refuse(keys: usize, what: &str) {
    let text = format!(
        "{keys} durable keys came with the RDB or AOF and {what}; CONFIG SET mylog.load-missing adopt takes them, or restore the log and restart"
    );
    log::warning(&text);
    START.with(|start| start.refused = true);
    engine::with(|engine| engine.refusing = Some(text));
    refusal::refresh();
}

/// What the server's files brought for a log that did not exist, and what has just been configured for it.
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

/// `mylog.load-missing` has changed.
pub(crate) fn load_missing_changed() {
    if !config::adopts_missing() || !serves() {
        return;
    }
    // Only this reason: durable writes may be refused for another one, which nobody can configure away.
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
        refusal::refresh();
    }
}

/// The RDB begins with the lineage of its durable keys.
pub(crate) fn aux_save(io: Io<'_>) {
    let (keys, seq) = engine::with(|engine| (engine.store.len(), engine.last_seq())).unwrap_or((0, 0));
    // Nothing is written where there is nothing to tell: a server without the module can load that RDB. A log that
    // had keys tells that it has them no more (`stale_rdb`).
    // 7.0 writes the module's name in any case, and then a value must follow.
    let optional = Ctx::hears_unit_ends();
    if keys > 0 || seq > 0 || !optional {
        let mut head = START.with(|start| start.uuid).to_vec();
        head.extend(unsynced_adoptions::encoded());
        io.save_bytes(&head);
        io.save_number(seq);
    }
}

/// Reads what `aux_save` wrote; `None` if that is something else.
pub(crate) fn aux_load(io: Io<'_>) -> Option<()> {
    let (head, seq) = (io.load_bytes()?, io.load_number()?);
    let (&uuid, adopted) = head.bytes().split_first_chunk::<16>()?;
    let adopted = unsynced_adoptions::decode(adopted)?;
    let last = engine::with(|engine| engine.last_seq()).unwrap_or(0);
    let known = engine::with(|engine| engine.store.knows_lineage(&uuid, seq)) == Some(true);
    START.with(|start| {
        let starting = matches!(start.phase, Phase::Starting) && !start.fresh;
        start.foreign |= starting && uuid != start.uuid && !known;
        if starting && uuid == start.uuid {
            let ahead = adopted.into_iter().filter(|recent| recent.seq > last);
            start.ahead = ahead.map(|recent| (recent.db, recent.name)).collect();
        }
        start.rdb = Some((uuid, seq));
    });
    Some(())
}
