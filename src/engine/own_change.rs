//! Changes of the keyspace that follow an effect: what the server tells of them is no news.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many own changes are under way. Guarded by the global lock: an atomic only to be a static.
static OWN_OPS: AtomicU32 = AtomicU32::new(0);

/// While it lives, what callbacks and notifications report was done by a command of ours, which has made
/// its effect already.
pub(crate) struct OwnOp(());

/// Begins a change of the keyspace that follows an effect.
pub(crate) fn own_op() -> OwnOp {
    OWN_OPS.fetch_add(1, Ordering::Relaxed);
    OwnOp(())
}

/// True while a change of our own is under way.
pub(crate) fn in_own_op() -> bool {
    OWN_OPS.load(Ordering::Relaxed) != 0
}

impl Drop for OwnOp {
    fn drop(&mut self) {
        OWN_OPS.fetch_sub(1, Ordering::Relaxed);
    }
}
