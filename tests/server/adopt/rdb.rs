//! An RDB from before an adoption has the native values. The log wins at the start: over those that it has, and over
//! those that it has had since.

use super::command::{adopt, info, large};
use crate::server::replicas::replica::{caught_up, primary};
use crate::support::keyspace::{all_is_written, kind};
use crate::support::{Client, Server, rewriting, wait_for};

const LEFT_OUT: &str = "native keys of the RDB are left out";

fn start(save: &str, aof: &str) -> Server {
    Server::build()
        .mylog("appendfsync", "everysec")
        .mylog("capture", "order:")
        .mylog("auto-rewrite-percentage", "0")
        .config("save", save)
        .config("appendonly", aof)
        .start()
}

/// Keys under the captured prefix of the time before it was captured.
fn fill(client: &mut Client) {
    let names = client.config("mylog.capture");
    client.cmd(["CONFIG", "SET", "mylog.capture", ""]);
    for db in [0, 3] {
        client.ok(&format!("SELECT {db}"));
        client.run("RPUSH order:gone a b");
        client.ok("SET order:ended v");
        client.run("SADD order:renamed a");
        client.run("HSET order:less f 1 g 2");
        client.ok("SET order:replaced v");
        client.run("XADD order:stream 1-1 f v");
        client.ok("SET other v");
    }
    client.ok("SELECT 0");
    client.cmd(["CONFIG", "SET", "mylog.capture", &names]);
}

fn change(client: &mut Client) {
    for db in [3, 0] {
        client.ok(&format!("SELECT {db}"));
        client.run("LPOP order:gone 2");
        client.ok("SET order:ended v PX 1");
        wait_for("its end", || client.run("EXISTS order:ended").int() == 0);
        client.ok("RENAME order:renamed order:new");
        client.run("HDEL order:less f");
        client.run("DEL order:replaced");
    }
    all_is_written(client);
}

/// A server whose RDB is of the time before its keys were adopted and changed.
fn adopted_behind_the_rdb() -> (Server, Client) {
    let server = start("", "no");
    let mut client = server.client();
    fill(&mut client);
    client.ok("SAVE");
    adopt(&mut client, "order:");
    change(&mut client);
    (server, client)
}

fn is_as_changed(client: &mut Client) {
    for db in [3, 0] {
        client.ok(&format!("SELECT {db}"));
        assert_eq!(
            client.run("EXISTS order:gone order:ended order:renamed").int(),
            0,
            "{db}"
        );
        assert_eq!(client.run("HGETALL order:less").pairs().len(), 1);
        assert_eq!(client.run("SMEMBERS order:new").items().len(), 1);
        assert_eq!(kind(client, b"other"), "string");
        assert_eq!(kind(client, b"order:stream"), "stream");
    }
}

#[test]
fn an_rdb_from_before_an_adoption_brings_back_nothing_that_the_log_has_deleted() {
    for known in [false, true] {
        let mut server = start("", "no");
        let mut client = server.client();
        if known {
            client.ok("SET order:durable v");
        }
        fill(&mut client);
        client.ok("SAVE");
        adopt(&mut client, "order:");
        change(&mut client);
        server.kill9();
        server.restart();
        let mut client = server.client();
        is_as_changed(&mut client);
        assert_eq!(client.run("EXISTS order:replaced").int(), 0);
        assert!(server.log().contains(LEFT_OUT));
        // The RDB is still there.
        server.kill9();
        server.restart();
        is_as_changed(&mut server.client());
    }
}

