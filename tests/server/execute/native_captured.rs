//! Keys that are native under a captured prefix: until they are adopted they are what they were, to every client.

use crate::server::commands::keys_of_commands::{keys_in, known as samples, words};
use crate::support::keyspace::kind;
use crate::support::sync_gate::{Later, SyncGate, wait_held};
use crate::support::{Client, Reply, Server};

const CAPTURED: &str = "order:";

fn server() -> Server {
    Server::build().mylog("appendfsync", "always").start()
}

fn capture(client: &mut Client) {
    client.cmd(["CONFIG", "SET", "mylog.capture", CAPTURED]);
}

/// Commands of all five groups, that make their keys and then use them.
const LINES: &[&str] = &[
    "GET order:s",
    "SET order:s w KEEPTTL GET",
    "APPEND order:s more",
    "STRLEN order:s",
    "GETRANGE order:s 0 2",
    "SETBIT order:s 7 1",
    "BITFIELD order:s GET u8 0",
    "GETEX order:s PXAT 4102444800123",
    "PEXPIRETIME order:s",
    "MGET order:s order:none order:l",
    "INCR order:n",
    "INCRBYFLOAT order:n 0.5",
    "GETDEL order:n",
    "HSET order:h g 2 i 3",
    "HGETALL order:h",
    "HINCRBY order:h g 5",
    "HRANDFIELD order:h 10 WITHVALUES",
    "HSCAN order:h 0",
    "LPUSH order:l z",
    "LRANGE order:l 0 -1",
    "LINSERT order:l BEFORE z y",
    "LMOVE order:l order:k LEFT RIGHT",
    "LMPOP 2 order:none order:l LEFT",
    "SADD order:t 4 5",
    "SMEMBERS order:t",
    "SINTER order:t order:t",
    "SUNION order:t order:none",
    "SMISMEMBER order:t 4 9",
    "SMOVE order:t order:u 4",
    "ZADD order:z 2 b",
    "ZRANGE order:z 0 -1 WITHSCORES",
    "ZINCRBY order:z 1.5 b",
    "ZSCORE order:z b",
    "ZMSCORE order:z b nobody",
    "ZRANDMEMBER order:z 5 WITHSCORES",
    "ZPOPMIN order:z",
    "TYPE order:s",
    "TYPE order:z",
    "OBJECT ENCODING order:t",
    "OBJECT ENCODING order:h",
    "OBJECT REFCOUNT order:h",
    // Errors, too.
    "LPUSH order:s x",
    "HSET order:l f v",
    "INCR order:h",
    "ZADD order:z nonsense m",
];

fn fill(client: &mut Client) {
    client.ok("SET order:s value EX 10000");
    client.ok("SET order:n 10");
    client.run("HSET order:h f 1");
    client.run("RPUSH order:l a b c");
    client.run("RPUSH order:k k");
    client.run("SADD order:t 1 2 3");
    client.run("SADD order:u u");
    client.run("ZADD order:z 1 a");
}

#[test]
fn native_commands_answer_what_a_stock_server_answers() {
    for protocol in ["2", "3"] {
        let (server, stock) = (server(), Server::stock().start());
        let (mut client, mut model) = (server.client(), stock.client());
        for client in [&mut client, &mut model] {
            client.run(&format!("HELLO {protocol}"));
            fill(client);
        }
        capture(&mut client);
        for line in LINES {
            let words = || line.split(' ');
            assert_eq!(client.raw(words()), model.raw(words()), "{line}");
        }
        for key in ["order:s", "order:h", "order:l", "order:t", "order:z"] {
            assert!(!kind(&mut client, key.as_bytes()).starts_with("mylog"), "{key}");
        }
        let answered = client.info_u64("mylog", "mylog_native_captured_commands");
        assert!(answered > 25, "{answered}");
        assert_eq!(client.info_u64("mylog", "mylog_keys"), 0);
    }
}

