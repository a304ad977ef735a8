//! Conditions of the server that every command asks about: kept here from its events, since asking the
//! server computes them, and the state of its memory, each time.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::context::Flags;

static REPLICA: AtomicBool = AtomicBool::new(false);
static LOADING: AtomicBool = AtomicBool::new(false);
static CLUSTER: AtomicBool = AtomicBool::new(false);

/// Asks the server once, in OnLoad: no event tells of what was so before.
pub fn ask() {
    let flags = Flags::of_server();
    set_replica(flags.any(Flags::REPLICA));
    set_loading(flags.any(Flags::LOADING));
    // For good: it is fixed at start.
    CLUSTER.store(flags.any(Flags::CLUSTER), Ordering::Relaxed);
}

/// The role has changed.
pub fn set_replica(replica: bool) {
    REPLICA.store(replica, Ordering::Relaxed);
}

/// A load has begun or ended.
pub fn set_loading(loading: bool) {
    LOADING.store(loading, Ordering::Relaxed);
}

/// True if a command may have come from a primary: on a replica, and in a cluster, where slots move.
pub fn may_be_replicated() -> bool {
    is_replica() || CLUSTER.load(Ordering::Relaxed)
}

/// True on a replica.
pub fn is_replica() -> bool {
    REPLICA.load(Ordering::Relaxed)
}

/// True while the server loads an RDB or AOF.
pub fn is_loading() -> bool {
    LOADING.load(Ordering::Relaxed)
}
