//! Adoptions that the server's AOF tells of and that the log, cut short by a crash, does not have. The AOF has them
//! first: it is written by the event loop, the log behind it. The native value that the AOF has is all that is left
//! of such a key, so it stays, and is adopted again (`lifecycle::readopt`).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use mylog_core::effect::{self, Db};

use super::load_state::START;
use crate::engine;

/// Names whose adoption the log lacks.
static NAMES: Gil<BTreeSet<(Db, Vec<u8>)>> = Gil::new(BTreeSet::new());

/// Set while such a key is between two names.
static MOVES: AtomicBool = AtomicBool::new(false);

/// Which log has an adoption, and as which seq: 16 bytes and 8.
pub(crate) fn origin(seq: u64) -> [u8; 24] {
    let mut origin = [0; 24];
    let (uuid, number) = origin.split_at_mut(16);
    uuid.copy_from_slice(&START.with(|start| start.uuid));
    number.copy_from_slice(&seq.to_le_bytes());
    origin
}

/// The AOF says that a native key was adopted.
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

/// True if the native value of a name stays.
pub(crate) fn keeps(db: Db, name: &[u8]) -> bool {
    NAMES.with(|names| !names.is_empty() && names.contains(&(db, name.to_vec())))
}

/// RENAME or MOVE of the AOF takes a key away from its name; `arrived` tells of the one that it gets.
pub(crate) fn left(db: Db, name: &[u8]) {
    let lacks = NAMES.with(|names| !names.is_empty() && names.remove(&(db, name.to_vec())));
    MOVES.store(lacks, Ordering::Relaxed);
}

/// The key of which `left` has told is here now. What had this name before is gone.
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

/// Databases are swapped by the AOF.
pub(crate) fn swapped(a: Db, b: Db) {
    NAMES.with(|names| {
        let all = std::mem::take(names).into_iter();
        *names = all.map(|(db, name)| (effect::swapped(db, a, b), name)).collect();
    });
}

/// Takes all of them.
pub(crate) fn take() -> BTreeSet<(Db, Vec<u8>)> {
    NAMES.with(std::mem::take)
}

/// A primary's data set takes the place of what was loaded.
pub(crate) fn forget() {
    NAMES.with(BTreeSet::clear);
}
