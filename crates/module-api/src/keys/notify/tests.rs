//! Notifications beside a server of the unit tests.

use std::ffi::CString;

use super::*;
use crate::OwnedStr;
use crate::gil::Gil;
use crate::keys::keyspace_events::KeyspaceEvents;
use crate::mock;

/// Writes down events of two classes.
struct Writes;

static HEARD: Gil<Vec<(u32, bool, String)>> = Gil::new(Vec::new());

impl KeyspaceEvents for Writes {
    const CLASSES: &'static [Class] = &[Class::Generic, Class::Expired];

    fn notified(ctx: Ctx<'_>, event: &CStr, key: Str<'_>) {
        let key = String::from_utf8_lossy(key.bytes());
        let text = format!("{} {key}", event.to_string_lossy());
        HEARD.with(|heard| heard.push((ctx.db(), is_own(event), text)));
    }
}

fn heard() -> Vec<(u32, bool, String)> {
    HEARD.with(std::mem::take)
}

#[test]
fn notifications_of_the_classes_are_heard_and_own_ones_are_known() {
    let server = mock::start();
    let context = server.context();
    context.ctx().subscribe_to_keyspace::<Writes>().unwrap();
    context.ctx().select_db(3).unwrap();
    let key = OwnedStr::new(b"k");
    context.ctx().notify(Class::Generic, c"del", key.lend());
    context.ctx().notify(Class::Hash, c"hset", key.lend());
    assert_eq!(heard(), [(3, true, "del k".to_owned())]);
    // The same event of a native command has a text of the server's own.
    let native = CString::new("del").unwrap();
    server.notify(&context, raw::REDISMODULE_NOTIFY_GENERIC, &native, b"n");
    server.notify(&context, raw::REDISMODULE_NOTIFY_EXPIRED, c"expired", b"n");
    server.notify(&context, raw::REDISMODULE_NOTIFY_STRING, c"set", b"n");
    assert_eq!(
        heard(),
        [(3, false, "del n".to_owned()), (3, false, "expired n".to_owned())]
    );
    assert!(context.ctx().unsubscribe_from_keyspace::<Writes>());
    server.notify(&context, raw::REDISMODULE_NOTIFY_GENERIC, &native, b"n");
    assert_eq!(heard(), []);
    // What is not subscribed to can't be taken back.
    assert!(!context.ctx().unsubscribe_from_keyspace::<Writes>());
}

#[test]
fn a_server_that_can_t_take_it_back_says_so() {
    let server = mock::start();
    let context = server.context();
    context.ctx().subscribe_to_keyspace::<Writes>().unwrap();
    server.lack("RedisModule_UnsubscribeFromKeyspaceEvents");
    assert!(!context.ctx().unsubscribe_from_keyspace::<Writes>());
    let call = "RedisModule_SubscribeToKeyspaceEvents";
    server.refuse(call);
    assert_eq!(
        context.ctx().subscribe_to_keyspace::<Writes>(),
        Err(Refused { call })
    );
}

#[test]
fn watch_and_tracking_are_told_of_a_key() {
    let server = mock::start();
    let context = server.context();
    context.ctx().signal_modified(OwnedStr::new(b"k").lend());
    assert_eq!(context.modified(), [b"k"]);
}

#[test]
fn a_job_runs_at_the_end_of_the_unit_where_the_server_has_one() {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    fn job(ctx: Ctx<'_>) {
        RAN.fetch_add(ctx.client_id() as usize, Ordering::Relaxed);
    }
    let server = mock::start();
    let context = server.context();
    assert_eq!(context.ctx().after_unit(job), Some(Ok(())));
    assert_eq!(RAN.load(Ordering::Relaxed), 0);
    server.end_unit(&context);
    server.end_unit(&context);
    assert_eq!(RAN.load(Ordering::Relaxed), 7);
    let call = "RedisModule_AddPostNotificationJob";
    server.refuse(call);
    assert_eq!(context.ctx().after_unit(job), Some(Err(Refused { call })));
    server.lack(call);
    assert!(context.ctx().after_unit(job).is_none() && !Ctx::hears_unit_ends());
}
