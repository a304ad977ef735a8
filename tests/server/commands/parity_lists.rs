//! Random list commands.

use fastrand::Rng;

use super::parity_commands::{Args, Command, key, pick, repeated, words};

/// Every list command that has a twin.
pub const TWINS: [&str; 17] = [
    "LPUSH",
    "RPUSH",
    "LPUSHX",
    "RPUSHX",
    "LPOP",
    "RPOP",
    "LLEN",
    "LRANGE",
    "LINDEX",
    "LSET",
    "LINSERT",
    "LREM",
    "LTRIM",
    "LPOS",
    "LMOVE",
    "RPOPLPUSH",
    "LMPOP",
];

/// First byte of the names that mostly hold lists.
pub const FAMILY: u8 = b'l';

/// Few different ones, so that they are found again.
pub fn element(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..12) {
        0 => Vec::new(),
        1 => b"a\0b".to_vec(),
        2 => pick(rng, &["1", "-5", "01", "123456789"]).into(),
        3 => vec![b'x'; 70],
        _ => vec![b'a' + rng.u8(..4)],
    }
}

fn elements(rng: &mut Rng) -> Args {
    // Now and then more than a node holds.
    if rng.u8(..25) == 0 {
        return (0..50u8).map(|n| vec![n; pick(rng, &[1, 200, 4000])]).collect();
    }
    repeated(rng, |rng| vec![element(rng)])
}

/// An index or a count: near the ends, past them, and no number at all.
pub fn number(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..12) {
        0 => pick(
            rng,
            &[
                "x",
                "",
                "1.5",
                "9223372036854775807",
                "-9223372036854775808",
                "-9223372036854775807",
                "9223372036854775808",
            ],
        )
        .into(),
        _ => rng.i32(-6..7).to_string().into_bytes(),
    }
}

fn place_of_count(rng: &mut Rng) -> Args {
    match rng.u8(..4) {
        0 => vec![number(rng)],
        1 => vec![rng.u8(..5).to_string().into_bytes()],
        _ => Args::new(),
    }
}

pub(super) fn side(rng: &mut Rng) -> Vec<u8> {
    pick(
        rng,
        &[
            "LEFT", "RIGHT", "left", "Right", "RIGHT\0x", "RIGHT", "LEFT", "up",
        ],
    )
    .into()
}

/// The number of keys and the keys, most of them as many as they should be.
pub fn counted(rng: &mut Rng, family: u8) -> Args {
    let keys = repeated(rng, |rng| vec![key(rng, family)]);
    let number = match rng.u8(..12) {
        0 => pick(rng, &["0", "-1", "x", "99", "1.0"]).into(),
        _ => keys.len().to_string().into_bytes(),
    };
    [vec![number], keys].concat()
}

fn options_of_lpos(rng: &mut Rng) -> Args {
    const BAD: [&[&[u8]]; 4] = [
        &[b"RANK"],
        &[b"what", b"1"],
        &[b"COUNT\0z", b"1"],
        &[b"rank", b"0"],
    ];
    let mut options = Args::new();
    for _ in 0..pick(rng, &[0, 1, 1, 2, 3]) {
        match rng.u8(..8) {
            0 => options.extend(words(pick(rng, &BAD))),
            n => {
                options.push([b"RANK".as_slice(), b"COUNT", b"MAXLEN"][usize::from(n) % 3].to_vec());
                // Redis 7.0 takes the one rank whose negative is none.
                let number = number(rng);
                let none = number == b"-9223372036854775808";
                options.push(if none { b"x".to_vec() } else { number });
            }
        }
    }
    options
}

/// Any of them.
pub fn any(rng: &mut Rng) -> Command {
    // Pushes more often, or there is nothing to take; and what few lists have a place for.
    let name = match rng.u8(..20) {
        0..=3 => pick(rng, &["RPUSH", "LPUSH"]),
        4 => "LSET",
        _ => pick(rng, &TWINS),
    };
    let first = vec![key(rng, FAMILY)];
    let args = match name {
        "LPUSH" | "RPUSH" | "LPUSHX" | "RPUSHX" => [first, elements(rng)].concat(),
        "LPOP" | "RPOP" => [first, place_of_count(rng)].concat(),
        "LRANGE" => [first, vec![number(rng), number(rng)]].concat(),
        // Half of them take away little.
        "LTRIM" if rng.bool() => [first, words(&[b"1", b"-1"])].concat(),
        "LTRIM" => [first, vec![number(rng), number(rng)]].concat(),
        "LINDEX" => [first, vec![number(rng)]].concat(),
        // Redis 7.2 and later cut an index of LSET to 32 bits, and so find a place for one that has none.
        "LSET" => {
            let index = pick(rng, &[0, -1, 1, -2, 5, -6]).to_string().into_bytes();
            let index = if rng.u8(..8) == 0 { b"1.5".to_vec() } else { index };
            [first, vec![index, element(rng)]].concat()
        }
        "LREM" => [first, vec![number(rng), element(rng)]].concat(),
        "LINSERT" => {
            let at = pick(rng, &["BEFORE", "AFTER", "after", "before\0x", "at"]).into();
            [first, vec![at, element(rng), element(rng)]].concat()
        }
        "LPOS" => [first, vec![element(rng)], options_of_lpos(rng)].concat(),
        "LMOVE" => [first, vec![key(rng, FAMILY), side(rng), side(rng)]].concat(),
        "RPOPLPUSH" => [first, vec![key(rng, FAMILY)]].concat(),
        "LMPOP" => {
            let mut args = [counted(rng, FAMILY), vec![side(rng)]].concat();
            match rng.u8(..6) {
                0..=2 => {}
                3 | 4 => args.extend([b"COUNT".to_vec(), number(rng)]),
                _ => args.extend(words(pick(
                    rng,
                    &[
                        &[b"COUNT".as_slice()],
                        &[b"COUNT", b"1", b"COUNT", b"1"],
                        &[b"what", b"1"],
                    ],
                ))),
            }
            args
        }
        _ => first,
    };
    Command::with_twin(name, args)
}
