//! A walk over all databases, a few names at a time.

use module_api::Ctx;
use module_api::keys::scan::{Cursor, Found};
use mylog_core::effect::Db;

/// How far a walk has come.
pub(crate) struct Walk {
    db: Db,
    /// `None` where the next database begins.
    cursor: Option<Cursor>,
    /// Names visited.
    pub(crate) scanned: u64,
}

impl Walk {
    /// Before the first database.
    pub(crate) const fn new() -> Self {
        Self {
            db: 0,
            cursor: None,
            scanned: 0,
        }
    }

    /// Visits a few names, and leaves the context in their database. False behind the last.
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
