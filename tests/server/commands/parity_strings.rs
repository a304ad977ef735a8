//! Random commands on parts and bits of strings, the old forms of SET, and random fields of hashes.

use std::collections::{BTreeMap, HashSet};

use fastrand::Rng;

use super::parity_commands::{Args, Command, field, key, pairs, pick, repeated, value, words};
use crate::support::Reply;

/// Every command here, each with a twin.
pub const TWINS: [&str; 18] = [
    "GETRANGE",
    "SUBSTR",
    "SETRANGE",
    "SETBIT",
    "GETBIT",
    "BITCOUNT",
    "BITPOS",
    "BITOP",
    "BITFIELD",
    "BITFIELD_RO",
    "LCS",
    "GETSET",
    "SETNX",
    "SETEX",
    "PSETEX",
    "MSETNX",
    "HMSET",
    "HRANDFIELD",
];

/// A place in a string: near its ends most of the time.
fn place(rng: &mut Rng) -> Vec<u8> {
    const ODD: [&str; 10] = [
        "x",
        "",
        "1.5",
        " 1",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "-9223372036854775807",
        "01",
        "1000000",
    ];
    match rng.u8(..12) {
        0 => pick(rng, &ODD).as_bytes().to_vec(),
        1..=4 => rng.i32(-12..12).to_string().into_bytes(),
        _ => rng.i32(-110..110).to_string().into_bytes(),
    }
}

/// Where bits are: not so far that strings grow large.
fn bit_offset(rng: &mut Rng) -> Vec<u8> {
    const ODD: [&str; 9] = [
        "x",
        "",
        "-1",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "1.0",
        "#1",
        "1\0",
    ];
    match rng.u8(..10) {
        0 => pick(rng, &ODD).as_bytes().to_vec(),
        1..=5 => rng.u32(..40).to_string().into_bytes(),
        _ => rng.u32(..900).to_string().into_bytes(),
    }
}

/// A range of bytes or bits, its ends complete or not.
fn range(rng: &mut Rng, ends: &[usize]) -> Args {
    const UNITS: [&[u8]; 7] = [b"BIT", b"BYTE", b"bit", b"byte", b"Bit", b"BITS", b"bit\0x"];
    let mut args: Args = (0..pick(rng, ends)).map(|_| place(rng)).collect();
    if args.len() > 1 && rng.bool() {
        args.push(pick(rng, &UNITS).to_vec());
    }
    if rng.u8(..40) == 0 {
        args.push(b"1".to_vec());
    }
    args
}

fn bit(rng: &mut Rng) -> Vec<u8> {
    pick(rng, &["0", "1", "0", "1", "0", "1", "2", "-1", "x"])
        .as_bytes()
        .to_vec()
}

fn number(rng: &mut Rng) -> Vec<u8> {
    const FAR: [&str; 8] = [
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "4294967295",
        "-4294967296",
        "255",
        "x",
        "-129",
    ];
    match rng.bool() {
        true => rng.i32(-300..300).to_string().into_bytes(),
        false => pick(rng, &FAR).as_bytes().to_vec(),
    }
}

fn bit_field(rng: &mut Rng) -> Args {
    const ODD: [&str; 10] = ["u64", "i65", "u0", "i0", "x8", "", "u", "i08", "U8", "u8\0x"];
    let form = match rng.u8(..12) {
        0 => pick(rng, &ODD).as_bytes().to_vec(),
        1..=6 => pick(rng, &["u8", "i8", "u1", "i64", "u63", "i5"])
            .as_bytes()
            .to_vec(),
        _ => format!("{}{}", pick(rng, &["u", "i"]), rng.u8(1..64)).into_bytes(),
    };
    let offset = match rng.u8(..4) {
        0 => format!("#{}", rng.u8(..12)).into_bytes(),
        _ => bit_offset(rng),
    };
    vec![form, offset]
}

fn bit_fields(rng: &mut Rng, only_get: bool) -> Args {
    let mut args = Args::new();
    for _ in 0..rng.usize(..5) {
        let act = if only_get && rng.u8(..8) > 0 {
            0
        } else {
            rng.u8(..8)
        };
        match act {
            0 | 1 => args.extend([words(&[pick(rng, &[b"GET", b"get"])]), bit_field(rng)].concat()),
            2 | 3 => args.extend([words(&[b"SET"]), bit_field(rng), vec![number(rng)]].concat()),
            4 | 5 => args.extend([words(&[b"INCRBY"]), bit_field(rng), vec![number(rng)]].concat()),
            _ => {
                let rule = pick(rng, &["WRAP", "SAT", "FAIL", "sat", "fail", "none"]);
                args.extend(words(&[b"OVERFLOW", rule.as_bytes()]));
            }
        }
    }
    if rng.u8(..30) == 0 {
        args.pop();
    }
    args
}

fn lcs_options(rng: &mut Rng) -> Args {
    const OPTIONS: [&[&[u8]]; 9] = [
        &[b"LEN"],
        &[b"IDX"],
        &[b"idx"],
        &[b"WITHMATCHLEN"],
        &[b"MINMATCHLEN", b"2"],
        &[b"MINMATCHLEN", b"-1"],
        &[b"MINMATCHLEN", b"x"],
        &[b"MINMATCHLEN"],
        &[b"none"],
    ];
    let many = pick(rng, &[0, 1, 1, 2, 3]);
    (0..many).flat_map(|_| words(pick(rng, &OPTIONS))).collect()
}

