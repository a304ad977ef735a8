//! Clients that read from a replica, by native names: they find what they would find on the primary.

use super::replica::{caught_up, primary, replica_of};
use crate::server::adopt::command::capture;
use crate::support::{Client, Reply, Server, wait_for};

const FILL: &[&str] = &[
    "SET order:s value",
    "SET order:n 41 PXAT 4102444800123",
    "SETBIT order:b 9 1",
    "HSET order:h f 1 g 2",
    "RPUSH order:l b a c a",
    "SADD order:t 1 2 3",
    "SADD order:u a b 2",
    "ZADD order:z 1 a 2 b 3 c",
    "ZADD order:y 0 a 0 b 0 c",
    "SET page:1 v",
];

const READS: &[&str] = &[
    "GET order:s",
    "GET order:none",
    "GET order:h",
    "MGET order:s order:none order:h order:n",
    "STRLEN order:s",
    "GETRANGE order:s 1 3",
    "SUBSTR order:s 0 1",
    "LCS order:s order:n",
    "GETBIT order:b 9",
    "BITCOUNT order:b",
    "BITPOS order:b 1",
    "BITFIELD_RO order:b GET u8 8",
    "HGET order:h f",
    "HMGET order:h f none",
    "HGETALL order:h",
    "HLEN order:h",
    "HKEYS order:h",
    "HVALS order:h",
    "HEXISTS order:h g",
    "HSTRLEN order:h f",
    "HRANDFIELD order:h 9",
    "HSCAN order:h 0",
    "LLEN order:l",
    "LRANGE order:l 0 -1",
    "LINDEX order:l 1",
    "LPOS order:l a",
    "SORT_RO order:l ALPHA",
    "SCARD order:t",
    "SMEMBERS order:t",
    "SISMEMBER order:t 2",
    "SMISMEMBER order:t 2 9",
    "SRANDMEMBER order:t 9",
    "SSCAN order:t 0",
    "SINTER order:t order:u",
    "SINTERCARD 2 order:t order:u",
    "SUNION order:t order:u",
    "SDIFF order:t order:u",
    "ZCARD order:z",
    "ZSCORE order:z b",
    "ZMSCORE order:z b none",
    "ZRANK order:z c",
    "ZREVRANK order:z c",
    "ZCOUNT order:z 1 2",
    "ZLEXCOUNT order:y - +",
    "ZRANGE order:z 0 -1 WITHSCORES",
    "ZREVRANGE order:z 0 -1",
    "ZRANGEBYSCORE order:z 2 3",
    "ZREVRANGEBYSCORE order:z 3 2",
    "ZRANGEBYLEX order:y [b +",
    "ZREVRANGEBYLEX order:y + [b",
    "ZRANDMEMBER order:z 9",
    "ZSCAN order:z 0",
    "ZUNION 2 order:z order:y WITHSCORES",
    "ZINTER 2 order:z order:y",
    "ZDIFF 2 order:z order:t",
    "ZINTERCARD 2 order:z order:y",
    "TYPE order:s",
    "TYPE order:z",
    "TYPE page:1",
    "OBJECT ENCODING order:h",
    "OBJECT ENCODING order:n",
    "SCAN 0 COUNT 1000 TYPE zset",
    "SCAN 0 COUNT 1000 TYPE mylog-zst",
    "EXISTS order:s order:h",
    "PEXPIRETIME order:n",
    "MGET order:s page:1",
    "GET page:1",
    "EVAL_RO return{redis.call('get',KEYS[1]),redis.call('hgetall',KEYS[2]),redis.call('type',KEYS[2])} 2 order:s order:h",
    "EVAL return{redis.call('mget',KEYS[1],'order:n'),redis.call('zrange',KEYS[2],0,-1)} 2 order:s order:z",
];

