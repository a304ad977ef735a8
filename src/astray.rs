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

use crate::api::Ctx;

/// No database.
const NONE: i64 = -1;

/// The first version that does so.
const SINCE: (u32, u32) = (8, 1);

/// Whether this server does so.
static LEADS: AtomicBool = AtomicBool::new(false);
/// The database of the command that runs, if it may tell of another.
static HOME: AtomicI64 = AtomicI64::new(NONE);

/// Asks the server. In OnLoad.
pub(crate) fn ask(ctx: Ctx<'_>) {
    let server = ctx.server_info(c"server");
    let leads = server.text("valkey_version").is_some_and(is_since);
    LEADS.store(leads, Ordering::Relaxed);
}

/// True for `8.1.0` and later.
fn is_since(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= SINCE
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

#[cfg(test)]
mod tests {
    use super::is_since;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, since) in [
            ("8.0.9", false),
            ("8.1.0", true),
            ("8.10.0-rc1", true),
            ("10.0", true),
        ] {
            assert_eq!(is_since(version), since, "{version}");
        }
        assert!(!is_since("") && !is_since("7"));
    }
}
