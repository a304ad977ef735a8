//! The end of a unit on Redis 7.0, which has no post-notification jobs: a client of our own is blocked for
//! ever on a hidden key. The unit's first durable write makes the key; the server serves clients blocked on
//! keys right behind EXEC, a script or a command, before any reply can leave.
//!
//! FLUSHALL and SWAPDB in the same unit take the key away: it is made again. What loses the signal none the
//! less is caught at the turn's end.

use mylog_core::effect::Db;
use mylog_core::store::SlotId;
use mylog_core::value::Kind;

use crate::api::key::{Holds, Key, Mode};
use crate::api::{Ctx, OwnedStr, block, log};
use crate::gil::Gil;
use crate::{capture, unit};

/// Nobody would name a key like this.
const HIDDEN: &[u8] = b"\0mylog-unit-end\0";
/// A word of no entry: the key never holds a value.
pub(crate) const NO_ENTRY: SlotId = SlotId {
    slot: u32::MAX,
    generation: u32::MAX >> 1,
};

static BLOCKED: Gil<bool> = Gil::new(false);

/// Blocks the client of our own, if it is not blocked yet. Outside of every unit: inside EXEC and scripts
/// the server refuses, and says so to nobody.
pub(crate) fn prepare(ctx: Ctx<'static>) {
    if !BLOCKED.with(|blocked| std::mem::replace(blocked, true)) {
        block(ctx);
    }
}

/// Hears of the end of the running unit.
pub(crate) fn arm(ctx: Ctx<'static>) {
    if !BLOCKED.with(|blocked| *blocked) {
        return;
    }
    with_hidden(ctx, 0, |key| {
        let _own = capture::own_op();
        if key.set_word(Kind::Str, NO_ENTRY.to_word() as usize).is_err() {
            log::warning("the end of a unit will be heard of late: the hidden key could not be made");
        }
    });
}

/// Takes the hidden key away, if it is there.
pub(crate) fn clean(ctx: Ctx<'_>) {
    if !BLOCKED.with(|blocked| *blocked) {
        return;
    }
    clean_in(ctx, 0);
}

/// Two databases were swapped: the key, if it went along, is where nobody looks for it.
pub(crate) fn swapped(ctx: Ctx<'static>, a: Db, b: Db) {
    if !BLOCKED.with(|blocked| *blocked) || (a == 0) == (b == 0) {
        return;
    }
    if clean_in(ctx, a.max(b)) {
        arm(ctx);
    }
}

/// Database 0 was flushed in a unit whose end is waited for.
pub(crate) fn flushed(ctx: Ctx<'static>) {
    if BLOCKED.with(|blocked| *blocked) {
        arm(ctx);
    }
}

/// True for the hidden key: one that an RDB brings, or a client makes, belongs to nobody.
pub(crate) fn is_hidden(name: &[u8]) -> bool {
    name == HIDDEN
}

/// Takes away what an RDB brought under the hidden name.
pub(crate) fn drop_loaded(ctx: Ctx<'_>) {
    clean_in(ctx, 0);
}

fn clean_in(ctx: Ctx<'_>, db: Db) -> bool {
    let mut found = false;
    with_hidden(ctx, db, |key| {
        found = key.holds() != Holds::Nothing;
        if found {
            let _own = capture::own_op();
            let _ = key.delete();
        }
    });
    found
}

fn with_hidden(ctx: Ctx<'_>, db: Db, f: impl FnOnce(&Key<'_>)) {
    let was = ctx.db();
    if ctx.select_db(db).is_ok() {
        let name = OwnedStr::new(HIDDEN);
        f(&Key::open(ctx, name.lend(), Mode::Write));
    }
    let _ = ctx.select_db(was);
}

fn block(ctx: Ctx<'static>) {
    let was = ctx.db();
    let _ = ctx.select_db(0);
    block::for_ever_on(ctx, OwnedStr::new(HIDDEN).lend(), served);
    let _ = ctx.select_db(was);
}

fn served(ctx: Ctx<'_>) {
    if let Some(own) = unit::context() {
        clean(own);
    }
    unit::end(ctx);
}
