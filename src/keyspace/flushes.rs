//! A flush of everything that may be no FLUSHALL.
//!
//! The server sends the same events for FLUSHALL and before a load, for a full sync or DEBUG. If the load begins, the flush was
//! a part of it. If the load can't begin (the file can't be renamed or read), no client has asked for the flush: the log keeps
//! the keys until a load has succeeded.

use module_api::context::Flags;
use module_api::own_context;
use mylog_core::effect::{Db, Effect};
use mylog_core::store::Store;

use super::load_state;
use crate::engine;

/// A flush that was notified, and may be a part of a load.
pub(super) struct Flushed {
    /// The values from before the flush. The engine's store is empty since then.
    pub(super) held: Box<Store>,
    /// The server flushed for a full sync.
    by_sync: bool,
    /// The server's count of DEBUG calls before the flush.
    debugs: Option<String>,
}

impl Flushed {
    /// Notes the flush that is being notified.
    pub(super) fn now(held: Box<Store>) -> Self {
        Self {
            held,
            by_sync: Flags::of_server().any(Flags::REPLICA_IS_TRANSFERRING),
            debugs: debugs(),
        }
    }

    /// Applies a SWAPDB that has followed the flush to the values from before it.
    pub(super) fn swapped(mut self, a: Db, b: Db) -> Self {
        let held = engine::with(|engine| {
            engine.store = *self.held;
            // SWAPDB can be applied to any store.
            let _ = engine.commit(&Effect::SwapDb { a, b });
            Box::new(std::mem::take(&mut engine.store))
        });
        self.held = held.unwrap_or_default();
        self
    }

    /// Decides what the flush was, since something else has happened and no load has followed.
    pub(super) fn finally(self) {
        // The server counts a command when it is done, and no command except DEBUG flushes for a load.
        if self.by_sync || self.debugs != debugs() {
            return load_state::flushed_in_vain(self.held);
        }
        engine::with(|engine| {
            // The store is empty already. The old one is put back, so that the effect frees it as any flushed store.
            engine.store = *self.held;
            // FLUSHALL can be applied to any store.
            let _ = engine.commit(&Effect::FlushAll);
        });
    }
}

/// The number of DEBUG calls, as INFO has it. A CONFIG RESETSTAT in the same unit looks like a call. Then keys may come back
/// that were flushed, which is better than to lose keys.
fn debugs() -> Option<String> {
    let stats = own_context()?.server_info(c"commandstats");
    stats.text("cmdstat_debug").map(str::to_owned)
}