/// A primary with durable keys of all types, captured on both sides.
fn both() -> (Server, Server) {
    let primary = primary();
    let mut client = primary.client();
    capture(&mut client, "order:");
    for line in FILL {
        assert!(!matches!(client.run(line), Reply::Error(_)), "{line}");
    }
    let replica = replica_of(&primary);
    capture(&mut replica.client(), "order:");
    (primary, replica)
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// What has no order, or begins anywhere, in one.
fn settled(reply: Reply) -> Reply {
    match reply {
        Reply::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(settled).collect();
            items.sort_by_key(|item| format!("{item:?}"));
            Reply::Array(items)
        }
        other => other,
    }
}

fn alike(follower: &mut Client, leader: &mut Client) {
    for line in READS {
        let (found, wanted) = (follower.cmd(words(line)), leader.cmd(words(line)));
        assert_eq!(settled(found), settled(wanted), "{line}");
    }
}

#[test]
fn a_replica_answers_native_reads_as_its_primary_does() {
    let (primary, replica) = both();
    let (mut follower, mut leader) = (replica.client(), primary.client());
    alike(&mut follower, &mut leader);
    assert_eq!(follower.run("GET order:s").text(), "value");
    // In a transaction.
    for client in [&mut follower, &mut leader] {
        client.ok("MULTI");
        for line in READS {
            client.cmd(words(line));
        }
    }
    assert_eq!(settled(follower.run("EXEC")), settled(leader.run("EXEC")));
    // With RESP3.
    for client in [&mut follower, &mut leader] {
        client.run("HELLO 3");
    }
    alike(&mut follower, &mut leader);
}

#[test]
fn writes_of_clients_are_refused_on_a_replica_and_those_of_its_primary_arrive() {
    let (primary, replica) = both();
    let (mut follower, mut leader) = (replica.client(), primary.client());
    for line in [
        "SET order:s w",
        "GETEX order:s PERSIST",
        "SORT order:l ALPHA",
        "BLPOP order:l 1",
        "DEL order:s",
    ] {
        let reply = follower.run(line);
        assert!(reply.is_error("READONLY"), "{line}: {reply:?}");
    }
    for line in [
        "APPEND order:s w",
        "GETDEL order:n",
        "SPOP order:t",
        "ZUNIONSTORE order:y 2 order:z order:u",
        "SORT order:l ALPHA STORE order:l",
        "EVAL return{redis.call('get',KEYS[1]),redis.call('incr',KEYS[2])} 2 order:s order:c",
    ] {
        assert!(!matches!(leader.cmd(words(line)), Reply::Error(_)), "{line}");
    }
    caught_up(&replica, &primary);
    alike(&mut follower, &mut leader);
    assert_eq!(
        follower.info_u64("mylog", "mylog_keys"),
        leader.info_u64("mylog", "mylog_keys")
    );
}

#[test]
fn a_replica_answers_for_native_excluded_and_released_keys_and_for_those_whose_time_is_over() {
    let primary = primary();
    let (mut leader, replica) = (primary.client(), replica_of(&primary));
    let mut follower = replica.client();
    for line in [
        "SET order:native v",
        "RPUSH order:list a",
        "MYLOG.SET order:seen:1 v",
    ] {
        leader.run(line);
    }
    capture(&mut leader, "order: !order:seen:");
    leader.ok("SET order:1 v");
    leader.ok("SET order:gone v PX 1");
    caught_up(&replica, &primary);
    capture(&mut follower, "order: !order:seen:");
    wait_for("its time is over", || follower.run("PTTL order:gone").int() == -2);
    for (line, wanted) in [
        ("GET order:native", "v"),
        ("LINDEX order:list 0", "a"),
        ("GET order:seen:1", "v"),
        ("GET order:1", "v"),
        ("TYPE order:list", "list"),
        ("TYPE order:gone", "none"),
    ] {
        assert_eq!(follower.run(line).text(), wanted, "{line}");
    }
    assert_eq!(follower.run("GET order:gone"), Reply::Nil);
    leader.run("MYLOG.RELEASE order:");
    crate::server::release::command::released(&mut leader);
    caught_up(&replica, &primary);
    for name in ["order:native", "order:seen:1", "order:1"] {
        assert_eq!(follower.run(&format!("GET {name}")).text(), "v", "{name}");
    }
    assert_eq!(follower.info_u64("mylog", "mylog_keys"), 0);
}
