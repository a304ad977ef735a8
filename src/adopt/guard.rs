//! Hears whether a native value changes while it is read in parts over several turns.
//!
//! That takes the notifications of all native writes, for which the cache would pay: so it listens only while a
//! value is under way that did not fit into one turn, and for good only on a server that can't take the subscription
//! back. A change that nobody is notified of is another module's; the value's length is compared besides.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use module_api::keys::keyspace_events::KeyspaceEvents;
use module_api::keys::notify::Class;
use module_api::server::log;
use module_api::{Ctx, Str};
use mylog_core::effect::Db;

/// The name that is under way.
static NAME: Gil<Option<(Db, Vec<u8>)>> = Gil::new(None);
/// Set while there is one: all that most notifications look at.
static WATCHING: AtomicBool = AtomicBool::new(false);
static CHANGED: AtomicBool = AtomicBool::new(false);
static SUBSCRIBED: AtomicBool = AtomicBool::new(false);

/// Watches a name from now on. False where the server does not let us hear.
pub(super) fn watch(ctx: Ctx<'_>, db: Db, name: &[u8]) -> bool {
    if !SUBSCRIBED.load(Ordering::Relaxed) {
        if let Err(error) = ctx.subscribe_to_keyspace::<Changes>() {
            log::warning(&format!("a large value is adopted in one step: {error}"));
            return false;
        }
        SUBSCRIBED.store(true, Ordering::Relaxed);
    }
    NAME.with(|watched| *watched = Some((db, name.to_vec())));
    CHANGED.store(false, Ordering::Relaxed);
    WATCHING.store(true, Ordering::Relaxed);
    true
}

/// True if the name that is watched has changed since.
pub(super) fn changed() -> bool {
    CHANGED.load(Ordering::Relaxed)
}

/// Watches nothing more.
pub(super) fn rest() {
    WATCHING.store(false, Ordering::Relaxed);
    NAME.with(|watched| *watched = None);
}

/// There will be nothing to watch for long.
pub(super) fn end(ctx: Ctx<'_>) {
    rest();
    if SUBSCRIBED.load(Ordering::Relaxed) && ctx.unsubscribe_from_keyspace::<Changes>() {
        SUBSCRIBED.store(false, Ordering::Relaxed);
    }
}

/// Hears of every class that tells of a change.
struct Changes;

impl KeyspaceEvents for Changes {
    const CLASSES: &'static [Class] = &[
        Class::Generic,
        Class::String,
        Class::List,
        Class::Set,
        Class::Hash,
        Class::ZSet,
        Class::Expired,
        Class::Evicted,
        Class::Stream,
        Class::Module,
    ];

    fn notified(ctx: Ctx<'_>, _event: &CStr, key: Str<'_>) {
        if WATCHING.load(Ordering::Relaxed) && !CHANGED.load(Ordering::Relaxed) {
            let (db, name) = (ctx.db(), key.bytes());
            let is_it = |watched: &mut Option<(Db, Vec<u8>)>| {
                watched
                    .as_ref()
                    .is_some_and(|(of, watched)| (*of, &**watched) == (db, name))
            };
            if NAME.with(is_it) {
                CHANGED.store(true, Ordering::Relaxed);
            }
        }
    }
}
