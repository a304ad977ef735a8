//! MYLOG.ADOPT: native keys under a captured prefix become durable ones, with their values and ends, while the
//! server goes on.

use std::fs;

use crate::server::replicas::replica::{agree, primary, replica_of};
use crate::support::keyspace::{KeySpace, durable, kind, picture, same, survives_kill9};
use crate::support::{Client, Entry, Reply, Server, wait_for};

/// An end far away.
const FAR: &str = "4102444800123";

/// Keys of every type in three databases: small ones, large ones, some with an end, and some that are no concern of
/// an adoption.
pub fn fill(client: &mut Client) {
    for db in [0, 3, 15] {
        client.ok(&format!("SELECT {db}"));
        for n in 0..40 {
            client.ok(&format!("SET order:s{n} {} PXAT {FAR}", "v".repeat(n * 7 + 1)));
            client.ok(&format!("SET order:i{n} {}", n * 1000));
            client.run(&format!("RPUSH order:l{n} a b {n}"));
            client.run(&format!("HSET order:h{n} f 1 g {n}"));
            client.run(&format!("SADD order:t{n} 1 2 {n}"));
            client.run(&format!("SADD order:m{n} x y {n}"));
            client.run(&format!("ZADD order:z{n} 1.1 a -inf b 1e300 {n}"));
            client.ok(&format!("SET other:{n} v"));
        }
        client.cmd([b"SET".as_slice(), b"order:\0\r\n\xff", b"\0\r\n\xff"]);
        client.run(&format!("PEXPIREAT order:z1 {FAR}"));
        client.run("XADD order:x 1-1 f v");
        large(client, 3000);
    }
    client.ok("SELECT 0");
}

/// A large value of each type.
pub fn large(client: &mut Client, elements: usize) {
    let script = "for i=1,tonumber(ARGV[1]) do \
        redis.call('RPUSH','order:L','element '..i) redis.call('HSET','order:H','field '..i,'value '..i) \
        redis.call('SADD','order:T','member '..i) redis.call('ZADD','order:Z',i/3,'member '..i) end";
    client.cmd(["EVAL", script, "0", &elements.to_string()]);
}

pub fn info(client: &mut Client, field: &str) -> u64 {
    client.info_u64("mylog", &format!("mylog_{field}"))
}

pub fn status(client: &mut Client) -> String {
    client.info("mylog")["mylog_last_adopt_status"].clone()
}

pub fn adopt(client: &mut Client, prefix: &str) {
    let reply = client.cmd(["MYLOG.ADOPT", prefix]);
    assert_eq!(reply, Reply::Simple(b"Background adoption started".to_vec()));
    adopted(client);
}

/// Waits for the end of an adoption.
pub fn adopted(client: &mut Client) {
    wait_for("the adoption is over", || info(client, "adopt_in_progress") == 0);
}

pub fn capturing() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
        .start()
}

pub fn capture(client: &mut Client, prefixes: &str) {
    client.cmd(["CONFIG", "SET", "mylog.capture", prefixes]);
}

/// What a picture has to be once all that can be is adopted.
pub fn all_durable(native: &KeySpace, prefix: &str) -> KeySpace {
    let durable = |name: &str, entry: &Entry| {
        let kind = match &*entry.kind {
            "string" => "mylog-str",
            "hash" => "mylog-hsh",
            "list" => "mylog-lst",
            "set" => "mylog-set",
            "zset" => "mylog-zst",
            other => other,
        };
        let kind = if name.starts_with(prefix) {
            kind
        } else {
            &entry.kind
        };
        Entry {
            kind: kind.to_owned(),
            ..entry.clone()
        }
    };
    let one = |((db, name), entry): (&(u32, String), &Entry)| ((*db, name.clone()), durable(name, entry));
    native.iter().map(one).collect()
}

