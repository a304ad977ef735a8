//! Keys whose values replicas must be sent again: their stream has a DEL of a key that still exists here.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use mylog_core::effect::{self, Db, Effect};

/// Evicted keys that were put back, whose replicas have, or will have, a DEL in their stream; and those that were changed after
/// that in the same turn, perhaps by a command that found nothing there on a replica.
static KEYS: Gil<BTreeSet<(Db, Vec<u8>)>> = Gil::new(BTreeSet::new());
/// Set while there are any.
static ANY: AtomicBool = AtomicBool::new(false);

/// An evicted key was put back.
pub(crate) fn note(db: Db, key: &[u8]) {
    KEYS.with(|keys| keys.insert((db, key.to_vec())));
    ANY.store(true, Ordering::Relaxed);
}

/// An effect was committed. Its command comes to replicas after the DEL of a key that was put back and before its value: a
/// RENAME or an LMOVE of that key does nothing there. So what it has changed here is sent as it is, too.
pub(super) fn changed(effect: &Effect<'_>) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    let keys = effect.keys().into_iter().flatten();
    KEYS.with(|waiting| waiting.extend(keys.map(|(db, key)| (db, key.to_vec()))));
}

/// Two databases have changed places, at replicas too: a key that replicas have deleted is in the other one by now.
pub(crate) fn swapped(a: Db, b: Db) {
    if !ANY.load(Ordering::Relaxed) {
        return;
    }
    KEYS.with(|waiting| {
        let keys = std::mem::take(waiting).into_iter();
        *waiting = keys.map(|(db, key)| (effect::swapped(db, a, b), key)).collect();
    });
}

/// True while there are such keys.
pub(crate) fn is_due() -> bool {
    ANY.load(Ordering::Relaxed)
}

/// Takes all of them.
pub(crate) fn take() -> BTreeSet<(Db, Vec<u8>)> {
    ANY.store(false, Ordering::Relaxed);
    KEYS.with(std::mem::take)
}
