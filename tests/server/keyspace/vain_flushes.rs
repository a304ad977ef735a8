//! A flush that nobody asked for: the server empties itself for a load, and the load does not begin, or fails. The
//! durable keys stay what they were, in memory and in the log.

use std::fs;
use std::path::Path;

use crate::server::replicas::replica::{agree, primary};
use crate::support::keyspace::{all_is_written, durable, fill, picture, same, survives_kill9};
use crate::support::{KeySpace, Server, wait_for};

fn filled(build: crate::support::ServerBuilder) -> (Server, KeySpace) {
    let server = build.start();
    let mut client = server.client();
    fill(&mut client);
    client.run("MYLOG.RPUSH list D a b");
    // Some servers end themselves here.
    all_is_written(&mut client);
    let before = durable(&picture(&mut client));
    (server, before)
}

/// The same keys in memory, writes are taken, and all of it is found again.
fn goes_on(server: &mut Server, before: &KeySpace) {
    let mut client = server.client();
    same(&durable(&picture(&mut client)), before);
    client.ok("MYLOG.SET more D");
    assert_eq!(client.run("MYLOG.RPUSH list c").int(), 4);
    survives_kill9(server);
}

/// Panics unless this DEBUG fails. Redis 7.0 ends itself for some of it; then it is down.
fn fails(server: &mut Server, line: &str) -> bool {
    let Ok(reply) = server.client().try_cmd(line.split(' ')) else {
        server.wait_exit();
        return false;
    };
    assert!(reply.is_error("ERR "), "{line}: {reply:?}");
    true
}

fn debug_fails(line: &str, policy: &str) {
    let (mut server, before) = filled(Server::build().mylog("appendfsync", policy));
    if !fails(&mut server, line) {
        server.restart();
    }
    goes_on(&mut server, &before);
}

#[test]
fn a_debug_reload_without_a_file_leaves_the_durable_keys() {
    for policy in ["always", "everysec"] {
        debug_fails("DEBUG RELOAD NOSAVE", policy);
    }
}

#[test]
fn a_debug_loadaof_without_an_aof_leaves_the_durable_keys() {
    for policy in ["always", "everysec"] {
        debug_fails("DEBUG LOADAOF", policy);
    }
}

/// Fails with a file in this state, and goes on with what it was.
fn fails_with(mut server: Server, before: &KeySpace, line: &str, file: &Path, broken: &[u8]) {
    let good = fs::read(file).unwrap();
    fs::write(file, broken).unwrap();
    let is_up = fails(&mut server, line);
    fs::write(file, good).unwrap();
    if !is_up {
        server.restart();
    }
    goes_on(&mut server, before);
}

