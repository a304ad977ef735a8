//! What the writer thread triggers. In order: a save that waits for the log goes on, then the clients are released.

use std::sync::atomic::{AtomicI32, Ordering};

use module_api::server::log;
use mylog_core::log::commit::Listener;
use mylog_core::log::failure::Failure;

use crate::acks::{self, held_clients, mylog_wait};
use crate::lifecycle::save_barrier;

/// Releases held and gated clients when the writer thread reports a durable seq or a failure.
pub(super) struct LogListener {
    /// Errno of the failure that was logged last; -1 for none, since 0 is a failure without an errno.
    told: AtomicI32,
}

impl LogListener {
    pub(super) const fn new() -> Self {
        Self {
            told: AtomicI32::new(-1),
        }
    }
}

impl Listener for LogListener {
    fn on_durable(&self, seq: u64) {
        save_barrier::on_durable(seq);
        mylog_wait::on_durable(seq);
        acks::on_durable(seq);
        held_clients::on_durable(seq);
    }

    fn on_failure(&self, failure: &Failure) {
        if self.told.swap(failure.errno, Ordering::Relaxed) != failure.errno {
            log::warning(&format!("durable writes are refused: {failure}"));
        }
        save_barrier::on_health(true);
        held_clients::give_up_all(&failure.text);
    }

    fn on_recovered(&self) {
        self.told.store(-1, Ordering::Relaxed);
        save_barrier::on_health(false);
        log::notice("the log works again, durable writes are taken");
    }
}
