//! Turns what native commands do to durable keys into effects. The filter sees commands that may fail; this file is notified
//! of what has happened: by the `unlink` callback of the types, the notification after it, and the server's flush and swap
//! events.
//!
//! "Unlinked" means that a key was removed, not that its value is deleted: RENAME and MOVE give the value its new key before or
//! after that, depending on the version. So a removal is provisional until the next event, and only then a deletion. A flush
//! of everything is provisional as well (`flushes.rs`): a load may follow.

use std::sync::atomic::{AtomicU32, Ordering};

use module_api::gil::Gil;
use module_api::keys::key::{Contents, Key, Mode};
use module_api::server::log;
use module_api::{Ctx, OwnedStr, Str, server};
use mylog_core::effect::{Change, Db, Effect, NEVER};
use mylog_core::store::{Applied, SlotId, Store};
use mylog_core::value::Kind;

use crate::acks::{Author, unheld};
use crate::engine::own_change::{in_own_op, own_op};
use crate::engine::resend;
use crate::engine::value_handle::{Unnamed, entry_of};
use crate::keyspace::flushes::Flushed;
use crate::keyspace::{eviction, load_state, lost_adoptions, names_beside};
use crate::{acks, engine};

/// The number of no entry: for a key whose value is being registered, and for one that is about to be deleted.
const NO_ENTRY: SlotId = SlotId {
    slot: u32::MAX,
    generation: u32::MAX >> 1,
};

/// An upper bound of the values that were loaded or copied, and are not registered under a key yet.
static LOADED: AtomicU32 = AtomicU32::new(0);

/// Why a key was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// By a command, whose client waits for the disk.
    Command,
    /// By its expire time: no client waits.
    Expired,
}

/// A provisional change, which may still turn out to be a part of another one.
enum Pending {
    Nothing,
    /// This key lost its entry: it was deleted, or is being renamed.
    Unlinked(Db, Vec<u8>, SlotId),
    /// Everything was flushed: by a command, or for a load that follows in the same command.
    Flushed(Flushed),
}

static PENDING: Gil<Pending> = Gil::new(Pending::Nothing);
/// The client to be gated for the provisional change, once it is final.
static AUTHOR: Gil<Option<Author>> = Gil::new(None);

fn take_pending() -> Pending {
    PENDING.with(|pending| std::mem::replace(pending, Pending::Nothing))
}

fn set_pending(new: Pending) {
    PENDING.with(|pending| *pending = new);
}

/// True while there is a provisional change.
pub(crate) fn is_pending() -> bool {
    PENDING.with(|pending| !matches!(pending, Pending::Nothing))
}

/// Called before each command that the filter sees: makes the removal of a key final.
#[inline]
pub(crate) fn settle_unlinked() {
    if PENDING.with(|pending| matches!(pending, Pending::Unlinked(..))) {
        settle(Cause::Command);
    }
}

/// True while a flush of everything is provisional, since a load may follow.
pub(crate) fn is_flushed() -> bool {
    PENDING.with(|pending| matches!(pending, Pending::Flushed(_)))
}

/// Called when a value is loaded or copied: a notification with its key follows.
pub(crate) fn expect_loaded() {
    LOADED.fetch_add(1, Ordering::Relaxed);
    names_beside::value_came();
}

/// Called by the `unlink` callback: a key has lost its entry.
pub(crate) fn unlinked(db: Db, key: &[u8], id: SlotId) {
    if in_own_op() {
        return;
    }
    settle(Cause::Command);
    // The rename may have been notified before: then the store has the entry under its new key already.
    let end = engine::with(|engine| {
        let is_told = engine.store.find(db, key) == Some(id);
        is_told.then(|| engine.store.entry(id).map_or(NEVER, |entry| entry.expire_at()))
    });
    if let Some(Some(end)) = end {
        // No client waits for the deletion of an expired key: after a crash, its expire time would delete it again.
        let is_over = end != NEVER && end <= server::now_ms();
        let author = (!is_over).then(|| unheld::watch(Some(key))).flatten();
        AUTHOR.with(|slot| *slot = author);
        set_pending(Pending::Unlinked(db, key.to_vec(), id));
    }
}

