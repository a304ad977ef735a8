//! What the server takes for the keys of our commands, by each of its ways to find them: COMMAND GETKEYS, where a
//! cluster leads a command, and what CLIENT TRACKING remembers. They are those of the native command.

use std::collections::BTreeSet;

use crate::support::{Client, Reply, Server, wait_for};

/// A command of each kind: `@` stands for a key.
const SAMPLES: &[&str] = &[
    "SET @ v",
    "SET @ v GET",
    "GET @",
    "MSET @ v @ v",
    "MGET @ @ @",
    "APPEND @ v",
    "STRLEN @",
    "INCR @",
    "DECR @",
    "INCRBY @ 1",
    "DECRBY @ 1",
    "INCRBYFLOAT @ 1",
    "GETDEL @",
    "GETEX @ EX 10",
    "GETSET @ v",
    "SETNX @ v",
    "SETEX @ 10 v",
    "PSETEX @ 10 v",
    "MSETNX @ v @ v",
    "GETRANGE @ 0 1",
    "SUBSTR @ 0 1",
    "SETRANGE @ 0 v",
    "LCS @ @",
    "SETBIT @ 1 1",
    "GETBIT @ 1",
    "BITCOUNT @",
    "BITPOS @ 1",
    "BITOP AND @ @ @",
    "BITFIELD @ GET u8 0",
    "BITFIELD_RO @ GET u8 0",
    "HSET @ f v",
    "HSETNX @ f v",
    "HGET @ f",
    "HMGET @ f g",
    "HGETALL @",
    "HDEL @ f",
    "HEXISTS @ f",
    "HLEN @",
    "HKEYS @",
    "HVALS @",
    "HINCRBY @ f 1",
    "HINCRBYFLOAT @ f 1",
    "HSTRLEN @ f",
    "HSCAN @ 0",
    "HMSET @ f v",
    "HRANDFIELD @",
    "LPUSH @ v",
    "RPUSH @ v",
    "LPUSHX @ v",
    "RPUSHX @ v",
    "LPOP @",
    "RPOP @",
    "LLEN @",
    "LRANGE @ 0 1",
    "LINDEX @ 0",
    "LSET @ 0 v",
    "LINSERT @ BEFORE a b",
    "LREM @ 0 v",
    "LTRIM @ 0 1",
    "LPOS @ v",
    "LMOVE @ @ LEFT RIGHT",
    "RPOPLPUSH @ @",
    "LMPOP 2 @ @ LEFT",
    "LMPOP 1 @ LEFT",
    "LMPOP 0 @ LEFT",
    "LMPOP 9 @ LEFT",
    "LMPOP x @ LEFT",
    "LMPOP 2x @ @ LEFT",
    "BLPOP @ @ 0.01",
    "BRPOP @ 0.01",
    "BLMOVE @ @ LEFT RIGHT 0.01",
    "BRPOPLPUSH @ @ 0.01",
    "BLMPOP 0.01 2 @ @ LEFT",
    "BLMPOP 0.01 3 @ @",
    "SADD @ v",
    "SREM @ v",
    "SISMEMBER @ v",
    "SMISMEMBER @ v w",
    "SCARD @",
    "SMEMBERS @",
    "SPOP @",
    "SRANDMEMBER @",
    "SSCAN @ 0",
    "SMOVE @ @ v",
    "SINTER @ @",
    "SINTERCARD 2 @ @",
    "SINTERCARD 1 @ LIMIT 1",
    "SINTERCARD 0 @",
    "SINTERCARD 3 @ @",
    "SINTERSTORE @ @ @",
    "SUNION @ @",
    "SUNIONSTORE @ @ @",
    "SDIFF @ @",
    "SDIFFSTORE @ @ @",
    "ZADD @ 1 v",
    "ZINCRBY @ 1 v",
    "ZREM @ v",
    "ZREMRANGEBYRANK @ 0 1",
    "ZREMRANGEBYSCORE @ 0 1",
    "ZREMRANGEBYLEX @ [a [b",
    "ZPOPMIN @",
    "ZPOPMAX @",
    "ZMPOP 2 @ @ MIN",
    "ZMPOP 7 @ @ MIN",
    "ZCARD @",
    "ZSCORE @ v",
    "ZMSCORE @ v w",
    "ZRANK @ v",
    "ZREVRANK @ v",
    "ZCOUNT @ 0 1",
    "ZLEXCOUNT @ [a [b",
    "ZRANGE @ 0 1",
    "ZREVRANGE @ 0 1",
    "ZRANGEBYSCORE @ 0 1",
    "ZREVRANGEBYSCORE @ 1 0",
    "ZRANGEBYLEX @ [a [b",
    "ZREVRANGEBYLEX @ [b [a",
    "ZRANGESTORE @ @ 0 1",
    "ZRANDMEMBER @",
    "ZSCAN @ 0",
    "ZUNION 2 @ @",
    "ZUNION 1 @ WEIGHTS 2",
    "ZUNION 0 @",
    "ZUNION -1 @",
    "ZUNION 99999999999999999999 @",
    "ZINTER 2 @ @ WITHSCORES",
    "ZDIFF 2 @ @",
    "ZUNIONSTORE @ 2 @ @",
    "ZUNIONSTORE @ 1 @",
    "ZUNIONSTORE @ 0 @",
    "ZUNIONSTORE @ 3 @ @",
    "ZINTERSTORE @ 2 @ @ AGGREGATE MIN",
    "ZDIFFSTORE @ 2 @ @",
    "ZINTERCARD 2 @ @ LIMIT 3",
    "BZPOPMIN @ @ 0.01",
    "BZPOPMAX @ 0.01",
    "BZMPOP 0.01 2 @ @ MIN",
    "BZMPOP 0.01 0 @ @ MIN",
    "SORT @",
    "SORT @ ALPHA STORE @",
    "SORT @ STORE @ STORE @",
    "SORT_RO @ LIMIT 0 1",
    "DEL @ @",
    "UNLINK @ @",
    "EXPIRE @ 100",
    "PEXPIRE @ 100",
    "EXPIREAT @ 4102444800",
    "PEXPIREAT @ 4102444800000",
    "PERSIST @",
    "RENAME @ @",
    "RENAMENX @ @",
    "COPY @ @",
    "TYPE @",
    "OBJECT ENCODING @",
];

