//! The server's active defragmentation (`activedefrag`): the blocks of a key when it comes to the key, by the callback of
//! its type, and the tables of the store once in each of its cycles. Without it the server would go on at its highest
//! effort for ever, since what it counts as fragmented would stay so.
//!
//! The server does none of it while it has a child: moving a block would copy the pages that both share.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use module_api::Ctx;
use module_api::keys::defrag;
use module_api::keys::defrag::Mover;
use module_api::keys::io::word_of;
use mylog_core::relocate::Relocate;
use mylog_core::store::TablesPlace;
use redis_module::raw;

use crate::engine;
use crate::engine::value_handle::{Loaded, Word};

/// How long the tables are worked on in one go, where the server does not say.
const TIME: Duration = Duration::from_millis(2);

/// Where the moving of the tables stands.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    store: TablesPlace,
    /// Of the engine's `changes`, once those of the store are done.
    changes: Option<usize>,
}

/// Has the tables defragmented. In OnLoad only.
pub(crate) fn register(ctx: Ctx<'_>) {
    defrag::register(ctx, tables_again, tables_once);
}

/// Moves what a word stands for, from where the last call stopped. Where it stops, 0 if it is done.
fn relocate(word: &mut usize, mover: &mut Mover<'_>) -> u64 {
    let from = mover.cursor();
    match Word::read(*word) {
        Word::Entry(id) => engine::with(|engine| engine.store.relocate(id, from, mover)).unwrap_or(0),
        Word::Loaded(loaded) if loaded.is_null() => 0,
        Word::Loaded(loaded) => {
            // SAFETY: the word came from `into_word`; the keyspace gets the new one before it looks again.
            let mut held = mover.boxed(unsafe { Loaded::take(loaded) });
            let next = match &mut *held {
                Loaded::Value(value) => value.relocate(from, mover),
                Loaded::CopyOf(..) => 0,
            };
            *word = held.into_word();
            next
        }
    }
}

/// The callback of the types.
///
/// # Safety
/// Only the server calls it: under its global lock, with pointers alive during the call.
pub(crate) unsafe extern "C" fn key(
    ctx: *mut raw::RedisModuleDefragCtx,
    _: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    // SAFETY: the server hands the context of this callback, and the place of the key's value.
    let (mut mover, value) = unsafe { (Mover::from_raw(ctx), &mut *value) };
    let mut word = word_of(*value);
    let next = relocate(&mut word, &mut mover);
    *value = word as *mut c_void;
    c_int::from(next != 0 && mover.set_cursor(next))
}

/// Goes on with the tables. True once all are done.
fn tables(mover: &mut Mover<'_>) -> bool {
    let done = engine::with(|engine| {
        let tables = &mut engine.defrag;
        if tables.changes.is_none() {
            if !engine.store.relocate_tables(&mut tables.store, mover) {
                return false;
            }
            tables.changes = Some(0);
        }
        tables.changes = engine.changes.relocate(tables.changes.unwrap_or(0), mover);
        tables.changes.is_none()
    });
    done.unwrap_or(true)
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn tables_again(ctx: *mut raw::RedisModuleDefragCtx) -> c_int {
    // SAFETY: the server hands the context of this callback.
    let mut mover = unsafe { Mover::from_raw(ctx) };
    c_int::from(!tables(&mut mover))
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn tables_once(ctx: *mut raw::RedisModuleDefragCtx) {
    // SAFETY: the server hands the context of this callback.
    let mut mover = unsafe { Mover::from_raw(ctx) }.stops_after(TIME);
    tables(&mut mover);
}
