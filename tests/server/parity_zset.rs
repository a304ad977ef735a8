//! Native sorted set commands and their twins on one server: the same replies, byte for byte, the same events, the
//! same contents; and contents that outlive the process.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::parity::{NATIVE_DB, TWIN_DB, client, events, rounds, seed};
use super::parity_commands::Command;
use super::replica::{agree as same_state, primary, replica_of};
use super::zset_commands::{KEYS, TWINS, any};
use crate::support::keyspace::{self, picture, same, survives_kill9};
use crate::support::{Client, Reply, Server, rewriting};

/// Commands between two comparisons of all keys.
const SEQUENCE: u32 = 100;
/// Most members of a set in one piece.
const SMALL: i64 = 128;

fn groups(reply: Reply) -> Vec<Vec<Reply>> {
    let items = reply.items();
    let mut groups: Vec<_> = items.chunks(2).map(<[Reply]>::to_vec).collect();
    groups.sort();
    groups
}

/// The text without the twin's own name: errors of arity have it.
fn native_text(reply: &Reply) -> Option<String> {
    matches!(reply, Reply::Error(_)).then(|| reply.clone().text().replace("'mylog.", "'"))
}

/// Members with their scores as numbers, whatever their digits.
fn numbers(reply: Reply) -> Vec<(Reply, u64)> {
    let number = |score: &Reply| -> f64 { score.clone().text().parse().expect("a score") };
    let pairs = groups(reply).into_iter();
    pairs
        .map(|pair| (pair[0].clone(), number(&pair[1]).to_bits()))
        .collect()
}

/// A step of a scan: all of it in any order, or a part, which is not comparable.
fn scans_agree(command: &Command, native: &Reply, twin: &Reply, client: &mut Client) -> bool {
    let (Reply::Array(native), Reply::Array(twin)) = (native, twin) else {
        return false;
    };
    let whole = |parts: &[Reply]| parts[0] == Reply::Bulk(b"0".to_vec());
    if command.args[1] != b"0" || !whole(native) || !whole(twin) {
        return true;
    }
    // A native set that was large once stays so, and a large one shows scores with other digits.
    let small = client.cmd([b"ZCARD", &command.args[0][..]]).int() <= SMALL;
    groups(native[1].clone()) == groups(twin[1].clone())
        || (small && numbers(native[1].clone()) == numbers(twin[1].clone()))
}

/// Random members: as many, each of the set, and with its score.
fn draws_agree(command: &Command, native: &Reply, twin: &Reply, client: &mut Client) -> bool {
    let all = client.cmd([b"ZRANGE", &command.args[0][..], b"0", b"-1", b"WITHSCORES"]);
    let all = match unsigned_zeros(&all).items() {
        flat if flat.iter().all(|item| matches!(item, Reply::Bulk(_))) => {
            flat.chunks(2).map(<[Reply]>::to_vec).collect::<BTreeSet<_>>()
        }
        nested => nested.into_iter().map(Reply::items).collect(),
    };
    let members: BTreeSet<_> = all.iter().map(|pair| pair[0].clone()).collect();
    let (native, twin) = match (native, twin) {
        (Reply::Array(native), Reply::Array(twin)) => (native, twin),
        (Reply::Bulk(_), one @ Reply::Bulk(_)) => return members.contains(one),
        _ => return false,
    };
    let flat_pairs = command.args.len() == 3 && matches!(twin.first(), Some(Reply::Bulk(_)));
    let drawn: Vec<Vec<Reply>> = match twin.first() {
        Some(Reply::Array(_)) => twin.iter().map(|pair| pair.clone().items()).collect(),
        _ if flat_pairs => twin.chunks(2).map(<[Reply]>::to_vec).collect(),
        _ => twin.iter().map(|member| vec![member.clone()]).collect(),
    };
    let distinct: BTreeSet<_> = drawn.iter().collect();
    let may_repeat = command.args[1].starts_with(b"-");
    let known = |pair: &Vec<Reply>| match pair.len() {
        1 => members.contains(&pair[0]),
        _ => all.contains(pair),
    };
    native.len() == twin.len() && drawn.iter().all(known) && (may_repeat || distinct.len() == drawn.len())
}