/// Twins of native commands that have no keys.
const WITHOUT_KEYS: &[&str] = &["WAIT", "DEBUG", "FLUSHALL", "FLUSHDB", "SCAN"];

/// How a command is sent: by the native name to a native key, by our name, by the native name to a captured key.
const WAYS: [(&str, &str); 3] = [("", "native"), ("MYLOG.", "native"), ("", "captured")];

/// The words of a command with these names for its keys.
pub fn words(sample: &str, prefix: &str, key: impl Fn(usize) -> String) -> Vec<String> {
    let mut keys = 0..;
    let word = |(at, word): (usize, &str)| match (at, word) {
        (0, name) => format!("{prefix}{name}"),
        (_, "@") => key(keys.next().unwrap()),
        (_, word) => word.to_owned(),
    };
    sample.split(' ').enumerate().map(word).collect()
}

/// How many keys a command has.
pub fn keys_in(sample: &str) -> usize {
    sample.split(' ').filter(|word| *word == "@").count()
}

/// Samples of commands that this server has.
pub fn known(client: &mut Client) -> Vec<&'static str> {
    let name = |sample: &'static str| sample.split(' ').next().unwrap();
    let has = |client: &mut Client, name: &str| {
        client.cmd(["COMMAND", "INFO", name]).items().first() != Some(&Reply::Nil)
    };
    let twins = client.run("COMMAND LIST FILTERBY MODULE mylog").items();
    let twins = twins.into_iter().map(|twin| twin.text().to_uppercase());
    let twins = twins.filter_map(|twin| twin.strip_prefix("MYLOG.").map(str::to_owned));
    for twin in twins {
        let sampled = SAMPLES.iter().any(|sample| name(sample) == twin);
        let keyless = WITHOUT_KEYS.contains(&&*twin);
        assert!(
            sampled || keyless || !has(client, &twin),
            "{twin} is not looked at"
        );
    }
    let known = SAMPLES.iter().copied();
    known.filter(|sample| has(client, name(sample))).collect()
}

fn same_three<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T]) {
    assert_eq!(found[1], found[0], "{what}: by our name, and natively");
    assert_eq!(found[2], found[0], "{what}: of captured keys, and natively");
}

#[test]
fn command_getkeys_tells_the_keys_of_the_native_command() {
    let server = Server::build().start();
    let mut client = server.client();
    for sample in known(&mut client) {
        let mut found = |prefix| {
            let words = words(sample, prefix, |key| format!("key:{key}"));
            let question = ["COMMAND", "GETKEYS"].map(str::to_owned);
            client.cmd(question.into_iter().chain(words))
        };
        let native = found("");
        let own = found("MYLOG.");
        match (&native, &own) {
            // Of commands that are wrong the server says so in one way or another.
            (Reply::Error(_), Reply::Error(_)) => {}
            _ => assert_eq!(own, native, "{sample}"),
        }
    }
}

/// Where a cluster leads a command.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Led {
    /// It runs here, well or badly.
    Here,
    /// To a slot that nobody serves.
    Away,
    /// Nowhere: its keys are in several slots.
    Apart,
}

