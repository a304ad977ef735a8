//! Settings of the server that the module replaces for a while: the user's value is set aside, and put back later.
//!
//! CONFIG SET and CONFIG REWRITE have to find the user's values. So these are put back before such a command, and before an
//! EXEC for which one was queued, and set aside again at the end of its unit.

use std::sync::atomic::{AtomicBool, Ordering};

use module_api::clients::list;
use module_api::clients::list::field;
use module_api::gil::Gil;
use module_api::own_context;

use super::set_aside::SetAside;
use super::{idle_timeout, io_threads};

/// True while any setting is set aside.
#[inline]
pub(crate) fn is_anything_aside() -> bool {
    idle_timeout::TIMEOUT.is_aside() || io_threads::APPEND_FSYNC.is_aside()
}

/// The user's values that are set aside, for INFO.
pub(crate) fn tell() -> String {
    let told = [&idle_timeout::TIMEOUT, &io_threads::APPEND_FSYNC].map(SetAside::tell);
    told.into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// Clients that have queued a CONFIG for EXEC.
struct Queued {
    clients: Vec<u64>,
    /// When the list has so many clients, those that are no longer in MULTI are removed.
    full: usize,
    /// The server does not tell the client of a command (Redis 7.0), and there was a CONFIG that may be queued.
    somebody: bool,
}

const FULL: usize = 64;

static QUEUED: Gil<Queued> = Gil::new(Queued {
    clients: Vec::new(),
    full: FULL,
    somebody: false,
});
static ANY_QUEUED: AtomicBool = AtomicBool::new(false);

/// The settings of which a CONFIG has to find the user's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// `timeout`.
    Timeout,
    /// `appendfsync`: for a CONFIG that sets it, or `appendonly`.
    AppendFsync,
    All,
}

/// The filter has seen a CONFIG that writes all settings to the file, or sets a setting that may be aside, or one on which
/// it depends whether a setting is.
pub(crate) fn config_comes(client: Option<u64>, needs: Needs) {
    let is_queued = match client {
        Some(id) => is_in_multi(id),
        None => true,
    };
    if is_queued {
        QUEUED.with(|queued| queued.note(client));
        ANY_QUEUED.store(true, Ordering::Relaxed);
    }
    // If the client is not known, the CONFIG may be queued, or run now.
    if !is_queued || client.is_none() {
        put_back(needs);
    }
}

/// True while an EXEC may contain a CONFIG.
#[inline]
pub(crate) fn may_be_queued() -> bool {
    ANY_QUEUED.load(Ordering::Relaxed)
}

/// The filter has seen an EXEC.
pub(crate) fn exec_comes(client: Option<u64>) {
    let (has_one, any) = QUEUED.with(|queued| {
        let before = queued.clients.len();
        queued.clients.retain(|queuing| Some(*queuing) != client);
        let has_one = queued.somebody || queued.clients.len() < before;
        (has_one, queued.somebody || !queued.clients.is_empty())
    });
    ANY_QUEUED.store(any, Ordering::Relaxed);
    if has_one {
        put_back(Needs::All);
    }
}

impl Queued {
    fn note(&mut self, client: Option<u64>) {
        let Some(id) = client else {
            self.somebody = true;
            return;
        };
        if !self.clients.contains(&id) {
            self.clients.push(id);
        }
        if self.clients.len() >= self.full {
            self.clients.retain(|id| is_in_multi(*id));
            self.full = FULL.max(2 * self.clients.len());
        }
    }
}

/// True for a client in MULTI.
fn is_in_multi(id: u64) -> bool {
    let line = own_context().map_or_else(String::new, |ctx| list::of(ctx, &[id]));
    field(&line, "flags").is_some_and(|flags| flags.contains('x'))
}

fn put_back(needs: Needs) {
    if needs != Needs::Timeout {
        io_threads::put_back_for_a_while();
    }
    if needs != Needs::AppendFsync && idle_timeout::TIMEOUT.is_aside() {
        idle_timeout::TIMEOUT.put_back();
        if let Some(ctx) = own_context() {
            // Sets it aside again before the server checks its clients next.
            ctx.after_commands(idle_timeout::check);
        }
    }
}
