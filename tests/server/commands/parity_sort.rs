//! Native SORT and its twin on one server: the same replies, byte for byte, the same events, the same lists stored.
//! The twin looks up durable keys and native ones, half of each.
//!
//! Not among the other random commands: on Redis 7.0 and Valkey 8.0 a number that overflows in some command before
//! makes native SORT find no number in a text.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::parity::{NATIVE_DB, TWIN_DB, client, events, rounds, seed};
use super::parity_commands::{Command, pick};
use crate::server::replicas::replica::{agree as same_state, primary, replica_of};
use crate::support::keyspace::{entry, picture, same, survives_kill9};
use crate::support::{Client, Reply, Server, ServerBuilder};

type Args = Vec<Vec<u8>>;

/// Both commands.
pub const TWINS: [&str; 2] = ["SORT", "SORT_RO"];

/// Keys that are sorted, and stored to.
const KEYS: [&str; 7] = ["l0", "l1", "big", "s0", "s1", "z0", "d"];
/// Elements, each with a weight, a text and a hash of its own, the last one without.
const ELEMENTS: [&str; 16] = [
    "1", "2", "3", "10", "-5", "1.5", "+3", "inf", "-0", "07", "a", "b", "Z", "\u{e9}", "11", "x",
];

fn text(words: &[&str]) -> Args {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// Mostly numbers, or nothing but texts could be sorted.
fn element(rng: &mut Rng) -> &'static str {
    match rng.u8(..60) {
        0 => pick(rng, &ELEMENTS),
        _ => pick(rng, &ELEMENTS[..10]),
    }
}

/// What there is to look up. The twin's side has every second key as a native one.
fn fill(client: &mut Client, prefix: &str) {
    for n in 0..300 {
        let element = (n * 7919 % 1009).to_string();
        client.cmd([format!("{prefix}RPUSH").as_str(), "big", &element]);
        client.cmd(["SET", &format!("t_{element}"), &format!("u{n}")]);
    }
    for (at, element) in ELEMENTS[..15].iter().enumerate() {
        let prefix = if at % 2 == 0 { prefix } else { "" };
        // Some weights are the same: then the elements themselves decide.
        let weight = ["5", "-1.25", "1e3", "5", "inf", "", "0"][at % 7];
        client.cmd([
            format!("{prefix}SET"),
            format!("w_{element}_x"),
            weight.to_owned(),
        ]);
        client.cmd([
            format!("{prefix}SET"),
            format!("t_{element}"),
            format!("t{}", 97 - at),
        ]);
        client.cmd([
            format!("{prefix}HSET"),
            format!("h_{element}"),
            "f".to_owned(),
            (at * 7 % 5).to_string(),
            "g->g".to_owned(),
            format!("{at}"),
        ]);
    }
    client.cmd([format!("{prefix}SET").as_str(), "word", "text"]);
}

fn change(rng: &mut Rng) -> Command {
    let element = element(rng);
    let (name, words): (&str, &[&str]) = match rng.u8(..8) {
        0 | 1 => (pick(rng, &["RPUSH", "LPUSH"]), &[pick(rng, &KEYS[..2]), element]),
        2 => (pick(rng, &["LPOP", "RPOP"]), &[pick(rng, &KEYS[..2])]),
        3 | 4 => ("SADD", &[pick(rng, &KEYS[3..5]), element]),
        5 => ("SREM", &[pick(rng, &KEYS[3..5]), element]),
        6 => ("ZADD", &["z0", pick(rng, &["1", "2", "-3", "0.5"]), element]),
        _ => ("DEL", &[pick(rng, &KEYS[..2])]),
    };
    Command::with_twin(name, text(words))
}

/// Patterns whose keys are numbers, or texts that all differ.
fn by(rng: &mut Rng, alpha: bool) -> Args {
    const NUMBERS: [&str; 6] = ["w_*_x", "h_*->f", "h_*->g->g", "none_*", "h_*", "w_*_x->f"];
    match rng.u8(..10) {
        0 | 1 => text(&["BY", pick(rng, &["nosort", "", "#", "w\0*", "a\0*"])]),
        2 => Args::new(),
        _ if alpha => text(&["by", "t_*"]),
        _ => text(&["BY", pick(rng, &NUMBERS)]),
    }
}

fn limit(rng: &mut Rng) -> Args {
    const ENDS: [&str; 9] = [
        "0",
        "1",
        "2",
        "5",
        "-1",
        "1000",
        "9223372036854775807",
        "-9223372036854775808",
        "3",
    ];
    match rng.u8(..40) {
        0 => text(&["LIMIT", "1"]),
        1 => text(&["LIMIT", "x", "1"]),
        2 => text(&["LIMIT", "1", "1.0"]),
        _ => text(&["limit", pick(rng, &ENDS), pick(rng, &ENDS)]),
    }
}

fn get(rng: &mut Rng) -> Args {
    const GETS: [&str; 11] = [
        "#",
        "w_*_x",
        "t_*",
        "h_*->f",
        "h_*->none",
        "h_*",
        "word",
        "*",
        "none_*",
        "l*",
        "h_*->",
    ];
    text(&[pick(rng, &["GET", "get", "GET\0x"]), pick(rng, &GETS)])
}