fn led(reply: &Reply) -> Led {
    match reply {
        reply if reply.is_error("CROSSSLOT") => Led::Apart,
        reply if reply.is_error("CLUSTERDOWN Hash slot not served") => Led::Away,
        reply if reply.is_error("CLUSTERDOWN") => panic!("{reply:?}"),
        _ => Led::Here,
    }
}

/// A node of a cluster of its own that serves all slots but the one of `{away}`.
fn node() -> Server {
    let server = Server::build()
        .mylog("capture", "captured")
        .with_port()
        .config("cluster-enabled", "yes")
        .config("cluster-require-full-coverage", "no")
        .start();
    let mut client = server.client();
    let away = client.run("CLUSTER KEYSLOT {away}").int();
    client.ok(&format!(
        "CLUSTER ADDSLOTSRANGE 0 {} {} 16383",
        away - 1,
        away + 1
    ));
    wait_for("the cluster is up", || {
        client.run("CLUSTER INFO").text().contains("cluster_state:ok")
    });
    server
}

#[test]
fn a_cluster_leads_each_command_by_the_keys_of_the_native_one() {
    let server = node();
    let mut client = server.client();
    for sample in known(&mut client) {
        let keys = keys_in(sample);
        // All here, all away, and each one away from the others.
        let places = [None, Some(keys)].into_iter().chain((0..keys).map(Some));
        for away in places {
            let found = WAYS.map(|(prefix, name)| {
                let words = words(sample, prefix, |key| {
                    let is_away = away == Some(keys) || away == Some(key);
                    format!("{name}:{{{}}}{key}", if is_away { "away" } else { "here" })
                });
                led(&client.cmd(words))
            });
            same_three(&format!("{sample}, away: {away:?}"), &found);
        }
    }
}

#[test]
fn what_a_source_elsewhere_would_leave_empty_is_not_deleted() {
    let server = node();
    let mut client = server.client();
    client.run("MYLOG.ZADD {here}dest 1 a");
    client.run("ZADD captured{here}dest 1 a");
    for line in [
        "MYLOG.ZUNIONSTORE {here}dest 1 {away}s",
        "MYLOG.ZINTERSTORE {here}dest 1 {elsewhere}s",
        "ZDIFFSTORE captured{here}dest 1 captured{elsewhere}s",
    ] {
        assert_ne!(led(&client.run(line)), Led::Here, "{line}");
    }
    assert_eq!(client.run("MYLOG.ZCARD {here}dest").int(), 1);
    assert_eq!(client.run("ZCARD captured{here}dest").int(), 1);
}

/// A client with a cache, and the connection on which it hears what it is to forget.
struct Cached {
    client: Client,
    hears: Client,
    writer: Client,
}

impl Cached {
    fn new(server: &Server) -> Self {
        let (mut client, mut hears, writer) = (server.client(), server.client(), server.client());
        let id = hears.run("CLIENT ID").int();
        hears.run("SUBSCRIBE __redis__:invalidate");
        client.ok(&format!("CLIENT TRACKING ON REDIRECT {id}"));
        Self {
            client,
            hears,
            writer,
        }
    }

    /// Names, of these, that the server takes the client to have in its cache by now.
    fn tracked(&mut self, names: &[String]) -> BTreeSet<String> {
        self.client.run("GET the:end");
        for name in names.iter().map(String::as_str).chain(["the:end"]) {
            self.writer.cmd(["SET", name, "v"]);
            self.writer.cmd(["DEL", name]);
        }
        let mut told = BTreeSet::new();
        loop {
            let message = self.hears.recv().items();
            for name in message.last().cloned().unwrap().items() {
                let name = name.text();
                if name == "the:end" {
                    return told;
                }
                told.insert(name);
            }
        }
    }
}

#[test]
fn a_client_with_a_cache_is_told_of_every_key_that_it_has_read() {
    let server = Server::build().mylog("capture", "captured").start();
    let mut cached = Cached::new(&server);
    let mut client = server.client();
    let mut read = 0;
    for sample in known(&mut client) {
        let found = WAYS.map(|(prefix, name)| {
            let key = |key: usize| format!("{name}:{key}");
            cached.client.cmd(words(sample, prefix, key));
            let names: Vec<String> = (0..keys_in(sample)).map(key).collect();
            let tracked = cached.tracked(&names);
            let numbers = tracked.iter().filter_map(|told| told.split(':').nth(1));
            numbers.map(str::to_owned).collect::<Vec<_>>()
        });
        same_three(sample, &found);
        read += found[0].len();
    }
    assert!(read > 60, "only {read} keys were read");
}
