//! A crash in the middle of an adoption, and what the server's own files bring back afterwards.

use std::thread;
use std::time::Duration;

use super::command::{adopt, fill, info, status};
use crate::support::keyspace::{durable, kind, picture};
use crate::support::{Server, log_check, wait_for};

/// A key is native, and gone as any that a cache forgets, or it is durable and whole: never both, never half.
#[test]
fn after_kill9_in_mid_adoption_every_key_is_whole_and_durable_or_gone() {
    let mut cut_short = 0;
    for wait_ms in [0, 3, 8, 15, 25, 40, 60, 90] {
        let mut server = Server::build().mylog("appendfsync", "always").start();
        let mut client = server.client();
        fill(&mut client);
        let native = picture(&mut client);
        client.ok("CONFIG SET mylog.capture order:");
        client.run("MYLOG.ADOPT order:");
        thread::sleep(Duration::from_millis(wait_ms));
        server.kill9();
        log_check::check(&server.log_dir());
        server.restart();
        let mut client = server.client();
        let after = picture(&mut client);
        assert_eq!(after, durable(&after), "nothing native is left");
        for (name, entry) in &after {
            let was = &native[name];
            assert_eq!(
                (&entry.value, entry.expire_at),
                (&was.value, was.expire_at),
                "{name:?}"
            );
        }
        assert_eq!(info(&mut client, "keys"), after.len() as u64);
        let all = native
            .keys()
            .filter(|(_, name)| name.starts_with("order:"))
            .count()
            - 3;
        cut_short += usize::from((1..all).contains(&after.len()));
    }
    assert!(cut_short > 0, "no kill came in the middle");
}

/// The server's AOF has the key as it was when it was native, and commands of ours that the log has, too.
#[test]
fn an_adopted_key_that_is_gone_does_not_come_back_from_the_servers_aof() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .config("appendonly", "yes")
        .config("appendfsync", "always")
        .start();
    let mut client = server.client();
    for key in ["order:gone", "order:less", "order:same"] {
        client.run(&format!("RPUSH {key} a b"));
    }
    client.run("SADD order:set x");
    client.ok("CONFIG SET mylog.capture order:");
    adopt(&mut client, "order:");
    client.run("LPOP order:gone 2");
    client.run("LPOP order:less");
    client.run("SPOP order:set");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("EXISTS order:gone order:set").int(), 0);
    assert_eq!(client.run("MYLOG.LRANGE order:less 0 -1").items().len(), 1);
    assert_eq!(client.run("MYLOG.LRANGE order:same 0 -1").items().len(), 2);
    assert_eq!(client.run("DBSIZE").int(), 2);
}

/// An RDB of the time before has the native values.
#[test]
fn a_server_that_keeps_rdbs_saves_one_behind_an_adoption() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .config("save", "3600 1")
        .start();
    let mut client = server.client();
    client.run("RPUSH order:gone a b");
    client.ok("SET page v");
    client.ok("SAVE");
    let before = client.info_u64("persistence", "rdb_saves");
    client.ok("CONFIG SET mylog.capture order:");
    adopt(&mut client, "order:");
    assert_eq!(status(&mut client), "ok");
    wait_for("the RDB", || client.info_u64("persistence", "rdb_saves") > before);
    client.run("LPOP order:gone 2");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("EXISTS order:gone").int(), 0);
    assert_eq!(kind(&mut client, b"page"), "string");
}
