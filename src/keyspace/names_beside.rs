//! A data set that is being loaded beside the present one: under which names its durable values came. None of them is in the keyspace
//! yet, so none can be taken into the store (`lifecycle::loaded_beside`).

use module_api::gil::Gil;
use mylog_core::effect::Db;

struct Beside {
    loading: bool,
    /// A value of ours was read, and its name has not been told yet.
    value_came: bool,
    names: Vec<(Db, Vec<u8>)>,
}

static BESIDE: Gil<Beside> = Gil::new(Beside {
    loading: false,
    value_came: false,
    names: Vec::new(),
});

/// A load beside the present data set begins.
pub(crate) fn begins() {
    BESIDE.with(|beside| {
        beside.loading = true;
        beside.names.clear();
    });
}

/// True until it has ended.
pub(crate) fn is_loading() -> bool {
    BESIDE.with(|beside| beside.loading)
}

/// A value of ours was read.
pub(crate) fn value_came() {
    BESIDE.with(|beside| beside.value_came = beside.loading);
}

/// A key was loaded. True: it is no key of the keyspace yet.
pub(crate) fn came(db: Db, name: &[u8]) -> bool {
    BESIDE.with(|beside| {
        // One that has expired on the way is not told of: then this is another's name, and is looked at later.
        if std::mem::take(&mut beside.value_came) {
            beside.names.push((db, name.to_vec()));
        }
        beside.loading
    })
}

/// The load has ended: takes the names.
pub(crate) fn take() -> Vec<(Db, Vec<u8>)> {
    BESIDE.with(|beside| {
        beside.loading = false;
        beside.value_came = false;
        std::mem::take(&mut beside.names)
    })
}