#[test]
fn a_debug_loadaof_of_a_broken_aof_leaves_the_durable_keys() {
    let (server, before) = filled(Server::build().config("appendonly", "yes"));
    server.client().ok("SET native n");
    let folder = server.data_dir().join("appendonlydir");
    let mut files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let aof = files
        .find(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .unwrap();
    let good = fs::read(&aof).unwrap();
    // Between two commands: cut short, it would be loaded.
    let half = good.len() / 2;
    let at = half
        + good[half..]
            .windows(3)
            .position(|bytes| bytes == b"\r\n*")
            .unwrap()
        + 2;
    let broken = [&good[..at], b"no command\r\n", &good[at..]].concat();
    fails_with(server, &before, "DEBUG LOADAOF", &aof, &broken);
}

#[test]
fn a_debug_reload_of_a_broken_file_leaves_the_durable_keys() {
    let (server, before) = filled(Server::build());
    server.client().ok("SAVE");
    let rdb = server.data_dir().join("dump.rdb");
    let good = fs::read(&rdb).unwrap();
    fails_with(
        server,
        &before,
        "DEBUG RELOAD NOSAVE",
        &rdb,
        &good[..good.len() / 2],
    );
}

#[test]
fn a_reload_that_fails_inside_of_a_unit_leaves_what_the_unit_made() {
    let (mut server, mut before) = filled(Server::build().mylog("appendfsync", "always"));
    let mut client = server.client();
    client.ok("MULTI");
    for line in ["MYLOG.SET in:1 D", "DEBUG RELOAD NOSAVE", "MYLOG.SET in:2 D"] {
        client.run(line);
    }
    let replies = client.run("EXEC").items();
    assert!(replies[0].is_ok() && replies[1].is_error("ERR ") && replies[2].is_ok());
    let now = durable(&picture(&mut client));
    before.extend(now.into_iter().filter(|((_, name), _)| name.starts_with("in:")));
    goes_on(&mut server, &before);
}

#[test]
fn databases_swapped_behind_a_reload_that_fails_are_swapped() {
    let (mut server, before) = filled(Server::build().mylog("appendfsync", "always"));
    let mut client = server.client();
    client.ok("MULTI");
    for line in ["DEBUG RELOAD NOSAVE", "SWAPDB 0 1"] {
        client.run(line);
    }
    client.run("EXEC");
    let swapped = before
        .into_iter()
        .map(|((db, name), entry)| ((if db == 0 { 1 } else { db }, name), entry));
    same(&durable(&picture(&mut client)), &swapped.collect());
    survives_kill9(&mut server);
}

#[test]
fn a_flushall_that_was_asked_for_is_one_also_behind_a_debug_that_failed() {
    let (mut server, _) = filled(
        Server::build()
            .mylog("appendfsync", "always")
            .mylog("flush-policy", "flush"),
    );
    let mut client = server.client();
    assert!(client.run("DEBUG RELOAD NOSAVE").is_error("ERR "));
    client.ok("FLUSHALL");
    // Queued while there is no durable key, it is the native one.
    client.ok("MULTI");
    for line in ["MYLOG.SET other D", "FLUSHALL", "SET native n"] {
        client.run(line);
    }
    assert!(
        client
            .run("EXEC")
            .items()
            .iter()
            .all(crate::support::Reply::is_ok)
    );
    client.ok("MYLOG.SET new D");
    let after = survives_kill9(&mut server);
    assert_eq!(after.len(), 1);
}

#[test]
fn a_full_sync_whose_file_has_no_place_leaves_the_durable_keys() {
    let primary = primary();
    primary.client().ok("MYLOG.SET of:primary D");
    let (mut replica, before) = filled(Server::build().config("repl-diskless-load", "disabled"));
    let in_the_way = replica.data_dir().join("dump.rdb");
    fs::create_dir(&in_the_way).unwrap();
    let mut client = replica.client();
    client.ok(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_for("the sync fails twice", || {
        replica
            .log()
            .matches("Failed trying to rename the temp DB")
            .count()
            > 1
    });
    client.ok("REPLICAOF NO ONE");
    fs::remove_dir(&in_the_way).unwrap();
    goes_on(&mut replica, &before);
    // The same, and then the sync works.
    let mut client = replica.client();
    fs::create_dir(&in_the_way).unwrap();
    client.ok(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_for("the sync fails", || {
        replica.log().contains("Failed trying to rename the temp DB")
    });
    fs::remove_dir(&in_the_way).unwrap();
    agree(&replica, &primary);
    client.ok("REPLICAOF NO ONE");
    client.ok("MYLOG.SET promoted D");
    survives_kill9(&mut replica);
}

#[test]
fn a_replica_killed_while_its_sync_fails_has_what_it_had() {
    let primary = primary();
    primary.client().ok("MYLOG.SET of:primary D");
    let (mut replica, before) = filled(Server::build().config("repl-diskless-load", "disabled"));
    let in_the_way = replica.data_dir().join("dump.rdb");
    fs::create_dir(&in_the_way).unwrap();
    let mut client = replica.client();
    client.ok(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_for("the sync fails", || {
        replica.log().contains("Failed trying to rename the temp DB")
    });
    replica.kill9();
    fs::remove_dir(&in_the_way).unwrap();
    replica.restart();
    goes_on(&mut replica, &before);
}
