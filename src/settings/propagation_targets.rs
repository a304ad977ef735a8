//! Whether anybody hears what is replicated: a replica, or the server's own AOF. Where nobody does, what would be made
//! for them need not be made.
//!
//! No event tells of a replica before it has all of its data. But whoever gets a data set gets what was changed
//! behind a fork, for the AOF's rewrite as for a full sync, and nothing of before; and there is an event for that. So
//! somebody may listen from any fork, change of role or of the configuration on, until the server has said that nobody
//! does. Without a backlog no replica can go on from where it was.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::Ctx;
use module_api::context::Flags;
use module_api::server::server_state;

/// Set while it is known that nobody listens.
static NOBODY: AtomicBool = AtomicBool::new(false);

/// Somebody may have come.
pub(crate) fn may_have_come() {
    NOBODY.store(false, Ordering::Relaxed);
}

/// False if nobody hears what is replicated.
pub(crate) fn may_be() -> bool {
    !NOBODY.load(Ordering::Relaxed)
}

/// Asks the server, while it is not known that nobody listens. Between two units, now and then.
pub(crate) fn look(ctx: Ctx<'_>) {
    if may_be() && !server_state::is_replica() && !server_state::is_loading() {
        NOBODY.store(is_alone(ctx), Ordering::Relaxed);
    }
}

/// In a cluster slots may be on their way to another node: whoever takes them is no replica.
fn is_alone(ctx: Ctx<'_>) -> bool {
    if Flags::of_server().any(Flags::AOF | Flags::CLUSTER | Flags::ACTIVE_CHILD) {
        return false;
    }
    let replication = ctx.server_info(c"replication");
    [
        ("role", "master"),
        ("connected_slaves", "0"),
        ("repl_backlog_active", "0"),
    ]
    .iter()
    .all(|&(field, alone)| replication.text(field) == Some(alone))
}
