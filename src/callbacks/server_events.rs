//! The server's events and notifications, handed to whom they concern.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use module_api::context::Flags;
use module_api::keys::notify;
use module_api::server::server_state;
use module_api::server::{latency, log, server_settings};
use module_api::{Ctx, Refused, Str, clients, own_context};
use mylog_core::effect::Db;
use redis_module::raw;

use crate::acks::{execution_unit, held_clients, mylog_wait};
use crate::engine::backpressure;
use crate::keyspace::{eviction, native_effects, selected_db};
use crate::lifecycle::{loaded_beside, save_barrier, startup};
use crate::settings::{propagation_targets, server_commands};
use crate::{acks, adopt, engine, rewrite};

/// Classes of notifications that can concern a durable key. Not those of every native write: the cache
/// would pay for each.
const CLASSES: c_int = raw::REDISMODULE_NOTIFY_GENERIC
    | raw::REDISMODULE_NOTIFY_EXPIRED
    | raw::REDISMODULE_NOTIFY_EVICTED
    | raw::REDISMODULE_NOTIFY_LOADED
    // Redis from 8.4 on deletes the keys of a slot that has moved away behind everybody's back, on another thread, unless
    // a module wants to be told of each. Older servers, and Valkey, have no such class.
    | raw::REDISMODULE_NOTIFY_KEY_TRIMMED;

static WAS_DOWN: AtomicBool = AtomicBool::new(false);

/// The second of the last cron that looked at what is looked at once a second.
static SECOND: AtomicU64 = AtomicU64::new(0);

