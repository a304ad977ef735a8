//! The server's events and notifications, passed to the parts that handle them.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering};

use module_api::context::Flags;
use module_api::keys::keyspace_events::KeyspaceEvents;
use module_api::keys::notify::{self, Class};
use module_api::server::events::{
    Child, EventLoop, Flush, LoadBeside, Loading, PrimaryLink, Role, Save, ServerEvents,
};
use module_api::server::server_state;
use module_api::server::{log, server_settings};
use module_api::{Ctx, Refused, Str, own_context};
use mylog_core::effect::Db;

use crate::callbacks::turn;
use crate::engine::backpressure;
use crate::keyspace::{names_beside, native_effects, selected_db};
use crate::lifecycle::{loaded_beside, reload, save_barrier};
use crate::settings::{propagation_targets, server_commands};
use crate::{acks, adopt, engine, release, rewrite};

/// The second of the last cron that did the work of once a second.
static SECOND: AtomicU64 = AtomicU64::new(0);

/// Subscribes to all events. In OnLoad, after everything that can fail, because Redis 7.0 does not undo a subscription.
pub(crate) fn subscribe(ctx: Ctx<'_>) -> Result<(), Refused> {
    ctx.subscribe_to_keyspace::<DurableKeys>()?;
    ctx.subscribe_to_server_events::<Events>()
}

/// The subscription to notifications that can concern a durable key.
struct DurableKeys;

impl KeyspaceEvents for DurableKeys {
    /// The classes of native writes are left out: the cache would pay for a notification of each write.
    const CLASSES: &'static [Class] = &[
        Class::Generic,
        Class::Expired,
        Class::Evicted,
        Class::Loaded,
        // Redis from 8.4 on deletes the keys of a slot that has moved away on another thread, without a callback, unless a module
        // subscribes to a notification of each. Older servers, and Valkey, have no such class.
        Class::Trimmed,
    ];

    fn notified(ctx: Ctx<'_>, event: &CStr, key: Str<'_>) {
        selected_db::notified(ctx, event.to_bytes());
        // A command of the module has made its changes itself. To open the key now would delete one whose expire time has
        // passed.
        if !notify::is_own(event) {
            native_effects::notified(ctx, event.to_bytes(), key);
        }
        selected_db::lead_back(ctx, event.to_bytes());
    }
}

/// The subscription to the server's events.
struct Events;

impl ServerEvents for Events {
    fn event_loop(ctx: Ctx<'_>, what: EventLoop) {
        match what {
            EventLoop::BeforeSleep => turn::ends(ctx),
            EventLoop::AfterSleep => turn::begins(),
        }
    }

    fn loading(what: Loading) {
        match what {
            Loading::Ended | Loading::Failed => {
                server_state::set_loading(false);
                acks::load_protects();
                reload::load_ended(what == Loading::Failed);
                walks_disturbed();
                adopt::census::begin();
            }
            Loading::RdbBegins | Loading::AofBegins | Loading::ReplicationBegins => {
                // While a data set is loaded beside the present one, the server is not loading for its clients.
                server_state::set_loading(Flags::of_server().any(Flags::LOADING));
                reload::load_begins(what == Loading::RdbBegins);
            }
        }
    }

    fn loading_beside(what: LoadBeside) {
        match what {
            LoadBeside::Begins => names_beside::begins(),
            LoadBeside::Completed => loaded_beside::swapped_in(),
            LoadBeside::Aborted => loaded_beside::aborted(),
        }
    }

    fn flush(what: Flush) {
        if let Flush::Begins { db } = what {
            acks::load_protects();
            native_effects::flush_begins(db);
            rewrite::heed();
            walks_disturbed();
        }
    }

    fn swap(first: Db, second: Db) {
        native_effects::swapped(first, second);
        rewrite::heed();
        walks_disturbed();
    }

    fn cron() {
        backpressure::sample();
        acks::cron();
        each_second();
        rewrite::cron();
    }

    fn child(what: Child) {
        propagation_targets::may_have_come();
        if what == Child::Born {
            save_barrier::forked();
        }
    }

    fn shutdown() {
        shut_down();
    }

    fn role(role: Role) {
        server_state::set_replica(role == Role::Replica);
        propagation_targets::may_have_come();
        if role == Role::Primary {
            reload::became_primary();
        }
    }

    fn primary_link(link: PrimaryLink) {
        if link == PrimaryLink::Up {
            reload::synced();
        }
    }

    fn save(what: Save) {
        if !matches!(what, Save::Ended | Save::Failed) {
            // An RDB contains the replication offset: a replica that starts from it may get the rest from a backlog.
            propagation_targets::may_have_come();
            save_barrier::begins(what == Save::AofBegins);
        }
    }

    fn modules() {
        if let Some(ctx) = own_context() {
            server_commands::refresh(ctx);
        }
    }

    fn configs<'n>(names: impl Iterator<Item = &'n CStr>) {
        propagation_targets::may_have_come();
        server_settings::changed(names);
        acks::refresh();
    }
}

/// The cron's work of once a second, whatever the rate of the cron.
fn each_second() {
    let second = engine::wall_ms() / 1000;
    if SECOND.swap(second, Ordering::Relaxed) != second {
        if let Some(own) = own_context() {
            propagation_targets::check(own);
        }
    }
}

fn shut_down() {
    native_effects::settle(native_effects::Cause::Expired);
    rewrite::shut_down();
    // SHUTDOWN NOSAVE cuts a long script off in the middle, and half of a unit must not be kept. All earlier changes of the same
    // turn are dropped with it: they are in the same unsealed group, and no client has been acknowledged for them.
    let cut = Flags::of_server().any(Flags::LUA);
    if cut {
        log::warning(
            "a script is cut off: what it changed, and what came before it in its turn, is not kept",
        );
    }
    let report = engine::with(|engine| {
        if !cut {
            engine.seal();
        }
        let behind = engine.marks().queued().saturating_sub(engine.marks().durable());
        if behind > 0 {
            // The shutdown waits for the disk even if the disk stalls, as it does for the server's own AOF.
            log::notice(&format!(
                "writing and syncing the last {behind} records of the log"
            ));
        }
        let began = std::time::Instant::now();
        engine.writer.stop(true).map(|report| (report, began.elapsed()))
    });
    match report.flatten() {
        Some((report, took)) if report.sealed => {
            log::notice(&format!(
                "log synced and sealed at seq {} in {} ms",
                report.durable_seq,
                took.as_millis()
            ));
        }
        Some((report, _)) => log::warning(&format!(
            "the log is not sealed: it is on disk up to seq {}, {} groups were not written",
            report.durable_seq, report.unwritten_groups
        )),
        None => {}
    }
}

/// Called after databases were swapped, flushed or loaded: walks over all keys have to begin again.
fn walks_disturbed() {
    adopt::disturbed();
    release::disturbed();
}
