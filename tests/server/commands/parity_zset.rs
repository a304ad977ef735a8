//! Sorted set commands that random ones seldom make, natively and by their twins.

use std::collections::BTreeSet;

use super::differential::{unsigned_zeros, with_native_names};
use super::parity::{NATIVE_DB, TWIN_DB, client};
use super::parity_commands::Command;
use super::zset_commands::TWINS;
use crate::support::{Client, Reply, Server, keyspace, rewriting};

/// Random members: as many, each of the set, and with its score.
pub(super) fn draws_agree(command: &Command, native: &Reply, twin: &Reply, client: &mut Client) -> bool {
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

/// Panics unless both answer the same, byte for byte.
fn compare(command: &Command, native: &mut Client, twin: &mut Client) {
    let native = native.raw(command.native()).1;
    let twin = with_native_names(&twin.raw(command.twin()).1);
    let shown = [&native, &twin].map(|reply| reply.escape_ascii().to_string());
    assert_eq!(shown[1], shown[0], "{command:?}");
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
                    compare(&command, &mut native, &mut twin);
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

#[test]
fn scores_have_the_digits_of_the_native_command() {
    let server = Server::build().start();
    let powers = (0..20).flat_map(|power| {
        let power = 10i128.pow(power);
        [power - 1, power, power + 1, -power, power * 123 / 100]
    });
    let mut scores: Vec<String> = powers.map(|score| score.to_string()).collect();
    scores.extend(
        [
            "-0",
            "0.0",
            "0.5",
            "-1.25",
            "1e15",
            "1e17",
            "3.0e2",
            "inf",
            "-inf",
            "1e300",
            "1e-7",
            "17976931348623157e292",
        ]
        .map(str::to_owned),
    );
    for protocol in [2, 3] {
        let (mut native, mut twin) = (
            client(&server, protocol, NATIVE_DB),
            client(&server, protocol, TWIN_DB),
        );
        for score in &scores {
            for line in [
                "ZADD z <score> m",
                "ZSCORE z m",
                "ZRANGE z 0 -1 WITHSCORES",
                "ZPOPMIN z",
                "ZADD z <score> m 1 n",
                "ZPOPMAX z 2",
                "ZADD z INCR <score> m",
                "ZPOPMAX z",
                "ZPOPMIN z",
            ] {
                let line = line.replace("<score>", score);
                let mut words = line.split(' ').map(|word| word.as_bytes().to_vec());
                let name = String::from_utf8(words.next().unwrap()).unwrap();
                let command = Command::with_twin(&name, words.collect());
                // A score of -0 is kept as 0.
                if score == "-0" && !line.starts_with("ZADD") {
                    native.cmd(command.native());
                    twin.cmd(command.twin());
                    continue;
                }
                compare(&command, &mut native, &mut twin);
            }
        }
    }
}
