//! `mylog.always-prefixes`: keys that are acknowledged as under `always` beside others that wait for nobody.
//!
//! The policy is `no`, under which nothing is ever synced unless somebody asks.

use std::time::{Duration, Instant};

use crate::support::sync_gate::{Later, SyncGate, held, wait_held};
use crate::support::{Client, Reply, Server, wait_for};

fn server() -> Server {
    let server = Server::build()
        .mylog("appendfsync", "no")
        .mylog("flush-policy", "flush")
        .mylog("capture", "payment:")
        .start();
    let mut client = server.client();
    client.cmd(["CONFIG", "SET", "mylog.always-prefixes", "order: payment:"]);
    client.ok("MYLOG.SET plain v");
    client.ok("MYLOG.SET order:old v");
    server
}

fn is_durable(client: &mut Client) -> bool {
    client.info_u64("mylog", "mylog_durable_seq") >= client.info_u64("mylog", "mylog_queued_seq")
}

#[test]
fn a_key_with_such_a_prefix_is_acknowledged_once_it_is_durable() {
    let server = server();
    let mut client = server.client();
    for line in [
        "MYLOG.SET order:1 v",
        "MYLOG.INCR payment:n",
        "SET payment:1 v",
        "DEL order:1",
        "EXPIRE order:old 1000",
        "RENAME plain order:plain",
        "COPY order:plain plain",
        "FLUSHDB",
    ] {
        assert!(!matches!(client.run(line), Reply::Error(_)), "{line}");
        if !line.starts_with("COPY") {
            assert!(is_durable(&mut client), "{line}");
        }
    }
}

#[test]
fn keys_of_both_kinds_live_side_by_side() {
    let server = server();
    let mut other = server.client();
    let gate = SyncGate::shut(&server);
    let lines = [
        "MYLOG.SET order:1 v",
        "MYLOG.MSET plain2 v payment:2 v plain3 v",
        "MYLOG.DEL plain2 order:old",
        "MYLOG.RENAME plain3 order:3",
        "SET payment:3 v",
        "MYLOG.GET order:1",
        "MYLOG.MGET plain order:1",
        "MYLOG.GET order:old",
        "MYLOG.SET order:1 w NX",
        "FLUSHALL",
    ];
    let mut replies = Vec::new();
    for (count, line) in lines.iter().enumerate() {
        replies.push(Later::send(server.client(), line));
        wait_held(&mut other, count as u64 + 1);
    }
    for line in [
        "MYLOG.SET plain4 v",
        "MYLOG.GET plain4",
        "EXPIRE plain4 100",
        "RENAME plain4 plain5",
        "DEL plain5",
        "MYLOG.DEL plain4",
        "MYLOG.GET plain5",
        "MULTI",
        "MYLOG.SET plain6 v",
        "DEL plain6",
        "EXEC",
    ] {
        assert!(!matches!(other.run(line), Reply::Error(_)), "{line}");
    }
    assert_eq!(held(&mut other), lines.len() as u64);
    for (reply, line) in replies.iter().zip(lines) {
        reply.is_not_there(line);
    }
    gate.open();
    for (reply, line) in replies.into_iter().zip(lines) {
        assert!(!matches!(reply.reply(), Reply::Error(_)), "{line}");
    }
}

#[test]
fn units_and_native_commands_wait_for_such_keys_alone() {
    let server = server();
    let mut other = server.client();
    let of_70 = other.info("server")["redis_version"].starts_with("7.0.");
    let units: &[&[&str]] = &[
        &[
            "MULTI",
            "MYLOG.SET plain v",
            "MYLOG.SET order:1 v",
            "DEL plain",
            "EXEC",
        ],
        &["DEL order:1"],
        &["EXPIRE order:old 100"],
        &["RENAME order:old plain"],
        &["MULTI", "SET payment:1 v", "EXEC"],
    ];
    for unit in units {
        let gate = SyncGate::shut(&server);
        other.ok("MYLOG.SET plain7 v");
        assert_eq!(other.run("EXPIRE plain7 100").int(), 1);
        assert_eq!(other.run("DEL plain7").int(), 1);
        let mut client = server.client();
        let (last, first) = unit.split_last().expect("a command");
        for line in first {
            client.run(line);
        }
        // Redis 7.0 does not tell whose native command it is: everybody waits who was active within the second before.
        if of_70 {
            let since = Instant::now();
            wait_for("nobody was active", || {
                since.elapsed() > Duration::from_millis(2500)
            });
        }
        let reply = Later::send(client, last);
        wait_held(&mut other, 1);
        other.ok("MYLOG.SET plain8 v");
        other.ok("SET native v");
        reply.is_not_there(last);
        gate.open();
        assert!(!matches!(reply.reply(), Reply::Error(_)), "{unit:?}");
        wait_held(&mut other, 0);
    }
    assert_eq!(other.info_u64("mylog", "mylog_event_loop_waited_usec"), 0);
}

#[test]
fn prefixes_change_while_the_server_runs() {
    let server = server();
    let mut other = server.client();
    let gate = SyncGate::shut(&server);
    let first = Later::send(server.client(), "MYLOG.SET order:1 v");
    wait_held(&mut other, 1);
    other.cmd(["CONFIG", "SET", "mylog.always-prefixes", ""]);
    other.ok("MYLOG.SET plain v");
    other.ok("MYLOG.SET order:2 v");
    assert_eq!(other.run("MYLOG.GET order:1").text(), "v");
    other.cmd(["CONFIG", "SET", "mylog.always-prefixes", "plain"]);
    // It was changed before the prefix was set, and nobody has asked for its sync.
    let plain = Later::send(server.client(), "MYLOG.GET plain");
    wait_held(&mut other, 2);
    first.is_not_there("another prefix");
    plain.is_not_there("another prefix");
    assert_eq!(other.config("mylog.always-prefixes"), "plain");
    gate.open();
    assert!(first.reply().is_ok());
    assert_eq!(plain.reply().text(), "v");
}
