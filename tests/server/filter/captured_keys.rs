//! Generic commands on captured durable keys: TYPE, OBJECT ENCODING and SCAN TYPE speak of the types that a client
//! knows; EXISTS, TOUCH, RANDOMKEY, KEYS and DUMP need nothing.

use std::collections::BTreeSet;

use crate::support::keyspace::kind;
use crate::support::{Client, Reply, Server};

fn capturing() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start()
}

/// One key of each type by its name.
const KINDS: [(&str, &str); 5] = [
    ("string", "SET K v"),
    ("hash", "HSET K f v"),
    ("list", "RPUSH K a"),
    ("set", "SADD K a"),
    ("zset", "ZADD K 1 a"),
];

fn fill(client: &mut Client) {
    for (kind, line) in KINDS {
        client.run(&line.replace('K', &format!("order:{kind}")));
        client.run(&line.replace('K', &format!("native:{kind}")));
        client.run(&format!("MYLOG.{}", line.replace('K', &format!("own:{kind}"))));
    }
    client.run("XADD stream 1-1 f v");
}

/// A command as a client may send it: plain, in EXEC, from a script.
fn every_way(client: &mut Client, line: &str) -> Vec<Reply> {
    let words: Vec<&str> = line.split(' ').collect();
    let plain = client.cmd(&words);
    client.ok("MULTI");
    client.cmd(&words);
    let queued = client.run("EXEC").items().remove(0);
    let script = ["EVAL", "return redis.call(unpack(ARGV))", "0"];
    let scripted = client.cmd(script.iter().chain(&words));
    vec![plain, queued, scripted]
}

#[test]
fn type_tells_the_native_name_of_a_captured_key_only() {
    let server = capturing();
    let mut client = server.client();
    fill(&mut client);
    for (name, _) in KINDS {
        let own = kind(&mut client, format!("own:{name}").as_bytes());
        assert!(own.starts_with("mylog-"), "{own}");
        for (key, wanted) in [
            (format!("order:{name}"), name),
            (format!("native:{name}"), name),
            (format!("own:{name}"), &*own),
        ] {
            let status = Reply::Simple(wanted.as_bytes().to_vec());
            let replies = every_way(&mut client, &format!("TYPE {key}"));
            // A script's status is one again.
            assert_eq!(replies, vec![status.clone(), status.clone(), status], "{key}");
        }
        assert_eq!(client.run(&format!("MYLOG.TYPE own:{name}")).text(), name);
    }
    assert_eq!(client.run("TYPE order:none").text(), "none");
    assert_eq!(client.run("MYLOG.TYPE stream").text(), "stream");
    assert!(
        client
            .run("TYPE order:string x")
            .is_error("ERR wrong number of arguments for 'type'")
    );
}

#[test]
fn scan_with_a_type_finds_captured_and_native_keys_alike() {
    let server = capturing();
    let mut client = server.client();
    fill(&mut client);
    for (name, _) in KINDS {
        let wanted: BTreeSet<String> = ["order", "native"]
            .map(|prefix| format!("{prefix}:{name}"))
            .into();
        for line in [
            format!("SCAN 0 TYPE {name} COUNT 1000"),
            format!("scan 0 count 1000 match * type {}", name.to_uppercase()),
        ] {
            for reply in every_way(&mut client, &line) {
                let items = reply.items();
                assert_eq!(items[0], Reply::Bulk(b"0".to_vec()), "{line}");
                assert_eq!(names(items[1].clone()), wanted, "{line}");
            }
        }
        let own = client
            .run(&format!("MYLOG.SCAN 0 COUNT 1000 MATCH o* TYPE {name}"))
            .items();
        let wanted = ["order", "own"].map(|prefix| format!("{prefix}:{name}")).into();
        assert_eq!(names(own[1].clone()), wanted);
    }
    let found = client.run("SCAN 0 COUNT 1000 TYPE mylog-lst").items();
    assert_eq!(
        names(found[1].clone()),
        ["order:list", "own:list"].map(str::to_owned).into()
    );
    let found = client.run("SCAN 0 COUNT 1000 TYPE stream").items();
    assert_eq!(names(found[1].clone()), ["stream".to_owned()].into());
    assert_eq!(names(client.run("SCAN 0 COUNT 1000").items().remove(1)).len(), 16);
}