#[test]
fn every_type_is_adopted_with_its_value_and_end_in_every_database_and_survives_kill9() {
    let mut server = capturing();
    let mut client = server.client();
    fill(&mut client);
    let native = picture(&mut client);
    capture(&mut client, "order:");
    let events = client.info_u64("mylog", "mylog_queued_seq");
    adopt(&mut client, "order:");
    assert_eq!(status(&mut client), "ok");
    let now = picture(&mut client);
    same(&now, &all_durable(&native, "order:"));
    let keys = durable(&now).len() as u64;
    assert_eq!(info(&mut client, "adopt_keys"), keys);
    assert_eq!(info(&mut client, "adopted_keys"), keys);
    assert_eq!(info(&mut client, "adopt_skipped"), 3, "the streams");
    assert_eq!(info(&mut client, "adopt_scanned"), now.len() as u64);
    // Each was logged once.
    assert_eq!(client.info_u64("mylog", "mylog_queued_seq") - events, keys);
    // The keys of others are the server's still, and what is durable is there again.
    drop(client);
    let after = survives_kill9(&mut server);
    same(&after, &durable(&now));
}

#[test]
fn a_part_of_a_captured_prefix_can_be_adopted_alone() {
    let server = capturing();
    let mut client = server.client();
    client.ok("SET order:a1 v");
    client.ok("SET order:b1 v");
    capture(&mut client, "cart: order:");
    adopt(&mut client, "order:a");
    assert_eq!(kind(&mut client, b"order:a1"), "mylog-str");
    assert_eq!(kind(&mut client, b"order:b1"), "string");
    wait_for("what is left is counted", || {
        info(&mut client, "native_captured_keys") == 1
    });
    adopt(&mut client, "order:");
    assert_eq!(kind(&mut client, b"order:b1"), "mylog-str");
    wait_for("nothing is left", || {
        info(&mut client, "native_captured_keys") == 0
    });
}

#[test]
fn native_keys_under_captured_prefixes_are_reported() {
    let mut server = Server::build()
        .mylog("capture", "order:")
        .config("appendonly", "yes")
        .start();
    let mut client = server.client();
    let counted = |client: &mut Client, keys: u64| {
        wait_for("they are counted", || {
            let info = client.info("mylog");
            info.get("mylog_native_captured_keys") == Some(&keys.to_string())
        });
    };
    counted(&mut client, 0);
    client.ok("SET order:durable v");
    client.ok("SET cart:1 v");
    client.run("RPUSH cart:2 v");
    client.run("XADD cart:3 1-1 f v");
    client.ok("SET page:1 v");
    capture(&mut client, "order: cart:");
    counted(&mut client, 2);
    capture(&mut client, "page:");
    counted(&mut client, 1);
    capture(&mut client, "");
    counted(&mut client, 0);
    // At the start, too: what the server's own files bring.
    capture(&mut client, "order: cart:");
    client.ok("CONFIG REWRITE");
    server.term();
    server.restart();
    let mut client = server.client();
    counted(&mut client, 2);
    assert_eq!(kind(&mut client, b"order:durable"), "mylog-str");
}

#[test]
fn an_adoption_is_refused_where_it_makes_no_sense() {
    let server = capturing();
    let mut client = server.client();
    large(&mut client, 20_000);
    let refused = |client: &mut Client, line: &str, text: &str| {
        let reply = client.run(line);
        assert!(reply.is_error(text), "{line}: {reply:?}");
    };
    refused(
        &mut client,
        "MYLOG.ADOPT order:",
        "ERR mylog.capture does not hold this prefix",
    );
    capture(&mut client, "order:");
    refused(
        &mut client,
        "MYLOG.ADOPT orde",
        "ERR mylog.capture does not hold this prefix",
    );
    refused(
        &mut client,
        "MYLOG.ADOPT ABORT",
        "ERR No background adoption in progress",
    );
    refused(&mut client, "MYLOG.ADOPT", "ERR wrong number of arguments");
    // In one unit, so that it can't end in between.
    client.ok("MULTI");
    for line in ["MYLOG.ADOPT order:", "MYLOG.ADOPT order:", "mylog.adopt abort"] {
        client.run(line);
    }
    let replies = client.run("EXEC").items();
    assert!(
        replies[1].is_error("ERR Background adoption already in progress") && replies[2].is_ok(),
        "{replies:?}"
    );
    assert_eq!(status(&mut client), "aborted: ABORT");
    assert_eq!(info(&mut client, "adopt_in_progress"), 0);
    adopt(&mut client, "order:");
    assert_eq!(status(&mut client), "ok");
    client.ok("REPLICAOF 127.0.0.1 1");
    refused(&mut client, "MYLOG.ADOPT order:", "READONLY");
}