/// The reply with the zeros that a sorted set of ours keeps: none has a sign.
fn unsigned_zeros(reply: &Reply) -> Reply {
    match reply {
        Reply::Bulk(text) if text == b"-0" => Reply::Bulk(b"0".to_vec()),
        Reply::Double(text) if text == b"-0" => Reply::Double(b"0".to_vec()),
        Reply::Array(items) => Reply::Array(items.iter().map(unsigned_zeros).collect()),
        other => other.clone(),
    }
}

fn agree(command: &Command, native: &Reply, twin: &Reply, client: &mut Client) -> bool {
    if let (Some(native), Some(twin)) = (native_text(native), native_text(twin)) {
        return native == twin;
    }
    let (native, twin) = (&unsigned_zeros(native), &unsigned_zeros(twin));
    if native == twin {
        return true;
    }
    match &*command.name {
        "ZSCAN" => scans_agree(command, native, twin, client),
        "ZRANDMEMBER" => draws_agree(command, native, twin, client),
        _ => false,
    }
}

fn compare(command: &Command, native: &mut Client, twin: &mut Client, seed: u64) -> Reply {
    let (left, left_raw) = native.raw(command.native());
    let (right, right_raw) = twin.raw(command.twin());
    if left_raw != right_raw && !agree(command, &left, &right, native) {
        panic!("seed {seed}: {command:?}\nnative {left:?}\ntwin   {right:?}");
    }
    left
}

fn compare_keys(native: &mut Client, twin: &mut Client, seed: u64) {
    for key in KEYS {
        let shown = key.escape_ascii();
        let kinds = [&mut *native, &mut *twin].map(|client| client.cmd([b"TYPE", key]).text());
        let expected = match &*kinds[0] {
            "zset" => "mylog-zst",
            "string" => "mylog-str",
            "set" => "mylog-set",
            other => other,
        };
        assert_eq!(kinds[1], expected, "seed {seed}: {shown}");
        let all = |name| {
            Command::with_twin(
                name,
                [key, b"0", b"-1", b"WITHSCORES"].map(<[u8]>::to_vec).to_vec(),
            )
        };
        compare(&all("ZRANGE"), native, twin, seed);
        let ends = [&mut *native, &mut *twin].map(|client| client.cmd([b"PEXPIRETIME", key]).int());
        assert_eq!(ends[0], ends[1], "seed {seed}: {shown}");
    }
}

/// Ends of keys, a string and a set: what else the commands meet.
fn disturb(rng: &mut Rng, native: &mut Client, twin: &mut Client) {
    let key = KEYS[rng.usize(..KEYS.len())];
    for (client, prefix) in [(native, ""), (twin, "MYLOG.")] {
        client.run("DEL set");
        client.ok(&format!("{prefix}SET string text"));
        client.run(&format!("{prefix}SADD set m1 m2 m3 3 m11"));
        client.cmd([b"PEXPIREAT".as_slice(), key, b"4102444800123"]);
    }
}

fn twins_agree(protocol: u8) {
    let seed = seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let server = Server::build().start();
    let (mut native, mut twin) = (
        client(&server, protocol, NATIVE_DB),
        client(&server, protocol, TWIN_DB),
    );
    native.ok("CONFIG SET notify-keyspace-events AKE");
    let mut subscriber = server.client();
    subscriber.run("PSUBSCRIBE __keyevent@*__:*");
    let mut answered = BTreeSet::new();
    for round in 0..rounds() {
        if round % SEQUENCE == 0 {
            disturb(&mut rng, &mut native, &mut twin);
        }
        let command = any(&mut rng);
        let reply = compare(&command, &mut native, &mut twin, seed);
        if !reply.is_error("") {
            answered.insert(command.name.clone());
        }
        if round % SEQUENCE == SEQUENCE - 1 {
            compare_keys(&mut native, &mut twin, seed);
        }
    }
    let [of_natives, of_twins] = events(&mut subscriber, &server);
    let differ = of_natives
        .iter()
        .zip(&of_twins)
        .find(|(native, twin)| native != twin);
    assert_eq!(differ, None, "seed {seed}");
    assert_eq!(of_natives.len(), of_twins.len(), "seed {seed}");
    let registered = twin.run("COMMAND LIST FILTERBY PATTERN mylog.z*").items();
    assert_eq!(registered.len(), TWINS.len());
    for name in registered {
        let name = name.text().to_uppercase().replace("MYLOG.", "");
        assert!(answered.contains(&name), "{name} was never run with success");
    }
}