/// Subscribes to all of them. In OnLoad, after all that can fail: 7.0 does not take it back.
pub(crate) fn subscribe(ctx: Ctx<'_>) -> Result<(), Refused> {
    ctx.subscribe_to_keyspace(CLASSES, Some(notified))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_EVENTLOOP, Some(event_loop))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_LOADING, Some(loading))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD, Some(loading_beside))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_FLUSHDB, Some(flushed))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_SWAPDB, Some(swapped))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_CRON_LOOP, Some(cron))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_FORK_CHILD, Some(forked))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_SHUTDOWN, Some(shutdown))?;
    ctx.subscribe_to_event(
        raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
        Some(role_changed),
    )?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_MASTER_LINK_CHANGE, Some(link_changed))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_PERSISTENCE, Some(saves))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_MODULE_CHANGE, Some(modules_changed))?;
    ctx.subscribe_to_event(raw::REDISMODULE_EVENT_CONFIG, Some(config_changed))
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn notified(
    ctx: *mut raw::RedisModuleCtx,
    _class: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: the server hands a context, an event that ends with NUL and a key, alive during the call.
    let (ctx, event, key) = unsafe { (Ctx::from_raw(ctx), CStr::from_ptr(event), Str::from_raw(key)) };
    selected_db::told(ctx, event.to_bytes());
    // What a command of ours tells of, it has done itself. To look at the key now would end one whose end is in the past.
    if !notify::is_own(event) {
        native_effects::notified(ctx, event.to_bytes(), key);
    }
    selected_db::lead_back(ctx, event.to_bytes());
    0
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn event_loop(
    ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    _data: *mut c_void,
) {
    if sub != raw::REDISMODULE_SUBEVENT_EVENTLOOP_BEFORE_SLEEP {
        acks::woke_up();
        return held_clients::set_past_sleep_hook(false);
    }
    // SAFETY: the server hands a context that is alive during the call.
    let ctx = unsafe { Ctx::from_raw(ctx) };
    startup::enter(ctx);
    acks::reads_end();
    acks::turn_ends();
    // 1. What would run behind this look, and be answered before the sleep, runs now: what it changes is in this turn's
    //    group, and its clients are gated before anything is sent.
    mylog_wait::release();
    clients::run_unblocked();
    execution_unit::end(ctx);
    if let Some(own) = own_context() {
        eviction::tell_replicas(own);
        own.catch_up();
    }
    engine::with(engine::Engine::end_turn);
    rewrite::turn();
    sample_fsyncs();
    release_if_down();
    backpressure::sample();
    // 2. Behind all that gates: whoever is let go now, or was never gated, is sent what he was told.
    acks::before_sleep();
    held_clients::set_past_sleep_hook(true);
}

/// The latency monitor takes samples on this thread only; the writer keeps the longest for it.
fn sample_fsyncs() {
    let slowest = engine::with(|engine| engine.marks().fsync_times().take_slowest_usec()).unwrap_or(0);
    if slowest > 0 {
        latency::sample(c"mylog-fsync", i64::try_from(slowest / 1000).unwrap_or(i64::MAX));
    }
}

/// The writer answers those who are held when it fails; those who came just behind are answered here.
fn release_if_down() {
    let down = engine::with(|engine| engine.marks().is_down()).unwrap_or(false);
    if down && (held_clients::waiting() > 0 || !WAS_DOWN.load(Ordering::Relaxed)) {
        let reason = engine::with(|engine| engine.down_reason())
            .flatten()
            .unwrap_or_default();
        held_clients::give_up_all(&reason);
        engine::refusal::refresh();
    } else if !down && WAS_DOWN.load(Ordering::Relaxed) {
        engine::refusal::refresh();
    }
    WAS_DOWN.store(down, Ordering::Relaxed);
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn loading(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    _data: *mut c_void,
) {
    match sub {
        raw::REDISMODULE_SUBEVENT_LOADING_ENDED | raw::REDISMODULE_SUBEVENT_LOADING_FAILED => {
            server_state::set_loading(false);
            acks::load_protects();
            startup::load_ended(sub == raw::REDISMODULE_SUBEVENT_LOADING_FAILED);
            adopt::disturbed();
            adopt::census::begin();
        }
        _ => {
            // Clients are served from the present data set while another one is loaded beside it.
            server_state::set_loading(Flags::of_server().any(Flags::LOADING));
            startup::load_begins(sub == raw::REDISMODULE_SUBEVENT_LOADING_RDB_START);
        }
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn loading_beside(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    _data: *mut c_void,
) {
    match sub {
        raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED => loaded_beside::begins(),
        raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED => loaded_beside::swapped_in(),
        _ => loaded_beside::aborted(),
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn flushed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    data: *mut c_void,
) {
    if sub == raw::REDISMODULE_SUBEVENT_FLUSHDB_END {
        return;
    }
    if !data.is_null() {
        // SAFETY: the server hands the info of this event, alive during the call.
        let info = unsafe { &*data.cast::<raw::RedisModuleFlushInfo>() };
        acks::load_protects();
        native_effects::flush_begins(Db::try_from(info.dbnum).ok());
        adopt::disturbed();
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn swapped(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _sub: u64,
    data: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: the server hands the info of this event, alive during the call.
        let info = unsafe { &*data.cast::<raw::RedisModuleSwapDbInfo>() };
        if let (Ok(a), Ok(b)) = (Db::try_from(info.dbnum_first), Db::try_from(info.dbnum_second)) {
            native_effects::swapped(a, b);
            adopt::disturbed();
        }
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn cron(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _sub: u64,
    _data: *mut c_void,
) {
    backpressure::sample();
    acks::cron();
    each_second();
    rewrite::cron();
}

/// What the cron does once a second, however often it comes.
fn each_second() {
    let second = engine::wall_ms() / 1000;
    if SECOND.swap(second, Ordering::Relaxed) != second {
        if let Some(own) = own_context() {
            propagation_targets::look(own);
        }
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn forked(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    _data: *mut c_void,
) {
    propagation_targets::may_have_come();
    if sub == raw::REDISMODULE_SUBEVENT_FORK_CHILD_BORN {
        save_barrier::forked();
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn role_changed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    _data: *mut c_void,
) {
    let primary = sub == raw::REDISMODULE_EVENT_REPLROLECHANGED_NOW_MASTER;
    server_state::set_replica(!primary);
    propagation_targets::may_have_come();
    if primary {
        startup::became_primary();
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn link_changed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    _data: *mut c_void,
) {
    if sub == raw::REDISMODULE_SUBEVENT_MASTER_LINK_UP {
        startup::synced();
    }
}

// SAFETY: only the server calls it: under its global lock, or in its child, with pointers alive during the call.
unsafe extern "C" fn saves(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    sub: u64,
    _data: *mut c_void,
) {
    if !matches!(
        sub,
        raw::REDISMODULE_SUBEVENT_PERSISTENCE_ENDED | raw::REDISMODULE_SUBEVENT_PERSISTENCE_FAILED
    ) {
        // What is saved tells how far it is: whoever starts from it may be sent the rest of a backlog.
        propagation_targets::may_have_come();
        save_barrier::begins(sub == raw::REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START);
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn config_changed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _sub: u64,
    data: *mut c_void,
) {
    propagation_targets::may_have_come();
    if !data.is_null() {
        // SAFETY: the server hands the changes of this event: so many names that end with NUL, all alive during the call.
        unsafe {
            let changes = &*data.cast::<raw::RedisModuleConfigChange>();
            let names = std::slice::from_raw_parts(changes.config_names, changes.num_changes as usize);
            server_settings::changed(names.iter().map(|&name| CStr::from_ptr(name)));
        }
    }
    acks::refresh();
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn modules_changed(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _sub: u64,
    _data: *mut c_void,
) {
    if let Some(ctx) = own_context() {
        server_commands::refresh(ctx);
    }
}

// SAFETY: only the server calls it: under its global lock, with pointers alive during the call.
unsafe extern "C" fn shutdown(
    _ctx: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    _sub: u64,
    _data: *mut c_void,
) {
    native_effects::settle(native_effects::Cause::Expired);
    rewrite::shut_down();
    // SHUTDOWN NOSAVE ends a script that runs for long in the middle: half of a unit must not be found again. With
    // it goes what came before it in its turn, of which nobody who waits for the disk was told.
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
            // A disk that stalls holds the shutdown up, as it does with the server's own AOF.
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
