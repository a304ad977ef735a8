//! The server's events, each with what it says as a type.

use std::ffi::{CStr, c_void};

use redis_module::raw;

use crate::{Ctx, Refused, api, ok};

/// What the event loop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventLoop {
    /// It is about to sleep.
    BeforeSleep,
    /// It has slept.
    AfterSleep,
}

/// A load of an RDB or AOF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loading {
    /// Of an RDB file begins.
    RdbBegins,
    /// Of an AOF begins.
    AofBegins,
    /// Of what the primary sends begins.
    ReplicationBegins,
    /// Has ended.
    Ended,
    /// Has failed.
    Failed,
}

/// A load of what the primary sends, beside the present data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadBeside {
    /// It begins.
    Begins,
    /// It has ended: the loaded data set has replaced the present one.
    Completed,
    /// It has failed.
    Aborted,
}

/// A flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// It begins.
    Begins {
        /// The database; `None` for all of them.
        db: Option<u32>,
    },
    /// It has ended.
    Ended,
}

/// A child of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// It was forked.
    Born,
    /// It has ended.
    Died,
}

/// What the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A primary.
    Primary,
    /// A replica.
    Replica,
}

/// A replica's link to its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryLink {
    /// It is up.
    Up,
    /// It is down.
    Down,
}

/// A save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Save {
    /// Of an RDB, in a child, begins.
    RdbBegins,
    /// Of an AOF, in a child, begins.
    AofBegins,
    /// Of an RDB, in the server itself, begins.
    SyncRdbBegins,
    /// Of an AOF, in the server itself, begins.
    SyncAofBegins,
    /// Has ended.
    Ended,
    /// Has failed.
    Failed,
}

/// Who hears of the server's events: a type without a value, for which the server's callback is made. Each function runs
/// under the global lock; `save` may run in the server's child.
pub trait ServerEvents {
    /// The event loop goes to sleep, or has slept.
    fn event_loop(ctx: Ctx<'_>, what: EventLoop);
    /// A load begins or ends.
    fn loading(what: Loading);
    /// A load beside the present data set begins or ends.
    fn loading_beside(what: LoadBeside);
    /// A flush begins or ends.
    fn flush(what: Flush);
    /// Two databases have been swapped.
    fn swap(first: u32, second: u32);
    /// The server's cron runs.
    fn cron();
    /// The server has forked a child, or one has ended.
    fn child(what: Child);
    /// The server shuts down.
    fn shutdown();
    /// The server has become this.
    fn role(role: Role);
    /// The link to the primary has come up or gone down.
    fn primary_link(link: PrimaryLink);
    /// A save begins or ends.
    fn save(what: Save);
    /// A module was loaded or unloaded.
    fn modules();
    /// Configs of these names have changed.
    fn configs<'n>(names: impl Iterator<Item = &'n CStr>);
}

/// The events, by their REDISMODULE_EVENT_ ids.
const IDS: [u64; 13] = [
    raw::REDISMODULE_EVENT_EVENTLOOP,
    raw::REDISMODULE_EVENT_LOADING,
    raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD,
    raw::REDISMODULE_EVENT_FLUSHDB,
    raw::REDISMODULE_EVENT_SWAPDB,
    raw::REDISMODULE_EVENT_CRON_LOOP,
    raw::REDISMODULE_EVENT_FORK_CHILD,
    raw::REDISMODULE_EVENT_SHUTDOWN,
    raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED,
    raw::REDISMODULE_EVENT_MASTER_LINK_CHANGE,
    raw::REDISMODULE_EVENT_PERSISTENCE,
    raw::REDISMODULE_EVENT_MODULE_CHANGE,
    raw::REDISMODULE_EVENT_CONFIG,
];

impl Ctx<'_> {
    /// Hears of all events from now on. A server that does not know one refuses. The server keeps one callback for an event:
    /// a second subscription replaces the first. 7.0 does not take it back when the load fails.
    pub fn subscribe_to_server_events<E: ServerEvents>(self) -> Result<(), Refused> {
        IDS.into_iter().try_for_each(|id| {
            let event = raw::RedisModuleEvent { id, dataver: 1 };
            // SAFETY: the context is alive and carries the module; the callback lives as long as the library.
            let status =
                unsafe { api!(RedisModule_SubscribeToServerEvent)(self.raw(), event, Some(raised::<E>)) };
            ok(status, "RedisModule_SubscribeToServerEvent")
        })
    }
}

