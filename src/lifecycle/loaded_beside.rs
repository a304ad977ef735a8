//! A data set that is loaded beside the present one and then replaces it at once: `repl-diskless-load swapdb`. Until then
//! clients read the present data set, and the log keeps it.
//!
//! The loaded values are not in the keyspace yet, so none can be registered in the store under its key. Their keys are kept
//! until the server has replaced the old data set by the new one. If it never does, the keys are forgotten.

use module_api::keys::key::{Contents, Key, Mode};
use module_api::{Ctx, OwnedStr, own_context};
use mylog_core::effect::Db;

use super::reload;
use crate::engine::value_handle::entry_of;
use crate::keyspace::{names_beside, native_effects};

/// Called when the load has failed, and the server drops the loaded data set.
pub(crate) fn aborted() {
    names_beside::take();
}

/// Called when the server has replaced the present data set by the loaded one.
pub(crate) fn swapped_in() {
    let names = names_beside::take();
    reload::replaced();
    let Some(ctx) = own_context() else { return };
    let was = ctx.db();
    let mut last = 0;
    for (told, name) in names {
        let name = OwnedStr::new(&name);
        // Redis 7.0 notifies database 0 for every key of a data set that is not in place yet. An RDB has its databases in
        // order. So a key that is not in the notified database is in that of the key before it, or in a later one.
        let behind = (last..).map_while(|db| holds_loaded(ctx, db, &name));
        let mut found = std::iter::once_with(|| holds_loaded(ctx, told, &name).flatten())
            .chain(behind)
            .chain((0..last).map(|db| holds_loaded(ctx, db, &name).flatten()))
            .flatten();
        if let Some(db) = found.next() {
            last = db;
            native_effects::adopt_now(ctx, name.lend());
        }
    }
    let _ = ctx.select_db(was);
}

/// Selects a database; `None` if it does not exist. Otherwise returns its number if the key contains a value there that is not
/// registered in the store yet.
fn holds_loaded(ctx: Ctx<'_>, db: Db, name: &OwnedStr) -> Option<Option<Db>> {
    ctx.select_db(db).ok()?;
    let contents = Key::open(ctx, name.lend(), Mode::ReadNoTouch).contents();
    let is_new = match contents {
        Contents::Ours(_, handle) => entry_of(handle).is_none(),
        Contents::Nothing | Contents::Foreign => false,
    };
    Some(is_new.then_some(db))
}
