//! Watches whether a native value changes while it is read in parts over several turns.
//!
//! For that the module subscribes to the notifications of all native writes, and the cache pays for them. So the
//! subscription lasts only while a value is read that did not fit into one step; a server that can't cancel a
//! subscription keeps it for good. A change without a notification is another module's: against that, `Building::read`
//! compares the length of the value.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

use module_api::gil::Gil;
use module_api::keys::keyspace_events::KeyspaceEvents;
use module_api::keys::notify::Class;
use module_api::server::log;
use module_api::{Ctx, Str};
use mylog_core::effect::Db;

/// The key that is watched.
static NAME: Gil<Option<(Db, Vec<u8>)>> = Gil::new(None);
/// True while a key is watched. Most notifications check only this flag.
static WATCHING: AtomicBool = AtomicBool::new(false);
static CHANGED: AtomicBool = AtomicBool::new(false);
static SUBSCRIBED: AtomicBool = AtomicBool::new(false);

/// Watches a key from now on. False if the server refuses the subscription.
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

/// True if the watched key has changed since `watch`.
pub(super) fn changed() -> bool {
    CHANGED.load(Ordering::Relaxed)
}

/// Stops watching the key, and keeps the subscription for the next one.
pub(super) fn rest() {
    WATCHING.store(false, Ordering::Relaxed);
    NAME.with(|watched| *watched = None);
}

/// Stops watching, and cancels the subscription: no key will be watched for long.
pub(super) fn end(ctx: Ctx<'_>) {
    rest();
    if SUBSCRIBED.load(Ordering::Relaxed) && ctx.unsubscribe_from_keyspace::<Changes>() {
        SUBSCRIBED.store(false, Ordering::Relaxed);
    }
}

/// The subscription to all notification classes that report a change.
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