#[test]
fn an_rdb_saved_in_mid_adoption_brings_back_nothing_that_the_log_has_deleted() {
    let mut server = start("", "no");
    let mut client = server.client();
    client.cmd(["CONFIG", "SET", "mylog.capture", ""]);
    large(&mut client, 20_000);
    for n in 0..3000 {
        client.ok(&format!("SET order:{n} v"));
    }
    client.cmd(["CONFIG", "SET", "mylog.capture", "order:"]);
    client.run("MYLOG.ADOPT order:");
    wait_for("some are adopted", || info(&mut client, "adopt_keys") > 20);
    client.ok("SAVE");
    wait_for("more are adopted", || info(&mut client, "adopt_keys") > 1500);
    client.ok("MYLOG.ADOPT ABORT");
    let keys = |client: &mut Client| {
        let script = "local n=0 for i=0,2999 do if redis.call('TYPE','order:'..i).ok==ARGV[1] then n=n+1 end end return n";
        (
            client.cmd(["EVAL", script, "0", "mylog-str"]).int(),
            client.cmd(["EVAL", script, "0", "string"]).int(),
        )
    };
    client.cmd(["CONFIG", "SET", "mylog.capture", ""]);
    let (durable, native) = keys(&mut client);
    assert!(durable > 0 && durable + native == 3000, "{durable}, {native}");
    let script = "for i=0,2999 do if redis.call('TYPE','order:'..i).ok=='mylog-str' then redis.call('DEL','order:'..i) end end";
    client.cmd(["EVAL", script, "0"]);
    all_is_written(&mut client);
    server.kill9();
    server.restart();
    let mut client = server.client();
    client.cmd(["CONFIG", "SET", "mylog.capture", ""]);
    assert_eq!(
        keys(&mut client),
        (0, native),
        "those that were never adopted are there"
    );
}

