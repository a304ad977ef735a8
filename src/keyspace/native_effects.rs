//! What native commands do to durable keys, made into effects. The filter sees attempts; this hears of what
//! happened: the type's `unlink` callback, the notification behind it, and the server's flush and swap events.
//!
//! "Unlinked" means that a name is gone, never that the value is dead: RENAME and MOVE give the value its new
//! name before or after that, depending on the version. So a name that is gone is provisional until
//! something else happens, and only then a deletion. So is a flush of everything (`capture/flush`): a load may follow.

use std::sync::atomic::{AtomicU32, Ordering};

use module_api::gil::Gil;
use module_api::keys::key::{Holds, Key, Mode};
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

/// The entry of a key whose value is being taken, and of one that is about to be deleted: none has this number.
const NO_ENTRY: SlotId = SlotId {
    slot: u32::MAX,
    generation: u32::MAX >> 1,
};

/// Values that were loaded or copied and have not been adopted: at most so many.
static LOADED: AtomicU32 = AtomicU32::new(0);

/// Why a name is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A command: whoever sent it waits for the disk.
    Command,
    /// Its time: nobody waits.
    Expired,
}

/// What has happened and may still turn out to be something else.
enum Pending {
    Nothing,
    /// This name lost its entry: deleted, or about to be renamed.
    Unlinked(Db, Vec<u8>, SlotId),
    /// Everything was flushed: by a command, or for a load that is to follow in the same command.
    Flushed(Flushed),
}

static PENDING: Gil<Pending> = Gil::new(Pending::Nothing);
/// Who is to be gated for what is pending, once it is known what it is.
static AUTHOR: Gil<Option<Author>> = Gil::new(None);

fn take_pending() -> Pending {
    PENDING.with(|pending| std::mem::replace(pending, Pending::Nothing))
}

fn set_pending(new: Pending) {
    PENDING.with(|pending| *pending = new);
}

/// True while something has happened that may still turn out to be something else.
pub(crate) fn is_pending() -> bool {
    PENDING.with(|pending| !matches!(pending, Pending::Nothing))
}

/// Before each command that the filter sees: a name that has lost its entry is final.
#[inline]
pub(crate) fn settle_unlinked() {
    if PENDING.with(|pending| matches!(pending, Pending::Unlinked(..))) {
        settle(Cause::Command);
    }
}

/// True while everything was flushed, and a load may follow that makes it none.
pub(crate) fn is_flushed() -> bool {
    PENDING.with(|pending| matches!(pending, Pending::Flushed(_)))
}

/// A value is being loaded or copied: a notification with its name follows.
pub(crate) fn expect_loaded() {
    LOADED.fetch_add(1, Ordering::Relaxed);
    names_beside::value_came();
}

/// The `unlink` callback: a name has lost its entry.
pub(crate) fn unlinked(db: Db, key: &[u8], id: SlotId) {
    if in_own_op() {
        return;
    }
    settle(Cause::Command);
    // A RENAME may have been heard of before: then the entry has its new name already.
    let end = engine::with(|engine| {
        let is_told = engine.store.find(db, key) == Some(id);
        is_told.then(|| engine.store.entry(id).map_or(NEVER, |entry| entry.expire_at()))
    });
    if let Some(Some(end)) = end {
        // Nobody waits for what is deleted because its time is over: after a crash it would be gone, too.
        let is_over = end != NEVER && end <= server::now_ms();
        let author = (!is_over).then(|| unheld::watch(Some(key))).flatten();
        AUTHOR.with(|slot| *slot = author);
        set_pending(Pending::Unlinked(db, key.to_vec(), id));
    }
}

