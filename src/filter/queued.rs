//! Clients that queue commands for EXEC. A captured command that its client's user may not run natively is left native
//! there: the server denies it at once, in its own words, and the EXEC is aborted. Led to its twin it would be queued,
//! and denied only when the commands before it have run.
//!
//! 7.0 does not tell a filter whose command it looks at: there EXEC answers the denied command with an error in its
//! place.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::api::acl::Owner;
use crate::api::filter::Filtered;
use crate::gil::Gil;
use crate::unit;

/// Clients that have sent MULTI and neither EXEC nor DISCARD: those that have left since are among them.
struct Queuing {
    clients: Vec<u64>,
    /// With so many, those that have left are looked for.
    full: usize,
}

const FULL: usize = 64;

static QUEUING: Gil<Queuing> = Gil::new(Queuing {
    clients: Vec::new(),
    full: FULL,
});
/// Set while there is any.
static ANY: AtomicBool = AtomicBool::new(false);

/// Looks at a command without arguments.
pub(super) fn look(command: Filtered<'_>) {
    let Some(name) = super::name_of(command) else {
        return;
    };
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    let begins = is(b"multi");
    if !begins && !(ANY.load(Ordering::Relaxed) && (is(b"exec") || is(b"discard") || is(b"reset"))) {
        return;
    }
    let Some(id) = command.client_id() else { return };
    let any = QUEUING.with(|queuing| {
        queuing.clients.retain(|client| *client != id);
        if begins {
            queuing.clients.push(id);
        }
        if queuing.clients.len() >= queuing.full {
            queuing.forget_those_who_left();
        }
        !queuing.clients.is_empty()
    });
    ANY.store(any, Ordering::Relaxed);
}

impl Queuing {
    fn forget_those_who_left(&mut self) {
        if let Some(ctx) = unit::context() {
            self.clients
                .retain(|client| !matches!(Owner::of(ctx, *client), Owner::Unlisted));
        }
        self.full = FULL.max(2 * self.clients.len());
    }
}

/// True for a command that is to be queued and that the server will deny to this client's user, in whatever database.
pub(super) fn is_denied(command: Filtered<'_>) -> bool {
    if !ANY.load(Ordering::Relaxed) {
        return false;
    }
    let Some(id) = command.client_id() else {
        return false;
    };
    if !QUEUING.with(|queuing| queuing.clients.contains(&id)) {
        return false;
    }
    unit::context().is_some_and(|ctx| Owner::of(ctx, id).is_denied(&command.args()))
}
