//! The difference between two states, which the log gets: so it goes from one whole state to the other.

use mylog_core::effect::{Change, Effect};
use mylog_core::store::Store;

use crate::engine::Engine;
use crate::keyspace::load_state::START;

/// Notes in the log that the keys of the last loaded RDB belong to it now: if that RDB is found beside the log later, it is
/// known. Noted each time, since the record also says which records are older than the RDB (`stale_rdb`).
pub(super) fn remember_lineage(engine: &mut Engine) {
    let (own, rdb) = START.with(|start| (start.uuid, start.rdb));
    if let Some((uuid, seq)) = rdb.filter(|(uuid, _)| *uuid != own) {
        // A lineage can be applied to any store.
        let _ = engine.commit(&Effect::Lineage { uuid, seq });
    }
}

/// Appends the difference between `before` and the store's present state, as one group. Returns the number of records.
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
