//! What a payload, an RDB and an AOF bring is what there was: bytes, ends, and how long a key has been idle.

use super::broken::dump;
use crate::support::keyspace::{durable, picture, same, survives_kill9};
use crate::support::{Client, Server, wait_for};

fn restore_with(client: &mut Client, key: &str, words: &[&str]) {
    let payload = dump(client, "source").payload();
    let head = [b"RESTORE".as_slice(), key.as_bytes(), b"0", &payload];
    let words = words.iter().map(|word| word.as_bytes());
    assert!(client.cmd(head.into_iter().chain(words)).is_ok());
}

fn object(client: &mut Client, what: &str, key: &str) -> i64 {
    client.cmd(["OBJECT", what, key]).int()
}

#[test]
fn restore_keeps_how_long_a_key_was_idle_and_how_often_it_was_used() {
    let mut server = Server::build().start();
    let mut client = server.client();
    client.ok("CONFIG SET maxmemory-policy allkeys-lru");
    client.run("MYLOG.HSET source f v");
    restore_with(&mut client, "idle", &["IDLETIME", "1000"]);
    client.ok("MYLOG.SET idle:2 old");
    restore_with(&mut client, "idle:2", &["REPLACE", "IDLETIME", "1000"]);
    for key in ["idle", "idle:2"] {
        assert!(object(&mut client, "IDLETIME", key) >= 1000, "{key}");
    }
    client.ok("DEBUG RELOAD");
    assert!(object(&mut client, "IDLETIME", "idle") >= 1000);
    client.ok("CONFIG SET maxmemory-policy allkeys-lfu");
    restore_with(&mut client, "often", &["FREQ", "200"]);
    assert!(object(&mut client, "FREQ", "often") >= 199);
    survives_kill9(&mut server);
}

/// Sizes around every bound at which a form changes.
const SIZES: [usize; 13] = [0, 1, 11, 12, 20, 21, 63, 64, 65, 511, 512, 513, 16384];

/// Values of all types under binary names, of sizes around the bounds.
fn fill(client: &mut Client) {
    for size in SIZES {
        let bytes: Vec<u8> = (0..size).map(|at| (at * 7 + size) as u8).collect();
        let name = |kind: u8| [&[kind, 0, 0xff, b'\r', b'\n'][..], &bytes[..size.min(600)]].concat();
        let some = (0..size.clamp(1, 600)).map(|at| format!("{at}\0\u{7f}").into_bytes());
        let some: Vec<_> = some.chain([bytes.clone()]).collect();
        let mut run = |command: &str, kind: u8, args: Vec<Vec<u8>>| {
            let head = [command.as_bytes().to_vec(), name(kind)];
            let reply = client.cmd(head.into_iter().chain(args));
            assert!(!reply.is_error(""), "{command}: {reply:?}");
        };
        run("MYLOG.SET", b's', vec![bytes.clone()]);
        run("MYLOG.RPUSH", b'l', some.clone());
        run("MYLOG.SADD", b'm', some.clone());
        let numbers = (0..size.clamp(1, 600)).map(|at| (at as i64 * 1_000_003 - 5).to_string().into_bytes());
        run("MYLOG.SADD", b'i', numbers.collect());
        let pairs = some.iter().flat_map(|item| [item.clone(), bytes.clone()]);
        run("MYLOG.HSET", b'h', pairs.collect());
        let scored = some.iter().enumerate();
        let scored = scored.flat_map(|(at, item)| [(at as f64 / 3.0).to_string().into_bytes(), item.clone()]);
        run("MYLOG.ZADD", b'z', scored.collect());
    }
    client.run("PEXPIREAT plain 4102444800123");
}

#[test]
fn an_rdb_and_an_aof_of_commands_bring_binary_values_of_all_sizes() {
    for aof in [false, true] {
        let mut build = Server::build().mylog("load-missing", "adopt");
        if aof {
            build = build
                .config("appendonly", "yes")
                .config("aof-use-rdb-preamble", "no");
        }
        let mut server = build.start();
        let mut client = server.client();
        fill(&mut client);
        client.ok("MYLOG.SET plain v");
        client.run("PEXPIREAT plain 4102444800123");
        let before = durable(&picture(&mut client));
        let digest = client.run("MYLOG.DEBUG DIGEST");
        if aof {
            client.run("BGREWRITEAOF");
            wait_for("the AOF is rewritten", || {
                let info = client.info("persistence");
                info["aof_rewrite_in_progress"] == "0"
                    && info["aof_rewrite_scheduled"] == "0"
                    && info["aof_last_bgrewrite_status"] == "ok"
            });
        } else {
            wait_for("SAVE", || client.run("SAVE").is_ok());
        }
        drop(client);
        server.kill9();
        // Else the log would win over what is looked at here.
        std::fs::remove_dir_all(server.log_dir()).unwrap();
        server.restart();
        let mut client = server.client();
        same(&durable(&picture(&mut client)), &before);
        assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest, "AOF: {aof}");
        survives_kill9(&mut server);
    }
}

