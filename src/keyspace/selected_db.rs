//! Clients that a notification would leave in another database.
//!
//! Valkey from 8.1 on notifies modules of a change with the client that made it. For that it selects the database of the
//! changed key in the client, and (until valkey-io/valkey#4024) does not select the client's own database again. After MOVE,
//! and COPY to another database, the client would run its next commands in that database, and the command itself would be
//! replicated for that database. Any module that subscribes to the generic class has this effect, so this module undoes it.
//!
//! The first notification of MOVE is in the client's own database. COPY has a notification in the other database only, so it
//! runs inside a command of the module that knows the client's database.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use module_api::Ctx;

use crate::settings::server_version::{Edition, Version};

/// The number that stands for "no database".
const NONE: i64 = -1;

/// The first Valkey with this behaviour.
const SINCE: Version = (8, 1);

/// Whether this server has this behaviour.
static LEADS: AtomicBool = AtomicBool::new(false);
/// The database of the running command, if its notifications may be in another one.
static HOME: AtomicI64 = AtomicI64::new(NONE);

/// Notes which server this is. In OnLoad.
pub(crate) fn on(edition: Edition) {
    LEADS.store(edition.is_valkey_since(SINCE), Ordering::Relaxed);
}

/// True if COPY to another database has to run inside a command of the module.
pub(crate) fn leads() -> bool {
    LEADS.load(Ordering::Relaxed)
}

/// Held by a command that runs a native one in the command's database.
#[must_use]
pub(crate) struct AtHome(i64);

/// Until the returned value is dropped, `lead_back` selects this database in a client that is notified in another one.
pub(crate) fn stay_in(db: u32) -> AtHome {
    AtHome(HOME.swap(i64::from(db), Ordering::Relaxed))
}

impl Drop for AtHome {
    fn drop(&mut self) {
        HOME.store(self.0, Ordering::Relaxed);
    }
}

/// Called before a notification is handled.
pub(crate) fn notified(ctx: Ctx<'_>, event: &[u8]) {
    if leads() && event == b"move_from" {
        HOME.store(i64::from(ctx.db()), Ordering::Relaxed);
    }
}

/// Called after a notification was handled: selects the client's own database again.
pub(crate) fn lead_back(ctx: Ctx<'_>, event: &[u8]) {
    if !leads() {
        return;
    }
    if let Ok(home) = u32::try_from(HOME.load(Ordering::Relaxed)) {
        if ctx.db() != home {
            // The command has run in this database, so the selection can't fail.
            let _ = ctx.select_db(home);
        }
        if event == b"move_to" {
            HOME.store(NONE, Ordering::Relaxed);
        }
    }
}
