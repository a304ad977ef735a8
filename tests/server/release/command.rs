//! MYLOG.RELEASE: durable keys become native ones, with their values and ends, while the server goes on, and no client
//! sees a difference.

use std::fs;

use crate::server::adopt::command::{adopt, capture, capturing, fill, info, large};
use crate::server::replicas::replica::{agree, caught_up, primary, replica_of};
use crate::support::keyspace::{KeySpace, all_is_written, durable, kind, picture, same};
use crate::support::sync_gate::Later;
use crate::support::{Client, Reply, Server, wait_for};

pub fn status(client: &mut Client) -> String {
    client.info("mylog")["mylog_last_release_status"].clone()
}

pub fn begin(client: &mut Client, prefix: &str) {
    let reply = client.cmd(["MYLOG.RELEASE", prefix]);
    assert_eq!(reply, Reply::Simple(b"Background release started".to_vec()));
}

pub fn released(client: &mut Client) {
    wait_for("the release is over", || info(client, "release_in_progress") == 0);
}

pub fn release(client: &mut Client, prefix: &str) {
    begin(client, prefix);
    released(client);
    assert_eq!(status(client), "ok");
}

/// Fills a server with durable keys of all types, and says what they were as native ones.
fn filled(client: &mut Client) -> KeySpace {
    fill(client);
    let native = picture(client);
    capture(client, "order:");
    adopt(client, "order:");
    native
}

#[test]
fn every_type_is_released_with_its_value_and_end_in_every_database() {
    let mut server = capturing();
    let mut client = server.client();
    let native = filled(&mut client);
    let keys = info(&mut client, "keys");
    assert!(keys > 600);
    let seq = info(&mut client, "queued_seq");
    release(&mut client, "order:");
    same(&picture(&mut client), &native);
    assert_eq!(client.config("mylog.capture"), "");
    for (field, wanted) in [
        ("keys", 0),
        ("release_keys", keys),
        ("released_keys", keys),
        ("release_skipped", 0),
    ] {
        assert_eq!(info(&mut client, field), wanted, "{field}");
    }
    assert!(info(&mut client, "release_scanned") >= native.len() as u64);
    assert_eq!(info(&mut client, "queued_seq") - seq, keys, "each is one record");
    // A way there and back.
    capture(&mut client, "order:");
    adopt(&mut client, "order:");
    assert_eq!(info(&mut client, "keys"), keys);
    release(&mut client, "order:");
    same(&picture(&mut client), &native);
    all_is_written(&mut client);
    drop(client);
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("DBSIZE").int(), 0, "as any cache");
}

#[test]
fn keys_that_were_durable_without_a_captured_prefix_are_released_too_and_others_stay() {
    let mut server = capturing();
    let mut client = server.client();
    for name in ["order:1", "order:2", "a*b", "a*", "cart:1"] {
        client.ok(&format!("MYLOG.SET {name} v"));
    }
    client.cmd([b"MYLOG.SET".as_slice(), b"\0 \xff", b"v"]);
    client.run("PEXPIREAT order:1 4102444800123");
    for (prefix, left) in [("order:1", 5), ("a*", 3), ("\0 ", 2), ("", 0)] {
        begin(&mut client, prefix);
        // Under their native names from now on, whether they are there yet or not.
        assert_eq!(client.run("GET order:1").text(), "v");
        released(&mut client);
        assert_eq!(info(&mut client, "keys"), left, "{prefix}");
    }
    assert_eq!(client.run("PEXPIRETIME order:1").int(), 4_102_444_800_123);
    assert_eq!(client.run("DBSIZE").int(), 6);
    all_is_written(&mut client);
    drop(client);
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("DBSIZE").int(), 0);
}

#[test]
fn a_release_takes_its_prefix_out_of_mylog_capture_and_config_rewrite_writes_that_down() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "cart:")
        .start();
    let mut client = server.client();
    for (before, prefix, during, after) in [
        ("order: cart:", "order:", "order: cart: !order:", "cart:"),
        ("order:", "order:eu:", "order: !order:eu:", "order: !order:eu:"),
        (
            "rq: !rq:results: cart:",
            "rq:",
            "rq: !rq:results: cart: !rq:",
            "cart:",
        ),
        ("cart:", "order:", "cart:", "cart:"),
    ] {
        capture(&mut client, before);
        let replies = client.pipeline(&[
            vec!["MULTI"],
            vec!["MYLOG.RELEASE", prefix],
            vec!["CONFIG", "GET", "mylog.capture"],
            vec!["EXEC"],
        ]);
        let shown = replies[3].clone().items()[1].clone().pairs();
        assert_eq!(shown, [(b"mylog.capture".to_vec(), during.as_bytes().to_vec())]);
        released(&mut client);
        assert_eq!(client.config("mylog.capture"), after, "{before}, {prefix}");
    }
    capture(&mut client, "cart: order:");
    client.ok("SET order:1 v");
    release(&mut client, "order:");
    client.ok("CONFIG REWRITE");
    client.ok("SET cart:1 v");
    client.ok("SET order:2 v");
    drop(client);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.config("mylog.capture"), "cart:");
    client.ok("SET order:1 v");
    assert_eq!(kind(&mut client, b"order:1"), "string");
    assert_eq!(kind(&mut client, b"cart:1"), "mylog-str");
}

