//! `rename-command`: a captured key is durable under every spelling, and none leads past a refusal.

use crate::server::replicas::replica::{agree, caught_up, replica_of};
use crate::support::keyspace::kind;
use crate::support::{Client, Reply, Server};

fn renamed() -> Server {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:");
    for names in [
        "SET put",
        // A name that means another command.
        "GET SET",
        "HSET hput",
        "LPUSH push",
        "INCR up",
        "MSET several",
        "XADD append_to",
        "XGROUP groups",
        "PFMERGE merge",
        "DEL rm",
        "RENAME mv",
        "COPY cp",
        "EXPIRE later",
        "PEXPIREAT later_at",
        "PERSIST stay",
        "UNLINK away",
        "FLUSHALL nuke",
        "FLUSHDB \"\"",
        "EVAL lua",
        "TYPE kind",
    ] {
        server = server.config("rename-command", names);
    }
    server.start()
}

/// GET, which is spelt SET. Redis 8.6 takes a name that the last command of the client has in its table for that command.
fn get(client: &mut Client, key: &str) -> String {
    client.run("PING");
    client.run(&format!("SET {key}")).text()
}

#[test]
fn captured_keys_are_durable_under_every_spelling_of_a_command() {
    let mut server = renamed();
    let mut client = server.client();
    client.ok("put order:1 v");
    assert_eq!(get(&mut client, "order:1"), "v");
    assert_eq!(client.run("HPUT order:h f v").int(), 1);
    assert_eq!(client.run("push order:l a b").int(), 2);
    assert_eq!(client.run("up order:n").int(), 1);
    client.ok("MULTI");
    client.run("Put order:2 w");
    client.run("PING");
    client.run("set order:2");
    assert_eq!(client.run("EXEC").items()[2].clone().text(), "w");
    client.cmd(["LUA", "return redis.call('put', 'order:3', 'x')", "0"]);
    client.ok("several order:4 y order:5 z");
    client.ok("put cache:1 v");
    assert_eq!(get(&mut client, "cache:1"), "v");
    assert_eq!(client.run("kind order:h").text(), "hash");
    for key in ["1", "2", "3", "4", "5"] {
        let kind = client.run(&format!("OBJECT ENCODING order:{key}"));
        assert!(matches!(kind, Reply::Bulk(_)), "{kind:?}");
    }
    assert_eq!(client.info_u64("mylog", "mylog_keys"), 8);
    server.kill9();
    server.restart();
    let mut client = server.client();
    for (line, wanted) in [
        ("SET order:1", "v"),
        ("SET order:2", "w"),
        ("SET order:3", "x"),
        ("SET order:5", "z"),
        ("HGET order:h f", "v"),
        ("LINDEX order:l 0", "b"),
        ("SET order:n", "1"),
    ] {
        client.run("PING");
        assert_eq!(client.run(line).text(), wanted, "{line}");
    }
    // What has no command has no form either.
    for line in ["GET order:1", "HSET order:h f w", "DEL order:1", "NONE order:1"] {
        assert!(client.run(line).is_error("ERR unknown command"), "{line}");
    }
    assert_eq!(client.info_u64("mylog", "mylog_keys"), 8);
}

/// The replica knows nothing of the primary's spellings.
#[test]
fn what_a_command_takes_away_leaves_the_replica_too_where_del_has_another_name() {
    let primary = Server::build()
        .mylog("capture", "order:")
        .config("repl-diskless-sync-delay", "0")
        .config("rename-command", "DEL rm")
        .with_port()
        .start();
    let replica = replica_of(&primary);
    let mut client = primary.client();
    client.run("SET order:rm v");
    // From here on the primary knows how DEL is spelt.
    assert_eq!(client.run("rm order:rm").int(), 1);
    for key in ["a", "b", "c"] {
        client.ok(&format!("SET order:{key} v"));
    }
    client.run("SADD order:s m");
    client.run("SADD order:t m");
    client.ok("SET order:kept v");
    caught_up(&replica, &primary);
    client.run("GETDEL order:a");
    client.run("GETEX order:b PXAT 1");
    client.run("BITOP OR order:c order:none");
    client.run("SPOP order:s");
    client.run("ZUNIONSTORE order:t 1 order:none");
    agree(&replica, &primary);
    let keys: Vec<String> = replica
        .client()
        .run("KEYS *")
        .items()
        .into_iter()
        .map(Reply::text)
        .collect();
    assert_eq!(keys, ["order:kept"]);
}

