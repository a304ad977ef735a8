//! The difference between two states, for the log: it goes from one whole state to the other.

use mylog_core::effect::{Change, Effect};
use mylog_core::store::Store;

use crate::engine::Engine;
use crate::keyspace::load_state::START;

/// What the RDB last read brought is the log's now: found again beside the log, it is no stranger. Noted each time,
/// since it also tells what the log had before that (`stale_rdb`).
pub(super) fn remember_lineage(engine: &mut Engine) {
    let (own, rdb) = START.with(|start| (start.uuid, start.rdb));
    if let Some((uuid, seq)) = rdb.filter(|(uuid, _)| *uuid != own) {
        // It fits any store.
        let _ = engine.commit(&Effect::Lineage { uuid, seq });
    }
}

/// Appends what makes `before` into the store's present state. All of it is one group.
pub(super) fn append_difference(engine: &mut Engine, before: &Store) -> usize {
    let mut records: Vec<Vec<u8>> = Vec::new();
    let now = &engine.store;
    for old in before.entries() {
        let (db, key) = (before.db_of(old), old.key());
        if now.find(db, key).is_none() {
            let mut record = Vec::new();
            Change::Del.of(db, key).encode(&mut record);
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
