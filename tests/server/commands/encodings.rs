//! `OBJECT ENCODING` of captured keys after commands in random order: that of native keys with names of the same length.
//! `PARITY_SEED` and `SEQUENCES` as in `differential`.

use fastrand::Rng;

use super::differential::seed;
use super::parity_commands::pick;
use crate::support::{Client, Reply, Server, soak};

const KEYS: [&str; 4] = ["a", "b", "cc", "a-name-as-long-as-that"];

/// A value whose length is about one of the limits, or an integer.
fn value(rng: &mut Rng) -> String {
    let len = pick(
        rng,
        &[
            1, 3, 10, 11, 20, 26, 27, 33, 34, 36, 44, 45, 64, 65, 76, 90, 105, 106, 107,
        ],
    );
    match rng.usize(..5) {
        0 => pick(
            rng,
            &[
                "0",
                "7",
                "-12",
                "012",
                "9223372036854775807",
                "9223372036854775808",
                "",
                "3.5",
            ],
        )
        .to_owned(),
        _ => "v".repeat(len),
    }
}

/// Elements for one command, all different (the server goes by the number of words): a few, about so many as there may be in a small value, or one that is too long.
fn elements(rng: &mut Rng, each: &dyn Fn(&mut Rng, usize) -> String) -> String {
    let (from, count) = (rng.usize(..200), pick(rng, &[1, 1, 2, 5, 40, 129]));
    let all: Vec<String> = (from..from + count).map(|n| each(rng, n)).collect();
    all.join(" ")
}

fn member(rng: &mut Rng, n: usize) -> String {
    match rng.usize(..60) {
        0 => format!("{n:m>64}"),
        1 => format!("{n:m>65}"),
        _ => format!("m{n}"),
    }
}

fn strings(rng: &mut Rng) -> String {
    let (v, n) = (value(rng), rng.usize(..60));
    let set = format!("SET K {}", if v.is_empty() { "x" } else { &v });
    match rng.usize(..22) {
        0..=3 => set,
        4 => format!("{set} EX 1000"),
        5 => format!("{set} KEEPTTL"),
        6 => format!("APPEND K {v}"),
        7 => format!("SETRANGE K {n} {v}"),
        8 => format!("SETBIT K {n} {}", n % 2),
        9 => format!("BITFIELD K SET u8 {n} 65 GET u8 0"),
        10 => format!("BITFIELD K OVERFLOW FAIL INCRBY i8 {n} 100"),
        11 => "INCR K".to_owned(),
        12 => format!("INCRBYFLOAT K {}", pick(rng, &["1", "0.5", "-1"])),
        13 => format!("GETSET K {v}"),
        14 => format!("BITOP {} K L", pick(rng, &["OR", "NOT"])),
        15 => format!("MSET K {v} L {n}"),
        16 => format!("SETEX K 1000 {v}"),
        17 => "GETEX K EX 500".to_owned(),
        18 => "GETEX K PERSIST".to_owned(),
        19 => format!("SETNX K {v}"),
        20 => "GETRANGE K 0 3".to_owned(),
        _ => "DECRBY K 3".to_owned(),
    }
}

fn collections(rng: &mut Rng) -> String {
    let n = rng.usize(..200);
    match rng.usize(..20) {
        0 | 1 => format!("SADD K {}", elements(rng, &|_, n| n.to_string())),
        2 => format!("SADD K {}", elements(rng, &member)),
        3 => format!("SREM K {}", elements(rng, &|_, n| n.to_string())),
        4 => format!("{} K L L", pick(rng, &["SUNIONSTORE", "SINTERSTORE"])),
        5 => format!("SMOVE K L {n}"),
        6 | 7 => format!(
            "HSET K {}",
            elements(rng, &|rng, n| format!("f{n} {}", member(rng, n)))
        ),
        8 => format!("HDEL K {}", elements(rng, &|_, n| format!("f{n}"))),
        9 => format!("HINCRBY K n {n}"),
        10 | 11 => format!(
            "ZADD K {}",
            elements(rng, &|rng, n| format!("{n} {}", member(rng, n)))
        ),
        12 => format!("ZREMRANGEBYSCORE K {n} {}", n + 100),
        13 => "ZUNIONSTORE K 1 L".to_owned(),
        14 => format!("ZRANGESTORE K L 0 {n}"),
        15 => format!(
            "{} K {}",
            pick(rng, &["RPUSH", "LPUSH"]),
            elements(rng, &|_, n| "e".repeat(1 + n))
        ),
        16 => format!("LTRIM K 0 {}", n / 10),
        17 => format!("LPOP K {}", n / 10 + 1),
        18 => "LMOVE K L LEFT RIGHT".to_owned(),
        _ => "SORT K BY nosort STORE L".to_owned(),
    }
}