/// Every command with every type of native key: those that take another type are answered, too, with the native error.
#[test]
fn no_command_leaves_the_client_of_a_native_key_without_its_native_answer() {
    let (server, stock) = (server(), Server::stock().start());
    let (mut own, mut other) = (server.client(), stock.client());
    let (known, mut wrong) = (samples(&mut own), Vec::new());
    for make in ["SET @ 1", "HSET @ f 1", "RPUSH @ 1", "SADD @ 1", "ZADD @ 1 1"] {
        for sample in &known {
            let keys = keys_in(sample);
            let name = |key: usize| format!("{CAPTURED}{key}");
            assert!(own.cmd(["CONFIG", "SET", "mylog.capture", ""]).is_ok());
            for client in [&mut own, &mut other] {
                for key in 0..keys {
                    client.cmd(["DEL", &name(key)]);
                    client.cmd(words(make, "", |_| name(key)));
                }
            }
            capture(&mut own);
            let line = words(sample, "", name);
            let (found, wanted) = (own.cmd(&line), other.cmd(&line));
            if found != wanted {
                wrong.push(format!("{make}, {sample}: {found:?} and natively {wanted:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn they_do_in_transactions_and_scripts_too() {
    let server = server();
    let mut client = server.client();
    fill(&mut client);
    capture(&mut client);
    client.ok("MULTI");
    client.run("HSET order:h g 2");
    client.run("HGET order:h g");
    client.run("LPUSH order:s x");
    let replies = client.run("EXEC").items();
    assert_eq!(replies[..2], [Reply::Int(1), Reply::Bulk(b"2".to_vec())]);
    assert!(replies[2].is_error("WRONGTYPE"), "{replies:?}");
    let script = "redis.call('RPUSH', 'order:l', 'd') return redis.call('LRANGE', 'order:l', 0, -1)";
    assert_eq!(client.cmd(["EVAL", script, "0"]).items().len(), 4);
    assert_eq!(kind(&mut client, b"order:l"), "list");
}

#[test]
fn a_whole_new_value_is_durable() {
    let server = server();
    let mut client = server.client();
    fill(&mut client);
    capture(&mut client);
    client.ok("SET order:h v");
    client.ok("MSET order:l v order:new v");
    client.run("SUNIONSTORE order:z order:new2 order:new3");
    for key in ["order:h", "order:l", "order:new"] {
        assert_eq!(kind(&mut client, key.as_bytes()), "mylog-str", "{key}");
    }
}

#[test]
fn native_and_durable_keys_in_one_command_are_refused_and_nothing_is_done() {
    let server = server();
    let mut client = server.client();
    fill(&mut client);
    capture(&mut client);
    client.run("RPUSH order:durable a");
    client.run("SADD order:members a");
    client.ok("SET order:text d");
    for line in [
        "LMOVE order:l order:durable LEFT LEFT",
        "LMOVE order:durable order:l LEFT LEFT",
        "LMOVE order:l order:missing LEFT LEFT",
        "SMOVE order:t order:members 1",
        "SINTER order:members order:t",
        "SUNIONSTORE order:x order:t",
        "LMPOP 2 order:l order:durable LEFT",
    ] {
        let reply = client.run(line);
        if line.starts_with("LMPOP") {
            // It takes from the first that has something, and that alone is looked at by the native one, too.
            assert!(reply.is_error("ERR '"), "{line}: {reply:?}");
        } else {
            assert!(
                reply.is_error("ERR '") && reply.clone().text().contains("MYLOG.ADOPT"),
                "{line}: {reply:?}"
            );
        }
    }
    assert_eq!(client.run("LRANGE order:l 0 -1").items().len(), 3);
    assert_eq!(client.run("LLEN order:durable").int(), 1);
    assert_eq!(client.run("EXISTS order:missing order:x").int(), 0);
    // Strings are read together all the same.
    let values = client.run("MGET order:s order:text order:l order:none").items();
    let wanted = ["value", "d"].map(|text| Reply::Bulk(text.into()));
    assert_eq!(values[..2], wanted);
    assert_eq!(values[2..], [Reply::Nil, Reply::Nil]);
}

/// Who names our command asks for a durable key.
#[test]
fn the_twins_by_their_own_names_know_durable_keys_only() {
    let server = server();
    let mut client = server.client();
    fill(&mut client);
    capture(&mut client);
    for line in [
        "MYLOG.GET order:s",
        "MYLOG.LPUSH order:l x",
        "MYLOG.HGETALL order:h",
    ] {
        assert!(client.run(line).is_error("WRONGTYPE"), "{line}");
    }
    assert_eq!(client.run("MYLOG.MGET order:s").items(), [Reply::Nil]);
}

#[test]
fn what_a_user_may_not_do_natively_he_may_not_do_on_them() {
    let server = server();
    let mut admin = server.client();
    fill(&mut admin);
    capture(&mut admin);
    admin.ok("ACL SETUSER user on nopass ~* +@all -lpush -object|encoding");
    let mut client = server.client();
    client.ok("AUTH user any");
    assert!(client.run("LPUSH order:l x").is_error("NOPERM"));
    assert!(client.run("OBJECT ENCODING order:l").is_error("NOPERM"));
    assert_eq!(client.run("RPUSH order:l x"), Reply::Int(4));
    assert_eq!(client.run("LLEN order:l"), Reply::Int(4));
}

/// A native key that took the name of a durable one: who reads it sees that the durable one is gone.
#[test]
fn a_reader_waits_until_the_durable_key_of_that_name_is_gone_from_the_disk() {
    for protocol in ["2", "3"] {
        let server = server();
        let mut client = server.client();
        capture(&mut client);
        client.run("RPUSH order:k a");
        let gate = SyncGate::shut(&server);
        let deleted = Later::send(server.client(), "DEL order:k");
        wait_held(&mut client, 1);
        // As it was before it was captured.
        client.ok("CONFIG SET mylog.capture none:");
        client.run("HSET order:k f v");
        capture(&mut client);
        let mut other = server.client();
        other.run(&format!("HELLO {protocol}"));
        let read = Later::send(other, "HGETALL order:k");
        wait_held(&mut client, 2);
        read.is_not_there("a read of the new value");
        gate.open();
        assert_eq!(deleted.reply(), Reply::Int(1));
        let (field, value) = (Reply::Bulk(b"f".to_vec()), Reply::Bulk(b"v".to_vec()));
        let wanted = match protocol {
            "2" => Reply::Array(vec![field, value]),
            _ => Reply::Map(vec![(field, value)]),
        };
        assert_eq!(read.reply(), wanted);
    }
}

/// Changes of native keys reach replicas as the native commands they are.
#[test]
fn a_replica_follows() {
    let primary = crate::server::replicas::replica::primary();
    let mut client = primary.client();
    fill(&mut client);
    let replica = crate::server::replicas::replica::replica_of(&primary);
    capture(&mut client);
    client.run("LPUSH order:l z");
    client.run("LMOVE order:l order:k LEFT RIGHT");
    client.run("HINCRBY order:h f 5");
    crate::server::replicas::replica::agree(&replica, &primary);
    let mut reader = replica.client();
    assert_eq!(reader.run("LRANGE order:k 0 -1").items().len(), 2);
    assert_eq!(reader.run("HGET order:h f").text(), "6");
}