/// The RDB of a full sync is the primary's, and is there as long as the replica saves none.
#[test]
fn what_an_rdb_of_a_full_sync_has_and_the_log_has_deleted_does_not_come_back_on_a_promoted_replica() {
    let primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    client.ok("MYLOG.SET other:durable v");
    let mut replica = start("", "no");
    replica
        .client()
        .ok(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    caught_up(&replica, &primary);
    // The full sync has scheduled a rewrite. One after the deletions would leave nothing of them in the log.
    let mut own = replica.client();
    wait_for("the replica's log is rewritten", || {
        let info = own.info("mylog");
        info["mylog_rewrite_scheduled"] == "0" && info["mylog_rewrite_in_progress"] == "0"
    });
    client.ok("CONFIG SET mylog.capture order:");
    adopt(&mut client, "order:");
    change(&mut client);
    caught_up(&replica, &primary);
    own.ok("REPLICAOF NO ONE");
    all_is_written(&mut own);
    replica.kill9();
    replica.restart();
    is_as_changed(&mut replica.client());
    assert!(replica.log().contains(LEFT_OUT));
}

#[test]
fn what_the_rdb_has_of_a_time_behind_the_deletion_stays() {
    let mut server = start("", "no");
    let mut client = server.client();
    fill(&mut client);
    adopt(&mut client, "order:");
    change(&mut client);
    for db in [0, 3] {
        client.ok(&format!("SELECT {db}"));
        client.run("DEL order:less order:new");
        client.ok("CONFIG SET mylog.capture none:");
        client.ok("SET order:replaced native");
        client.ok("CONFIG SET mylog.capture order:");
    }
    client.ok("SAVE");
    client.ok("SET order:late v");
    client.run("DEL order:late");
    all_is_written(&mut client);
    server.kill9();
    server.restart();
    let mut client = server.client();
    for db in [0, 3] {
        client.ok(&format!("SELECT {db}"));
        assert_eq!(client.run("GET order:replaced").text(), "native", "{db}");
        assert_eq!(client.run("EXISTS order:gone order:less").int(), 0);
    }
    assert!(!server.log().contains(LEFT_OUT));
}

/// It does not say in the RDB what the log had by then.
#[test]
fn what_a_server_without_the_module_has_saved_behind_the_deletion_stays() {
    let mut server = start("", "no");
    let mut client = server.client();
    client.ok("SET order:gone v");
    client.run("DEL order:gone");
    all_is_written(&mut client);
    server.kill9();
    let stock = Server::stock().start();
    stock.client().ok("SET order:gone important");
    stock.client().ok("SAVE");
    let rdb = |server: &Server| server.data_dir().join("dump.rdb");
    std::fs::copy(rdb(&stock), rdb(&server)).unwrap();
    server.restart();
    assert_eq!(server.client().run("GET order:gone").text(), "important");
    assert!(!server.log().contains(LEFT_OUT));
}

#[test]
fn a_server_that_starts_as_a_replica_and_is_promoted_without_a_sync_brings_nothing_back() {
    let (mut server, _) = adopted_behind_the_rdb();
    server.kill9();
    let file = server.config_file();
    let config = std::fs::read_to_string(&file).unwrap();
    // Nobody listens there.
    std::fs::write(&file, format!("{config}\nreplicaof 127.0.0.1 1\n")).unwrap();
    server.restart();
    let mut client = server.client();
    client.ok("REPLICAOF NO ONE");
    is_as_changed(&mut client);
    assert!(server.log().contains(LEFT_OUT));
}

#[test]
fn keys_that_nobody_adopted_come_back_with_the_rdb_as_on_any_server() {
    let mut server = start("", "no");
    let mut client = server.client();
    fill(&mut client);
    client.ok("SAVE");
    client.ok("SET order:durable v");
    client.ok("SWAPDB 0 3");
    client.ok("SELECT 3");
    client.ok("SET order:replaced v");
    client.run("DEL order:replaced");
    all_is_written(&mut client);
    server.kill9();
    server.restart();
    let mut client = server.client();
    for (db, replaced) in [(0, 0), (3, 1)] {
        client.ok(&format!("SELECT {db}"));
        assert_eq!(client.run("LRANGE order:gone 0 -1").items().len(), 2);
        assert_eq!(client.run("EXISTS order:replaced").int(), replaced, "{db}");
    }
}

#[test]
fn what_a_rewritten_log_can_not_tell_is_said() {
    let (mut server, mut client) = adopted_behind_the_rdb();
    rewriting::run(&mut client);
    server.kill9();
    server.restart();
    assert!(
        server
            .log()
            .contains("came with an RDB from before the log's last rewrite")
    );
    assert!(!server.log().contains(LEFT_OUT));
}

#[test]
fn with_an_aof_nothing_comes_back_either() {
    let mut server = start("", "yes");
    let mut client = server.client();
    fill(&mut client);
    wait_for("the AOF is rewritten", || {
        client.run("BGREWRITEAOF").is_error("") || {
            let info = client.info("persistence");
            info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0"
        }
    });
    adopt(&mut client, "order:");
    change(&mut client);
    server.kill9();
    server.restart();
    is_as_changed(&mut server.client());
}

#[test]
fn an_adoption_that_ends_early_saves_an_rdb_where_the_server_keeps_them() {
    for how in ["MYLOG.ADOPT ABORT", "CONFIG SET mylog.capture none:"] {
        let mut server = start("3600 1", "no");
        let mut client = server.client();
        client.cmd(["CONFIG", "SET", "mylog.capture", ""]);
        for n in 0..3000 {
            client.ok(&format!("SET order:{n} v"));
        }
        client.ok("SAVE");
        client.cmd(["CONFIG", "SET", "mylog.capture", "order:"]);
        let before = client.info_u64("persistence", "rdb_saves");
        client.run("MYLOG.ADOPT order:");
        wait_for("some are adopted", || info(&mut client, "adopt_keys") > 0);
        client.ok(how);
        wait_for("the RDB", || client.info_u64("persistence", "rdb_saves") > before);
        assert!(info(&mut client, "adopt_keys") < 3000, "it came to its end");
        client.cmd(["CONFIG", "SET", "mylog.capture", ""]);
        client.run("MYLOG.REWRITE");
        server.kill9();
        server.restart();
        assert_eq!(server.client().run("DBSIZE").int(), 3000);
    }
}
