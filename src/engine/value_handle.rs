//! What the server has as the value of a durable key: the number of an entry of the store, or a box with an [`Unnamed`]
//! value, which was loaded from an RDB or made by COPY and is not registered under a key yet.

use module_api::keys::value_handle::ValueHandle;
use mylog_core::effect::Db;
use mylog_core::store::{SlotId, Store};
use mylog_core::value::{Value, ValueRef};

use crate::engine;

/// A value that is not registered under a key of the store yet.
pub(crate) enum Unnamed {
    /// A value from an RDB, or from RESTORE.
    Value(Value),
    /// The copy that a running COPY makes of this key. The store makes the copy when the new key is registered.
    CopyOf(Db, Vec<u8>),
}

/// The entry of the store that a handle names; `None` for a value that is not registered yet.
pub(crate) fn entry_of(handle: ValueHandle) -> Option<SlotId> {
    SlotId::from_word(handle.number()?)
}

/// Passes the value of a handle to `f`. `None` if the handle has no value any more.
pub(crate) fn with_value<R>(handle: ValueHandle, f: impl FnOnce(ValueRef<'_>) -> R) -> Option<R> {
    if let Some(id) = entry_of(handle) {
        return engine::with(|engine| engine.store.entry(id).map(|entry| f(entry.value())))?;
    }
    match handle.boxed::<Unnamed>()? {
        Unnamed::Value(value) => Some(f(value.view())),
        Unnamed::CopyOf(db, key) => {
            engine::with(|engine| engine.store.get(*db, key).map(|entry| f(entry.value())))?
        }
    }
}

/// Passes the values of several handles to `f`, in their order; `None` for no handle, and for one that has no value any
/// more.
pub(crate) fn with_values<R>(
    handles: &[Option<ValueHandle>],
    f: impl FnOnce(&[Option<ValueRef<'_>>]) -> R,
) -> Option<R> {
    engine::with(|engine| {
        let values: Vec<_> = handles
            .iter()
            .map(|handle| value_of(&engine.store, handle.as_ref()?))
            .collect();
        f(&values)
    })
}

fn value_of<'a>(store: &'a Store, handle: &'a ValueHandle) -> Option<ValueRef<'a>> {
    match entry_of(*handle) {
        Some(id) => store.entry(id).map(|entry| entry.value()),
        None => match handle.boxed::<Unnamed>()? {
            Unnamed::Value(value) => Some(value.view()),
            Unnamed::CopyOf(db, key) => store.get(*db, key).map(|entry| entry.value()),
        },
    }
}
