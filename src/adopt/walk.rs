//! A walk over the keys of all databases, a few keys at a time.

use module_api::Ctx;
use module_api::keys::scan::{Cursor, Found};
use mylog_core::effect::Db;

/// The position of a walk.
pub(crate) struct Walk {
    db: Db,
    /// `None` at the beginning of a database.
    cursor: Option<Cursor>,
    /// Number of keys visited.
    pub(crate) scanned: u64,
}

impl Walk {
    /// A walk that begins with the first database.
    pub(crate) const fn new() -> Self {
        Self {
            db: 0,
            cursor: None,
            scanned: 0,
        }
    }

    /// Visits a few keys, and leaves their database selected in the context. False after the last database.
    pub(crate) fn step(&mut self, ctx: Ctx<'_>, mut visit: impl FnMut(Db, &[u8], Found)) -> bool {
        if ctx.select_db(self.db).is_err() {
            return false;
        }
        if self.cursor.is_none() {
            self.cursor = Cursor::new();
        }
        let Some(cursor) = &self.cursor else { return false };
        let (db, scanned) = (self.db, &mut self.scanned);
        let more = ctx.scan(cursor, &mut |name, found| {
            *scanned += 1;
            visit(db, name, found);
        });
        if !more {
            self.db += 1;
            self.cursor = None;
        }
        true
    }
}
