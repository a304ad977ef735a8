//! What the server saves by itself is never ahead of the log, which wins at the next start: a native key that was
//! adopted in the last turn would be in neither.

use std::fs;
use std::time::Duration;

use crate::server::adopt::command::{adopt, info};
use crate::support::keyspace::{all_is_written, kind};
use crate::support::rewriting::hold;
use crate::support::sync_gate::{Later, SyncGate};
use crate::support::wait::holds_within;
use crate::support::{Client, Server, wait_for};

/// A server whose RDB has native keys. They were adopted since, and the log's disk stands still.
fn adopted_and_not_written(aof: &str) -> (Server, Client, SyncGate) {
    let server = Server::build()
        .mylog("appendfsync", "everysec")
        .mylog("max-unsynced-age", "0")
        .mylog("auto-rewrite-percentage", "0")
        .config("appendonly", aof)
        .start();
    let mut client = server.client();
    client.run("RPUSH order:1 a b");
    client.ok("SET order:2 v");
    client.ok("MYLOG.SET durable v");
    client.ok("SAVE");
    all_is_written(&mut client);
    let gate = SyncGate::shut_to_writes(&server);
    wait_for("a write hangs", || {
        client.ok("MYLOG.SET durable v");
        info(&mut client, "oldest_unwritten_age_ms") > 1500
    });
    client.ok("CONFIG SET mylog.capture order:");
    adopt(&mut client, "order:");
    assert_eq!(kind(&mut client, b"order:1"), "mylog-lst");
    (server, client, gate)
}

/// The keys are there, native or durable.
fn are_there(client: &mut Client) {
    client.ok("CONFIG SET mylog.capture order:");
    assert_eq!(client.run("LRANGE order:1 0 -1").items().len(), 2);
    assert_eq!(client.run("GET order:2").text(), "v");
}

#[test]
fn an_rdb_that_is_saved_behind_an_adoption_waits_for_the_log() {
    let (mut server, mut client, gate) = adopted_and_not_written("no");
    let file = server.data_dir().join("dump.rdb");
    let before = fs::read(&file).unwrap();
    assert!(!client.run("BGSAVE").is_error(""));
    let over = holds_within(Duration::from_millis(1500), || {
        client.info("persistence")["rdb_bgsave_in_progress"] == "0"
    });
    assert!(!over, "it did not wait");
    server.kill9();
    drop(gate);
    assert_eq!(fs::read(&file).unwrap(), before);
    server.restart();
    are_there(&mut server.client());
}

#[test]
fn it_is_saved_once_the_log_has_them() {
    let (mut server, mut client, gate) = adopted_and_not_written("no");
    assert!(!client.run("BGSAVE").is_error(""));
    gate.open();
    wait_for("the RDB", || {
        client.info("persistence")["rdb_bgsave_in_progress"] == "0"
    });
    assert_eq!(client.info("persistence")["rdb_last_bgsave_status"], "ok");
    server.kill9();
    server.restart();
    let mut client = server.client();
    are_there(&mut client);
    assert_eq!(kind(&mut client, b"order:1"), "mylog-lst");
}

/// The cache has to be saved also while the log's disk stands still; only what an adoption made must not be lost.
#[test]
fn a_child_that_waited_in_vain_saves_nothing_that_was_adopted_meanwhile() {
    let (mut server, mut client, gate) = adopted_and_not_written("no");
    // With save points a failed save would have the server refuse writes to the cache.
    assert!(client.cmd(["CONFIG", "SET", "save", "1000000 1000000"]).is_ok());
    assert!(!client.run("BGSAVE").is_error(""));
    wait_for("it gives up", || {
        client.info("persistence")["rdb_bgsave_in_progress"] == "0"
    });
    assert!(server.log().contains("not saved: "));
    client.ok("SET cache goes-on");
    server.kill9();
    drop(gate);
    server.restart();
    are_there(&mut server.client());
}

#[test]
fn an_aof_that_is_rewritten_behind_an_adoption_waits_for_the_log() {
    let (server, mut client, gate) = adopted_and_not_written("yes");
    assert!(!client.run("BGREWRITEAOF").is_error(""));
    let over = holds_within(Duration::from_millis(1500), || {
        client.info("persistence")["aof_rewrite_in_progress"] == "0"
    });
    assert!(!over, "it did not wait");
    gate.open();
    wait_for("the AOF", || {
        client.info("persistence")["aof_rewrite_in_progress"] == "0"
    });
    assert_eq!(client.info("persistence")["aof_last_bgrewrite_status"], "ok");
    drop(server);
}

#[test]
fn save_waits_for_the_log_as_long_as_the_disk_takes() {
    let (mut server, client, gate) = adopted_and_not_written("no");
    let file = server.data_dir().join("dump.rdb");
    let before = fs::read(&file).unwrap();
    let saved = Later::send(client, "SAVE");
    let over = holds_within(Duration::from_millis(2500), || fs::read(&file).unwrap() != before);
    assert!(!over, "it did not wait");
    saved.is_not_there("SAVE");
    server.kill9();
    drop(gate);
    server.restart();
    are_there(&mut server.client());
}

