//! Captured prefixes: what is routed, what is refused, and what is nobody else's business.

use crate::support::keyspace::{self, picture};
use crate::support::{Client, Reply, Server, wait_for};

fn capturing() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order: \u{7f}")
        .start()
}

fn kind(client: &mut Client, key: &str) -> String {
    keyspace::kind(client, key.as_bytes())
}

#[test]
fn the_prefixes_can_be_changed_at_run_time() {
    let server = capturing();
    let mut client = server.client();
    client.ok("SET order:1 v");
    client.ok("SET cart:1 v");
    assert_eq!(
        (kind(&mut client, "order:1"), kind(&mut client, "cart:1")),
        ("mylog-str".into(), "string".into())
    );
    client.ok("CONFIG SET mylog.capture cart:");
    client.ok("SET order:2 v");
    client.ok("SET cart:2 v");
    assert_eq!(
        (kind(&mut client, "order:2"), kind(&mut client, "cart:2")),
        ("string".into(), "mylog-str".into())
    );
    assert_eq!(client.config("mylog.capture"), "cart:");
    client.cmd(["CONFIG", "SET", "mylog.capture", ""]);
    client.ok("SET cart:3 v");
    assert_eq!(kind(&mut client, "cart:3"), "string");
}

#[test]
fn mixed_keys_and_missing_twins_are_refused_and_nothing_is_done() {
    let server = capturing();
    let mut client = server.client();
    client.ok("SET order:1 v");
    let before = picture(&mut client);
    for line in [
        "MSET order:2 v other v",
        "MSET other v order:2 v",
        "BLPOP other order:l 0",
        "BRPOP order:l other 0",
        "BLMPOP 0 2 order:l other LEFT",
        "BLMOVE order:l other LEFT LEFT 0",
        "BRPOPLPUSH other order:l 0",
        "BZPOPMIN order:z other 0",
        "BZPOPMAX other order:z 0",
        "BZMPOP 0 2 other order:z MIN",
        "LMPOP 2 order:l other LEFT",
        "SUNIONSTORE order:s order:t other",
        "MGET order:1 other",
        "MGET other order:1",
    ] {
        let reply = client.run(line);
        assert!(
            reply.is_error("ERR '") && reply.clone().text().contains("mix"),
            "{line}: {reply:?}"
        );
    }
    for line in [
        "XADD order:x 1-1 f v",
        "PFADD order:p v",
        "GEOADD order:g 1 1 m",
        "xadd order:s 1-1 f v",
    ] {
        let reply = client.run(line);
        assert!(
            reply.is_error("ERR '") && reply.clone().text().contains("durable form"),
            "{line}: {reply:?}"
        );
    }
    for way in [
        "return redis.call('MSET', 'order:2', 'v', 'other', 'v')",
        "return redis.call('XADD', 'order:x', '1-1', 'f', 'v')",
    ] {
        let reply = client.cmd(["EVAL", way, "0"]);
        assert!(
            matches!(&reply, Reply::Error(text) if text.windows(5).any(|part| part == b"order" || part == b"mylog")),
            "{reply:?}"
        );
    }
    client.ok("MULTI");
    client.run("MSET order:2 v other v");
    client.run("XADD order:x 1-1 f v");
    let replies = client.run("EXEC").items();
    assert!(replies.iter().all(|reply| reply.is_error("ERR '")), "{replies:?}");
    assert_eq!(picture(&mut client), before);
}

#[test]
fn errors_are_those_of_the_native_command() {
    let server = capturing();
    let stock = Server::stock().start();
    let (mut client, mut model) = (server.client(), stock.client());
    for line in [
        "SET order:1",
        "GET order:1 order:2",
        "HSET order:1 f",
        "EXPIRE order:1",
        "MSET order:1 v order:2",
        "INCR order:1 1",
        "SET order:1 v EX 0",
        "SET order:1 v NX XX",
        "INCRBY order:1 x",
        "SET order:s v",
        "HGET order:s f",
        "HSET order:h f v",
        "INCR order:h",
        "HINCRBY order:h f 1",
        "EXPIRE order:s 1 NX XX",
        "RENAME order:none order:x",
        "COPY order:s order:s",
    ] {
        assert_eq!(client.run(line), model.run(line), "{line}");
    }
}

