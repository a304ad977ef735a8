//! The value that the server has for a key is a word. An odd word names an entry of the store. An even word points to a
//! [`Loaded`] value, which was loaded from an RDB or made by COPY and is not registered under a key yet.

use mylog_core::effect::Db;
use mylog_core::store::SlotId;
use mylog_core::value::{Value, ValueRef};

use crate::engine;

/// A value that is not registered under a key of the store yet.
pub(crate) enum Loaded {
    /// A value from an RDB, or from RESTORE.
    Value(Value),
    /// The copy that a running COPY makes of this key. The store makes the copy when the new key is registered.
    CopyOf(Db, Vec<u8>),
}

/// What a word stands for.
pub(crate) enum Word {
    /// An entry of the store.
    Entry(SlotId),
    /// A value that is not registered yet. The keyspace owns it.
    Loaded(*mut Loaded),
}

impl Word {
    /// Reads a word.
    pub(crate) fn read(word: usize) -> Self {
        match SlotId::from_word(word as u64) {
            Some(id) => Self::Entry(id),
            None => Self::Loaded(word as *mut Loaded),
        }
    }
}

impl Loaded {
    /// Gives the value to the keyspace.
    pub(crate) fn into_word(self: Box<Self>) -> usize {
        Box::into_raw(self) as usize
    }

    /// Takes the value back from the keyspace.
    ///
    /// # Safety
    /// `loaded` came from [`Loaded::into_word`], and the keyspace does not contain it any more.
    pub(crate) unsafe fn take(loaded: *mut Self) -> Box<Self> {
        // SAFETY: the contract above.
        unsafe { Box::from_raw(loaded) }
    }
}

/// Passes the value of a word to `f`. `None` if the word has no value any more.
pub(crate) fn with_value<R>(word: usize, f: impl FnOnce(ValueRef<'_>) -> R) -> Option<R> {
    match Word::read(word) {
        Word::Entry(id) => engine::with(|engine| engine.store.entry(id).map(|entry| f(entry.value())))?,
        // SAFETY: the server asks for a value of the keyspace, so the box is alive, and it holds the global
        // lock or runs in a child of its own.
        Word::Loaded(loaded) => match unsafe { loaded.as_ref() }? {
            Loaded::Value(value) => Some(f(value.view())),
            Loaded::CopyOf(db, key) => {
                engine::with(|engine| engine.store.get(*db, key).map(|entry| f(entry.value())))?
            }
        },
    }
}

/// Passes the values of several words to `f`, in their order; `None` for no word, and for a word that has no value any more.
pub(crate) fn with_values<R>(
    words: &[Option<usize>],
    f: impl FnOnce(&[Option<ValueRef<'_>>]) -> R,
) -> Option<R> {
    engine::with(|engine| {
        let value_of = |word: usize| match Word::read(word) {
            Word::Entry(id) => engine.store.entry(id).map(|entry| entry.value()),
            // SAFETY: as in `with_value`.
            Word::Loaded(loaded) => match unsafe { loaded.as_ref() }? {
                Loaded::Value(value) => Some(value.view()),
                Loaded::CopyOf(db, key) => engine.store.get(*db, key).map(|entry| entry.value()),
            },
        };
        let values: Vec<_> = words.iter().map(|word| word.and_then(value_of)).collect();
        f(&values)
    })
}