/// Makes a provisional change final, since no event followed that made it a part of another change. Called before every command
/// of the module, at each further callback, and at the end of every unit and turn.
pub(crate) fn settle(cause: Cause) {
    match take_pending() {
        Pending::Nothing => {}
        // The running command may be another one by now than the command that made the change.
        pending if acks::is_on() => {
            let author = AUTHOR.with(Option::take).filter(|_| cause == Cause::Command);
            waited_for_by(author, || finally(pending, cause));
        }
        pending if cause == Cause::Command => waited_for(|| finally(pending, cause)),
        pending => finally(pending, cause),
    }
}

fn strict_seq() -> u64 {
    engine::with(|engine| engine.strict_seq()).unwrap_or(0)
}

/// Makes a change, and gates the client that has caused it, if that client is known.
fn waited_for_by(author: Option<Author>, change: impl FnOnce()) {
    let before = strict_seq();
    change();
    let after = strict_seq();
    if let (Some(author), true) = (author, after != before) {
        acks::gate(author, after);
    }
}

/// Makes a change that a native command has caused: its client waits at the end of the unit.
fn waited_for<R>(change: impl FnOnce() -> R) -> R {
    let before = strict_seq();
    let done = change();
    let after = strict_seq();
    if after != before {
        unheld::must_wait(after);
    }
    done
}

fn finally(pending: Pending, cause: Cause) {
    match pending {
        Pending::Nothing => {}
        Pending::Unlinked(db, key, id) => {
            engine::with(|engine| {
                if engine.store.find(db, &key) == Some(id) {
                    let last = engine.changes.of_entry(db, id.slot);
                    take_effect(engine, &Change::Del.of(db, &key));
                    // The expire time has deleted the key, and would do so again after a crash. So a reader of the missing key
                    // has to wait only for the change that set this expire time.
                    if cause == Cause::Expired {
                        let durable = engine.marks().durable();
                        engine.changes.is_gone(db, &key, last, durable);
                    }
                }
            });
        }
        Pending::Flushed(flushed) => flushed.finally(),
    }
}

/// Commits the effect of a native command. The command has run already, so an error can only be logged.
fn take_effect(engine: &mut engine::Engine, effect: &Effect<'_>) -> Option<Applied> {
    match engine.commit(effect) {
        Ok(applied) => Some(applied),
        Err(error) => {
            log::warning(&format!(
                "a native command has changed a durable key, and the log can't take it: {error}"
            ));
            None
        }
    }
}

/// Handles a keyspace notification of a generic, expired, evicted or loaded event.
pub(crate) fn notified(ctx: Ctx<'_>, event: &[u8], key: Str<'_>) {
    if in_own_op() {
        return;
    }
    // This comes first: it may put keys back, and no key may be open then.
    if is_flushed() && event != b"loaded" {
        settle(Cause::Command);
    }
    match event {
        b"rename_from" | b"move_from" => lost_adoptions::left(ctx.db(), key.bytes()),
        b"rename_to" | b"move_to" | b"copy_to" | b"restore" => {
            lost_adoptions::arrived(ctx.db(), key.bytes());
            if is_pending() || LOADED.load(Ordering::Relaxed) > 0 {
                reconcile(ctx, key);
            }
        }
        b"loaded" if names_beside::came(ctx.db(), key.bytes()) => {}
        b"loaded" => {
            load_state::key_loaded(ctx.db(), key.bytes());
            if LOADED.load(Ordering::Relaxed) > 0 {
                // Redis 7.0 has this string on its stack, and ends itself if a key is opened with it. So a copy is used.
                reconcile(ctx, OwnedStr::new(key.bytes()).lend());
            }
        }
        b"expire" | b"persist" => reconcile_end(ctx, key),
        // No client waits for deletions that the server makes by itself.
        b"expired" | b"key_trimmed" => settle(Cause::Expired),
        b"evicted" => match take_pending() {
            Pending::Unlinked(db, name, id) => eviction::put_back(ctx, db, &name, id),
            other => {
                set_pending(other);
                settle(Cause::Expired);
            }
        },
        _ => settle(Cause::Command),
    }
}