/// All that the server's AOF has of commands.
fn aof(server: &Server) -> String {
    let files = fs::read_dir(server.data_dir().join("appendonlydir")).unwrap();
    let bytes = files.flat_map(|file| fs::read(file.unwrap().path()).unwrap());
    String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
}

/// The event loop writes the AOF, and may have told it of an adoption that the log does not have.
#[test]
fn what_only_the_aof_knows_to_be_adopted_is_adopted_again() {
    let (mut server, client, gate) = adopted_and_not_written("yes");
    wait_for("the AOF tells of both", || {
        aof(&server).matches("MYLOG.APPLY").count() == 2
    });
    drop(client);
    server.kill9();
    drop(gate);
    for _ in 0..2 {
        server.restart();
        let mut client = server.client();
        are_there(&mut client);
        assert_eq!(kind(&mut client, b"order:1"), "mylog-lst");
        all_is_written(&mut client);
        server.kill9();
    }
    server.restart();
    let mut client = server.client();
    are_there(&mut client);
    client.run("LPOP order:1 2");
    all_is_written(&mut client);
    for _ in 0..2 {
        server.kill9();
        server.restart();
        let mut client = server.client();
        assert_eq!(client.run("EXISTS order:1").int(), 0);
        assert_eq!(client.run("MYLOG.GET order:2").text(), "v");
        assert_eq!(client.run("DBSIZE").int(), 2);
    }
}

/// A durable key keeps its kind with its name: what only the AOF knows to be adopted does so, too.
#[test]
fn what_only_the_aof_knows_to_be_adopted_is_adopted_by_the_name_that_it_got_since() {
    let (mut server, mut client, gate) = adopted_and_not_written("yes");
    client.ok("RENAME order:1 order:9");
    client.run("MOVE order:2 3");
    wait_for("the AOF tells of all", || {
        let aof = aof(&server).to_uppercase();
        aof.contains("RENAME") && aof.contains("MOVE\r\n")
    });
    drop(client);
    server.kill9();
    drop(gate);
    for _ in 0..2 {
        server.restart();
        let mut client = server.client();
        assert_eq!(kind(&mut client, b"order:9"), "mylog-lst");
        assert_eq!(client.run("MYLOG.LRANGE order:9 0 -1").items().len(), 2);
        assert_eq!(client.run("EXISTS order:1 order:2").int(), 0);
        client.ok("SELECT 3");
        assert_eq!(kind(&mut client, b"order:2"), "mylog-str");
        all_is_written(&mut client);
        server.kill9();
    }
}

/// Nothing can refuse the RDB of a SAVE, or of a shutdown: it takes the place of the native keys.
#[test]
fn what_was_adopted_is_in_an_rdb_that_was_saved_while_the_log_was_down() {
    for end in ["SAVE", "SHUTDOWN SAVE"] {
        let mut server = Server::build()
            .mylog("appendfsync", "everysec")
            .mylog("auto-rewrite-percentage", "0")
            .start();
        let mut client = server.client();
        client.run("RPUSH order:1 a b");
        client.ok("SET order:2 v");
        client.ok("MYLOG.SET durable v");
        client.ok("MYLOG.SET gone v");
        all_is_written(&mut client);
        client.ok("SAVE");
        client.run("DEL gone");
        all_is_written(&mut client);
        // The log is mended by a rewrite from memory, which does not end here.
        hold(&mut client, "walked");
        let gate = SyncGate::failing(&server);
        wait_for("a sync hangs", || {
            client.ok("MYLOG.SET durable v");
            info(&mut client, "oldest_unsynced_age_ms") > 1500
        });
        client.ok("CONFIG SET mylog.capture order:");
        adopt(&mut client, "order:");
        wait_for("the log is down", || {
            client.run("MYLOG.SET durable v").is_error("MYLOGDOWN ")
        });
        if end == "SAVE" {
            client.ok(end);
            server.kill9();
        } else {
            client.send(end.split(' '));
            server.wait_exit();
        }
        drop(gate);
        server.restart();
        let mut client = server.client();
        are_there(&mut client);
        assert_eq!(kind(&mut client, b"order:1"), "mylog-lst", "{end}");
        assert_eq!(client.run("EXISTS gone").int(), 0, "{end}");
        all_is_written(&mut client);
        server.kill9();
        server.restart();
        are_there(&mut server.client());
    }
}

/// Trouble with the log is none of the cache.
#[test]
fn while_the_log_is_down_an_rdb_is_saved_without_waiting() {
    let server = Server::build().mylog("appendfsync", "everysec").start();
    let mut client = server.client();
    client.ok("SET native v");
    let gate = SyncGate::full(&server);
    wait_for("the log is down", || {
        client.run("MYLOG.SET durable v").is_error("MYLOGDOWN ")
    });
    assert!(!client.run("BGSAVE").is_error(""));
    let saved = holds_within(Duration::from_secs(5), || {
        client.info("persistence")["rdb_bgsave_in_progress"] == "0"
    });
    assert!(saved, "it waits");
    assert_eq!(client.info("persistence")["rdb_last_bgsave_status"], "ok");
    client.ok("SAVE");
    gate.open();
}