fn random_fields(rng: &mut Rng) -> Args {
    const COUNTS: [&str; 12] = [
        "0",
        "1",
        "3",
        "100",
        "-1",
        "-20",
        "-300",
        "9223372036854775807",
        "-9223372036854775808",
        "x",
        "1.0",
        "4611686018427387904",
    ];
    match rng.u8(..4) {
        0 => Args::new(),
        1 => words(&[pick(rng, &COUNTS).as_bytes()]),
        2 => words(&[
            pick(rng, &COUNTS).as_bytes(),
            pick(rng, &[b"WITHVALUES", b"withvalues"]),
        ]),
        _ => words(pick(
            rng,
            &[&[b"2".as_slice(), b"VALUES"], &[b"2", b"WITHVALUES", b"x"]],
        )),
    }
}

fn time(rng: &mut Rng, seconds: bool) -> Vec<u8> {
    const ODD: [&str; 6] = ["0", "-1", "x", "9223372036854775807", "9223372036854775", "1.5"];
    match rng.u8(..4) {
        0 => pick(rng, &ODD).as_bytes().to_vec(),
        _ if seconds => rng.u32(1000..100_000).to_string().into_bytes(),
        _ => rng.u32(1_000_000..100_000_000).to_string().into_bytes(),
    }
}

/// Any of the commands.
pub fn any(rng: &mut Rng) -> Command {
    let name = pick(rng, &TWINS);
    // Now and then a key of the other type.
    let family = if name.starts_with('H') != (rng.u8(..20) == 0) {
        b'h'
    } else {
        b's'
    };
    let first = key(rng, family);
    let args = match name {
        "GETRANGE" | "SUBSTR" => vec![first, place(rng), place(rng)],
        "SETRANGE" => vec![first, place(rng), value(rng)],
        "SETBIT" => vec![first, bit_offset(rng), bit(rng)],
        "GETBIT" => vec![first, bit_offset(rng)],
        "BITCOUNT" => [vec![first], range(rng, &[0, 1, 2, 2, 2])].concat(),
        "BITPOS" => [vec![first, bit(rng)], range(rng, &[0, 1, 2, 2])].concat(),
        "BITOP" => {
            let operation = pick(rng, &["AND", "or", "XOR", "NOT", "nand"])
                .as_bytes()
                .to_vec();
            let sources = repeated(rng, |rng| {
                let family = pick(rng, b"ssssh");
                vec![key(rng, family)]
            });
            [vec![operation, first], sources].concat()
        }
        "BITFIELD" => [vec![first], bit_fields(rng, false)].concat(),
        "BITFIELD_RO" => [vec![first], bit_fields(rng, true)].concat(),
        "LCS" => [vec![first, key(rng, b's')], lcs_options(rng)].concat(),
        "GETSET" | "SETNX" => vec![first, value(rng)],
        "SETEX" | "PSETEX" => vec![first, time(rng, name == "SETEX"), value(rng)],
        "MSETNX" => {
            let more = pairs(rng, |rng| key(rng, b's'));
            [vec![first, value(rng)], more].concat()
        }
        "HMSET" => [vec![first], pairs(rng, field)].concat(),
        _ => [vec![first], random_fields(rng)].concat(),
    };
    Command {
        name: name.to_owned(),
        args,
        has_twin: true,
    }
}

/// What HRANDFIELD showed: fields with their values, if they were shown.
fn shown(reply: Reply, in_pairs: bool) -> Vec<(Reply, Option<Reply>)> {
    let Reply::Array(parts) = reply else {
        return vec![(reply, None)];
    };
    let pair = |mut pair: Vec<Reply>| {
        assert_eq!(pair.len(), 2);
        (pair.remove(0), pair.pop())
    };
    match parts.first() {
        Some(Reply::Array(_)) => parts.into_iter().map(|part| pair(part.items())).collect(),
        _ if in_pairs => parts.chunks(2).map(|two| pair(two.to_vec())).collect(),
        _ => parts.into_iter().map(|part| (part, None)).collect(),
    }
}

/// Two replies of HRANDFIELD on the same hash: of one shape, as many fields, all of them there and as often as
/// they may come.
pub fn compare_random(command: &Command, replies: [Reply; 2], hash: Reply) {
    let count = command
        .args
        .get(1)
        .map(|count| String::from_utf8_lossy(count).parse::<i64>());
    let in_pairs = command.args.len() > 2;
    assert!(
        replies
            .iter()
            .all(|reply| !matches!(reply, Reply::Error(_) | Reply::Nil)),
        "{command:?}: {replies:?}"
    );
    let shapes = replies.each_ref().map(|reply| match reply {
        Reply::Array(parts) => (
            parts.len(),
            parts.first().is_some_and(|part| matches!(part, Reply::Array(_))),
        ),
        _ => (usize::MAX, false),
    });
    assert_eq!(shapes[1], shapes[0], "{command:?}");
    let held: BTreeMap<_, _> = hash.pairs().into_iter().collect();
    for reply in replies {
        let shown = shown(reply, in_pairs);
        let fields: HashSet<_> = shown.iter().map(|(field, _)| format!("{field:?}")).collect();
        if matches!(count, Some(Ok(1..))) {
            assert_eq!(fields.len(), shown.len(), "{command:?}: one came twice");
        }
        for (field, value) in shown {
            let field = field.bytes().expect("a field");
            let expected = held
                .get(&field)
                .unwrap_or_else(|| panic!("{command:?}: {field:?}"));
            if let Some(value) = value {
                assert_eq!(value.bytes().as_ref(), Some(expected), "{command:?}");
            }
        }
    }
}
