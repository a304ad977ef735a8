//! The keys of durable values in a data set that is loaded beside the present one. None of these values is in the keyspace yet,
//! so none can be registered in the store (`lifecycle::loaded_beside`).

use module_api::gil::Gil;
use mylog_core::effect::Db;

struct Beside {
    loading: bool,
    /// A durable value was read, and the notification with its key has yet to follow.
    value_came: bool,
    names: Vec<(Db, Vec<u8>)>,
}

static BESIDE: Gil<Beside> = Gil::new(Beside {
    loading: false,
    value_came: false,
    names: Vec::new(),
});

/// Called when a load beside the present data set begins.
pub(crate) fn begins() {
    BESIDE.with(|beside| {
        beside.loading = true;
        beside.names.clear();
    });
}

/// True until such a load has ended.
pub(crate) fn is_loading() -> bool {
    BESIDE.with(|beside| beside.loading)
}

/// Called when a durable value was read.
pub(crate) fn value_came() {
    BESIDE.with(|beside| beside.value_came = beside.loading);
}

/// Called when a key was loaded. True if the load is beside the present data set, so that the key is not in the keyspace.
pub(crate) fn came(db: Db, name: &[u8]) -> bool {
    BESIDE.with(|beside| {
        // A key that has expired during the load is not notified. Then this is the key of another value, which is checked later.
        if std::mem::take(&mut beside.value_came) {
            beside.names.push((db, name.to_vec()));
        }
        beside.loading
    })
}

/// Ends the load, and returns its keys.
pub(crate) fn take() -> Vec<(Db, Vec<u8>)> {
    BESIDE.with(|beside| {
        beside.loading = false;
        beside.value_came = false;
        std::mem::take(&mut beside.names)
    })
}
