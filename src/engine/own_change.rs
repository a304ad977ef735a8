//! Changes that the module makes in the keyspace after it has committed an effect: the server's callbacks about them must
//! not make a second effect.

use std::sync::atomic::{AtomicU32, Ordering};

/// How many own changes are under way. Guarded by the global lock: an atomic only to be a static.
static OWN_OPS: AtomicU32 = AtomicU32::new(0);

/// While it lives, callbacks and notifications report a change by a command of the module, which has committed its effect
/// already.
pub(crate) struct OwnOp(());

/// Begins a change of the keyspace after an effect.
pub(crate) fn own_op() -> OwnOp {
    OWN_OPS.fetch_add(1, Ordering::Relaxed);
    OwnOp(())
}

/// True while such a change is under way.
pub(crate) fn in_own_op() -> bool {
    OWN_OPS.load(Ordering::Relaxed) != 0
}

impl Drop for OwnOp {
    fn drop(&mut self) {
        OWN_OPS.fetch_sub(1, Ordering::Relaxed);
    }
}