#[test]
fn migrate_takes_every_type_to_another_server_and_back() {
    let target = Server::build().with_port().start();
    let mut server = Server::build().with_port().start();
    let (mut client, mut there) = (server.client(), target.client());
    fill(&mut client);
    let before = durable(&picture(&mut client));
    let digest = client.run("MYLOG.DEBUG DIGEST");
    let migrate = |client: &mut Client, to: &Server| {
        let keys = client.run("KEYS *").items().into_iter();
        let keys = keys.map(|key| key.bytes().unwrap()).collect::<Vec<_>>();
        let port = to.port().to_string();
        let head =
            ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"].map(|word| word.as_bytes().to_vec());
        let reply = client.cmd(head.into_iter().chain(keys));
        assert!(reply.is_ok(), "{reply:?}");
    };
    migrate(&mut client, &target);
    assert_eq!(client.run("DBSIZE").int(), 0);
    assert_eq!(there.run("MYLOG.DEBUG DIGEST"), digest);
    migrate(&mut there, &server);
    assert_eq!(there.run("DBSIZE").int(), 0);
    same(&durable(&picture(&mut client)), &before);
    survives_kill9(&mut server);
}

#[test]
fn a_restore_over_a_durable_key_leaves_what_it_says_and_nothing_of_before() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.run("MYLOG.HSET source f v");
    client.ok("SET native n");
    let native = client.run("DUMP native").bytes().unwrap();
    for key in ["past", "native:over", "other", "end"] {
        client.ok(&format!("MYLOG.SET {key} old EX 1000"));
    }
    // Its expire time has passed: the key is deleted.
    restore_with(&mut client, "past", &["REPLACE"]);
    let payload = dump(&mut client, "source").payload();
    let restore = |client: &mut Client, key: &str, ttl: &str, words: &[&str]| {
        let head = [b"RESTORE".as_slice(), key.as_bytes(), ttl.as_bytes(), &payload];
        client.cmd(head.into_iter().chain(words.iter().map(|word| word.as_bytes())))
    };
    assert!(restore(&mut client, "past", "1000", &["REPLACE", "ABSTTL"]).is_ok());
    assert!(restore(&mut client, "never", "1000", &["ABSTTL"]).is_ok());
    assert!(restore(&mut client, "other", "0", &[]).is_error("BUSYKEY"));
    assert!(restore(&mut client, "other", "0", &["REPLACE"]).is_ok());
    assert!(restore(&mut client, "end", "4102444800123", &["REPLACE", "ABSTTL"]).is_ok());
    let over = [b"RESTORE".as_slice(), b"native:over", b"0", &native, b"REPLACE"];
    assert!(client.cmd(over).is_ok());
    assert_eq!(client.run("EXISTS past never").int(), 0);
    assert_eq!(client.run("PTTL other").int(), -1);
    let after = survives_kill9(&mut server);
    assert_eq!(after[&(0, "end".to_owned())].expire_at, 4_102_444_800_123);
    let names: Vec<_> = after.keys().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["end", "other", "source"]);
}

#[test]
fn an_rdb_that_is_merged_into_what_there_is_brings_its_values() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.run("MYLOG.HSET hash f v");
    client.ok("MYLOG.SET str old");
    wait_for("SAVE", || client.run("SAVE").is_ok());
    client.run("MYLOG.HSET hash f new g w");
    client.run("DEL str");
    client.ok("MYLOG.SET later v");
    let merged = client.run("DEBUG RELOAD NOSAVE NOFLUSH MERGE");
    assert!(merged.is_ok(), "{merged:?}");
    assert_eq!(
        client.run("MYLOG.HGETALL hash").pairs(),
        [(b"f".to_vec(), b"v".to_vec())]
    );
    assert_eq!(client.run("MYLOG.GET str").text(), "old");
    assert_eq!(client.run("MYLOG.GET later").text(), "v");
    survives_kill9(&mut server);
}
