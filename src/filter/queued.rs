//! Clients that queue commands for EXEC. If a client's user may not run a captured command natively, the queued command is
//! not routed: the server denies it at once, with its own error, and EXEC is aborted. Routed to its twin it would be queued,
//! and denied only after the commands before it have run.
//!
//! Redis 7.0 does not tell a filter which client sent the command. There EXEC has the error in the place of the denied
//! command's reply.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::commands::acl::Owner;
use module_api::commands::filter::Filtered;
use module_api::gil::Gil;
use module_api::own_context;

use super::command_name::name_of;

/// A client that has sent MULTI and neither EXEC nor DISCARD. A command that would change its user is queued as well.
struct Client {
    id: u64,
    /// The client's user, once the server was asked for it.
    owner: Option<Owner>,
}

/// All queuing clients, and clients that have disconnected since.
struct Queuing {
    clients: Vec<Client>,
    /// At this number of clients, the disconnected ones are removed.
    full: usize,
}

const FULL: usize = 64;

static QUEUING: Gil<Queuing> = Gil::new(Queuing {
    clients: Vec::new(),
    full: FULL,
});
/// Set while there is any queuing client.
static ANY: AtomicBool = AtomicBool::new(false);

/// Notes MULTI, EXEC, DISCARD and RESET.
pub(super) fn inspect(command: Filtered<'_>) {
    let Some(name) = name_of(command) else {
        return;
    };
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    let begins = is(b"multi");
    if !begins && !(ANY.load(Ordering::Relaxed) && (is(b"exec") || is(b"discard") || is(b"reset"))) {
        return;
    }
    let Some(id) = command.client_id() else { return };
    let any = QUEUING.with(|queuing| {
        queuing.clients.retain(|client| client.id != id);
        if begins {
            queuing.clients.push(Client { id, owner: None });
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
        if let Some(ctx) = own_context() {
            self.clients
                .retain(|client| !matches!(Owner::of(ctx, client.id), Owner::Unlisted));
        }
        self.full = FULL.max(2 * self.clients.len());
    }
}

/// True for a command that is to be queued and that the server would deny to the client's user in every database.
pub(super) fn is_denied(command: Filtered<'_>) -> bool {
    if !ANY.load(Ordering::Relaxed) {
        return false;
    }
    let Some(id) = command.client_id() else {
        return false;
    };
    let Some(ctx) = own_context() else {
        return false;
    };
    QUEUING.with(|queuing| {
        let Some(client) = queuing.clients.iter_mut().find(|client| client.id == id) else {
            return false;
        };
        let owner = client.owner.get_or_insert_with(|| Owner::of(ctx, id));
        !owner.may_all() && owner.is_denied(&command.args())
    })
}
