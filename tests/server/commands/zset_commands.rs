//! Random sorted set commands: every option, every bad argument, sets of every size.

use fastrand::Rng;

use super::parity_commands::Command;

type Args = Vec<Vec<u8>>;

/// Every sorted set command that has a twin.
pub const TWINS: [&str; 32] = [
    "ZADD",
    "ZINCRBY",
    "ZREM",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZREMRANGEBYLEX",
    "ZPOPMIN",
    "ZPOPMAX",
    "ZMPOP",
    "ZRANGESTORE",
    "ZCARD",
    "ZSCORE",
    "ZMSCORE",
    "ZRANK",
    "ZREVRANK",
    "ZCOUNT",
    "ZLEXCOUNT",
    "ZRANDMEMBER",
    "ZSCAN",
    "ZRANGE",
    "ZREVRANGE",
    "ZRANGEBYSCORE",
    "ZREVRANGEBYSCORE",
    "ZRANGEBYLEX",
    "ZREVRANGEBYLEX",
    "ZUNION",
    "ZUNIONSTORE",
    "ZINTER",
    "ZINTERSTORE",
    "ZDIFF",
    "ZDIFFSTORE",
    "ZINTERCARD",
];

/// Every key that the commands use. Those of `lex` hold one score only.
pub const KEYS: [&[u8]; 11] = [
    b"nat:z\0\r\n0",
    b"nat:z1",
    b"nat:z2",
    b"nat:z3",
    b"nat:lex0",
    b"nat:lex1",
    b"nat:lex2",
    b"nat:big0",
    b"nat:big1",
    b"nat:string",
    b"nat:set",
];

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

fn text(words: &[&str]) -> Args {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn number(n: impl ToString) -> Vec<u8> {
    n.to_string().into_bytes()
}

fn key(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..40) {
        0 => b"nat:missing".to_vec(),
        1 => b"nat:string".to_vec(),
        2 | 3 => b"nat:set".to_vec(),
        4..=7 => pick(rng, &KEYS[7..9]).to_vec(),
        _ => pick(rng, &KEYS[..4]).to_vec(),
    }
}

fn is_big(key: &[u8]) -> bool {
    key.starts_with(b"nat:big")
}

fn lex_key(rng: &mut Rng) -> Vec<u8> {
    pick(rng, &KEYS[4..7]).to_vec()
}

fn member(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..20) {
        0 => Vec::new(),
        1 => b"a\0b\r\n".to_vec(),
        2 => vec![b'x'; 70],
        3 => number(rng.u8(..9)),
        _ => format!("m{}", rng.u8(..12)).into_bytes(),
    }
}

fn big_member(rng: &mut Rng) -> Vec<u8> {
    format!("m{}", rng.u16(..400)).into_bytes()
}

/// A score that is one.
fn good_score(rng: &mut Rng) -> Vec<u8> {
    const SCORES: [&str; 17] = [
        "0",
        "1.5",
        "-2.25",
        "inf",
        "-inf",
        "+3",
        "1e30",
        "5e-324",
        "1.7976931348623157e308",
        "0.1",
        "100000000000000000",
        "9007199254740993",
        "4611686018427387904",
        "0x1p3",
        "1e-5",
        "123456789.123",
        "3.0e3",
    ];
    match rng.u8(..5) {
        0 => pick(rng, &SCORES).as_bytes().to_vec(),
        1 => number(f64::from_bits(rng.u64(..) & !(1 << 62))),
        _ => number(rng.i8(-20..20)),
    }
}

fn score(rng: &mut Rng) -> Vec<u8> {
    const BAD: [&str; 8] = ["nan", "", "1x", " 1", "1e400", "1e-400", "(1", "--1"];
    match rng.u8(..40) {
        0 => pick(rng, &BAD).as_bytes().to_vec(),
        _ => good_score(rng),
    }
}

fn integer(rng: &mut Rng) -> Vec<u8> {
    const BAD: [&str; 5] = [
        "x",
        "1.5",
        "9223372036854775808",
        "-9223372036854775808",
        "9223372036854775807",
    ];
    match rng.u8(..30) {
        0 => pick(rng, &BAD).as_bytes().to_vec(),
        _ => number(rng.i16(-14..14)),
    }
}

/// An end of a range of scores.
fn score_end(rng: &mut Rng) -> Vec<u8> {
    const ENDS: [&str; 10] = [
        "-inf", "+inf", "(1", "(inf", "", "(", "x", "1e400", "nan", "(-2.25",
    ];
    match rng.u8(..3) {
        0 => pick(rng, &ENDS).as_bytes().to_vec(),
        _ => number(rng.i8(-20..20)),
    }
}

