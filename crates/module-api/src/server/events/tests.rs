//! The server's events beside a server of the unit tests.

use super::*;
use crate::gil::Gil;
use crate::mock::{self, Context, Server};

/// Writes down what it hears.
struct Writes;

static HEARD: Gil<Vec<String>> = Gil::new(Vec::new());

fn hear(what: impl std::fmt::Debug) {
    HEARD.with(|heard| heard.push(format!("{what:?}")));
}

impl ServerEvents for Writes {
    fn event_loop(ctx: Ctx<'_>, what: EventLoop) {
        hear((what, ctx.client_id()));
    }
    fn loading(what: Loading) {
        hear(what);
    }
    fn loading_beside(what: LoadBeside) {
        hear(what);
    }
    fn flush(what: Flush) {
        hear(what);
    }
    fn swap(first: u32, second: u32) {
        hear(("swap", first, second));
    }
    fn cron() {
        hear("cron");
    }
    fn child(what: Child) {
        hear(what);
    }
    fn shutdown() {
        hear("shutdown");
    }
    fn role(role: Role) {
        hear(role);
    }
    fn primary_link(link: PrimaryLink) {
        hear(link);
    }
    fn save(what: Save) {
        hear(what);
    }
    fn modules() {
        hear("modules");
    }
    fn configs<'n>(names: impl Iterator<Item = &'n CStr>) {
        hear(names.collect::<Vec<_>>());
    }
}

/// What is heard of an event.
fn heard<D>(server: &Server, context: &Context<'_>, id: u64, sub: u64, data: Option<&D>) -> String {
    HEARD.with(Vec::clear);
    server.raise(context, id, sub, data);
    HEARD.with(|heard| heard.join(" "))
}

#[test]
fn each_event_says_what_has_happened() {
    let server = mock::start();
    let context = server.context();
    context.ctx().subscribe_to_server_events::<Writes>().unwrap();
    for (id, sub, what) in [
        (raw::REDISMODULE_EVENT_EVENTLOOP, 0, "(BeforeSleep, 7)"),
        (raw::REDISMODULE_EVENT_EVENTLOOP, 1, "(AfterSleep, 7)"),
        (raw::REDISMODULE_EVENT_LOADING, 0, "RdbBegins"),
        (raw::REDISMODULE_EVENT_LOADING, 1, "AofBegins"),
        (raw::REDISMODULE_EVENT_LOADING, 2, "ReplicationBegins"),
        (raw::REDISMODULE_EVENT_LOADING, 3, "Ended"),
        (raw::REDISMODULE_EVENT_LOADING, 4, "Failed"),
        (raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD, 0, "Begins"),
        (raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD, 1, "Aborted"),
        (raw::REDISMODULE_EVENT_REPL_ASYNC_LOAD, 2, "Completed"),
        (raw::REDISMODULE_EVENT_CRON_LOOP, 0, "\"cron\""),
        (raw::REDISMODULE_EVENT_FORK_CHILD, 0, "Born"),
        (raw::REDISMODULE_EVENT_FORK_CHILD, 1, "Died"),
        (raw::REDISMODULE_EVENT_SHUTDOWN, 0, "\"shutdown\""),
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, 0, "Primary"),
        (raw::REDISMODULE_EVENT_REPLICATION_ROLE_CHANGED, 1, "Replica"),
        (raw::REDISMODULE_EVENT_MASTER_LINK_CHANGE, 0, "Up"),
        (raw::REDISMODULE_EVENT_MASTER_LINK_CHANGE, 1, "Down"),
        (raw::REDISMODULE_EVENT_PERSISTENCE, 0, "RdbBegins"),
        (raw::REDISMODULE_EVENT_PERSISTENCE, 1, "AofBegins"),
        (raw::REDISMODULE_EVENT_PERSISTENCE, 2, "SyncRdbBegins"),
        (raw::REDISMODULE_EVENT_PERSISTENCE, 3, "Ended"),
        (raw::REDISMODULE_EVENT_PERSISTENCE, 4, "Failed"),
        (raw::REDISMODULE_EVENT_PERSISTENCE, 5, "SyncAofBegins"),
        (raw::REDISMODULE_EVENT_MODULE_CHANGE, 1, "\"modules\""),
        // Without its data an event is of no use: but configs of which no names are told have changed all the same.
        (raw::REDISMODULE_EVENT_FLUSHDB, 0, ""),
        (raw::REDISMODULE_EVENT_FLUSHDB, 1, "Ended"),
        (raw::REDISMODULE_EVENT_SWAPDB, 0, ""),
        (raw::REDISMODULE_EVENT_CONFIG, 0, "[]"),
        (raw::REDISMODULE_EVENT_KEY, 0, ""),
    ] {
        assert_eq!(
            heard::<()>(&server, &context, id, sub, None),
            what,
            "event {id}, {sub}"
        );
    }
}

#[test]
fn flushes_and_swaps_name_their_databases() {
    let server = mock::start();
    let context = server.context();
    context.ctx().subscribe_to_server_events::<Writes>().unwrap();
    for (dbnum, what) in [(-1, "Begins { db: None }"), (3, "Begins { db: Some(3) }")] {
        let info = raw::RedisModuleFlushInfo {
            version: 1,
            sync: 0,
            dbnum,
        };
        let flush = raw::REDISMODULE_EVENT_FLUSHDB;
        assert_eq!(heard(&server, &context, flush, 0, Some(&info)), what);
        assert_eq!(heard(&server, &context, flush, 1, Some(&info)), "Ended");
    }
    for (dbnum_second, what) in [(2, "(\"swap\", 1, 2)"), (-1, "")] {
        let info = raw::RedisModuleSwapDbInfo {
            version: 1,
            dbnum_first: 1,
            dbnum_second,
        };
        let swap = raw::REDISMODULE_EVENT_SWAPDB;
        assert_eq!(heard(&server, &context, swap, 0, Some(&info)), what);
    }
}

#[test]
fn changed_configs_are_named() {
    let server = mock::start();
    let context = server.context();
    context.ctx().subscribe_to_server_events::<Writes>().unwrap();
    let mut names = [
        c"timeout".as_ptr(),
        c"io-threads".as_ptr(),
        c"not counted".as_ptr(),
    ];
    let changes = raw::RedisModuleConfigChange {
        version: 1,
        num_changes: 2,
        config_names: names.as_mut_ptr(),
    };
    let config = raw::REDISMODULE_EVENT_CONFIG;
    assert_eq!(
        heard(&server, &context, config, 0, Some(&changes)),
        "[\"timeout\", \"io-threads\"]"
    );
}

#[test]
fn a_server_that_does_not_know_an_event_refuses() {
    let server = mock::start();
    let call = "RedisModule_SubscribeToServerEvent";
    server.refuse(call);
    let subscribed = server.context().ctx().subscribe_to_server_events::<Writes>();
    assert_eq!(subscribed, Err(Refused { call }));
}
