//! A data set that is loaded beside the present one, and takes its place at once: `repl-diskless-load swapdb`. Until then
//! clients read the present one, and the log has it.
//!
//! The values that come are not in the keyspace yet, so none can be taken into the store under its name. Their names
//! are kept until the server has put the new data set in place of the old one; if it never does, they are forgotten.

use module_api::keys::key::{Holds, Key, Mode};
use module_api::{Ctx, OwnedStr, own_context};
use mylog_core::effect::Db;

use super::reload;
use crate::engine::value_handle::entry_of;
use crate::keyspace::{names_beside, native_effects};

/// The load has come to nothing, and the server drops what was loaded.
pub(crate) fn aborted() {
    names_beside::take();
}

/// The server has put what was loaded in place of what there was.
pub(crate) fn swapped_in() {
    let names = names_beside::take();
    reload::replaced();
    let Some(ctx) = own_context() else { return };
    let was = ctx.db();
    let mut last = 0;
    for (told, name) in names {
        let name = OwnedStr::new(&name);
        // 7.0 tells 0 for every database of a data set that is not in place. An RDB has them one behind the other, so
        // what is not where it was told is where the last one was, or behind that.
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

/// Goes to a database; `None` if there is none of that number. What that returns is the number if the name holds a
/// value there that the store does not have yet.
fn holds_loaded(ctx: Ctx<'_>, db: Db, name: &OwnedStr) -> Option<Option<Db>> {
    ctx.select_db(db).ok()?;
    let holds = Key::open(ctx, name.lend(), Mode::ReadNoTouch).holds();
    let is_new = match holds {
        Holds::Ours(_, handle) => entry_of(handle).is_none(),
        Holds::Nothing | Holds::Foreign => false,
    };
    Some(is_new.then_some(db))
}