#[test]
fn a_user_needs_the_native_permission_on_a_captured_key() {
    let server = capturing();
    let mut admin = server.client();
    admin.ok("SET order:1 v");
    let mut as_user = |rules: &str, line: &str| {
        admin.ok(&format!("ACL SETUSER user reset on nopass ~* {rules}"));
        let mut client = server.client();
        client.ok("AUTH user any");
        client.run(line)
    };
    let refused = [
        "+@all -hset",
        "-@all +mylog.hset",
        "-@all +hset",
        "+@all -mylog.hset",
        "+@all -@hash",
    ];
    for rules in refused {
        let reply = as_user(rules, "HSET order:h f v");
        assert!(reply.is_error("NOPERM"), "{rules}: {reply:?}");
    }
    assert_eq!(
        as_user("-@all +hset +mylog.hset", "HSET order:h f v"),
        Reply::Int(1)
    );
    assert!(as_user("-@all +mylog.hset", "MYLOG.HSET order:h g v").is_error("NOPERM"));
    assert!(as_user("+@all -del", "DEL order:1").is_error("NOPERM"));
    assert!(as_user("+@all -mylog.set", "MYLOG.SET order:1 v").is_error("NOPERM"));
    assert!(as_user("+@all resetkeys ~cart:*", "SET order:1 v").is_error("NOPERM"));
    assert!(as_user("+@all resetkeys %R~order:*", "SET order:1 v").is_error("NOPERM"));
    assert_eq!(
        as_user("+@all resetkeys %R~order:*", "GET order:1"),
        Reply::Bulk(b"v".to_vec())
    );
    assert!(as_user("+@read", "SET order:1 v").is_error("NOPERM"));
    assert_eq!(
        as_user("+@read +mylog.get", "GET order:1"),
        Reply::Bulk(b"v".to_vec())
    );
}

#[test]
fn our_commands_are_in_the_categories_of_the_native_ones() {
    let server = capturing();
    let mut client = server.client();
    // 7.0 keeps modules out of its categories: there users need the names of our commands.
    let keeps_out = client.info("server")["redis_version"].starts_with("7.0");
    for (category, command) in [
        ("@read", "mylog.get"),
        ("@write", "mylog.set"),
        ("@hash", "mylog.hset"),
        ("@dangerous", "mylog.flushall"),
    ] {
        let info = client
            .run(&format!("COMMAND INFO {command}"))
            .items()
            .remove(0)
            .items();
        let categories = format!("{:?}", info[6]);
        assert_eq!(
            categories.contains(category),
            !keeps_out,
            "{command}: {categories}"
        );
    }
}

#[test]
fn acl_holds_inside_transactions_and_scripts_too() {
    let server = capturing();
    server.client().ok("ACL SETUSER user on nopass ~* +@all -hset");
    let mut client = server.client();
    client.ok("AUTH user any");
    client.ok("MULTI");
    client.run("HSET order:h f v");
    let reply = client.run("EXEC");
    let refused =
        reply.is_error("EXECABORT") || reply.clone().items().iter().all(|reply| reply.is_error("NOPERM"));
    assert!(refused, "{reply:?}");
    let reply = client.cmd(["EVAL", "return redis.call('HSET', 'order:h', 'f', 'v')", "0"]);
    assert!(matches!(reply, Reply::Error(_)), "{reply:?}");
    assert_eq!(client.run("EXISTS order:h"), Reply::Int(0));
}