#[test]
fn an_adoption_ends_when_its_prefix_is_captured_no_longer_or_the_server_follows_another() {
    for (line, why) in [
        (
            "CONFIG SET mylog.capture cart:",
            "mylog.capture holds the prefix no longer",
        ),
        ("REPLICAOF 127.0.0.1 1", "this server became a replica"),
    ] {
        let server = capturing();
        let mut client = server.client();
        large(&mut client, 30_000);
        capture(&mut client, "order:");
        let replies = client.pipeline(&[vec!["MYLOG.ADOPT", "order:"], line.split(' ').collect()]);
        assert!(replies[1].is_ok(), "{replies:?}");
        adopted(&mut client);
        assert_eq!(status(&mut client), format!("aborted: {why}"));
    }
}

#[test]
fn a_replica_ends_with_the_same_keys() {
    let primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    let replica = replica_of(&primary);
    capture(&mut client, "order:");
    adopt(&mut client, "order:");
    assert_eq!(status(&mut client), "ok");
    // The replica captures nothing.
    capture(&mut client, "");
    agree(&replica, &primary);
    let keys = info(&mut client, "keys");
    assert!(keys > 600);
    assert_eq!(info(&mut replica.client(), "keys"), keys);
}

#[test]
fn an_adoption_waits_while_the_log_takes_nothing_and_goes_on_when_it_does() {
    let mut server = capturing();
    let mut client = server.client();
    for n in 0..2000 {
        client.ok(&format!("SET order:{n} v"));
    }
    let away = server.data_dir().join("away");
    fs::rename(server.log_dir(), &away).unwrap();
    wait_for("the log is down", || {
        client.info("mylog")["mylog_last_write_status"] == "err"
    });
    capture(&mut client, "order:");
    client.cmd(["MYLOG.ADOPT", "order:"]);
    client.ok("SET other v");
    assert_eq!(client.run("GET order:1").text(), "v");
    assert_eq!(info(&mut client, "adopt_keys"), 0);
    assert_eq!(info(&mut client, "adopt_in_progress"), 1);
    fs::rename(&away, server.log_dir()).unwrap();
    adopted(&mut client);
    assert_eq!(status(&mut client), "ok");
    assert_eq!(info(&mut client, "adopt_keys"), 2000);
    drop(client);
    let after = survives_kill9(&mut server);
    assert_eq!(after.len(), 2000);
}

#[test]
fn whoever_watches_a_key_is_told_that_it_was_adopted_and_nobody_is_told_of_a_change() {
    let server = capturing();
    let (mut client, mut watcher, mut listener) = (server.client(), server.client(), server.client());
    client.ok("CONFIG SET notify-keyspace-events KA");
    client.ok("SET order:1 v");
    capture(&mut client, "order:");
    listener.run("PSUBSCRIBE __key*__:order:*");
    watcher.ok("WATCH order:1");
    adopt(&mut client, "order:");
    watcher.ok("MULTI");
    watcher.run("SET order:1 w");
    assert_eq!(watcher.run("EXEC"), Reply::Nil);
    assert_eq!(client.run("GET order:1").text(), "v");
    client.run("APPEND order:1 w");
    let event = listener.recv().items();
    assert_eq!(event.last(), Some(&Reply::Bulk(b"append".to_vec())));
}