/// Makes what is pending final: nothing followed that would have made it something else. Called before
/// every own command, at each further callback, and at the end of every unit and turn.
pub(crate) fn settle(cause: Cause) {
    match take_pending() {
        Pending::Nothing => {}
        // By now another command may run than the one that did it.
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

/// Runs a change for which this client is gated, if it is known who made it.
fn waited_for_by(author: Option<Author>, change: impl FnOnce()) {
    let before = strict_seq();
    change();
    let after = strict_seq();
    if let (Some(author), true) = (author, after != before) {
        acks::gate(author, after);
    }
}

/// Runs a change that a command outside of ours has made: it waits at the end of its unit.
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
                    // Its end took it away, and would do so again after a crash: a reader need not wait for
                    // more than the change that gave it this end.
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

/// Commits what a command outside of ours has done. It has happened: there is nobody to tell of an error.
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

/// A keyspace notification of a generic, expired, evicted or loaded event.
pub(crate) fn notified(ctx: Ctx<'_>, event: &[u8], key: Str<'_>) {
    if in_own_op() {
        return;
    }
    // It may put keys back: before one is opened.
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
                // 7.0 keeps this name on its stack, and ends itself when a key is opened with it.
                reconcile(ctx, OwnedStr::new(key.bytes()).lend());
            }
        }
        b"expire" | b"persist" => reconcile_end(ctx, key),
        // Nobody waits for what the server deletes by itself.
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

/// EXPIRE or PERSIST of a key: one of ours gets its new end.
fn reconcile_end(ctx: Ctx<'_>, key: Str<'_>) {
    settle(Cause::Command);
    // A native key of this name, of the time before: not the log's.
    if load_state::skips_loading_command() {
        return;
    }
    let db = ctx.db();
    if engine::with(|engine| engine.store.find(db, key.bytes()).is_none()) != Some(false) {
        return;
    }
    let opened = Key::open(ctx, key, Mode::ReadNoTouch);
    let expire_at = match opened.holds() {
        // On a writable replica of 7.0 a key that has got an expire time of the past opens as a missing one.
        Holds::Nothing => server::now_ms(),
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

/// A name may hold something new: makes the store agree with the keyspace about it.
fn reconcile(ctx: Ctx<'_>, name: Str<'_>) {
    waited_for(|| take_in(ctx, name));
}

fn take_in(ctx: Ctx<'_>, name: Str<'_>) {
    let db = ctx.db();
    if load_state::takes_loaded(db, name.bytes()) {
        return;
    }
    // Not used by that: RESTORE and a load say how long a key has been idle.
    let key = Key::open(ctx, name, Mode::WriteNoTouch);
    let Holds::Ours(kind, handle) = key.holds() else {
        // A native value took the name.
        return settle(Cause::Command);
    };
    let id = match entry_of(handle) {
        Some(id) => rename_to(id, db, name.bytes()),
        None => {
            // Values that were loaded in vain are counted still: never below zero.
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

/// A key holds what the store could not take, and what it held is gone: it must not stay.
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

/// An entry is found under this name: if it had another one, it was renamed or moved.
fn rename_to(id: SlotId, db: Db, name: &[u8]) -> Option<SlotId> {
    match take_pending() {
        Pending::Unlinked(_, _, gone) if gone == id => {}
        // The name that it takes: the rename itself takes that entry away.
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

/// A value without a name got this one.
fn adopt(unnamed: Unnamed, db: Db, name: &[u8]) -> Option<SlotId> {
    match take_pending() {
        // What the name held is replaced by the effect below.
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

/// FLUSHALL, FLUSHDB, DEBUG RELOAD or a full sync begins. `None`: all databases.
pub(crate) fn flush_begins(db: Option<Db>) {
    settle(Cause::Command);
    // The server's AOF repeats it. The log has it, and what came behind it, which must not be flushed.
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
            // A load that has begun, or one that failed, has a part in it: what it is to replace is kept elsewhere.
            if let Some(old) = old.flatten().and_then(load_state::flushed_by_load) {
                set_pending(Pending::Flushed(Flushed::now(old)));
                let author = unheld::watch(None);
                AUTHOR.with(|slot| *slot = author);
            }
        }
    }
}

/// SWAPDB has happened.
pub(crate) fn swapped(a: Db, b: Db) {
    match take_pending() {
        // It has happened to what was flushed as well: what is put back comes where it would be now.
        Pending::Flushed(flushed) => {
            set_pending(Pending::Flushed(flushed.swapped(a, b)));
            return settle(Cause::Command);
        }
        other => set_pending(other),
    }
    settle(Cause::Command);
    resend::swapped(a, b);
    // The server's AOF repeats it, and the log has it.
    if load_state::swaps_loaded(a, b) {
        return lost_adoptions::swapped(a, b);
    }
    let changes = engine::with(|engine| a != b && (engine.store.db_len(a) > 0 || engine.store.db_len(b) > 0));
    if changes == Some(true) {
        waited_for(|| engine::with(|engine| take_effect(engine, &Effect::SwapDb { a, b })));
    }
}

/// A load begins. If a flush of everything came just before, in the same command, that was no flush:
/// returns what the store held.
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

/// A value came with the server's files under this name, and is to be the store's now.
pub(crate) fn adopt_now(ctx: Ctx<'_>, name: Str<'_>) {
    reconcile(ctx, name);
}

/// A load is over: whatever was loaded and found no name never will.
pub(crate) fn loads_ended() {
    LOADED.store(0, Ordering::Relaxed);
}
