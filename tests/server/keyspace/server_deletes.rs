//! What the server deletes by itself: keys whose time has come stay gone, and what it evicts stays.

use crate::support::keyspace::{all_is_written, durable, picture};
use crate::support::{Client, Server, wait_for};

fn seq(client: &mut Client) -> u64 {
    client.info_u64("mylog", "mylog_queued_seq")
}

#[test]
fn a_key_found_expired_by_a_command_is_gone_for_good() {
    for (access, makes_native) in [
        ("MYLOG.GET a", false),
        ("EXISTS a", false),
        ("SET a n", true),
        ("MYLOG.GETEX a", false),
    ] {
        let mut server = Server::build().mylog("appendfsync", "always").start();
        let mut client = server.client();
        client.run("DEBUG SET-ACTIVE-EXPIRE 0");
        client.ok("SELECT 3");
        client.ok("MYLOG.SET a D1 PX 1");
        client.ok("MYLOG.SET kept D1 PX 100000000");
        let before = seq(&mut client);
        wait_for("its time", || client.run("PTTL a").int() == -2);
        client.run(access);
        wait_for("the effect", || seq(&mut client) == before + 1);
        assert_eq!(client.info_u64("mylog", "mylog_keys"), 1);
        assert_eq!(client.run("EXISTS a").int(), i64::from(makes_native), "{access}");
        let before = durable(&picture(&mut client));
        server.kill9();
        server.restart();
        assert_eq!(picture(&mut server.client()), before, "{access}");
    }
}

#[test]
fn a_key_that_the_server_expires_is_gone_for_good() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    for key in 0..200 {
        client.ok(&format!("SELECT {}", key % 2));
        client.ok(&format!(
            "MYLOG.SET {key} D PX {}",
            if key % 4 < 2 { 1 } else { 100_000_000 }
        ));
    }
    wait_for("active expiry", || client.info_u64("mylog", "mylog_keys") == 100);
    let before = picture(&mut client);
    assert_eq!(before.len(), 100);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(picture(&mut client), before);
    // Nobody waits until an end that the server saw is on disk: it may see it again.
    wait_for("active expiry", || client.info_u64("mylog", "mylog_keys") == 100);
}

#[test]
fn a_key_whose_time_comes_while_the_server_is_down_is_gone() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET a D1 PX 50");
    client.ok("MYLOG.SET b D1");
    server.kill9();
    server.restart();
    let mut client = server.client();
    wait_for("its time", || client.run("EXISTS a").int() == 0);
    client.ok("MYLOG.SET a D2");
    server.kill9();
    server.restart();
    let after = picture(&mut server.client());
    assert_eq!(after.len(), 2);
    assert_eq!(after[&(0, "a".to_owned())].value, [b"D2".to_vec()]);
    assert_eq!(after[&(0, "a".to_owned())].expire_at, -1);
}

#[test]
fn durable_keys_outlive_eviction() {
    let mut server = Server::build()
        .mylog("appendfsync", "everysec")
        .config("maxmemory-policy", "allkeys-lru")
        .start();
    let mut client = server.client();
    for key in 0..500 {
        client.ok(&format!("SELECT {}", key % 2));
        client.ok(&format!("MYLOG.SET durable:{key} D{key} PXAT 4102444800123"));
        client.run(&format!("MYLOG.HSET hash:{key} D {key}"));
    }
    let before = picture(&mut client);
    assert_eq!(before.len(), 1000);
    let used = client.info_u64("memory", "used_memory");
    client.ok(&format!("CONFIG SET maxmemory {}", used + (2 << 20)));
    let value = "x".repeat(1000);
    for key in 0..8000 {
        client.ok(&format!("SET cache:{key} {value}"));
    }
    assert!(client.info_u64("stats", "evicted_keys") > 1000);
    assert_eq!(client.info_u64("mylog", "mylog_keys"), 1000);
    // Looking costs memory, and would evict what is looked at.
    client.ok("CONFIG SET maxmemory 0");
    assert_eq!(durable(&picture(&mut client)), before);
    all_is_written(&mut client);
    server.kill9();
    server.restart();
    assert_eq!(picture(&mut server.client()), before);
}

/// The server ends itself if anything is replicated, or goes into its AOF, while writes are paused.
#[test]
fn what_was_evicted_before_a_pause_is_told_to_replicas_behind_it() {
    let server = Server::build()
        .config("appendonly", "yes")
        .config("maxmemory-policy", "allkeys-random")
        .start();
    let (mut sleeper, mut client, mut other) = (server.client(), server.client(), server.client());
    for n in 0..200 {
        client.cmd(["MYLOG.SET", &format!("key:{n}"), &"x".repeat(100)]);
    }
    for _ in 0..3 {
        for each in [&mut sleeper, &mut other] {
            assert_eq!(each.run("PING").text(), "PONG");
        }
        let limit = client.info_u64("memory", "used_memory") - 3000;
        // Most likely both in one turn.
        sleeper.send(["DEBUG", "SLEEP", "0.1"]);
        client.send(["CONFIG", "SET", "maxmemory", &limit.to_string()]);
        other.send(["CLIENT", "PAUSE", "100000", "WRITE"]);
        for each in [&mut sleeper, &mut client, &mut other] {
            assert!(each.recv().is_ok());
        }
        client.run("GET native");
        client.ok("CLIENT UNPAUSE");
        client.ok("CONFIG SET maxmemory 0");
        assert_eq!(client.run("DBSIZE").int(), 200);
    }
}
