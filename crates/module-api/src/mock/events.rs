//! Notifications, the server's events and jobs after a unit.

use std::ffi::{CStr, c_char, c_int, c_void};

use redis_module::raw;

use super::contexts::{self, Context};
use super::server::{Server, state, status};
use super::strings;

impl Server {
    /// Raises a server event of this REDISMODULE_EVENT_ id, with data of its own if it has any.
    pub fn raise<D>(&self, context: &Context<'_>, id: u64, sub: u64, data: Option<&D>) {
        let event = raw::RedisModuleEvent { id, dataver: 1 };
        let data = data.map_or(std::ptr::null(), std::ptr::from_ref);
        let subscribed = state(|state| state.events.clone());
        for (_, callback) in subscribed.into_iter().filter(|(of, _)| *of == id) {
            // SAFETY: context and data are alive during the call, and whoever has the server has its global lock.
            unsafe { callback(context.raw(), event, sub, data.cast_mut().cast::<c_void>()) };
        }
    }

    /// Raises a notification of a native command.
    pub fn notify(&self, context: &Context<'_>, class: i32, event: &CStr, key: &[u8]) {
        let key = strings::new(key);
        // SAFETY: context, event and key are alive during the call; the share is ours.
        unsafe {
            notify(context.raw(), class, event.as_ptr(), key);
            strings::release(key);
        }
    }

    /// Ends the unit: runs the jobs that wait for that.
    pub fn end_unit(&self, context: &Context<'_>) {
        for (job, data) in state(|state| std::mem::take(&mut state.jobs)) {
            // SAFETY: the data are those that the job was given with.
            unsafe { job(context.raw(), data) };
        }
    }
}

impl Context<'_> {
    /// The keys of which WATCH and tracking were told.
    pub fn modified(&self) -> Vec<Vec<u8>> {
        self.with(|state| state.modified.borrow().clone())
    }
}

// SAFETY: of this and all below: only the API's wrappers call it, with what the C API wants.
unsafe extern "C" fn notify(
    ctx: *mut raw::RedisModuleCtx,
    class: c_int,
    event: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    let subscribed = state(|state| state.keyspace.clone());
    for (_, callback) in subscribed.into_iter().filter(|(classes, _)| classes & class != 0) {
        // SAFETY: as above.
        unsafe { callback(ctx, class, event, key) };
    }
    0
}

unsafe extern "C" fn subscribe_to_keyspace(
    _ctx: *mut raw::RedisModuleCtx,
    classes: c_int,
    callback: raw::RedisModuleNotificationFunc,
) -> c_int {
    let refused = status("RedisModule_SubscribeToKeyspaceEvents");
    if refused == 0 {
        state(|state| {
            state
                .keyspace
                .extend(callback.map(|callback| (classes, callback)))
        });
    }
    refused
}

unsafe extern "C" fn unsubscribe_from_keyspace(
    _ctx: *mut raw::RedisModuleCtx,
    classes: c_int,
    callback: raw::RedisModuleNotificationFunc,
) -> c_int {
    state(|state| {
        let before = state.keyspace.len();
        let address =
            |callback: Option<_>| callback.map(|callback: super::server::Notified| callback as usize);
        state
            .keyspace
            .retain(|&(of, known)| of != classes || address(Some(known)) != address(callback));
        c_int::from(state.keyspace.len() == before)
    })
}

unsafe extern "C" fn subscribe_to_event(
    _ctx: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    callback: raw::RedisModuleEventCallback,
) -> c_int {
    let refused = status("RedisModule_SubscribeToServerEvent");
    if refused == 0 {
        state(|state| {
            state.events.retain(|(id, _)| *id != event.id);
            state.events.extend(callback.map(|callback| (event.id, callback)));
        });
    }
    refused
}

unsafe extern "C" fn signal_modified(
    ctx: *mut raw::RedisModuleCtx,
    key: *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        let key = strings::bytes(key).to_vec();
        contexts::state(ctx).modified.borrow_mut().push(key);
    }
    0
}

unsafe extern "C" fn add_job(
    _ctx: *mut raw::RedisModuleCtx,
    job: raw::RedisModulePostNotificationJobFunc,
    data: *mut c_void,
    _free: Option<unsafe extern "C" fn(*mut c_void)>,
) -> c_int {
    let refused = status("RedisModule_AddPostNotificationJob");
    if refused == 0 {
        state(|state| state.jobs.extend(job.map(|job| (job, data))));
    }
    refused
}

pub(super) fn fill() {
    // SAFETY: the caller has the server's global lock.
    unsafe {
        raw::RedisModule_NotifyKeyspaceEvent = Some(notify);
        raw::RedisModule_SubscribeToKeyspaceEvents = Some(subscribe_to_keyspace);
        raw::RedisModule_UnsubscribeFromKeyspaceEvents = Some(unsubscribe_from_keyspace);
        raw::RedisModule_SubscribeToServerEvent = Some(subscribe_to_event);
        raw::RedisModule_SignalModifiedKey = Some(signal_modified);
        raw::RedisModule_AddPostNotificationJob = Some(add_job);
    }
}