#[test]
fn sorted_set_twins_answer_as_the_native_commands_in_resp2() {
    twins_agree(2);
}

#[test]
fn sorted_set_twins_answer_as_the_native_commands_in_resp3() {
    twins_agree(3);
}

#[test]
fn sorted_sets_survive_reload_rewrite_and_kill9() {
    let seed = seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut server = Server::build().start();
    for turn in 0..6 {
        let mut client = server.client();
        for _ in 0..3 * SEQUENCE {
            client.cmd(any(&mut rng).twin());
        }
        client.run("MYLOG.ZADD kept 1.5 a -inf b 0.1 c");
        let before = picture(&mut client);
        match turn % 3 {
            0 => client.ok("DEBUG RELOAD"),
            1 => rewriting::run(&mut client),
            _ => {}
        }
        same(&picture(&mut client), &before);
        let after = survives_kill9(&mut server);
        same(&after, &before);
    }
}

/// Commands with a reply of their own kind, or none but an error; `Z`, `MISSING` and `STR` are keys.
const LINES: [&str; 63] = [
    "ZADD",
    "ZADD Z",
    "ZADD Z 1",
    "ZADD Z NX XX 1 a",
    "ZADD Z NX GT 1 a",
    "ZADD Z GT LT 1 a",
    "ZADD Z INCR 1 a 2 b",
    "ZADD Z INCR -inf top",
    "ZADD Z nan a",
    "ZADD Z CH",
    "ZADD STR 1 a",
    "ZADD STR x a",
    "ZADD MISSING XX 1 a",
    "ZADD MISSING XX INCR 1 a",
    "ZINCRBY Z x a",
    "ZINCRBY Z nx a",
    "ZINCRBY Z -inf top",
    "ZINCRBY STR 1 a",
    "ZREM STR a",
    "ZREM MISSING a",
    "ZREMRANGEBYRANK Z x 1",
    "ZREMRANGEBYRANK STR x 1",
    "ZREMRANGEBYSCORE STR x 1",
    "ZREMRANGEBYLEX STR x [1",
    "ZPOPMIN Z -1",
    "ZPOPMIN Z x",
    "ZPOPMAX Z 0",
    "ZPOPMAX STR 0",
    "ZPOPMAX MISSING",
    "ZPOPMIN Z 1 2",
    "ZMPOP 0 Z MIN",
    "ZMPOP 1 Z foo",
    "ZMPOP 1 MISSING MIN",
    "ZMPOP 2 MISSING STR MIN",
    "ZMPOP 1 Z MIN COUNT 0",
    "ZMPOP 5 Z MIN",
    "ZRANK MISSING a",
    "ZRANK Z nobody",
    "ZRANK STR a",
    "ZSCORE MISSING a",
    "ZSCORE STR a",
    "ZMSCORE STR a",
    "ZMSCORE MISSING a b",
    "ZRANGE Z 0 1 LIMIT 0 1",
    "ZRANGE Z 0 1 LIMIT 0 -1",
    "ZRANGE Z [a [b BYLEX WITHSCORES",
    "ZRANGE Z 0 1 BYSCORE BYLEX",
    "ZRANGE STR x 1",
    "ZRANGEBYSCORE Z -inf inf LIMIT -1 5",
    "ZREVRANGEBYLEX Z + - LIMIT -1 5",
    "ZREVRANGE Z 0 1 REV",
    "ZRANGESTORE d MISSING 0 -1",
    "ZRANGESTORE d STR 0 -1",
    "ZRANGESTORE d Z 0 1 WITHSCORES",
    "ZUNION 0 Z",
    "ZUNION 2 Z",
    "ZUNION x Z",
    "ZUNION 2 Z STR foo",
    "ZUNIONSTORE d 0 Z",
    "ZINTERSTORE d 1 Z WITHSCORES",
    "ZDIFF 1 Z WEIGHTS 1",
    "ZINTERCARD 1 Z LIMIT -1",
    "ZDIFFSTORE d 1 MISSING",
];