fn names(reply: Reply) -> BTreeSet<String> {
    reply.items().into_iter().map(Reply::text).collect()
}

#[test]
fn a_whole_scan_by_type_goes_by_the_servers_own_cursors() {
    let server = capturing();
    let mut client = server.client();
    for n in 0..500 {
        client.run(&format!("RPUSH order:{n} a"));
        client.ok(&format!("SET page:{n} v"));
    }
    let (mut cursor, mut found, mut turns) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let items = client.run(&format!("SCAN {cursor} TYPE list COUNT 20")).items();
        cursor = items[0].clone().text();
        found.extend(names(items[1].clone()));
        turns += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found.len(), 500);
    assert!(turns > 10, "{turns}");
}

#[test]
fn scan_has_the_errors_of_the_native_command() {
    let server = capturing();
    let stock = Server::stock().start();
    let (mut client, mut model) = (server.client(), stock.client());
    for line in [
        "SCAN nonsense TYPE list",
        "SCAN 0 TYPE",
        "SCAN 0 TYPE list COUNT",
        "SCAN 0 TYPE list COUNT 0",
        "SCAN 0 TYPE list COUNT x",
        "SCAN 0 TYPE nonsense",
        "SCAN 0 FOO bar TYPE list",
        "SCAN 0 MATCH type",
        "SCAN 0 TYPE list TYPE hash",
        "OBJECT ENCODING order:none",
        "OBJECT NONSENSE order:none",
        "OBJECT FREQ order:none",
        "OBJECT ENCODING",
        "OBJECT ENCODING order:a order:b",
        "OBJECT HELP",
    ] {
        let words = || line.split(' ');
        assert_eq!(client.raw(words()), model.raw(words()), "{line}");
    }
}

/// Values and what they become: a captured key has the encoding that a native one has with the same commands.
#[test]
fn object_encoding_is_that_of_a_native_key_with_the_same_value() {
    let server = capturing();
    let mut client = server.client();
    let many = |head: &str, element: &dyn Fn(usize) -> String, count: usize| {
        let elements: Vec<String> = (0..count).map(element).collect();
        format!("{head} K {}", elements.join(" "))
    };
    let number = |n: usize| n.to_string();
    let word = |n: usize| format!("w{n}");
    let pair = |n: usize| format!("f{n} v");
    let scored = |n: usize| format!("{n} m{n}");
    let lines = [
        "SET K 12345".to_owned(),
        "SET K -9223372036854775808".to_owned(),
        "SET K 9223372036854775808".to_owned(),
        "SET K 012".to_owned(),
        "SET K short".to_owned(),
        format!("SET K {}", "x".repeat(20)),
        // Valkey 9.1 has up to 112 bytes beside the key.
        format!("SET K {}", "x".repeat(200)),
        "INCRBY K 5".to_owned(),
        "RPUSH K a b".to_owned(),
        many("RPUSH", &word, 20),
        many("RPUSH", &|n| format!("{n}{}", "x".repeat(100)), 200),
        many("SADD", &number, 3),
        many("SADD", &number, 512),
        many("SADD", &number, 513),
        many("SADD", &word, 3),
        many("SADD", &word, 128),
        many("SADD", &word, 129),
        format!("SADD K {}", "x".repeat(65)),
        many("HSET", &pair, 3),
        many("HSET", &pair, 512),
        many("HSET", &pair, 513),
        format!("HSET K f {}", "x".repeat(65)),
        many("ZADD", &scored, 3),
        many("ZADD", &scored, 128),
        many("ZADD", &scored, 129),
        format!("ZADD K 1 {}", "x".repeat(65)),
    ];
    for line in &lines {
        let mut encodings = |key: &str| {
            client.cmd(["DEL", key]);
            let reply = client.run(&line.replace(" K ", &format!(" {key} ")));
            assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
            every_way(&mut client, &format!("OBJECT ENCODING {key}"))
        };
        let shown = line.get(..60).unwrap_or(line);
        assert_eq!(encodings("order:k"), encodings("native:k"), "{shown}");
    }
}

