//! From the server's start to its first client. OnLoad reads the log, and the log's keys enter the keyspace after the server has
//! loaded its own files. The log is authoritative: for its keys it replaces the values of an RDB or AOF.

use module_api::keys::io::Io;
use module_api::keys::key::{Contents, Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr};
use mylog_core::effect::Db;

use super::missing_log::{decide_unlogged, refuse};
use super::{foreign_slots, readopt, stale_rdb};
use crate::adopt::census;
use crate::engine::{self, own_change};
use crate::keyspace::load_state::{Phase, START};
use crate::keyspace::{all_keys, lost_adoptions, native_effects, unsynced_adoptions};

/// Called before the first client is served: the log's keys enter the keyspace.
pub(crate) fn enter(ctx: Ctx<'_>) {
    if START.with(|start| std::mem::take(&mut start.follows)) {
        census::begin();
        return lost_adoptions::forget();
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
    all_keys::enter_all(ctx);
    stale_rdb::drop_outdated(ctx);
    settle_loaded(ctx, loaded, foreign);
    native_effects::loads_ended();
    decide_unlogged();
    readopt::adopt_again(ctx);
    foreign_slots::drop_those_of_others(ctx);
}

/// A primary with an RDB lets its replicas continue from the end of the RDB. If the log contains more than the RDB, these
/// replicas would never get the difference: with a new replication id they make a full sync.
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

/// Handles durable keys that are in the server's files but not in the log. Either the log has deleted them, or a crash has cut
/// off their adoption, or they belong to another log.
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
        if !matches!(key.contents(), Contents::Ours(..)) {
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

/// Writes the lineage of the durable keys, at the beginning of an RDB.
pub(crate) fn aux_save(io: Io<'_>) {
    let (keys, seq) = engine::with(|engine| (engine.store.len(), engine.last_seq())).unwrap_or((0, 0));
    // Without durable keys and without a log nothing is written: a server without the module can load that RDB. A log that had
    // keys is written, to say that it contains them no more (`stale_rdb`). Redis 7.0 writes the module's name in any case, and
    // then a value must follow.
    let optional = Ctx::hears_unit_ends();
    if keys > 0 || seq > 0 || !optional {
        let mut head = START.with(|start| start.uuid).to_vec();
        head.extend(unsynced_adoptions::encoded());
        io.save_bytes(&head);
        io.save_number(seq);
    }
}

/// Reads what `aux_save` has written; `None` for other data.
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
