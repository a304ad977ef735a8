//! Durable keys that come with an RDB or AOF, but no log of theirs: nobody but the operator can say what they
//! are worth.

use std::fs;

use crate::support::keyspace::{durable, fill, picture, same, survives_kill9};
use crate::support::{KeySpace, Server};

/// A server whose RDB is there, and whose log is gone.
fn without_its_log(build: crate::support::ServerBuilder) -> (Server, KeySpace) {
    let mut server = build.mylog("appendfsync", "always").start();
    let mut client = server.client();
    fill(&mut client);
    client.ok("SAVE");
    let saved = picture(&mut client);
    server.kill9();
    fs::remove_dir_all(server.log_dir()).unwrap();
    server.restart();
    (server, saved)
}

#[test]
fn durable_keys_without_a_log_refuse_durable_writes() {
    let (server, saved) = without_its_log(Server::build());
    let mut client = server.client();
    same(&picture(&mut client), &saved);
    for line in [
        "MYLOG.SET new D",
        "MYLOG.HSET hash:1 f v",
        "DEL str:1",
        "EXPIRE hash:1 10",
        "RENAME str:2 str:3",
        "MYLOG.DEL str:1",
    ] {
        let reply = client.run(line);
        assert!(
            reply.is_error("MYLOGDOWN ") && reply.clone().text().contains("mylog.load-missing"),
            "{line}: {reply:?}"
        );
    }
    client.ok("SET native:1 other");
    assert_eq!(client.run("DEL native:1").int(), 1);
    assert!(client.info("mylog")["mylog_last_error"].contains("mylog.load-missing"));
    same(&durable(&picture(&mut client)), &durable(&saved));
}

#[test]
fn what_was_refused_is_refused_again_until_somebody_decides() {
    let (mut server, saved) = without_its_log(Server::build());
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert!(client.run("MYLOG.SET new D").is_error("MYLOGDOWN "));
    same(&durable(&picture(&mut client)), &durable(&saved));
    client.ok("CONFIG SET mylog.load-missing adopt");
    client.ok("MYLOG.SET new D");
    client.run("DEL str:1");
    survives_kill9(&mut server);
}

#[test]
fn adopt_takes_durable_keys_into_the_new_log() {
    let (mut server, saved) = without_its_log(Server::build().mylog("load-missing", "adopt"));
    same(&picture(&mut server.client()), &saved);
    server.client().ok("MYLOG.SET new D");
    fs::remove_file(server.data_dir().join("dump.rdb")).unwrap();
    let after = survives_kill9(&mut server);
    assert_eq!(after.len(), durable(&saved).len() + 1);
}

#[test]
fn durable_keys_of_an_aof_without_a_log_follow_the_same_rule() {
    for preamble in ["yes", "no"] {
        let mut server = Server::build()
            .mylog("appendfsync", "always")
            .config("appendonly", "yes")
            .config("appendfsync", "always")
            .config("aof-use-rdb-preamble", preamble)
            .start();
        let mut client = server.client();
        fill(&mut client);
        let saved = picture(&mut client);
        server.kill9();
        fs::remove_dir_all(server.log_dir()).unwrap();
        server.restart();
        let mut client = server.client();
        same(&picture(&mut client), &saved);
        assert!(client.run("MYLOG.SET new D").is_error("MYLOGDOWN "));
        client.ok("CONFIG SET mylog.load-missing adopt");
        client.ok("MYLOG.SET new D");
        survives_kill9(&mut server);
    }
}

#[test]
fn an_rdb_of_another_log_refuses_durable_writes_until_adopted() {
    let other = Server::build().start();
    let mut client = other.client();
    client.ok("MYLOG.SET theirs D PXAT 4102444800123");
    client.ok("MYLOG.SET both Dtheirs");
    client.ok("SET native n");
    client.ok("SAVE");
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET both Dours");
    client.ok("MYLOG.SET ours D");
    server.kill9();
    fs::copy(
        other.data_dir().join("dump.rdb"),
        server.data_dir().join("dump.rdb"),
    )
    .unwrap();
    server.restart();
    let mut client = server.client();
    assert!(client.run("MYLOG.SET new D").is_error("MYLOGDOWN "));
    let value = |client: &mut crate::support::Client, key: &str| client.cmd(["MYLOG.GET", key]).text();
    assert_eq!(value(&mut client, "both"), "Dours");
    client.ok("CONFIG SET mylog.load-missing adopt");
    client.ok("MYLOG.SET new D");
    assert_eq!(value(&mut client, "theirs"), "D");
    assert_eq!(value(&mut client, "both"), "Dours");
    assert_eq!(durable(&picture(&mut client)).len(), 4);
    survives_kill9(&mut server);
}