/// As it was written down in the middle: what is left is durable, under its native names, and new keys are native.
#[test]
fn after_a_restart_in_the_middle_clients_go_on_and_a_new_release_ends_it() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start();
    let mut client = server.client();
    for n in 0..100 {
        client.ok(&format!("SET order:{n} {n}"));
    }
    client.pipeline(&[
        vec!["MULTI"],
        vec!["MYLOG.RELEASE", "order:"],
        vec!["CONFIG", "REWRITE"],
        vec!["MYLOG.RELEASE", "ABORT"],
        vec!["EXEC"],
    ]);
    assert_eq!(status(&mut client), "aborted: ABORT");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.config("mylog.capture"), "order: !order:");
    for n in 0..100 {
        assert_eq!(client.run(&format!("INCR order:{n}")).int(), n + 1);
    }
    client.ok("SET order:new v");
    assert_eq!(kind(&mut client, b"order:new"), "string");
    assert_eq!(info(&mut client, "keys"), 100);
    release(&mut client, "order:");
    assert_eq!(client.config("mylog.capture"), "");
    assert_eq!((info(&mut client, "keys"), client.run("DBSIZE").int()), (0, 101));
}

#[test]
fn an_aborted_release_leaves_every_key_with_its_native_commands() {
    let server = capturing();
    let mut client = server.client();
    client.ok("CONFIG SET mylog.appendfsync everysec");
    capture(&mut client, "order:");
    for n in 0..20_000 {
        client.send(["RPUSH", &format!("order:{n}"), "a"]);
    }
    for _ in 0..20_000 {
        client.recv();
    }
    begin(&mut client, "order:");
    wait_for("some are released", || info(&mut client, "release_keys") > 0);
    client.ok("MYLOG.RELEASE ABORT");
    let (native, all) = (info(&mut client, "release_keys"), 20_000);
    assert_eq!(info(&mut client, "keys"), all - native);
    assert_eq!(status(&mut client), "aborted: ABORT");
    for n in 0..all {
        client.send(["RPUSH", &format!("order:{n}"), "b"]);
    }
    for n in 0..all {
        assert_eq!(client.recv().int(), 2, "{n}");
    }
    // In one command, too: what is durable of it becomes native at once.
    for n in (0..all - 1).step_by(2) {
        let (from, to) = (format!("order:{n}"), format!("order:{}", n + 1));
        assert_eq!(
            client.cmd(["LMOVE", &from, &to, "LEFT", "RIGHT"]).text(),
            "a",
            "{n}"
        );
    }
    let reply = client.run("MYLOG.RELEASE ABORT");
    assert!(
        reply.is_error("ERR No background release in progress"),
        "{reply:?}"
    );
    release(&mut client, "order:");
    assert_eq!(info(&mut client, "keys"), 0);
    assert_eq!(client.run("LRANGE order:1 0 -1").items().len(), 3);
}

#[test]
fn a_release_is_refused_where_it_makes_no_sense() {
    let server = capturing();
    let mut client = server.client();
    capture(&mut client, "order:");
    let refused = |client: &mut Client, words: &[&str], text: &str| {
        let reply = client.cmd(words);
        assert!(reply.is_error(text), "{words:?}: {reply:?}");
    };
    refused(
        &mut client,
        &["MYLOG.RELEASE", "ABORT"],
        "ERR No background release in progress",
    );
    refused(&mut client, &["MYLOG.RELEASE"], "ERR wrong number of arguments");
    refused(
        &mut client,
        &["MYLOG.RELEASE", "order: 1"],
        "ERR mylog.capture has no word",
    );
    assert_eq!(client.config("mylog.capture"), "order:");
    client.ok("MULTI");
    for line in [
        "MYLOG.RELEASE order:",
        "MYLOG.RELEASE cart:",
        "MYLOG.ADOPT order:",
    ] {
        client.run(line);
    }
    let replies = client.run("EXEC").items();
    assert!(
        replies[1].is_error("ERR Background release already in progress"),
        "{replies:?}"
    );
    assert!(
        replies[2].is_error("ERR mylog.capture does not hold this prefix"),
        "{replies:?}"
    );
    released(&mut client);
    client.ok("ACL SETUSER limited on nopass ~* +@all -mylog.release");
    client.ok("AUTH limited x");
    refused(&mut client, &["MYLOG.RELEASE", "order:"], "NOPERM");
    client.ok("REPLICAOF 127.0.0.1 1");
    client.ok("AUTH default x");
    refused(&mut client, &["MYLOG.RELEASE", "order:"], "READONLY");
}