/// EXPIRE or PERSIST of a key: a durable key gets its new expire time.
fn reconcile_end(ctx: Ctx<'_>, key: Str<'_>) {
    settle(Cause::Command);
    // The AOF is being read: this is a native key from before its adoption, and not the log's.
    if load_state::skips_loading_command() {
        return;
    }
    let db = ctx.db();
    if engine::with(|engine| engine.store.find(db, key.bytes()).is_none()) != Some(false) {
        return;
    }
    let opened = Key::open(ctx, key, Mode::ReadNoTouch);
    let expire_at = match opened.contents() {
        // On a writable replica of 7.0, a key with an expire time in the past opens as a missing one.
        Contents::Nothing => server::now_ms(),
        _ => opened.expire_at(),
    };
    drop(opened);
    waited_for(|| {
        engine::with(|engine| {
            let key = key.bytes();
            let old = engine.store.get(db, key).map(|entry| entry.expire_at());
            if old.is_some_and(|old| old != expire_at) {
                take_effect(engine, &Change::Expire { expire_at }.of(db, key));
            }
        })
    });
}

/// A key may contain a new value: makes the store agree with the keyspace about this key.
fn reconcile(ctx: Ctx<'_>, name: Str<'_>) {
    waited_for(|| take_in(ctx, name));
}

fn take_in(ctx: Ctx<'_>, name: Str<'_>) {
    let db = ctx.db();
    if load_state::takes_loaded(db, name.bytes()) {
        return;
    }
    // The key is opened without a touch: RESTORE and a load set its idle time themselves.
    let key = Key::open(ctx, name, Mode::WriteNoTouch);
    let Contents::Ours(kind, handle) = key.contents() else {
        // A native value has replaced the durable one.
        return settle(Cause::Command);
    };
    let id = match entry_of(handle) {
        Some(id) => rename_to(id, db, name.bytes()),
        None => {
            // `loads_ended` resets the count, and a value that was loaded before may be registered after that: never below zero.
            let _ = LOADED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                Some(n.saturating_sub(1))
            });
            let unnamed = key.replace_with_number(kind, NO_ENTRY.to_word()).ok().flatten();
            unnamed.and_then(|unnamed| adopt(*unnamed, db, name.bytes()))
        }
    };
    let Some(id) = id else {
        return take_away(&key, kind, name);
    };
    if entry_of(handle) != Some(id) {
        let _ = key.replace_with_number::<Unnamed>(kind, id.to_word());
    }
    let expire_at = key.expire_at();
    engine::with(|engine| {
        if engine
            .store
            .entry(id)
            .is_some_and(|entry| entry.expire_at() != expire_at)
        {
            let key = name.bytes();
            take_effect(engine, &Change::Expire { expire_at }.of(db, key));
        }
    });
}

/// Deletes a key whose value the store could not take. Its value does not exist any more, so the key must not stay.
fn take_away(key: &Key<'_>, kind: Kind, name: Str<'_>) {
    let name = name.bytes().escape_ascii();
    log::warning(&format!(
        "a durable key that the log can't take was deleted: {name}"
    ));
    let _own = own_op();
    let gone = key
        .replace_with_number::<Unnamed>(kind, NO_ENTRY.to_word())
        .and_then(|_| key.delete());
    if let Err(error) = gone {
        log::warning(&format!("it could not be deleted: {error}"));
    }
}