#[test]
fn no_spelling_leads_past_a_refusal() {
    let server = renamed();
    let mut client = server.client();
    client.ok("put order:1 v");
    client.ok("put cache:1 v");
    for line in [
        "append_to order:s * f v",
        "groups create order:s g $ MKSTREAM",
        "merge order:p cache:p",
        "merge cache:p order:1",
        "several cache:1 v order:1 v",
        "mv cache:1 order:2",
        "cp cache:1 order:2",
        "nuke",
        "NUKE async",
    ] {
        let reply = client.run(line);
        assert!(reply.is_error("ERR "), "{line}: {reply:?}");
        assert!(!reply.is_error("ERR unknown"), "{line}: {reply:?}");
    }
    assert_eq!(client.run("DBSIZE").int(), 2);
    assert_eq!(client.run("append_to cache:s 1-1 f v").text(), "1-1");
    client.ok("ACL SETUSER user on nopass ~* +@all -set");
    let mut other = server.client();
    other.ok("AUTH user any");
    assert!(other.run("put order:1 w").is_error("NOPERM"));
    assert_eq!(get(&mut other, "order:1"), "v");
    assert_eq!(other.run("hput order:h f v").int(), 1);
}

#[test]
fn our_forms_work_whatever_the_native_command_is_called() {
    let mut server = renamed();
    let mut client = server.client();
    // Before anybody has used the other spellings, and after.
    for _ in 0..2 {
        for key in ["order:d", "cache:d"] {
            our_forms_work(&mut client, key);
        }
        for line in [
            "later order:d 9",
            "later_at order:d 9",
            "stay order:d",
            "away order:d",
            "rm order:d",
        ] {
            assert_eq!(client.run(line), Reply::Int(0), "{line}");
        }
    }
    client.ok("put order:kept v");
    assert_eq!(client.run("MYLOG.PEXPIREAT order:kept 4102444800123").int(), 1);
    client.ok("put order:gone v");
    assert_eq!(client.run("MYLOG.DEL order:gone").int(), 1);
    assert_eq!(client.info_u64("mylog", "mylog_keys"), 1);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("PEXPIRETIME order:kept").int(), 4_102_444_800_123);
    assert_eq!(client.run("EXISTS order:gone").int(), 0);
    assert_eq!(client.run("MYLOG.TYPE order:kept").text(), "string");
}

fn our_forms_work(client: &mut Client, key: &str) {
    let put = format!("put {key} v");
    client.ok(&put);
    for (line, reply) in [
        ("MYLOG.EXPIRE @ 1000 NX", 1),
        ("MYLOG.EXPIRE @ 2000 NX", 0),
        ("MYLOG.EXPIRE @ 2000 GT", 1),
    ] {
        gives(client, key, line, reply);
    }
    let ttl = client.run(&format!("TTL {key}")).int();
    assert!((1990..=2000).contains(&ttl), "{key}: {ttl}");
    for (line, reply) in [
        ("MYLOG.PERSIST @", 1),
        ("MYLOG.PERSIST @", 0),
        ("MYLOG.PEXPIREAT @ 4102444800123 XX", 0),
        ("MYLOG.PEXPIREAT @ 4102444800123 LT", 1),
        ("PEXPIRETIME @", 4_102_444_800_123),
    ] {
        gives(client, key, line, reply);
    }
    let refused = client.run(&format!("MYLOG.EXPIRE {key} x"));
    assert!(
        refused.is_error("ERR value is not an integer"),
        "{key}: {refused:?}"
    );
    gives(client, key, "MYLOG.UNLINK @ none", 1);
    client.ok(&put);
    gives(client, key, "MYLOG.EXPIRE @ -1", 1);
    gives(client, key, "MYLOG.DEL @", 0);
}

fn gives(client: &mut Client, key: &str, line: &str, reply: i64) {
    let line = line.replace('@', key);
    assert_eq!(client.run(&line), Reply::Int(reply), "{line}");
}

/// Without renames a name is what it says, and a key's type is told as ever.
#[test]
fn a_server_with_one_renamed_command_routes_all_others_as_before() {
    let server = Server::build()
        .mylog("capture", "order:")
        .config("rename-command", "KEYS names")
        .start();
    let mut client = server.client();
    client.ok("SET order:1 v");
    client.run("BITOP AND order:2 order:1");
    assert!(
        client
            .run("BITOP AND order:2 cache:1")
            .is_error("ERR 'bitop' can't mix")
    );
    assert!(
        client
            .run("XADD order:s * f v")
            .is_error("ERR 'xadd' has no durable form")
    );
    assert!(kind(&mut client, b"order:1").starts_with("mylog-"));
    assert!(client.run("FLUSHALL").is_error("ERR FLUSHALL would delete"));
    assert_eq!(client.run("names *").items().len(), 2);
}

#[test]
fn a_server_that_hides_its_table_of_commands_captures_nothing() {
    let hiding = || Server::build().config("rename-command", "COMMAND \"\"");
    let refused = hiding().mylog("capture", "order:").try_start().err().unwrap();
    assert!(refused.log.contains("mylog.capture needs COMMAND"), "{refused}");
    let server = hiding().start();
    let mut client = server.client();
    let reply = client.run("CONFIG SET mylog.capture order:");
    assert!(
        reply.is_error("ERR ") && reply.clone().text().contains("needs COMMAND"),
        "{reply:?}"
    );
    client.ok("MYLOG.SET order:1 v");
    client.ok("SET order:2 v");
    assert_eq!(client.run("XADD s 1-1 f v").text(), "1-1");
}