#[test]
fn a_release_ends_when_its_prefix_is_captured_again_or_the_server_follows_another() {
    for (line, why) in [
        (
            "CONFIG SET mylog.capture order:",
            "mylog.capture holds the prefix again",
        ),
        ("REPLICAOF 127.0.0.1 1", "this server became a replica"),
    ] {
        let server = capturing();
        let mut client = server.client();
        capture(&mut client, "order:");
        large(&mut client, 30_000);
        let replies = client.pipeline(&[vec!["MYLOG.RELEASE", "order:"], line.split(' ').collect()]);
        assert!(replies[1].is_ok(), "{replies:?}");
        released(&mut client);
        assert_eq!(status(&mut client), format!("aborted: {why}"));
    }
    // One that keeps it out goes on, and counts.
    let server = capturing();
    let mut client = server.client();
    capture(&mut client, "order: cart:");
    large(&mut client, 30_000);
    client.pipeline(&[
        vec!["MYLOG.RELEASE", "order:"],
        vec!["CONFIG", "SET", "mylog.capture", "cart:"],
    ]);
    assert_eq!(client.run("LLEN order:L").int(), 30_000);
    released(&mut client);
    assert_eq!(status(&mut client), "ok");
    assert_eq!(client.config("mylog.capture"), "cart:");
    assert_eq!(info(&mut client, "keys"), 0);
}

#[test]
fn a_release_waits_while_the_log_takes_nothing_and_goes_on_when_it_does() {
    let server = capturing();
    let mut client = server.client();
    capture(&mut client, "order:");
    for n in 0..2000 {
        client.ok(&format!("SET order:{n} v"));
    }
    let away = server.data_dir().join("away");
    fs::rename(server.log_dir(), &away).unwrap();
    wait_for("the log is down", || {
        client.info("mylog")["mylog_last_write_status"] == "err"
    });
    begin(&mut client, "order:");
    client.ok("SET other v");
    client.ok("SET order:new v");
    assert_eq!(client.run("GET order:1").text(), "v");
    assert!(client.run("APPEND order:1 w").is_error("MYLOGDOWN"));
    assert_eq!(info(&mut client, "release_keys"), 0);
    fs::rename(&away, server.log_dir()).unwrap();
    released(&mut client);
    assert_eq!(status(&mut client), "ok");
    assert_eq!(info(&mut client, "release_keys"), 2000);
    assert_eq!(kind(&mut client, b"order:1"), "string");
}

#[test]
fn a_replica_ends_with_the_same_native_keys_and_its_log_has_none_of_them() {
    let primary = primary();
    let mut client = primary.client();
    filled(&mut client);
    client.ok("MYLOG.SET stays v");
    let mut replica = replica_of(&primary);
    agree(&replica, &primary);
    release(&mut client, "order:");
    client.run("APPEND order:s1 more");
    agree(&replica, &primary);
    let mut follower = replica.client();
    assert_eq!(info(&mut follower, "keys"), 1);
    assert_eq!(kind(&mut follower, b"order:h1"), "hash");
    drop(follower);
    caught_up(&replica, &primary);
    all_is_written(&mut replica.client());
    replica.kill9();
    replica.restart();
    let mut follower = replica.client();
    assert_eq!(durable(&picture(&mut follower)).len(), 1);
}

#[test]
fn whoever_watches_a_key_is_told_that_it_was_released() {
    let server = capturing();
    let (mut client, mut watcher) = (server.client(), server.client());
    capture(&mut client, "order:");
    client.ok("SET order:1 v");
    watcher.ok("WATCH order:1");
    release(&mut client, "order:");
    watcher.ok("MULTI");
    watcher.run("SET order:1 w");
    assert_eq!(watcher.run("EXEC"), Reply::Nil);
    assert_eq!(client.run("GET order:1").text(), "v");
}

/// They were led to the durable form when they came, and there will never be a durable key for them.
#[test]
fn who_waited_for_a_captured_key_is_served_with_the_native_one() {
    let server = capturing();
    let mut client = server.client();
    capture(&mut client, "order:");
    let waits = [
        "BLPOP order:l 0",
        "BZPOPMIN order:z 0",
        "BLMOVE order:m order:n LEFT LEFT 0",
    ];
    let waiting = waits.map(|line| Later::send(server.client(), line));
    wait_for("they wait", || client.info_u64("clients", "blocked_clients") >= 3);
    release(&mut client, "order:");
    client.run("RPUSH order:l a b");
    client.run("ZADD order:z 1 m");
    client.run("RPUSH order:m c");
    let [list, sorted, moved] = waiting.map(Later::reply);
    let bulk = |text: &str| Reply::Bulk(text.into());
    assert_eq!(list.items(), [bulk("order:l"), bulk("a")]);
    assert_eq!(sorted.items(), [bulk("order:z"), bulk("m"), bulk("1")]);
    assert_eq!(moved, bulk("c"));
    for (name, is) in [("order:l", "list"), ("order:z", "none"), ("order:n", "list")] {
        assert_eq!(kind(&mut client, name.as_bytes()), is, "{name}");
    }
}