#[test]
fn sorted_set_commands_that_change_nothing_answer_as_the_native_ones() {
    let server = Server::build().start();
    for protocol in [2, 3] {
        let (mut native, mut twin) = (
            client(&server, protocol, NATIVE_DB),
            client(&server, protocol, TWIN_DB),
        );
        for (client, prefix) in [(&mut native, ""), (&mut twin, "MYLOG.")] {
            client.run(&format!("{prefix}ZADD Z 1 a 2 b inf top"));
            client.ok(&format!("{prefix}SET STR text"));
        }
        let digest = twin.run("MYLOG.DEBUG DIGEST");
        let seq = rewriting::info(&mut twin, "queued_seq");
        for line in LINES {
            let mut words = line.split(' ').map(|word| word.as_bytes().to_vec());
            let name = String::from_utf8(words.next().unwrap()).unwrap();
            compare(
                &Command::with_twin(&name, words.collect()),
                &mut native,
                &mut twin,
                0,
            );
        }
        assert_eq!(twin.run("MYLOG.DEBUG DIGEST"), digest);
        assert_eq!(rewriting::info(&mut twin, "queued_seq"), seq);
    }
}

#[test]
fn ranks_come_with_scores_as_in_the_native_commands_that_have_them() {
    let server = Server::build().start();
    for protocol in [2, 3] {
        let (mut native, mut twin) = (
            client(&server, protocol, NATIVE_DB),
            client(&server, protocol, TWIN_DB),
        );
        let info = native.run("COMMAND INFO ZRANK").items();
        // Redis 7.0 takes two arguments only.
        let takes_more = info[0].clone().items()[1] == Reply::Int(-3);
        native.run("ZADD z 1 a 2.5 b");
        twin.run("MYLOG.ZADD z 1 a 2.5 b");
        for line in [
            "z a withscore",
            "z b WITHSCORE",
            "z c WITHSCORE",
            "y a WITHSCORE",
            "z a foo",
            "z a WITHSCORE x",
        ] {
            for name in ["ZRANK", "ZREVRANK"] {
                let args = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
                let command = Command::with_twin(name, args);
                if takes_more {
                    compare(&command, &mut native, &mut twin, 0);
                } else {
                    assert!(native.cmd(command.native()).is_error("ERR wrong number"));
                }
            }
        }
    }
}

#[test]
fn ranks_come_with_scores_if_asked_for() {
    let server = Server::build().start();
    let mut client = server.client();
    client.run("MYLOG.ZADD z 1 a 2.5 b");
    let rank = client.run("MYLOG.ZREVRANK z b withscore").items();
    assert_eq!(rank, [Reply::Int(0), Reply::Bulk(b"2.5".to_vec())]);
    assert_eq!(client.raw(["MYLOG.ZRANK", "z", "c", "WITHSCORE"]).1, b"*-1\r\n");
    assert!(client.run("MYLOG.ZRANK z a foo").is_error("ERR syntax error"));
    assert!(
        client
            .run("MYLOG.ZRANK z a WITHSCORE x")
            .is_error("ERR wrong number of arguments for 'zrank' command")
    );
}