/// An end of a range of names.
fn lex_end(rng: &mut Rng) -> Vec<u8> {
    const ENDS: [&[u8]; 8] = [b"-", b"+", b"-\0x", b"[", b"(", b"", b"x", b"+x"];
    match rng.u8(..3) {
        0 => pick(rng, &ENDS).to_vec(),
        n => [&b"[("[usize::from(n) - 1..usize::from(n)], &member(rng)].concat(),
    }
}

fn repeated(rng: &mut Rng, most: usize, each: impl Fn(&mut Rng) -> Args) -> Args {
    (0..rng.usize(1..=most)).flat_map(|_| each(rng)).collect()
}

fn some_words(rng: &mut Rng, words: &[&str]) -> Args {
    let many = pick(rng, &[0, 0, 1, 1, 2, 3]);
    (0..many).flat_map(|_| text(&[pick(rng, words)])).collect()
}

fn add_args(rng: &mut Rng, key: &[u8]) -> Args {
    if key.starts_with(b"nat:lex") {
        return repeated(rng, 4, |rng| vec![b"0".to_vec(), member(rng)]);
    }
    if is_big(key) && rng.u8(..3) > 0 {
        let many = pick(rng, &[10, 150]);
        return repeated(rng, many, |rng| vec![good_score(rng), big_member(rng)]);
    }
    let mut args = match rng.bool() {
        true => some_words(rng, &["NX", "XX", "GT", "LT", "CH", "INCR", "incr", "foo"]),
        false => Args::new(),
    };
    let many = pick(rng, &[1, 1, 3, 20]);
    args.extend(repeated(rng, many, |rng| vec![score(rng), member(rng)]));
    if rng.u8(..30) == 0 {
        args.push(b"odd".to_vec());
    }
    args
}

fn limit(rng: &mut Rng) -> Args {
    // Of a negative offset in a large set the servers make different things.
    let offset = number(rng.u8(..20));
    match rng.u8(..12) {
        0 => text(&["LIMIT", "1"]),
        1 => text(&["LIMIT", "x", "1"]),
        _ => [text(&["limit"]), vec![offset, integer(rng)]].concat(),
    }
}

/// What comes behind the two ends of a range.
fn range_options(rng: &mut Rng) -> Args {
    let mut options = Args::new();
    for _ in 0..pick(rng, &[0, 0, 1, 1, 2]) {
        options.extend(match rng.u8(..8) {
            0..=3 => text(&["WITHSCORES"]),
            4..=6 => limit(rng),
            _ => text(&[pick(rng, &["foo", "REV", "BYSCORE"])]),
        });
    }
    options
}

/// The ends and options of ZRANGE and ZRANGESTORE.
fn any_range(rng: &mut Rng, key: &[u8]) -> Args {
    let (mut args, by) = match rng.u8(..3) {
        0 => (vec![integer(rng), integer(rng)], ""),
        1 => (vec![score_end(rng), score_end(rng)], "BYSCORE"),
        _ if key.starts_with(b"nat:lex") => (vec![lex_end(rng), lex_end(rng)], "bylex"),
        _ => (vec![integer(rng), integer(rng)], ""),
    };
    args.extend(text(&[by]).into_iter().filter(|word| !word.is_empty()));
    if rng.bool() {
        args.extend(text(&["REV"]));
    }
    args.extend(range_options(rng));
    args
}

fn sources(rng: &mut Rng) -> Args {
    let keys = repeated(rng, 4, |rng| vec![key(rng)]);
    let count = match rng.u8(..30) {
        0 => pick(rng, &["0", "-1", "x", "99", "9223372036854775807"]).into(),
        _ => number(keys.len()),
    };
    [vec![count], keys].concat()
}

fn combine_args(rng: &mut Rng) -> Args {
    let mut args = sources(rng);
    let keys = args.len() - 1;
    for _ in 0..pick(rng, &[0, 0, 1, 1, 2]) {
        args.extend(match rng.u8(..10) {
            0..=2 => {
                let weight = |rng: &mut Rng| match rng.u8(..12) {
                    0 => b"x".to_vec(),
                    1 => b"inf".to_vec(),
                    2 => b"0".to_vec(),
                    _ => number(rng.i8(-3..4)),
                };
                let weights = (0..keys).map(|_| weight(rng)).collect();
                [text(&["WEIGHTS"]), weights].concat()
            }
            3..=5 => text(&["aggregate", pick(rng, &["sum", "MIN", "Max", "foo"])]),
            6..=8 => text(&["WITHSCORES"]),
            _ => text(&[pick(rng, &["foo", "WEIGHTS", "AGGREGATE", "LIMIT"])]),
        });
    }
    args
}

