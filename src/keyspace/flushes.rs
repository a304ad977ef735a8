//! A flush of everything, of which it is not known yet whether anybody asked for it.
//!
//! FLUSHALL tells the same as what the server does before a load, of a full sync or of DEBUG. If the load begins the flush
//! was a part of it. If it does not (the file can't be renamed or read), nobody wanted the keys gone: the log keeps
//! them until a load has succeeded.

use module_api::context::Flags;
use module_api::own_context;
use mylog_core::effect::{Db, Effect};
use mylog_core::store::Store;

use super::load_state;
use crate::engine;

/// A flush that has happened.
pub(super) struct Flushed {
    /// What the store held, which is empty since.
    pub(super) held: Box<Store>,
    /// It was done for a full sync.
    by_sync: bool,
    /// What the server had counted of DEBUG before.
    debugs: Option<String>,
}

impl Flushed {
    /// The flush that is told of now.
    pub(super) fn now(held: Box<Store>) -> Self {
        Self {
            held,
            by_sync: Flags::of_server().any(Flags::REPLICA_IS_TRANSFERRING),
            debugs: debugs(),
        }
    }

    /// Databases were swapped behind it.
    pub(super) fn swapped(mut self, a: Db, b: Db) -> Self {
        let held = engine::with(|engine| {
            engine.store = *self.held;
            // It fits any store.
            let _ = engine.commit(&Effect::SwapDb { a, b });
            Box::new(std::mem::take(&mut engine.store))
        });
        self.held = held.unwrap_or_default();
        self
    }

    /// Something else has happened: no load has followed.
    pub(super) fn finally(self) {
        // The server counts a command once it is done: none but DEBUG flushes for a load.
        if self.by_sync || self.debugs != debugs() {
            return load_state::flushed_in_vain(self.held);
        }
        engine::with(|engine| {
            // The store is empty already; the old one leaves as any flushed store does.
            engine.store = *self.held;
            // It fits any store.
            let _ = engine.commit(&Effect::FlushAll);
        });
    }
}

/// How often DEBUG has run, as the server writes it. A CONFIG RESETSTAT in the same unit counts as a run: rather keys
/// that come back than keys that are gone.
fn debugs() -> Option<String> {
    let stats = own_context()?.server_info(c"commandstats");
    stats.text("cmdstat_debug").map(str::to_owned)
}
