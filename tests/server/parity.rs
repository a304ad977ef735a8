//! Native commands and their twins on one server: the same replies, byte for byte, the same events, the
//! same ends of keys. The native ones run in one database, the twins in another, under the same names.

use std::collections::BTreeSet;
use std::env;

use fastrand::Rng;

use super::parity_commands::{Command, any};
use super::{parity_random, parity_sets, parity_sort, parity_strings, zset_commands};
use crate::support::keyspace::entry;
use crate::support::{Client, Reply, Server, ServerBuilder};

pub(super) const NATIVE_DB: u32 = 8;
pub(super) const TWIN_DB: u32 = 9;
/// Two clocks are read for one relative time, and the machine may be busy between the two.
const CLOCK_SLACK_MS: i64 = 60_000;
/// Commands among which every one is, as good as certainly.
const ENOUGH: u32 = 5000;
/// Commands after which all keys are compared.
const SEQUENCE: u32 = 250;
/// Commands of one run.
pub(super) fn rounds() -> u32 {
    env::var("PARITY_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10_000)
}

/// `PARITY_SEED`: a number, or `random` to look where nobody has looked yet. Without it the same commands run
/// everywhere, so that whoever sees a failure sees it again.
pub(super) fn seed() -> u64 {
    match env::var("PARITY_SEED") {
        Ok(text) if text == "random" => fastrand::u64(..),
        Ok(text) => text.parse().expect("PARITY_SEED: a number, or random"),
        Err(_) => 1,
    }
}

pub(super) fn client(server: &Server, protocol: u8, db: u32) -> Client {
    let mut client = server.client();
    assert!(!client.run(&format!("HELLO {protocol}")).is_error(""));
    client.ok(&format!("SELECT {db}"));
    client
}

/// The reply in an order of its own, for a command whose order the native one does not promise.
fn unordered(command: &Command, reply: Reply) -> Vec<Vec<Reply>> {
    let alone = command
        .args
        .iter()
        .any(|arg| arg.eq_ignore_ascii_case(b"NOVALUES"));
    let of_pairs = matches!(&*command.name, "HGETALL" | "HSCAN") && !alone;
    let elements = match (reply, &*command.name) {
        (Reply::Array(parts), "HSCAN" | "SSCAN") => {
            parts.into_iter().nth(1).map(Reply::items).unwrap_or_default()
        }
        (reply @ (Reply::Array(_) | Reply::Map(_) | Reply::Set(_)), _) => reply.items(),
        (other, _) => return vec![vec![other]],
    };
    let mut groups: Vec<_> = elements
        .chunks(if of_pairs { 2 } else { 1 })
        .map(<[Reply]>::to_vec)
        .collect();
    groups.sort();
    groups
}

/// True for a step of a scan that did not show all: cursors of two implementations are not comparable.
fn is_part_of_a_scan(command: &Command, reply: &Reply) -> bool {
    let Reply::Array(parts) = reply else { return false };
    let whole = matches!(command.args.get(1).map(|cursor| &**cursor), Some(b"0" | b""));
    command.name.ends_with("SCAN") && (!whole || parts.first() != Some(&Reply::Bulk(b"0".to_vec())))
}

fn has_free_order(command: &Command) -> bool {
    matches!(&*command.name, "HGETALL" | "HKEYS" | "HVALS" | "HSCAN") || of_a_set(command)
}

/// A set shows its members in no order: natively it sorts integers, and so on.
fn of_a_set(command: &Command) -> bool {
    command.name == "SSCAN" || parity_sets::UNORDERED.contains(&&*command.name)
}

fn compare(command: &Command, native: &mut Client, twin: &mut Client, seed: u64) {
    if parity_random::leaves_it_to_chance(command) {
        return parity_random::compare(command, native, twin, seed);
    }
    let (left, left_raw) = native.raw(command.native());
    let (right, right_raw) = twin.raw(command.twin());
    if left_raw == right_raw {
        return;
    }
    if is_part_of_a_scan(command, &left) || is_part_of_a_scan(command, &right) {
        return;
    }
    if command.name == "HRANDFIELD" {
        let hash = native.cmd([b"HGETALL", command.key()]);
        return parity_strings::compare_random(command, [left, right], hash, seed);
    }
    let differ = || panic!("seed {seed}: {command:?}\nnative {left:?}\ntwin   {right:?}");
    // A native hash in one piece keeps its order, and so must ours.
    let key = command.key();
    let encoding = native.cmd([b"OBJECT", b"ENCODING".as_slice(), key]);
    let in_one_piece = encoding != Reply::Bulk(b"hashtable".to_vec()) && !of_a_set(command);
    if !has_free_order(command) || in_one_piece {
        differ();
    }
    if unordered(command, left.clone()) != unordered(command, right.clone()) {
        differ();
    }
}

fn compare_key(key: &[u8], native: &mut Client, twin: &mut Client, seed: u64) {
    let ends = [&mut *native, &mut *twin].map(|client| client.cmd([b"PEXPIRETIME", key]).int());
    let shown = key.escape_ascii();
    assert!(
        (ends[0] - ends[1]).abs() < CLOCK_SLACK_MS,
        "seed {seed}: {shown} ends at {ends:?}"
    );
    let types = [&mut *native, &mut *twin].map(|client| client.cmd([b"TYPE".as_slice(), key]).text());
    if types[0] == "string" {
        let held = native.cmd([b"GET".as_slice(), key]);
        assert_eq!(
            twin.cmd([b"MYLOG.GET".as_slice(), key]),
            held,
            "seed {seed}: {shown}"
        );
    }
    assert_eq!(types[1], kind_of_twin(&types[0]), "seed {seed}: {shown}");
}

fn kind_of_twin(native: &str) -> &str {
    match native {
        "string" => "mylog-str",
        "hash" => "mylog-hsh",
        "list" => "mylog-lst",
        "set" => "mylog-set",
        "zset" => "mylog-zst",
        other => other,
    }
}

/// Every key with all that it holds.
fn compare_state(native: &mut Client, twin: &mut Client, seed: u64) {
    let keys = [&mut *native, &mut *twin].map(|client| {
        let mut keys = client.run("KEYS *").items();
        keys.sort();
        keys
    });
    assert_eq!(keys[1], keys[0], "seed {seed}");
    for key in keys[0].clone() {
        let key = key.bytes().expect("a name");
        let [of_native, of_twin] = [&mut *native, &mut *twin].map(|client| entry(client, &key));
        let shown = key.escape_ascii();
        assert_eq!(of_twin.value, of_native.value, "seed {seed}: {shown}");
        compare_key(&key, native, twin, seed);
    }
}

/// The events of a database so far, in order. A command in a third database ends them.
pub(super) fn events(subscriber: &mut Client, server: &Server) -> [Vec<(String, Vec<u8>)>; 2] {
    let mut fence = client(server, 2, 7);
    fence.ok("SET fence 1");
    let mut events = [Vec::new(), Vec::new()];
    loop {
        let message = subscriber.recv().items();
        let (channel, key) = (
            message[2].clone().text(),
            message[3].clone().bytes().expect("a key"),
        );
        let (db, event) = channel
            .trim_start_matches("__keyevent@")
            .split_once("__:")
            .expect("a channel");
        match db.parse() {
            Ok(NATIVE_DB) => events[0].push((event.to_owned(), key)),
            Ok(TWIN_DB) => events[1].push((event.to_owned(), key)),
            _ if key == b"fence" => return events,
            _ => {}
        }
    }
}

/// Commands that have no native one, or one that can't run beside others.
const NOT_COMPARED: [&str; 10] = [
    "APPLY", "DEBUG", "EVAL", "EVALSHA", "FCALL", "FLUSHALL", "FLUSHDB", "REJECT", "REWRITE", "WAIT",
];

fn every_twin_is_among(covered: &BTreeSet<String>, client: &mut Client) {
    let commands = client.run("COMMAND LIST FILTERBY MODULE mylog").items();
    assert!(!commands.is_empty());
    for command in commands {
        let name = command.text().to_uppercase();
        let native = name.strip_prefix("MYLOG.").expect("a name of ours");
        assert!(
            covered.contains(native)
                || NOT_COMPARED.contains(&native)
                // `parity_zset` and `parity_sort` run these.
                || zset_commands::TWINS.contains(&native)
                || parity_sort::TWINS.contains(&native),
            "{native} was never run"
        );
    }
}

fn twins_agree(protocol: u8) {
    agree(protocol, rounds(), Server::build());
}

fn agree(protocol: u8, rounds: u32, server: ServerBuilder) {
    let seed = seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let server = server.start();
    let (mut native, mut twin) = (
        client(&server, protocol, NATIVE_DB),
        client(&server, protocol, TWIN_DB),
    );
    native.ok("CONFIG SET notify-keyspace-events AKE");
    let mut subscriber = server.client();
    subscriber.run("PSUBSCRIBE __keyevent@*__:*");
    let mut covered = BTreeSet::new();
    for round in 1..=rounds {
        let command = any(&mut rng);
        compare(&command, &mut native, &mut twin, seed);
        compare_key(command.key(), &mut native, &mut twin, seed);
        if round % SEQUENCE == 0 {
            compare_state(&mut native, &mut twin, seed);
        }
        covered.insert(command.name);
    }
    compare_state(&mut native, &mut twin, seed);
    if rounds >= ENOUGH {
        every_twin_is_among(&covered, &mut native);
    }
    let [of_natives, of_twins] = events(&mut subscriber, &server);
    assert!(!of_natives.is_empty());
    let first = of_natives
        .iter()
        .zip(&of_twins)
        .position(|(native, twin)| native != twin);
    if let Some(first) = first {
        panic!(
            "seed {seed}: event {first}: {:?} and {:?}",
            of_natives[first], of_twins[first]
        );
    }
    assert_eq!(of_natives.len(), of_twins.len(), "seed {seed}");
}

#[test]
fn twins_answer_as_the_native_commands_in_resp2() {
    twins_agree(2);
}

#[test]
fn twins_answer_as_the_native_commands_in_resp3() {
    twins_agree(3);
}

#[test]
fn twins_answer_the_same_when_their_replies_are_held() {
    for protocol in [2, 3] {
        let held = Server::build().mylog("appendfsync", "always");
        agree(protocol, rounds() / 20, held);
    }
}

#[test]
fn float_sums_are_those_of_the_native_command() {
    let seed = seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let server = Server::build().start();
    let mut client = server.client();
    for _ in 0..rounds() {
        let (old, by) = (
            super::parity_commands::float(&mut rng),
            super::parity_commands::float(&mut rng),
        );
        client.cmd([b"SET", b"n".as_slice(), &old]);
        client.cmd([b"MYLOG.SET", b"m".as_slice(), &old]);
        let native = client.cmd([b"INCRBYFLOAT", b"n".as_slice(), &by]);
        let twin = client.cmd([b"MYLOG.INCRBYFLOAT", b"m".as_slice(), &by]);
        assert_eq!(
            twin,
            native,
            "seed {seed}: {} + {}",
            old.escape_ascii(),
            by.escape_ascii()
        );
    }
}

#[test]
fn a_user_without_reads_may_set_but_not_get_with_it() {
    let server = Server::build().start();
    let mut client = server.client();
    client.ok("ACL SETUSER writer on nopass resetkeys %W~* +@all");
    client.ok("AUTH writer any");
    client.ok("MYLOG.SET k v");
    let native = client.run("SET n v GET");
    assert!(native.is_error("NOPERM"), "{native:?}");
    assert_eq!(client.run("MYLOG.SET k w GET"), native);
    assert!(client.run("MYLOG.GET k").is_error("NOPERM"));
}

#[test]
fn watch_sees_a_twin_change_a_key_and_only_then() {
    let server = Server::build().start();
    let (mut watcher, mut writer) = (server.client(), server.client());
    writer.ok("MYLOG.SET k v");
    for (command, seen) in [
        ("MYLOG.GET k", false),
        ("MYLOG.SET k w NX", false),
        ("MYLOG.SET k w", true),
        ("MYLOG.DEL k", true),
    ] {
        watcher.ok("WATCH k");
        assert!(!writer.run(command).is_error(""), "{command}");
        watcher.ok("MULTI");
        watcher.run("PING");
        assert_eq!(watcher.run("EXEC") == Reply::Nil, seen, "{command}");
    }
}

#[test]
fn the_server_knows_the_keys_of_every_twin() {
    let server = Server::build().start();
    let mut client = server.client();
    for line in [
        "SET k v GET",
        "MSET a 1 b 2",
        "MGET a b c",
        "GETEX k PERSIST",
        "HSET h f v",
        "HSCAN h 0",
        "DEL a b",
        "RENAME a b",
        "COPY a b REPLACE",
        "EXPIRE a 1",
        "BITOP AND a b c",
        "LCS a b LEN",
        "MSETNX a 1 b 2",
        "BITFIELD a GET u8 0",
        "LPUSH a 1 2",
        "LMOVE a b LEFT RIGHT",
        "LMPOP 2 a b LEFT COUNT 3",
        "SADD a 1 2",
        "SMOVE a b m",
        "SINTERCARD 2 a b LIMIT 1",
        "SUNIONSTORE a b c",
        "SDIFF a b c",
    ] {
        let native = client.run(&format!("COMMAND GETKEYS {line}"));
        let twin = client.run(&format!("COMMAND GETKEYS MYLOG.{line}"));
        assert_eq!(twin, native, "{line}");
        assert!(!twin.items().is_empty(), "{line}");
    }
}

#[test]
fn the_server_knows_twins_as_it_knows_the_native_commands() {
    let server = Server::build().start();
    let mut client = server.client();
    for name in [super::parity_commands::twins(), parity_sort::TWINS.to_vec()].concat() {
        let [native, twin] = ["", "MYLOG."].map(|prefix| {
            let info = client.run(&format!("COMMAND INFO {prefix}{name}"));
            info.items().into_iter().next().expect("an answer").items()
        });
        // Arity, first and last key with the step, tips.
        for field in [1, 3, 4, 5, 7] {
            // 7.0 tells clients to spread it over a cluster, which would set a part of the keys.
            if name == "MSETNX" && field == 7 {
                continue;
            }
            assert_eq!(twin[field], native[field], "{name}: field {field}");
        }
        let mut flags = twin[2].clone().items();
        flags.retain(|flag| *flag != Reply::Simple(b"module".to_vec()));
        flags.sort();
        let mut expected = native[2].clone().items();
        expected.sort();
        assert_eq!(flags, expected, "{name}: flags");
    }
}