#[test]
fn native_sorted_set_commands_on_captured_keys_are_durable() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "board:")
        .start();
    let mut client = server.client();
    assert_eq!(client.run("ZADD board:1 1 a 2 b 3 c").int(), 3);
    assert_eq!(client.run("ZUNIONSTORE board:2 1 board:1 WEIGHTS 2").int(), 3);
    assert_eq!(client.run("ZRANGESTORE board:3 board:2 0 0").int(), 1);
    assert_eq!(client.run("ZMPOP 2 board:9 board:1 MAX").items().len(), 2);
    assert_eq!(keyspace::kind(&mut client, b"board:2"), "mylog-zst");
    for line in [
        "ZUNION 2 board:1 other",
        "ZINTERSTORE other 1 board:1",
        "ZRANGESTORE other board:1 0 -1",
        "BZPOPMIN board:1 other 1",
        "BZMPOP 1 2 board:1 other MIN",
    ] {
        assert!(client.run(line).is_error("ERR '"), "{line}");
    }
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("ZRANGE board:1 0 -1").items().len(), 2);
    assert_eq!(client.run("ZSCORE board:2 c").text(), "6");
    assert_eq!(client.run("ZCARD board:3").int(), 1);
}

#[test]
fn every_sorted_set_twin_runs_for_its_native_command_on_captured_prefixes() {
    let seed = seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    // The first bytes of all names that the commands use.
    let server = Server::build().mylog("capture", "z lex big s m").start();
    let mut client = server.client();
    for _ in 0..3000 {
        client.cmd(any(&mut rng).native());
    }
    let stats = client.info("commandstats");
    for name in TWINS {
        let twin = format!("cmdstat_mylog.{}", name.to_lowercase());
        assert!(stats.contains_key(&twin), "seed {seed}: {name} was not routed");
    }
}

#[test]
fn sorted_sets_are_the_same_on_a_replica() {
    let seed = seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let primary = primary();
    let replica = replica_of(&primary);
    let mut client = primary.client();
    for _ in 0..3 {
        for _ in 0..5 * SEQUENCE {
            client.cmd(any(&mut rng).twin());
        }
        client.run("MYLOG.ZADD kept 1 a");
        same_state(&replica, &primary);
    }
}

#[test]
fn a_store_of_nothing_takes_a_key_of_any_type_away() {
    let server = Server::build().start();
    let mut client = server.client();
    client.ok("SET native text");
    client.ok("MYLOG.SET durable text");
    assert_eq!(client.run("MYLOG.ZUNIONSTORE native 1 missing").int(), 0);
    assert_eq!(client.run("MYLOG.ZRANGESTORE durable missing 0 -1").int(), 0);
    assert_eq!(client.run("EXISTS native durable").int(), 0);
    client.run("MYLOG.ZADD z 1 a");
    client.ok("SET native text");
    assert_eq!(client.run("MYLOG.ZINTERSTORE native 1 z").int(), 1);
    assert_eq!(client.run("TYPE native").text(), "mylog-zst");
}

#[test]
fn the_server_knows_sorted_set_twins_and_their_keys() {
    let server = Server::build().start();
    let mut client = server.client();
    for name in TWINS {
        let [native, twin] = ["", "MYLOG."].map(|prefix| {
            let info = client.run(&format!("COMMAND INFO {prefix}{name}"));
            info.items().into_iter().next().expect("an answer").items()
        });
        // Arity, first and last key with the step, tips. The ranks have one argument more since 7.2.
        let fields: &[usize] = if name.ends_with("RANK") && !name.starts_with("ZREM") {
            &[3, 4, 5, 7]
        } else {
            &[1, 3, 4, 5, 7]
        };
        for &field in fields {
            assert_eq!(twin[field], native[field], "{name}: field {field}");
        }
        let mut flags = twin[2].clone().items();
        flags.retain(|flag| *flag != Reply::Simple(b"module".to_vec()));
        flags.sort();
        let mut expected = native[2].clone().items();
        expected.sort();
        assert_eq!(flags, expected, "{name}: flags");
    }
    for line in [
        "ZADD z 1 a",
        "ZRANGESTORE d z 0 -1",
        "ZUNION 2 a b WITHSCORES",
        "ZUNIONSTORE d 2 a b",
        "ZMPOP 1 z MIN",
    ] {
        let native = client.run(&format!("COMMAND GETKEYSANDFLAGS {line}"));
        let twin = client.run(&format!("COMMAND GETKEYSANDFLAGS MYLOG.{line}"));
        assert_eq!(twin, native, "{line}");
        assert!(!twin.items().is_empty(), "{line}");
    }
}