fn generic(rng: &mut Rng) -> String {
    match rng.usize(..8) {
        0 => "DEL K".to_owned(),
        1 => "RENAME K L".to_owned(),
        2 => "COPY K L REPLACE".to_owned(),
        3 => "EXPIRE K 1000".to_owned(),
        4 => "PERSIST K".to_owned(),
        5 => "RENAMENX K L".to_owned(),
        6 => "COPY K L".to_owned(),
        _ => "TOUCH K".to_owned(),
    }
}

fn run(client: &mut Client, line: &str, keys: [&str; 2], prefix: &str) -> Reply {
    let words = line.split(' ').map(|word| match word {
        "K" => format!("{prefix}{}", keys[0]),
        "L" => format!("{prefix}{}", keys[1]),
        word => word.to_owned(),
    });
    client.cmd(words.collect::<Vec<_>>())
}

#[test]
fn the_encoding_after_any_commands_is_that_of_a_native_key() {
    let server = Server::build()
        .mylog("capture", "order:")
        .mylog("flush-policy", "flush")
        .start();
    let mut client = server.client();
    let (seed, count) = (seed(), soak::number("SEQUENCES").unwrap_or(300));
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    for round in 0..count {
        client.ok("FLUSHALL");
        let mut lines: Vec<String> = Vec::new();
        for _ in 0..pick(&mut rng, &[3, 10, 40]) {
            let line = match rng.usize(..7) {
                0..=2 => strings(&mut rng),
                3..=4 => collections(&mut rng),
                _ => generic(&mut rng),
            };
            // A sorted set that is read by SORT is changed for that natively.
            let is_sort = line.starts_with("SORT");
            let keys = [pick(&mut rng, &KEYS), pick(&mut rng, &KEYS)];
            lines.push(format!("{} [{keys:?}]", line.get(..90).unwrap_or(&line)));
            let read = client.run(&format!("TYPE plain:{}", keys[0])).text();
            if is_sort && read == "zset" {
                continue;
            }
            let replies = ["plain:", "order:"].map(|prefix| run(&mut client, &line, keys, prefix));
            assert_eq!(replies[0], replies[1], "round {round}: {lines:#?}");
            for key in KEYS {
                let told = ["plain:", "order:"]
                    .map(|prefix| client.cmd(["OBJECT", "ENCODING", &format!("{prefix}{key}")]));
                let len = client.cmd(["STRLEN", &format!("plain:{key}")]);
                assert_eq!(
                    told[0], told[1],
                    "round {round}, seed {seed}: {key} of {len:?}: {lines:#?}"
                );
            }
        }
    }
}

#[test]
fn a_string_that_was_grown_in_place_is_raw_until_it_is_written_as_a_whole() {
    let mut server = Server::build()
        .mylog("capture", "order:")
        .mylog("appendfsync", "always")
        .start();
    let mut client = server.client();
    let mut encoding = |lines: &[&str]| {
        client.run("DEL order:k order:l");
        lines.iter().for_each(|line| {
            let reply = client.run(line);
            assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
        });
        client.run("OBJECT ENCODING order:k").text()
    };
    for (lines, wanted) in [
        (&["SET order:k v", "APPEND order:k w"][..], "raw"),
        (&["SETRANGE order:k 0 12"], "raw"),
        (&["SET order:k vv", "SETBIT order:k 0 0"], "raw"),
        (&["SET order:k 1", "APPEND order:k 2", "INCR order:k"], "int"),
        (
            &["SET order:k 1", "APPEND order:k 2", "GETEX order:k EX 9"],
            "raw",
        ),
        (
            &["APPEND order:l 1", "APPEND order:l 2", "COPY order:l order:k"],
            "raw",
        ),
        (
            &["APPEND order:l 1", "APPEND order:l 2", "RENAME order:l order:k"],
            "raw",
        ),
        (&["SET order:k v", "APPEND order:k w", "SET order:k w"], "embstr"),
        (&["SET order:l v", "BITOP NOT order:k order:l"], "raw"),
        (&["SET order:k 1", "INCRBYFLOAT order:k 1"], "embstr"),
    ] {
        assert_eq!(encoding(lines), wanted, "{lines:?}");
    }
    client.run("SET order:k v");
    client.run("APPEND order:k w");
    let dump = client.cmd(["DUMP", "order:k"]).bytes().expect("a dump");
    client.cmd([b"RESTORE".as_slice(), b"order:r", b"0", &dump]);
    assert_eq!(client.run("OBJECT ENCODING order:r").text(), "embstr");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("GET order:k").text(), "vw");
    assert_eq!(client.run("OBJECT ENCODING order:r").text(), "embstr");
}