fn scan_args(rng: &mut Rng) -> Args {
    let mut args = text(&[pick(rng, &["0", "0", "0", "x", "5", ""])]);
    for _ in 0..pick(rng, &[0, 1, 2]) {
        args.extend(match rng.u8(..5) {
            0 => text(&["MATCH", pick(rng, &["*", "m1*", "m[0-3]"])]),
            1 | 2 => text(&["COUNT", pick(rng, &["1", "1000", "0", "x"])]),
            3 => text(&["MATCH"]),
            _ => text(&["NOVALUES"]),
        });
    }
    args
}

fn random_args(rng: &mut Rng) -> Args {
    let count = match rng.u8(..12) {
        0 => b"x".to_vec(),
        1 => b"-9223372036854775808".to_vec(),
        2 => b"1000".to_vec(),
        _ => number(rng.i16(-12..40)),
    };
    match rng.u8(..6) {
        0 => Args::new(),
        1 | 2 => vec![count],
        3 | 4 => [vec![count], text(&["WITHSCORES"])].concat(),
        _ => [
            vec![count],
            text(&[pick(rng, &["foo", "WITHSCORES"]), pick(rng, &["x", "y"])]),
        ]
        .concat(),
    }
}

fn args(rng: &mut Rng, name: &str) -> Args {
    let one = match name {
        "ZRANGEBYLEX" | "ZREVRANGEBYLEX" | "ZLEXCOUNT" | "ZREMRANGEBYLEX" => lex_key(rng),
        "ZADD" | "ZRANGE" | "ZRANGESTORE" if rng.u8(..4) == 0 => lex_key(rng),
        _ => key(rng),
    };
    let rest = match name {
        "ZADD" => add_args(rng, &one),
        "ZINCRBY" => vec![score(rng), member(rng)],
        "ZREM" | "ZMSCORE" => repeated(rng, 6, |rng| vec![member(rng)]),
        "ZSCORE" => vec![member(rng)],
        "ZRANK" | "ZREVRANK" => vec![member(rng)],
        "ZREMRANGEBYRANK" => vec![integer(rng), integer(rng)],
        "ZCOUNT" | "ZREMRANGEBYSCORE" => vec![score_end(rng), score_end(rng)],
        "ZLEXCOUNT" | "ZREMRANGEBYLEX" => vec![lex_end(rng), lex_end(rng)],
        "ZPOPMIN" | "ZPOPMAX" => (0..pick(rng, &[0, 0, 1, 1, 1, 2]))
            .map(|_| integer(rng))
            .collect(),
        "ZRANDMEMBER" => random_args(rng),
        "ZSCAN" => scan_args(rng),
        "ZRANGE" => any_range(rng, &one),
        "ZREVRANGE" => [vec![integer(rng), integer(rng)], range_options(rng)].concat(),
        "ZRANGEBYSCORE" | "ZREVRANGEBYSCORE" => {
            [vec![score_end(rng), score_end(rng)], range_options(rng)].concat()
        }
        "ZRANGEBYLEX" | "ZREVRANGEBYLEX" => [vec![lex_end(rng), lex_end(rng)], range_options(rng)].concat(),
        "ZRANGESTORE" => return [vec![key(rng)], vec![one.clone()], any_range(rng, &one)].concat(),
        "ZMPOP" => {
            let side = text(&[pick(rng, &["MIN", "max", "MAX", "foo"])]);
            let count = match rng.u8(..4) {
                0 => vec![b"COUNT".to_vec(), integer(rng)],
                1 => text(&["count", "3", "count", "1"]),
                _ => Args::new(),
            };
            return [sources(rng), side, count].concat();
        }
        "ZINTERCARD" => {
            let limit = match rng.bool() {
                true => vec![b"LIMIT".to_vec(), integer(rng)],
                false => Args::new(),
            };
            return [sources(rng), limit].concat();
        }
        "ZUNION" | "ZINTER" | "ZDIFF" => return combine_args(rng),
        "ZUNIONSTORE" | "ZINTERSTORE" | "ZDIFFSTORE" => {
            return [vec![one], combine_args(rng)].concat();
        }
        _ => Args::new(),
    };
    [vec![one], rest].concat()
}

/// Any sorted set command; those that fill sets more often.
pub fn any(rng: &mut Rng) -> Command {
    let name = match rng.u8(..4) {
        0 => "ZADD",
        _ => pick(rng, &TWINS),
    };
    let mut args = args(rng, name);
    // The ranks take one argument more since 7.2.
    if rng.u8(..200) == 0 && !matches!(name, "ZRANK" | "ZREVRANK") {
        args.push(b"extra".to_vec());
    }
    Command::with_twin(name, args)
}