fn sort(rng: &mut Rng) -> Command {
    let mut parts = Vec::new();
    let alpha = rng.u8(..3) == 0;
    // What was stored may have elements without a text of their own: which comes first is left to chance.
    let keys = if alpha {
        &KEYS[1..6]
    } else {
        &[&KEYS[..], &["word", "none"]].concat()
    };
    let mut args = text(&[pick(rng, keys)]);
    if alpha {
        parts.push(text(&["ALPHA"]));
    }
    if rng.bool() {
        parts.push(by(rng, alpha));
    }
    if rng.u8(..3) == 0 {
        parts.push(limit(rng));
    }
    for _ in 0..pick(rng, &[0, 0, 1, 2]) {
        parts.push(get(rng));
    }
    if rng.u8(..3) == 0 {
        parts.push(text(&[pick(rng, &["DESC", "desc", "ASC"])]));
    }
    let name = if rng.u8(..4) == 0 { "SORT_RO" } else { "SORT" };
    if rng.u8(..if name == "SORT" { 3 } else { 20 }) == 0 {
        parts.push(text(&["STORE", pick(rng, &["d", "d", "l0", "word2", "none"])]));
    }
    if rng.u8(..50) == 0 {
        parts.push(text(pick(
            rng,
            &[&["STORE"][..], &["BY"], &["GET"], &["what"], &["\u{0}"]],
        )));
    }
    rng.shuffle(&mut parts);
    args.extend(parts.concat());
    Command::with_twin(name, args)
}

/// True if nothing but chance decides which elements come where.
fn has_free_order(command: &Command, kind: &str) -> bool {
    kind == "set" && !command.args.iter().any(|arg| arg == b"STORE")
}

fn sorted(reply: &Reply) -> Vec<Reply> {
    let mut items = reply.clone().items();
    items.sort();
    items
}

fn compare(command: &Command, native: &mut Client, twin: &mut Client, seed: u64) -> Reply {
    let kind = native.cmd([b"TYPE", command.key()]).text();
    let (left, left_raw) = native.raw(command.native());
    let (right, right_raw) = twin.raw(command.twin());
    if left_raw == right_raw {
        return left;
    }
    let limited = command.args.iter().any(|arg| arg == b"limit");
    let free = has_free_order(command, &kind)
        && matches!((&left, &right), (Reply::Array(one), Reply::Array(two)) if one.len() == two.len());
    if !free || !(limited || sorted(&left) == sorted(&right)) {
        panic!("seed {seed}: {command:?}\nnative {left:?}\ntwin   {right:?}");
    }
    left
}

fn compare_keys(command: &Command, lookers: &mut [Client; 2], seed: u64) {
    for key in KEYS {
        let [left, right] = lookers.each_mut().map(|client| {
            let held = client.run(&format!("EXISTS {key}")) == Reply::Int(1);
            held.then(|| entry(client, key.as_bytes()))
        });
        let values = [left, right].map(|entry| entry.map(|entry| (entry.value, entry.expire_at)));
        assert_eq!(values[1], values[0], "seed {seed}: {key} after {command:?}");
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
    let mut lookers = [NATIVE_DB, TWIN_DB].map(|db| client(&server, 2, db));
    fill(&mut native, "");
    fill(&mut twin, "MYLOG.");
    native.ok("CONFIG SET notify-keyspace-events AKE");
    let mut subscriber = server.client();
    subscriber.run("PSUBSCRIBE __keyevent@*__:*");
    let mut answered = BTreeSet::new();
    for round in 0..rounds {
        let command = if rng.bool() {
            change(&mut rng)
        } else {
            sort(&mut rng)
        };
        let reply = compare(&command, &mut native, &mut twin, seed);
        if !reply.is_error("") {
            answered.insert(command.name.clone());
        }
        if round % 20 == 0 || command.args.iter().any(|arg| arg == b"STORE") {
            compare_keys(&command, &mut lookers, seed);
        }
    }
    for name in TWINS {
        assert!(answered.contains(name), "{name} was never run with success");
    }
    let [of_natives, of_twins] = events(&mut subscriber, &server);
    assert!(of_natives.iter().any(|(event, _)| event == "sortstore"));
    assert_eq!(of_twins, of_natives, "seed {seed}");
}

#[test]
fn sort_answers_as_the_native_command_in_resp2() {
    twins_agree(2);
}

#[test]
fn sort_answers_as_the_native_command_in_resp3() {
    twins_agree(3);
}

#[test]
fn sort_answers_the_same_when_its_replies_are_held() {
    for protocol in [2, 3] {
        agree(
            protocol,
            rounds() / 20,
            Server::build().mylog("appendfsync", "always"),
        );
    }
}

#[test]
fn what_sort_stored_is_on_a_replica_and_survives_kill9() {
    let seed = seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut leader = primary();
    let mut follower = replica_of(&leader);
    let mut client = leader.client();
    fill(&mut client, "MYLOG.");
    for _ in 0..500 {
        let command = if rng.bool() {
            change(&mut rng)
        } else {
            sort(&mut rng)
        };
        client.cmd(command.twin());
    }
    client.run("MYLOG.SORT big STORE kept");
    same_state(&follower, &leader);
    let kept = client.run("MYLOG.LRANGE kept 0 -1").items();
    assert_eq!(kept.len(), 300);
    survives_kill9(&mut follower);
    let before = picture(&mut client);
    let after = survives_kill9(&mut leader);
    assert!(before.keys().any(|(_, key)| key == "kept"));
    let durable = |all: &crate::support::keyspace::KeySpace| crate::support::keyspace::durable(all);
    same(&durable(&after), &durable(&before));
}
