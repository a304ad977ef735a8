//! Whether replication has a target: a replica, or the server's own AOF. Without a target no command for replication is
//! built.
//!
//! No event reports a replica before the replica has all of its data. But every new target gets a data set from a fork and the
//! changes after that fork, for an AOF rewrite as for a full sync, and none from before; and there is an event for the fork. So
//! from any fork, change of role or change of the configuration on there may be a target, until the server has reported that
//! there is none. A replica can continue from an earlier state only if the server has a replication backlog.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::Ctx;
use module_api::context::Flags;
use module_api::server::server_state;

/// Set while it is known that there is no target.
static NO_TARGET: AtomicBool = AtomicBool::new(false);

/// There may be a target from now on.
pub(crate) fn may_have_come() {
    NO_TARGET.store(false, Ordering::Relaxed);
}

/// False if replication has no target.
pub(crate) fn may_be() -> bool {
    !NO_TARGET.load(Ordering::Relaxed)
}

/// Asks the server for targets, unless it is known that there is none. Called now and then, between two units.
pub(crate) fn check(ctx: Ctx<'_>) {
    if may_be() && !server_state::is_replica() && !server_state::is_loading() {
        NO_TARGET.store(is_alone(ctx), Ordering::Relaxed);
    }
}

/// True if there is no target. A cluster always may have one: a node that takes over slots is no replica, but gets changes.
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