// SAFETY: only the server calls it: under its global lock or in its child, with pointers alive during the call.
unsafe extern "C" fn raised<E: ServerEvents>(
    ctx: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    sub: u64,
    data: *mut c_void,
) {
    // SAFETY: the server hands a context, and with each event the data that belong to it, alive during the call; names of
    // configs end with NUL.
    unsafe {
        match event.id {
            raw::REDISMODULE_EVENT_EVENTLOOP => E::event_loop(Ctx::from_raw(ctx), event_loop(sub)),
            raw::REDISMODULE_EVENT_LOADING => E::loading(loading(sub)),
            raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD => E::loading_beside(load_beside(sub)),
            raw::REDISMODULE_EVENT_FLUSHDB => flush(sub, data).into_iter().for_each(E::flush),
            raw::REDISMODULE_EVENT_SWAPDB => {
                if let Some((first, second)) = swapped(data) {
                    E::swap(first, second);
                }
            }
            raw::REDISMODULE_EVENT_CRON_LOOP => E::cron(),
            raw::REDISMODULE_EVENT_FORK_CHILD => E::child(child(sub)),
            raw::REDISMODULE_EVENT_SHUTDOWN => E::shutdown(),
            raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED => E::role(role(sub)),
            raw::REDISMODULE_EVENT_MASTER_LINK_CHANGE => E::primary_link(primary_link(sub)),
            raw::REDISMODULE_EVENT_PERSISTENCE => E::save(save(sub)),
            raw::REDISMODULE_EVENT_MODULE_CHANGE => E::modules(),
            raw::REDISMODULE_EVENT_CONFIG => {
                E::configs(changed(data).iter().map(|&name| CStr::from_ptr(name)));
            }
            _ => {}
        }
    }
}

fn event_loop(sub: u64) -> EventLoop {
    match sub {
        raw::REDISMODULE_SUBEVENT_EVENTLOOP_BEFORE_SLEEP => EventLoop::BeforeSleep,
        _ => EventLoop::AfterSleep,
    }
}

fn loading(sub: u64) -> Loading {
    match sub {
        raw::REDISMODULE_SUBEVENT_LOADING_RDB_START => Loading::RdbBegins,
        raw::REDISMODULE_SUBEVENT_LOADING_AOF_START => Loading::AofBegins,
        raw::REDISMODULE_SUBEVENT_LOADING_ENDED => Loading::Ended,
        raw::REDISMODULE_SUBEVENT_LOADING_FAILED => Loading::Failed,
        _ => Loading::ReplicationBegins,
    }
}

fn load_beside(sub: u64) -> LoadBeside {
    match sub {
        raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_STARTED => LoadBeside::Begins,
        raw::REDISMODULE_SUBEVENT_REPL_ASYNC_LOAD_COMPLETED => LoadBeside::Completed,
        _ => LoadBeside::Aborted,
    }
}

/// # Safety
/// `data` is null or the server's info of a flush.
unsafe fn flush(sub: u64, data: *const c_void) -> Option<Flush> {
    if sub == raw::REDISMODULE_SUBEVENT_FLUSHDB_END {
        return Some(Flush::Ended);
    }
    // SAFETY: contract of this function.
    let info = unsafe { data.cast::<raw::RedisModuleFlushInfo>().as_ref() }?;
    Some(Flush::Begins {
        db: u32::try_from(info.dbnum).ok(),
    })
}

/// # Safety
/// `data` is null or the server's info of a swap.
unsafe fn swapped(data: *const c_void) -> Option<(u32, u32)> {
    // SAFETY: contract of this function.
    let info = unsafe { data.cast::<raw::RedisModuleSwapDbInfo>().as_ref() }?;
    Some((
        u32::try_from(info.dbnum_first).ok()?,
        u32::try_from(info.dbnum_second).ok()?,
    ))
}

fn child(sub: u64) -> Child {
    match sub {
        raw::REDISMODULE_SUBEVENT_FORK_CHILD_BORN => Child::Born,
        _ => Child::Died,
    }
}

fn role(sub: u64) -> Role {
    match sub {
        raw::REDISMODULE_EVENT_REPLROLECHANGED_NOW_MASTER => Role::Primary,
        _ => Role::Replica,
    }
}

fn primary_link(sub: u64) -> PrimaryLink {
    match sub {
        raw::REDISMODULE_SUBEVENT_MASTER_LINK_UP => PrimaryLink::Up,
        _ => PrimaryLink::Down,
    }
}

fn save(sub: u64) -> Save {
    match sub {
        raw::REDISMODULE_SUBEVENT_PERSISTENCE_RDB_START => Save::RdbBegins,
        raw::REDISMODULE_SUBEVENT_PERSISTENCE_AOF_START => Save::AofBegins,
        raw::REDISMODULE_SUBEVENT_PERSISTENCE_SYNC_AOF_START => Save::SyncAofBegins,
        raw::REDISMODULE_SUBEVENT_PERSISTENCE_ENDED => Save::Ended,
        raw::REDISMODULE_SUBEVENT_PERSISTENCE_FAILED => Save::Failed,
        _ => Save::SyncRdbBegins,
    }
}

/// The names of the configs that have changed; none without data.
///
/// # Safety
/// `data` is null or the server's change of configs, alive for the lifetime chosen.
unsafe fn changed<'c>(data: *const c_void) -> &'c [*const std::ffi::c_char] {
    // SAFETY: contract of this function; the server counts the names in its array.
    unsafe {
        match data.cast::<raw::RedisModuleConfigChange>().as_ref() {
            Some(changes) if !changes.config_names.is_null() => {
                std::slice::from_raw_parts(changes.config_names, changes.num_changes as usize)
            }
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests;