#[test]
fn the_server_knows_the_keys_and_the_documentation_of_our_commands() {
    let server = capturing();
    let mut client = server.client();
    let mut keys = |line: &str| -> Vec<String> {
        let reply = client.run(&format!("COMMAND GETKEYS {line}"));
        reply.items().into_iter().map(Reply::text).collect()
    };
    assert_eq!(keys("MYLOG.SET a v EX 10"), ["a"]);
    assert_eq!(keys("MYLOG.MSET a 1 b 2"), ["a", "b"]);
    assert_eq!(keys("MYLOG.HGETALL h"), ["h"]);
    assert_eq!(keys("MYLOG.DEL a b c"), ["a", "b", "c"]);
    assert_eq!(keys("MYLOG.RENAME a b"), ["a", "b"]);
    assert_eq!(keys("SET order:1 v"), ["order:1"]);
    let docs = client.run("COMMAND DOCS mylog.set mylog.hset").items();
    assert_eq!(docs.len(), 4);
    let text = format!("{docs:?}");
    assert!(text.contains("summary") && text.contains("KEEPTTL"), "{text}");
    let info = client.run("COMMAND INFO mylog.set").items().remove(0).items();
    assert_eq!(info[1], Reply::Int(-3));
    let listed = client.run("COMMAND LIST FILTERBY MODULE mylog").items().len();
    assert!(listed > 40, "{listed}");
}

