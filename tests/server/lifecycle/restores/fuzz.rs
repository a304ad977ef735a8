//! RESTORE of payloads that nobody made by DUMP: mutated, and made up, with the checksum made right. Whatever is taken
//! is a value that agrees with itself, and what is not is refused.
//!
//! `FUZZ_RESTORE` is how many (500, and 10 000 under `make soak`), `FUZZ_SEED` repeats a run.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::broken::{dump, restore};
use crate::support::dump::{Dump, END, length, number, string};
use crate::support::keyspace::{kind, survives_kill9};
use crate::support::{Client, Server, soak};

/// The name that all of them are restored to.
const KEY: &str = "fuzzed";

/// Dumps of all types in all forms: one block, many; numbers, long and compressible strings.
fn sources(client: &mut Client) -> Vec<Dump> {
    let lines = [
        "MYLOG.SET s short".to_owned(),
        "MYLOG.SET s -12345".to_owned(),
        "MYLOG.SET s 1234567890123".to_owned(),
        format!("MYLOG.SET s {}", "long".repeat(500)),
        "MYLOG.HSET h f v g 7 h -300".to_owned(),
        format!("MYLOG.HSET h {} {}", "f".repeat(100), "v".repeat(100)),
        "MYLOG.RPUSH l a 5 70000 c c c".to_owned(),
        "MYLOG.SADD i 1 2 3 500 -70000".to_owned(),
        "MYLOG.SADD m a b c 5".to_owned(),
        "MYLOG.ZADD z 1 a -0.5 b inf c 3e300 d".to_owned(),
    ];
    let mut dumps = Vec::new();
    for line in lines {
        let key = line.split(' ').nth(1).unwrap().to_owned();
        client.run(&format!("DEL {key}"));
        client.run(&line);
        dumps.push(dump(client, &key));
    }
    let items = |n: u32, of: &dyn Fn(u32) -> String| (0..n).map(of).collect::<Vec<_>>().join(" ");
    for line in [
        format!("MYLOG.HSET H {}", items(600, &|n| format!("f{n} v{n}"))),
        format!("MYLOG.RPUSH L {}", items(3000, &|n| format!("e{n}"))),
        format!("MYLOG.SADD I {}", items(600, &|n| (n * 7).to_string())),
        format!("MYLOG.SADD M {}", items(600, &|n| format!("m{n}"))),
        format!("MYLOG.ZADD Z {}", items(600, &|n| format!("{} m{n}", n / 3))),
    ] {
        let key = line.split(' ').nth(1).unwrap().to_owned();
        client.run(&line);
        dumps.push(dump(client, &key));
    }
    dumps
}

fn some_length(rng: &mut Rng) -> u64 {
    match rng.u8(..6) {
        0 => rng.u64(..8),
        1 => rng.u64(..300),
        2 => 1 << rng.u8(..64),
        3 => (1 << rng.u8(..64)) - 1,
        4 => u64::MAX - rng.u64(..4),
        _ => rng.u64(..),
    }
}

/// One part of a value, right or wrong.
fn part(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..10) {
        0..4 => string(&b"abcabcabcabc"[..rng.usize(..12)]),
        4..6 => number(rng.f64().to_bits()),
        6 => number(some_length(rng)),
        7 => [&[5][..], &length(some_length(rng)), b"few"].concat(),
        8 => [
            &[5, 0xc0 | rng.u8(..5)][..],
            &length(some_length(rng)),
            &length(some_length(rng)),
            b"\x01ab\x20\x00",
        ]
        .concat(),
        _ => vec![rng.u8(..8), rng.u8(..)],
    }
}

/// A body out of parts, with a count before it that is right more often than not.
fn made_up(rng: &mut Rng) -> Vec<u8> {
    let elements = rng.u64(..6);
    let each = 1 + rng.u64(..2);
    let count = match rng.u8(..4) {
        0 => some_length(rng),
        _ => elements,
    };
    let mut body = number(count);
    for _ in 0..elements * each {
        body.extend(part(rng));
    }
    body.push(END);
    body
}

