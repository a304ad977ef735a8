//! Keys that change, go or move while they are adopted, and those that can't be.

use super::command::{adopt, adopted, capture, capturing, info, large, status};
use crate::support::Reply;
use crate::support::keyspace::{kind, survives_kill9};

/// Values that take many steps to read, changed by commands all the time.
#[test]
fn a_value_that_changes_while_it_is_read_loses_and_doubles_nothing() {
    let mut server = capturing();
    let mut client = server.client();
    large(&mut client, 60_000);
    capture(&mut client, "order:");
    client.cmd(["MYLOG.ADOPT", "order:"]);
    let mut changes = 0;
    let mut other = server.client();
    while info(&mut other, "adopt_in_progress") == 1 {
        changes += 1;
        let n = changes.to_string();
        client.cmd(["RPUSH", "order:L", &n]);
        client.cmd(["LPOP", "order:L"]);
        client.cmd(["HSET", "order:H", "field 1", &n]);
        client.cmd(["HINCRBY", "order:H", "counter", "1"]);
        client.cmd([
            "EVAL",
            "redis.call('SADD','order:T',ARGV[1]) return redis.call('SREM','order:T','member '..ARGV[1])",
            "0",
            &n,
        ]);
        client.ok("MULTI");
        client.cmd(["ZINCRBY", "order:Z", "1", "member 1"]);
        client.cmd(["ZREM", "order:Z", &format!("member {}", changes + 1)]);
        client.run("EXEC");
    }
    assert!(changes > 0);
    assert_eq!(status(&mut client), "ok");
    let n = changes.to_string();
    for key in ["order:L", "order:H", "order:T", "order:Z"] {
        assert!(kind(&mut client, key.as_bytes()).starts_with("mylog-"), "{key}");
    }
    let last = client.run("LRANGE order:L -1 -1").items();
    assert_eq!(last, [Reply::Bulk(n.clone().into_bytes())]);
    assert_eq!(client.run("LLEN order:L"), Reply::Int(60_000));
    let first = client.run("LINDEX order:L 0").text();
    assert_eq!(first, format!("element {}", changes + 1));
    assert_eq!(client.cmd(["HGET", "order:H", "field 1"]).text(), n);
    assert_eq!(client.run("HGET order:H counter").text(), n);
    assert_eq!(client.run("HLEN order:H"), Reply::Int(60_001));
    assert_eq!(client.run("SCARD order:T"), Reply::Int(60_000));
    assert_eq!(client.run("ZCARD order:Z"), Reply::Int(60_000 - changes));
    let score: f64 = client
        .cmd(["ZSCORE", "order:Z", "member 1"])
        .text()
        .parse()
        .unwrap();
    assert!((score - (1.0 / 3.0 + changes as f64)).abs() < 1e-6, "{score}");
    drop((client, other));
    survives_kill9(&mut server);
}

#[test]
fn a_large_key_that_goes_or_moves_while_it_is_read_is_adopted_where_it_is() {
    let server = capturing();
    let mut client = server.client();
    large(&mut client, 30_000);
    client.ok("RENAME order:T order:kept");
    capture(&mut client, "order:");
    let lines = [
        "MYLOG.ADOPT order:",
        "DEL order:H",
        "RENAME order:L order:M",
        "RENAME order:kept order:T",
        "SWAPDB 0 5",
        "SWAPDB 5 7",
    ];
    for line in lines {
        assert!(!matches!(client.run(line), Reply::Error(_)), "{line}");
    }
    adopted(&mut client);
    client.ok("SELECT 7");
    // What came under its name behind the walk is for another one.
    adopt(&mut client, "order:");
    assert_eq!(client.run("EXISTS order:H order:L").int(), 0);
    for (key, durable) in [
        ("order:M", "mylog-lst"),
        ("order:T", "mylog-set"),
        ("order:Z", "mylog-zst"),
    ] {
        assert_eq!(kind(&mut client, key.as_bytes()), durable, "{key}");
    }
    assert_eq!(client.run("LLEN order:M").int(), 30_000);
    assert_eq!(client.run("SCARD order:T").int(), 30_000);
}

/// Hash fields with an end of their own have no durable form: servers that have them keep such hashes native.
#[test]
fn a_hash_with_fields_that_end_stays_native() {
    let server = capturing();
    let mut client = server.client();
    let script = "for i=1,3000 do redis.call('HSET','order:large','f'..i,i) end";
    client.cmd(["EVAL", script, "0"]);
    client.run("HSET order:h f 1 g 2");
    client.run("HSET order:plain f 1");
    let has_ends = client.run("HPEXPIREAT order:h 4102444800123 FIELDS 1 f");
    let has_ends = !matches!(has_ends, Reply::Error(_));
    client.run("HPEXPIREAT order:large 4102444800123 FIELDS 1 f2999");
    capture(&mut client, "order:");
    adopt(&mut client, "order:");
    let kinds = ["order:h", "order:large"].map(|key| kind(&mut client, key.as_bytes()));
    let wanted = if has_ends { "hash" } else { "mylog-hsh" };
    assert_eq!(kinds, [wanted, wanted]);
    assert_eq!(info(&mut client, "adopt_skipped"), if has_ends { 2 } else { 0 });
    assert_eq!(kind(&mut client, b"order:plain"), "mylog-hsh");
    assert_eq!(client.run("HGET order:h g").text(), "2");
}