/// An entry was found under this key. If the store has it under another key, it was renamed or moved.
fn rename_to(id: SlotId, db: Db, name: &[u8]) -> Option<SlotId> {
    match take_pending() {
        Pending::Unlinked(_, _, gone) if gone == id => {}
        // The removed key is the rename's target: the effect of the rename removes its entry.
        Pending::Unlinked(of_db, of, _) if of_db == db && of == name => {}
        other => {
            set_pending(other);
            settle(Cause::Command);
        }
    }
    engine::with(|engine| {
        let entry = engine.store.entry(id)?;
        let (from_db, from) = (engine.store.db_of(entry), entry.key().to_vec());
        if (from_db, &*from) == (db, name) {
            return Some(id);
        }
        let rename = Change::Rename { to_db: db, to: name }.of(from_db, &from);
        take_effect(engine, &rename)?.entry
    })?
}

/// Registers a value that has no key yet under this key.
fn adopt(unnamed: Unnamed, db: Db, name: &[u8]) -> Option<SlotId> {
    match take_pending() {
        // The effect below replaces the removed value.
        Pending::Unlinked(of_db, of, _) if of_db == db && of == name => {}
        other => {
            set_pending(other);
            settle(Cause::Command);
        }
    }
    engine::with(|engine| match unnamed {
        Unnamed::Value(value) => engine.commit_value(db, name, NEVER, value, None).ok(),
        Unnamed::CopyOf(from_db, from) => {
            let copy = Change::Copy { to_db: db, to: name }.of(from_db, &from);
            take_effect(engine, &copy)?.entry
        }
    })?
}

/// Called when FLUSHALL, FLUSHDB, DEBUG RELOAD or a full sync begins. `None`: all databases.
pub(crate) fn flush_begins(db: Option<Db>) {
    settle(Cause::Command);
    // The server's AOF repeats a flush that the log contains. The log also has later changes, which must not be flushed.
    if load_state::skips_loading_command() {
        return;
    }
    match db {
        Some(db) => {
            if engine::with(|engine| engine.store.db_len(db) > 0) == Some(true) {
                waited_for(|| engine::with(|engine| take_effect(engine, &Effect::FlushDb { db })));
            }
        }
        None => {
            let old = engine::with(|engine| {
                (!engine.store.is_empty()).then(|| Box::new(std::mem::take(&mut engine.store)))
            });
            // If the flush belongs to a load that has begun or failed, `load_state` keeps what the log contains.
            if let Some(old) = old.flatten().and_then(load_state::flushed_by_load) {
                set_pending(Pending::Flushed(Flushed::now(old)));
                let author = unheld::watch(None);
                AUTHOR.with(|slot| *slot = author);
            }
        }
    }
}

/// Called after SWAPDB.
pub(crate) fn swapped(a: Db, b: Db) {
    match take_pending() {
        // SWAPDB affects the flushed values, too: keys that are put back get the databases in which they would be now.
        Pending::Flushed(flushed) => {
            set_pending(Pending::Flushed(flushed.swapped(a, b)));
            return settle(Cause::Command);
        }
        other => set_pending(other),
    }
    settle(Cause::Command);
    resend::swapped(a, b);
    // The server's AOF repeats a SWAPDB that the log contains.
    if load_state::swaps_loaded(a, b) {
        return lost_adoptions::swapped(a, b);
    }
    let changes = engine::with(|engine| a != b && (engine.store.db_len(a) > 0 || engine.store.db_len(b) > 0));
    if changes == Some(true) {
        waited_for(|| engine::with(|engine| take_effect(engine, &Effect::SwapDb { a, b })));
    }
}

/// Called when a load begins. If a flush of everything has come just before in the same command, it was a part of the load:
/// the values from before the flush are returned.
pub(crate) fn load_begins() -> Option<Box<Store>> {
    match take_pending() {
        Pending::Flushed(flushed) => Some(flushed.held),
        other => {
            set_pending(other);
            settle(Cause::Command);
            None
        }
    }
}

/// Registers a value of the server's files under its key.
pub(crate) fn adopt_now(ctx: Ctx<'_>, name: Str<'_>) {
    reconcile(ctx, name);
}

/// Called when a load has ended: a value that has no key by now will never get one.
pub(crate) fn loads_ended() {
    LOADED.store(0, Ordering::Relaxed);
}
