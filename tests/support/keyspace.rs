//! A picture of a whole key space: every database, every key, its type, its value and its end in ms.
//!
//! Two pictures are equal when no client could tell the two servers apart.

use std::collections::BTreeMap;

use super::client::Client;
use super::reply::Reply;
use super::server::Server;
use super::wait::wait_for;

/// Databases of a server as the tests start it.
const DATABASES: u32 = 16;

/// What one key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As TYPE says it.
    pub kind: String,
    /// All parts of the value; sorted where the type has no order.
    pub value: Vec<Vec<u8>>,
    /// Unix time in ms, -1 without an end.
    pub expire_at: i64,
}

impl Entry {
    /// True for a value of the module's types.
    pub fn is_durable(&self) -> bool {
        self.kind.starts_with("mylog-")
    }
}

/// All keys by database and name.
pub type KeySpace = BTreeMap<(u32, String), Entry>;

/// Takes the picture. The client ends in database 0.
pub fn picture(client: &mut Client) -> KeySpace {
    let mut all = KeySpace::new();
    for db in 0..DATABASES {
        client.ok(&format!("SELECT {db}"));
        for key in client.run("KEYS *").items() {
            let key = key.bytes().expect("a name");
            let name = String::from_utf8_lossy(&key).into_owned();
            all.insert((db, name), entry(client, &key));
        }
    }
    client.ok("SELECT 0");
    all
}

/// The durable keys of a picture alone.
pub fn durable(all: &KeySpace) -> KeySpace {
    all.iter()
        .filter(|(_, entry)| entry.is_durable())
        .map(|(name, entry)| (name.clone(), entry.clone()))
        .collect()
}

/// Fills some keys of both durable types, and native ones, in two databases.
pub fn fill(client: &mut Client) {
    for db in [0, 3] {
        client.ok(&format!("SELECT {db}"));
        for key in 0..50 {
            client.ok(&format!("MYLOG.SET str:{key} {}", "D".repeat(key * 20 + 1)));
            client.run(&format!(
                "MYLOG.HSET hash:{key} D {key} f {db} other {}",
                "x".repeat(key + 1)
            ));
            client.ok(&format!("SET native:{key} n"));
        }
        client.cmd([b"MYLOG.SET".as_slice(), b"bytes", b"\0\r\n\xff"]);
        client.run("MYLOG.INCRBY counter 41");
        client.run("PEXPIREAT str:1 4102444800123");
        client.run("PEXPIREAT hash:1 4102444800456");
    }
    client.ok("SELECT 0");
}

/// Kills the server, starts it again, and panics unless its durable keys are those that were there.
/// Returns what it holds now.
pub fn survives_kill9(server: &mut Server) -> KeySpace {
    let mut client = server.client();
    all_is_written(&mut client);
    let before = durable(&picture(&mut client));
    let digest = client.run("MYLOG.DEBUG DIGEST");
    assert!(!before.is_empty());
    server.kill9();
    server.restart();
    let mut client = server.client();
    let after = picture(&mut client);
    same(&durable(&after), &before);
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.info_u64("mylog", "mylog_keys"), before.len() as u64);
    after
}

/// Panics with the first difference.
pub fn same(found: &KeySpace, wanted: &KeySpace) {
    for name in wanted.keys().chain(found.keys()) {
        assert_eq!(found.get(name), wanted.get(name), "{name:?}: found and wanted");
    }
}

/// Waits until a kill -9 would lose nothing under any policy.
pub fn all_is_written(client: &mut Client) {
    wait_for("all is written", || {
        let info = client.info("mylog");
        info["mylog_written_seq"] == info["mylog_queued_seq"]
    });
}

/// The type of a key as the server has it: TYPE of a captured key tells its native one.
pub fn kind(client: &mut Client, key: &[u8]) -> String {
    let told = client.cmd([b"TYPE".as_slice(), key]).text();
    let durable = match &*told {
        "string" => "mylog-str",
        "hash" => "mylog-hsh",
        "list" => "mylog-lst",
        "set" => "mylog-set",
        "zset" => "mylog-zst",
        _ => return told,
    };
    // A dump begins with a byte that tells a module's value.
    const MODULE: u8 = 7;
    let dump = client.cmd([b"DUMP".as_slice(), key]).bytes().unwrap_or_default();
    if dump.first() == Some(&MODULE) {
        durable.to_owned()
    } else {
        told
    }
}

/// What a key of the client's database holds.
pub fn entry(client: &mut Client, key: &[u8]) -> Entry {
    let kind = kind(client, key);
    let mut read = |words: &[&str]| {
        let words: Vec<&[u8]> = words
            .iter()
            .map(|word| if *word == "key" { key } else { word.as_bytes() })
            .collect();
        client.cmd(words)
    };
    let value = match &*kind {
        "string" => vec![read(&["GET", "key"]).bytes().expect("a value")],
        "mylog-str" => vec![read(&["MYLOG.GET", "key"]).bytes().expect("a value")],
        "hash" => fields(read(&["HGETALL", "key"])),
        "mylog-hsh" => fields(read(&["MYLOG.HGETALL", "key"])),
        "set" => sorted(read(&["SMEMBERS", "key"])),
        "mylog-set" => sorted(read(&["MYLOG.SMEMBERS", "key"])),
        "zset" => parts(read(&["ZRANGE", "key", "0", "-1", "WITHSCORES"])),
        "mylog-zst" => parts(read(&["MYLOG.ZRANGE", "key", "0", "-1", "WITHSCORES"])),
        "list" => parts(read(&["LRANGE", "key", "0", "-1"])),
        "mylog-lst" => parts(read(&["MYLOG.LRANGE", "key", "0", "-1"])),
        "stream" => vec![read(&["XLEN", "key"]).int().to_string().into_bytes()],
        other => panic!("{}: a value of type {other}", key.escape_ascii()),
    };
    let expire_at = read(&["PEXPIRETIME", "key"]).int();
    Entry {
        kind,
        value,
        expire_at,
    }
}

fn fields(reply: Reply) -> Vec<Vec<u8>> {
    let mut pairs = reply.pairs();
    pairs.sort();
    pairs
        .into_iter()
        .flat_map(|(field, value)| [field, value])
        .collect()
}

fn parts(reply: Reply) -> Vec<Vec<u8>> {
    reply
        .items()
        .into_iter()
        .map(|part| part.bytes().unwrap_or_default())
        .collect()
}

fn sorted(reply: Reply) -> Vec<Vec<u8>> {
    let mut parts = parts(reply);
    parts.sort();
    parts
}