#[test]
fn object_tells_use_and_references_of_captured_keys() {
    let server = capturing();
    let mut client = server.client();
    client.run("RPUSH order:l a");
    assert_eq!(client.run("OBJECT REFCOUNT order:l"), Reply::Int(1));
    assert_eq!(client.run("OBJECT IDLETIME order:l"), Reply::Int(0));
    client.ok("CONFIG SET maxmemory-policy allkeys-lfu");
    client.run("LRANGE order:l 0 -1");
    assert!(client.run("OBJECT FREQ order:l").int() > 0);
    assert!(matches!(client.run("OBJECT HELP"), Reply::Array(_)));
    // A look at the type is no use.
    client.ok("CONFIG SET maxmemory-policy allkeys-lru");
    client.run("DEBUG SLEEP 1.2");
    client.run("TYPE order:l");
    client.run("OBJECT ENCODING order:l");
    client.run("SCAN 0 TYPE list");
    assert!(client.run("OBJECT IDLETIME order:l").int() > 0);
    client.run("TOUCH order:l");
    assert_eq!(client.run("OBJECT IDLETIME order:l"), Reply::Int(0));
}

#[test]
fn generic_commands_that_look_at_keys_see_captured_ones() {
    let server = capturing();
    let mut client = server.client();
    for (kind, line) in KINDS {
        client.run(&line.replace('K', &format!("order:{kind}")));
    }
    let all = "order:string order:hash order:list order:set order:zset order:none";
    for (line, wanted) in [("EXISTS", 5), ("TOUCH", 5)] {
        for reply in every_way(&mut client, &format!("{line} {all}")) {
            assert_eq!(reply, Reply::Int(wanted), "{line}");
        }
    }
    assert_eq!(names(client.run("KEYS order:*")).len(), 5);
    assert!(client.run("RANDOMKEY").text().starts_with("order:"));
    for (kind, read) in [
        ("string", "GET K"),
        ("hash", "HGETALL K"),
        ("list", "LRANGE K 0 -1"),
        ("set", "SMEMBERS K"),
        ("zset", "ZRANGE K 0 -1 WITHSCORES"),
    ] {
        let (old, new) = (format!("order:{kind}"), format!("order:{kind}2"));
        let dump = client.cmd(["DUMP", &old]).bytes().expect("a dump");
        let restore = [b"RESTORE", new.as_bytes(), b"5000000", &dump];
        assert!(client.cmd(restore).is_ok(), "{kind}");
        let before = client.run(&read.replace('K', &old));
        assert_eq!(client.run(&read.replace('K', &new)), before, "{kind}");
        assert_eq!(client.cmd(["TYPE", &new]).text(), kind);
        assert!(client.cmd(["PTTL", &new]).int() > 0);
        assert_eq!(
            client.cmd(["DUMP", &new]).bytes().as_deref(),
            Some(&*dump),
            "{kind}"
        );
    }
    assert_eq!(client.info_u64("mylog", "mylog_keys"), 10);
}

#[test]
fn without_prefixes_nothing_is_led_away() {
    let server = Server::build().start();
    let mut client = server.client();
    fill(&mut client);
    assert_eq!(client.run("TYPE own:list").text(), "mylog-lst");
    let found = client.run("SCAN 0 COUNT 1000 TYPE list").items();
    assert_eq!(
        names(found[1].clone()),
        ["native:list", "order:list"].map(str::to_owned).into()
    );
    let commands = client.run("INFO commandstats").text();
    assert!(
        !commands.contains("mylog.type") && !commands.contains("mylog.scan"),
        "{commands}"
    );
}
