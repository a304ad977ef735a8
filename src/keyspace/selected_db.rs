//! Clients that a notification would leave in another database.
//!
//! Valkey from 8.1 on tells modules of a change on the client that made it, selects the database of the changed key
//! for that, and (until valkey-io/valkey#4024) does not go back. After MOVE, and COPY to another database, the client would
//! run all that follows in the other one, and the command itself would be replicated for it. Any module that listens to
//! the generic class has this effect, so it is ours to undo.
//!
//! What MOVE tells first is of its own database. COPY tells of the other one alone: there it runs inside a command of
//! ours, which knows.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use module_api::Ctx;

use crate::settings::server_version::{Edition, Version};

/// No database.
const NONE: i64 = -1;

/// The first version that does so.
const SINCE: Version = (8, 1);

/// Whether this server does so.
static LEADS: AtomicBool = AtomicBool::new(false);
/// The database of the command that runs, if it may tell of another.
static HOME: AtomicI64 = AtomicI64::new(NONE);

/// Tells which server this is. In OnLoad.
pub(crate) fn on(edition: Edition) {
    LEADS.store(edition.is_valkey_since(SINCE), Ordering::Relaxed);
}

/// True if COPY to another database must not run by itself here.
pub(crate) fn leads() -> bool {
    LEADS.load(Ordering::Relaxed)
}

/// A command that runs a native one in its database.
#[must_use]
pub(crate) struct AtHome(i64);

/// Until the end of what this returns, who is told of another database is led back to this one.
pub(crate) fn stay_in(db: u32) -> AtHome {
    AtHome(HOME.swap(i64::from(db), Ordering::Relaxed))
}

impl Drop for AtHome {
    fn drop(&mut self) {
        HOME.store(self.0, Ordering::Relaxed);
    }
}

/// Before a notification is looked at.
pub(crate) fn told(ctx: Ctx<'_>, event: &[u8]) {
    if leads() && event == b"move_from" {
        HOME.store(i64::from(ctx.db()), Ordering::Relaxed);
    }
}

/// Behind the last look at a notification.
pub(crate) fn lead_back(ctx: Ctx<'_>, event: &[u8]) {
    if !leads() {
        return;
    }
    if let Ok(home) = u32::try_from(HOME.load(Ordering::Relaxed)) {
        if ctx.db() != home {
            // It was there: the command came from it.
            let _ = ctx.select_db(home);
        }
        if event == b"move_to" {
            HOME.store(NONE, Ordering::Relaxed);
        }
    }
}