fn mutated(rng: &mut Rng, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for _ in 0..1 + rng.u8(..3) {
        let at = rng.usize(..=body.len());
        let end = (at + rng.usize(..20)).min(body.len());
        match rng.u8(..6) {
            0 => body.truncate(at),
            1 => drop(body.splice(at..end, [])),
            2 => drop(body.splice(at..at, part(rng))),
            3 => {
                let twice = body[at..end].to_vec();
                body.splice(at..at, twice);
            }
            4 => drop(body.splice(at..end, length(some_length(rng)))),
            _ => {
                if let Some(byte) = body.get_mut(at) {
                    *byte ^= 1 << rng.u8(..8);
                }
            }
        }
    }
    body
}

fn distinct(items: impl IntoIterator<Item = Vec<u8>>) -> i64 {
    items.into_iter().collect::<BTreeSet<_>>().len() as i64
}

/// Panics unless the value is as long as it says, has nothing twice, and is in order.
fn agrees_with_itself(client: &mut Client) {
    let all = |client: &mut Client, line: &str| {
        let items = client.run(line).items().into_iter();
        items.map(|item| item.bytes().unwrap()).collect::<Vec<_>>()
    };
    let (len, found) = match &*kind(client, KEY.as_bytes()) {
        "mylog-str" => {
            let value = client.run("MYLOG.GET fuzzed").bytes().unwrap();
            (client.run("MYLOG.STRLEN fuzzed").int(), value.len() as i64)
        }
        "mylog-hsh" => {
            let fields = all(client, "MYLOG.HKEYS fuzzed");
            assert_eq!(client.run("MYLOG.HGETALL fuzzed").pairs().len(), fields.len());
            (client.run("MYLOG.HLEN fuzzed").int(), distinct(fields))
        }
        "mylog-lst" => {
            let items = all(client, "MYLOG.LRANGE fuzzed 0 -1");
            (client.run("MYLOG.LLEN fuzzed").int(), items.len() as i64)
        }
        "mylog-set" => {
            let members = all(client, "MYLOG.SMEMBERS fuzzed");
            (client.run("MYLOG.SCARD fuzzed").int(), distinct(members))
        }
        "mylog-zst" => {
            let pairs = client.run("MYLOG.ZRANGE fuzzed 0 -1 WITHSCORES").pairs();
            let scores = pairs.iter().map(|(_, score)| {
                let score: f64 = String::from_utf8_lossy(score).parse().unwrap();
                assert!(!score.is_nan());
                score
            });
            assert!(scores.is_sorted());
            let members = pairs.iter().map(|(member, _)| member.clone());
            (client.run("MYLOG.ZCARD fuzzed").int(), distinct(members))
        }
        other => panic!("a value of type {other}"),
    };
    assert_eq!(len, found);
    assert!(len > 0 || kind(client, KEY.as_bytes()) == "mylog-str");
}

/// What was taken can be given again, and is the same then.
fn comes_back(client: &mut Client) {
    let before = client.run("MYLOG.DEBUG DIGEST");
    let again = dump(client, KEY);
    assert!(restore(client, KEY, &again).is_ok());
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), before);
}

#[test]
fn what_restore_takes_agrees_with_itself_and_what_it_refuses_changes_nothing() {
    let seed = soak::number("FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let many = soak::times("FUZZ_RESTORE", 500);
    eprintln!("FUZZ_SEED={seed} FUZZ_RESTORE={many}");
    let mut rng = Rng::with_seed(seed);
    let mut server = Server::build().mylog("appendfsync", "everysec").start();
    let mut client = server.client();
    let sources = sources(&mut client);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..many {
        let source = rng.choice(&sources).unwrap();
        let body = match rng.u8(..3) {
            0 => made_up(&mut rng),
            _ => mutated(&mut rng, &source.body),
        };
        let payload = source.with(body);
        let before = client.run("MYLOG.DEBUG DIGEST");
        let reply = restore(&mut client, KEY, &payload);
        if reply.is_ok() {
            taken += 1;
            agrees_with_itself(&mut client);
            comes_back(&mut client);
        } else {
            refused += 1;
            assert!(reply.is_error("ERR Bad data format"), "{reply:?}");
            assert_eq!(client.run("MYLOG.DEBUG DIGEST"), before);
        }
        if round % 1000 == 999 {
            client.run("MYLOG.REWRITE");
        }
    }
    assert!(taken > 0 && refused > 0);
    survives_kill9(&mut server);
    soak::total(
        "damaged RESTORE payloads",
        &format!("{many} payloads, {taken} taken, {refused} refused, seed {seed}"),
    );
}
