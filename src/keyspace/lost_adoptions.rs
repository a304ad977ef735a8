//! Adoptions that are in the server's AOF but not in the log, because a crash has cut the log short. The AOF gets them first:
//! the event loop writes the AOF, and the log is written after that. The native value in the AOF is the only copy of such a
//! key. So it stays, and is adopted again (`lifecycle::readopt`).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use mylog_core::effect::{self, Db};

use super::load_state::START;
use crate::engine;

/// Keys whose adoption the log lacks.
static NAMES: Gil<BTreeSet<(Db, Vec<u8>)>> = Gil::new(BTreeSet::new());

/// Set between the two notifications of a RENAME or MOVE of such a key.
static MOVES: AtomicBool = AtomicBool::new(false);

/// The log that has an adoption, in 16 bytes, and the seq of the adoption, in 8.
pub(crate) fn origin(seq: u64) -> [u8; 24] {
    let mut origin = [0; 24];
    let (uuid, number) = origin.split_at_mut(16);
    uuid.copy_from_slice(&START.with(|start| start.uuid));
    number.copy_from_slice(&seq.to_le_bytes());
    origin
}

/// Called for an adoption in the AOF: notes the key if the log lacks the adoption. `told` is what `origin` has made.
pub(crate) fn adopted(db: Db, name: &[u8], told: &[u8]) {
    let of_log = told
        .split_at_checked(16)
        .and_then(|(uuid, seq)| Some((uuid, u64::from_le_bytes(seq.try_into().ok()?))));
    let last = engine::with(|engine| engine.last_seq()).unwrap_or(0);
    let lacks = of_log.is_some_and(|(uuid, seq)| START.with(|start| start.uuid == uuid) && seq > last);
    NAMES.with(|names| {
        let name = (db, name.to_vec());
        if lacks {
            names.insert(name);
        } else {
            names.remove(&name);
        }
    });
}

/// True if the native value of this key stays.
pub(crate) fn keeps(db: Db, name: &[u8]) -> bool {
    NAMES.with(|names| !names.is_empty() && names.contains(&(db, name.to_vec())))
}

/// Called when a RENAME or MOVE in the AOF takes a value from this key. `arrived` is called with its new key.
pub(crate) fn left(db: Db, name: &[u8]) {
    let lacks = NAMES.with(|names| !names.is_empty() && names.remove(&(db, name.to_vec())));
    MOVES.store(lacks, Ordering::Relaxed);
}

/// Called with the new key of the value for which `left` was called. An old value of the new key is replaced.
pub(crate) fn arrived(db: Db, name: &[u8]) {
    let lacks = MOVES.swap(false, Ordering::Relaxed);
    NAMES.with(|names| {
        if lacks {
            names.insert((db, name.to_vec()));
        } else if !names.is_empty() {
            names.remove(&(db, name.to_vec()));
        }
    });
}

/// Called for a SWAPDB in the AOF.
pub(crate) fn swapped(a: Db, b: Db) {
    NAMES.with(|names| {
        let all = std::mem::take(names).into_iter();
        *names = all.map(|(db, name)| (effect::swapped(db, a, b), name)).collect();
    });
}

/// Removes and returns all keys.
pub(crate) fn take() -> BTreeSet<(Db, Vec<u8>)> {
    NAMES.with(std::mem::take)
}

/// Forgets all keys: a primary's data set replaces what was loaded.
pub(crate) fn forget() {
    NAMES.with(BTreeSet::clear);
}