/// What comes from its primary is what that has made of it, whatever the replica captures.
#[test]
fn a_replica_leads_nothing_of_what_its_primary_sends() {
    let primary = Server::build().with_port().start();
    let replica = capturing();
    let (mut writer, mut reader) = (primary.client(), replica.client());
    reader.ok(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    wait_for("the link", || {
        reader.info("replication")["master_link_status"] == "up"
    });
    writer.ok("SET order:1 v");
    writer.run("HSET order:h f v");
    writer.run("RPUSH order:l a b");
    writer.run("EVAL return{redis.call('get',KEYS[1]),redis.call('append',KEYS[1],'w')} 1 order:1");
    for line in [
        "MULTI",
        "GET order:1",
        "HINCRBY order:h n 1",
        "LMOVE order:l order:m LEFT LEFT",
        "EXEC",
    ] {
        writer.run(line);
    }
    writer.ok("MYLOG.SET order:2 v");
    wait_for("all of it", || {
        reader.run("EXISTS order:1 order:h order:l order:m order:2").int() == 5
    });
    assert_eq!(reader.info_u64("mylog", "mylog_keys"), 1);
    assert_eq!(reader.run("GET order:1").text(), "vw");
    assert_eq!(reader.run("HGET order:h n").text(), "1");
    assert_eq!(reader.run("GET order:2").text(), "v");
    assert!(reader.run("SET order:3 v").is_error("READONLY"));
    reader.ok("REPLICAOF NO ONE");
    reader.ok("SET order:3 v");
    assert_eq!(reader.info_u64("mylog", "mylog_keys"), 2);
}

#[test]
fn commands_on_parts_of_strings_are_routed_with_all_their_keys() {
    let server = capturing();
    let stock = Server::stock().start();
    let (mut client, mut model) = (server.client(), stock.client());
    for line in [
        "SETNX order:1 ohmytext",
        "SETEX order:2 1000 mynewtext",
        "PSETEX order:3 1000000 x",
        "MSETNX order:4 a order:5 b",
        "MSETNX order:6 a order:5 b",
        "GETSET order:4 c",
        "SETRANGE order:4 3 xyz",
        "GETRANGE order:4 0 -2",
        "SUBSTR order:4 -3 -1",
        "SETBIT order:b 9 1",
        "GETBIT order:b 9",
        "BITCOUNT order:1",
        "BITPOS order:1 1",
        "BITOP XOR order:r order:1 order:2 order:none",
        "GETRANGE order:r 0 -1",
        "BITOP AND order:r order:none",
        "EXISTS order:r",
        "BITFIELD order:f SET i5 3 -4 INCRBY u8 #2 300 GET i5 3",
        "BITFIELD_RO order:f GET u8 16",
        "LCS order:1 order:2 IDX WITHMATCHLEN",
        "HMSET order:h f v g w",
        "HRANDFIELD order:h 5 WITHVALUES",
    ] {
        assert_eq!(client.run(line), model.run(line), "{line}");
    }
    for key in ["order:1", "order:b", "order:f"] {
        assert_eq!(kind(&mut client, key), "mylog-str");
    }
    assert_eq!(kind(&mut client, "order:h"), "mylog-hsh");
    let before = picture(&mut client);
    for line in [
        "BITOP AND other order:1 order:2",
        "BITOP AND order:r order:1 other",
        "LCS order:1 other",
        "MSETNX order:8 v other v",
    ] {
        let reply = client.run(line);
        assert!(
            reply.is_error("ERR '") && reply.clone().text().contains("mix"),
            "{line}: {reply:?}"
        );
    }
    assert_eq!(picture(&mut client), before);
}

#[test]
fn who_may_not_run_a_native_command_with_an_underscore_may_not_run_it_routed() {
    let server = capturing();
    let mut client = server.client();
    client.ok("SET order:1 v");
    client.ok("ACL SETUSER reader on nopass ~* +@all -bitfield_ro");
    client.ok("AUTH reader any");
    let reply = client.run("BITFIELD_RO order:1 GET u8 0");
    assert!(reply.is_error("NOPERM"), "{reply:?}");
    assert_eq!(client.run("BITFIELD order:1 GET u8 0").items(), [Reply::Int(118)]);
}

/// ASYNC is no key, whatever it begins with.
#[test]
fn a_flush_follows_its_policy_whatever_the_prefixes() {
    let server = Server::build().mylog("capture", "async: Sync: a S").start();
    let mut client = server.client();
    client.ok("SET async:1 v");
    for line in [
        "FLUSHALL",
        "FLUSHALL async",
        "flushall SYNC",
        "FLUSHDB async",
        "flushdb Sync",
    ] {
        assert!(client.run(line).is_error("ERR FLUSH"), "{line}");
        assert_eq!(kind(&mut client, "async:1"), "mylog-str", "{line}");
    }
}

/// A key counts wherever its command has it, and nothing else does, whatever it looks like.
#[test]
fn keys_are_found_at_every_place_and_values_are_not_taken_for_keys() {
    let server = capturing();
    let stock = Server::stock().start();
    let (mut client, mut model) = (server.client(), stock.client());
    for line in [
        "SET other order:v",
        "GETSET other order:w",
        "HSET other:h order:f order:v",
        "RPUSH other:l order:a order:b",
        "SADD order:s a b c",
        "ZADD order:z 1 a 2 b",
        "ZUNIONSTORE order:y 2 order:z order:s WEIGHTS 1 2",
        "zinterstore order:x 1 order:z",
        "LMPOP 1 other:l LEFT COUNT 5",
        "RPUSH order:l a b",
        "LMPOP 2 order:none order:l LEFT",
        "LMPOP 18446744073709551615 order:l LEFT",
        "LMPOP 99999999999999999999 order:l LEFT",
        "LMPOP 9 order:l LEFT",
        "ZUNIONSTORE order:w 9 order:z",
        "SINTERCARD 2 order:s order:y",
        "ZUNION 2 order:z",
        "ZUNION 0 order:z",
        "RENAME other renamed",
        "COPY renamed another",
        "DEL none other order:x",
        "unlink another none order:y",
        "EXISTS another order:x order:y renamed",
    ] {
        assert_eq!(client.run(line), model.run(line), "{line}");
    }
    let code = "return redis.call('DEL', ARGV[1], ARGV[2])";
    assert_eq!(
        client.cmd(["EVAL", code, "0", "other:h", "order:s"]),
        Reply::Int(2)
    );
    for (key, held) in [("order:z", "mylog-zst"), ("renamed", "string")] {
        assert_eq!(kind(&mut client, key), held, "{key}");
    }
    client.ok("SET order:s v");
    let before = client.run("DEBUG DIGEST");
    for line in [
        "ZUNIONSTORE other 1 order:z",
        "ZUNIONSTORE order:y 2 order:z other",
        "zdiff 2 other order:z",
        "LMPOP 2 other order:l LEFT",
        "SINTERCARD 2 other order:s",
        "SMOVE other order:s m",
        "MSETNX other v order:9 v",
    ] {
        let reply = client.run(line);
        assert!(reply.clone().text().contains("mix"), "{line}: {reply:?}");
    }
    assert_eq!(client.run("DEBUG DIGEST"), before);
}
