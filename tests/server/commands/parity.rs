//! What the server knows of native commands and of their twins is the same; and single promises of twins.

use fastrand::Rng;

pub(super) use super::differential::seed;
use super::parity_sort;
use crate::support::{Client, Reply, Server};

pub(super) const NATIVE_DB: u32 = 8;
pub(super) const TWIN_DB: u32 = 9;
pub(super) fn client(server: &Server, protocol: u8, db: u32) -> Client {
    let mut client = server.client();
    assert!(!client.run(&format!("HELLO {protocol}")).is_error(""));
    client.ok(&format!("SELECT {db}"));
    client
}

/// Commands of one run.
pub(super) fn rounds() -> u32 {
    10_000
}

/// The events of a database so far, in order. A command in a third database ends them.
pub(super) fn events(subscriber: &mut Client, server: &Server) -> [Vec<(String, Vec<u8>)>; 2] {
    let mut fence = client(server, 2, 7);
    fence.ok("SET fence 1");
    let mut events = [Vec::new(), Vec::new()];
    loop {
        let message = subscriber.recv().items();
        let (channel, key) = (
            message[2].clone().text(),
            message[3].clone().bytes().expect("a key"),
        );
        let (db, event) = channel
            .trim_start_matches("__keyevent@")
            .split_once("__:")
            .expect("a channel");
        match db.parse() {
            Ok(NATIVE_DB) => events[0].push((event.to_owned(), key)),
            Ok(TWIN_DB) => events[1].push((event.to_owned(), key)),
            _ if key == b"fence" => return events,
            _ => {}
        }
    }
}

#[test]
fn float_sums_are_those_of_the_native_command() {
    let seed = seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let server = Server::build().start();
    let mut client = server.client();
    for _ in 0..rounds() {
        let (old, by) = (
            super::parity_commands::float(&mut rng),
            super::parity_commands::float(&mut rng),
        );
        client.cmd([b"SET", b"n".as_slice(), &old]);
        client.cmd([b"MYLOG.SET", b"m".as_slice(), &old]);
        let native = client.cmd([b"INCRBYFLOAT", b"n".as_slice(), &by]);
        let twin = client.cmd([b"MYLOG.INCRBYFLOAT", b"m".as_slice(), &by]);
        assert_eq!(
            twin,
            native,
            "seed {seed}: {} + {}",
            old.escape_ascii(),
            by.escape_ascii()
        );
    }
}

#[test]
fn a_user_without_reads_may_set_but_not_get_with_it() {
    let server = Server::build().start();
    let mut client = server.client();
    client.ok("ACL SETUSER writer on nopass resetkeys %W~* +@all");
    client.ok("AUTH writer any");
    client.ok("MYLOG.SET k v");
    let native = client.run("SET n v GET");
    assert!(native.is_error("NOPERM"), "{native:?}");
    assert_eq!(client.run("MYLOG.SET k w GET"), native);
    assert!(client.run("MYLOG.GET k").is_error("NOPERM"));
}

#[test]
fn a_key_that_a_twin_shows_and_does_not_find_is_told_of_as_by_the_native_command() {
    let server = Server::build().start();
    let (mut native, mut twin) = (client(&server, 2, NATIVE_DB), client(&server, 2, TWIN_DB));
    native.ok("CONFIG SET notify-keyspace-events Em");
    native.run("RPUSH list a");
    twin.run("MYLOG.RPUSH list a");
    let mut subscriber = server.client();
    subscriber.run("PSUBSCRIBE __keyevent@*__:keymiss");
    for line in [
        "GET a",
        "GETEX b",
        "GETDEL c",
        "GETSET d v",
        "SET e v GET",
        "LCS list f",
    ] {
        native.run(line);
        twin.run(&format!("MYLOG.{line}"));
        let [of_native, of_twin] = [(); 2].map(|()| subscriber.recv().items());
        assert_eq!(of_twin[3], of_native[3], "{line}");
        assert_ne!(of_twin[2], of_native[2], "{line}");
    }
}

#[test]
fn watch_sees_a_twin_change_a_key_and_only_then() {
    let server = Server::build().start();
    let (mut watcher, mut writer) = (server.client(), server.client());
    writer.ok("MYLOG.SET k v");
    for (command, seen) in [
        ("MYLOG.GET k", false),
        ("MYLOG.SET k w NX", false),
        ("MYLOG.SET k w", true),
        ("MYLOG.DEL k", true),
    ] {
        watcher.ok("WATCH k");
        assert!(!writer.run(command).is_error(""), "{command}");
        watcher.ok("MULTI");
        watcher.run("PING");
        assert_eq!(watcher.run("EXEC") == Reply::Nil, seen, "{command}");
    }
}

#[test]
fn the_server_knows_the_keys_of_every_twin() {
    let server = Server::build().start();
    let mut client = server.client();
    for line in [
        "SET k v GET",
        "MSET a 1 b 2",
        "MGET a b c",
        "GETEX k PERSIST",
        "HSET h f v",
        "HSCAN h 0",
        "DEL a b",
        "RENAME a b",
        "COPY a b REPLACE",
        "EXPIRE a 1",
        "BITOP AND a b c",
        "LCS a b LEN",
        "MSETNX a 1 b 2",
        "BITFIELD a GET u8 0",
        "LPUSH a 1 2",
        "LMOVE a b LEFT RIGHT",
        "LMPOP 2 a b LEFT COUNT 3",
        "SADD a 1 2",
        "SMOVE a b m",
        "SINTERCARD 2 a b LIMIT 1",
        "SUNIONSTORE a b c",
        "SDIFF a b c",
    ] {
        let native = client.run(&format!("COMMAND GETKEYS {line}"));
        let twin = client.run(&format!("COMMAND GETKEYS MYLOG.{line}"));
        assert_eq!(twin, native, "{line}");
        assert!(!twin.items().is_empty(), "{line}");
    }
}

#[test]
fn the_server_knows_twins_as_it_knows_the_native_commands() {
    let server = Server::build().start();
    let mut client = server.client();
    for name in [super::parity_commands::twins(), parity_sort::TWINS.to_vec()].concat() {
        let [native, twin] = ["", "MYLOG."].map(|prefix| {
            let info = client.run(&format!("COMMAND INFO {prefix}{name}"));
            info.items().into_iter().next().expect("an answer").items()
        });
        // Arity, first and last key with the step, tips.
        for field in [1, 3, 4, 5, 7] {
            // 7.0 tells clients to spread it over a cluster, which would set a part of the keys.
            if name == "MSETNX" && field == 7 {
                continue;
            }
            assert_eq!(twin[field], native[field], "{name}: field {field}");
        }
        let mut flags = twin[2].clone().items();
        flags.retain(|flag| *flag != Reply::Simple(b"module".to_vec()));
        flags.sort();
        let mut expected = native[2].clone().items();
        expected.sort();
        assert_eq!(flags, expected, "{name}: flags");
    }
}
