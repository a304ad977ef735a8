//! Random commands for the comparison with the native ones: every option, every bad argument, any bytes.

use fastrand::Rng;

use super::{parity_lists, parity_sets};

/// A native command.
#[derive(Clone)]
pub struct Command {
    /// Its native name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Vec<u8>>,
    /// False for one without a twin: it runs as it is on both sides.
    pub(super) has_twin: bool,
}

impl Command {
    /// The first key.
    pub fn key(&self) -> &[u8] {
        let place = if self.name == "BITOP" { 1 } else { 0 };
        self.args.get(place).expect("a key")
    }

    /// A command that has a twin.
    pub fn with_twin(name: &str, args: Vec<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            args,
            has_twin: true,
        }
    }

    /// The native command.
    pub fn native(&self) -> Vec<Vec<u8>> {
        let mut all = vec![self.name.clone().into_bytes()];
        all.extend(self.args.iter().cloned());
        all
    }

    /// Its twin.
    pub fn twin(&self) -> Vec<Vec<u8>> {
        let mut all = self.native();
        if self.has_twin {
            all[0] = format!("MYLOG.{}", self.name).into_bytes();
        }
        all
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)?;
        self.args.iter().try_for_each(|arg| match arg.len() {
            ..=200 => write!(f, " \"{}\"", arg.escape_ascii()),
            len => write!(f, " \"{}\"... ({len} bytes)", arg[..20].escape_ascii()),
        })
    }
}

/// Arguments of a command.
pub type Args = Vec<Vec<u8>>;

/// One of these.
pub fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

/// Arguments that are written down.
pub fn words(text: &[&[u8]]) -> Args {
    text.iter().map(|word| word.to_vec()).collect()
}

/// Numbers, and what looks like one.
const NUMBERS: [&str; 38] = [
    "0",
    "1",
    "-1",
    "10",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775806",
    "1.5",
    "3.0e3",
    "-0.1",
    "0.1",
    "1e17",
    "123456789.123456789",
    "1e-5",
    "inf",
    "-inf",
    "nan",
    "0x1p3",
    "1e400",
    "1e4900",
    "1.1e4932",
    " 1",
    "1 ",
    "+5",
    "5.",
    ".5",
    ".",
    "1e",
    "-0",
    "00",
    "01",
    "-",
    "",
    "0x",
    "1e-4950",
    "1e-4960",
    "infinity",
    "-INF",
];

/// A number of any size and form.
pub fn float(rng: &mut Rng) -> Vec<u8> {
    let sign = pick(rng, &["", "", "-", "+"]);
    let digits = |rng: &mut Rng, most: usize| -> String {
        (0..rng.usize(1..=most))
            .map(|_| char::from(rng.u8(b'0'..=b'9')))
            .collect()
    };
    match rng.u8(..7) {
        0 => pick(rng, &NUMBERS).as_bytes().to_vec(),
        1 => format!("{sign}{}.{}", digits(rng, 19), digits(rng, 19)).into_bytes(),
        2 => format!("{sign}{}e{}", digits(rng, 25), rng.i32(-40..40)).into_bytes(),
        3 => {
            let end = pick(rng, &[-4990, -4960, -4950, 4900, 4920, 4930]);
            format!("{sign}{}e{}", digits(rng, 25), end + rng.i32(-25..25)).into_bytes()
        }
        4 => format!("{sign}0x{:x}.{:x}p{}", rng.u64(..), rng.u64(..), rng.i32(-90..90)).into_bytes(),
        5 => format!(
            "{}{}",
            digits(rng, 5130),
            pick(rng, &["", "e-5000", "e-5100", ".5"])
        )
        .into_bytes(),
        _ => format!("{}", rng.f64() * 1000.0 - 500.0).into_bytes(),
    }
}

pub(super) fn value(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..10) {
        0..=3 => rng.i32(-1_000_000..1_000_000).to_string().into_bytes(),
        4..=6 => pick(rng, &NUMBERS).as_bytes().to_vec(),
        _ => (0..pick(rng, &[0, 1, 3, 10, 70, 100]))
            .map(|_| rng.u8(..))
            .collect(),
    }
}

/// What every name of a key begins with, and nothing else does.
pub const NAMES_BEGIN: &[u8] = b"nat:";

/// A name: of a family that mostly holds one type, or one that holds any.
pub fn key(rng: &mut Rng, family: u8) -> Vec<u8> {
    let rest = match rng.bool() {
        true => vec![family, b'0' + rng.u8(..5)],
        false => vec![b'k', 0, b'\r', b'\n', b'%', b's', b'0' + rng.u8(..6)],
    };
    [NAMES_BEGIN, &rest].concat()
}

pub(super) fn field(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..10) {
        0 => Vec::new(),
        1 => b"a\0b".to_vec(),
        // Enough of these make a hash large.
        2 => format!("f{}", rng.u16(..300)).into_bytes(),
        _ => vec![b'f', b'0' + rng.u8(..5)],
    }
}

/// An option with a time, most of them valid; all far from now, so that nothing expires while we look.
fn time_option(rng: &mut Rng) -> Args {
    const OPTIONS: [&[&[u8]]; 21] = [
        &[b"EX", b"1000"],
        &[b"PX", b"1000000"],
        &[b"EXAT", b"4000000000"],
        &[b"PXAT", b"4000000000000"],
        &[b"KEEPTTL"],
        &[b"PERSIST"],
        &[b"ex", b"0"],
        &[b"PX", b"-1"],
        &[b"EX", b"abc"],
        &[b"EX"],
        &[b"EXAT", b"-5"],
        &[b"EX", b"9223372036854775807"],
        &[b"PX", b"9223372036854775807"],
        &[b"PXAT", b"9223372036854775807"],
        &[b"EXAT", b"9223372036854775"],
        &[b"EXAT", b"9223372036854776"],
        &[b"EX", b"10", b"EX", b"2000"],
        &[b"PX", b"10000", b"EX", b"10"],
        &[b"EX", b"9223372036854775"],
        &[b"EX", b"9223372036854770"],
        &[b"EX\0x", b"5000"],
    ];
    words(pick(rng, &OPTIONS))
}

fn set_options(rng: &mut Rng) -> Args {
    const OPTIONS: [&[u8]; 7] = [b"NX", b"XX", b"GET", b"get", b"nx", b"foo", b"xX\0q"];
    let many = pick(rng, &[0, 0, 1, 1, 2, 3]);
    let mut options = Args::new();
    for _ in 0..many {
        match rng.bool() {
            true => options.push(pick(rng, &OPTIONS).to_vec()),
            false => options.extend(time_option(rng)),
        }
    }
    options
}

/// The same once, twice or thrice.
pub fn repeated(rng: &mut Rng, each: impl Fn(&mut Rng) -> Args) -> Args {
    (0..rng.usize(1..4)).flat_map(|_| each(rng)).collect()
}

/// Pairs, and now and then one half too many.
pub(super) fn pairs(rng: &mut Rng, name: impl Fn(&mut Rng) -> Vec<u8>) -> Args {
    let mut pairs = repeated(rng, |rng| vec![name(rng), value(rng)]);
    if rng.u8(..10) == 0 {
        pairs.push(b"odd".to_vec());
    }
    pairs
}

/// Cursor and options of a scan.
pub fn scan_args(rng: &mut Rng) -> Args {
    const CURSORS: [&[u8]; 9] = [
        b"0",
        b"0",
        b"0",
        b"",
        b"5",
        b"-1",
        b"abc",
        b"+1",
        b"99999999999999999999",
    ];
    const OPTIONS: [&[&[u8]]; 11] = [
        &[b"MATCH", b"f*"],
        &[b"MATCH", b"*"],
        &[b"match", b"f[1-3]"],
        &[b"MATCH", b"?[^2]"],
        &[b"MATCH", b"a\0*"],
        &[b"MATCH"],
        &[b"COUNT", b"1"],
        &[b"COUNT", b"100"],
        &[b"COUNT", b"0"],
        &[b"COUNT", b"x"],
        &[b"NOVALUES"],
    ];
    // Half of them without a fault, or little would be seen.
    if rng.bool() {
        let options = words(pick(rng, &OPTIONS[..5]));
        return [words(&[b"0"]), options, words(&[b"COUNT", b"1000"])].concat();
    }
    let mut args = vec![pick(rng, &CURSORS).to_vec()];
    for _ in 0..pick(rng, &[0, 0, 1, 2]) {
        args.extend(words(pick(rng, &OPTIONS)));
    }
    args
}

fn expire_args(rng: &mut Rng, name: &str) -> Args {
    const CONDITIONS: [&[&[u8]]; 7] = [&[], &[], &[b"NX"], &[b"XX"], &[b"GT"], &[b"LT"], &[b"foo"]];
    const BAD: [&[u8]; 3] = [b"abc", b"9223372036854775807", b"-1"];
    let scale = if name.starts_with('P') { 1000 } else { 1 };
    let time = if name.ends_with("AT") {
        4_000_000_000
    } else {
        1_000_000
    };
    // The same time from now is another end on each side when a millisecond passes between the two: never twice.
    let more = match name.ends_with("AT") {
        true => rng.i64(0..3) * 1000,
        false => rng.i64(0..1_000_000_000),
    };
    let time = ((time + more) * scale).to_string().into_bytes();
    let mut args = vec![if rng.u8(..5) == 0 {
        pick(rng, &BAD).to_vec()
    } else {
        time
    }];
    args.extend(words(pick(rng, &CONDITIONS)));
    args
}

const NAMES: [&str; 44] = [
    "SET",
    "SET",
    "SET",
    "GET",
    "MSET",
    "MGET",
    "APPEND",
    "STRLEN",
    "INCR",
    "DECR",
    "INCRBY",
    "DECRBY",
    "INCRBYFLOAT",
    "INCRBYFLOAT",
    "GETDEL",
    "GETEX",
    "GETEX",
    "HSET",
    "HSET",
    "HSETNX",
    "HGET",
    "HMGET",
    "HGETALL",
    "HDEL",
    "HEXISTS",
    "HLEN",
    "HKEYS",
    "HVALS",
    "HINCRBY",
    "HINCRBYFLOAT",
    "HINCRBYFLOAT",
    "HSTRLEN",
    "HSCAN",
    "DEL",
    "UNLINK",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "PERSIST",
    "RENAME",
    "RENAMENX",
    "COPY",
    "XADD",
];

/// Every command that has a twin, but for those of sorted sets: `zset_commands` has them.
pub fn twins() -> Vec<&'static str> {
    let families: [&[&str]; 4] = [
        &TWINS,
        &super::parity_strings::TWINS,
        &parity_lists::TWINS,
        &parity_sets::TWINS,
    ];
    families.concat()
}

/// Those without a file of their own.
const TWINS: [&str; 39] = [
    "SET",
    "GET",
    "MSET",
    "MGET",
    "APPEND",
    "STRLEN",
    "INCR",
    "DECR",
    "INCRBY",
    "DECRBY",
    "INCRBYFLOAT",
    "GETDEL",
    "GETEX",
    "HSET",
    "HSETNX",
    "HGET",
    "HMGET",
    "HGETALL",
    "HDEL",
    "HEXISTS",
    "HLEN",
    "HKEYS",
    "HVALS",
    "HINCRBY",
    "HINCRBYFLOAT",
    "HSTRLEN",
    "HSCAN",
    "DEL",
    "UNLINK",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "PERSIST",
    "RENAME",
    "RENAMENX",
    "COPY",
    "FLUSHALL",
    "FLUSHDB",
];

/// First bytes of the names that mostly hold one type.
const FAMILIES: [u8; 4] = [b's', b'h', parity_lists::FAMILY, parity_sets::FAMILY];

/// Any command, but those of sorted sets.
pub fn any(rng: &mut Rng) -> Command {
    match rng.u8(..6) {
        0 | 1 => super::parity_strings::any(rng),
        2 => parity_lists::any(rng),
        3 => parity_sets::any(rng),
        _ => of_any_type(rng),
    }
}

/// A common command on strings or hashes, or one on keys of any type.
pub fn of_any_type(rng: &mut Rng) -> Command {
    let name = pick(rng, &NAMES);
    let generic = ["EXPIRE", "PERSIST", "RENAME", "COPY"];
    let family = if name.starts_with('H') {
        b'h'
    } else if generic.iter().any(|word| name.contains(word)) {
        pick(rng, &FAMILIES)
    } else {
        b's'
    };
    let first = match name {
        // The only key of another type that both sides have.
        "XADD" if rng.u8(..4) > 0 => b"nat:stream".to_vec(),
        _ => key(rng, family),
    };
    let rest = match name {
        "SET" => [vec![value(rng)], set_options(rng)].concat(),
        "MSET" => {
            let more = pairs(rng, |rng| key(rng, b's'));
            [vec![value(rng)], more].concat()
        }
        "MGET" => repeated(rng, |rng| vec![key(rng, b's')]),
        "DEL" | "UNLINK" => repeated(rng, |rng| {
            let family = pick(rng, &FAMILIES);
            vec![key(rng, family)]
        }),
        "APPEND" => vec![value(rng)],
        "INCRBY" | "DECRBY" => vec![value(rng)],
        "INCRBYFLOAT" => vec![if rng.bool() { float(rng) } else { b"0.25".to_vec() }],
        "GETEX" => (0..rng.usize(..3)).flat_map(|_| time_option(rng)).collect(),
        "HSET" => pairs(rng, field),
        "HSETNX" => vec![field(rng), value(rng)],
        "HGET" | "HEXISTS" | "HSTRLEN" => vec![field(rng)],
        "HMGET" | "HDEL" => repeated(rng, |rng| vec![field(rng)]),
        "HINCRBY" => vec![field(rng), value(rng)],
        "HINCRBYFLOAT" => vec![field(rng), if rng.bool() { value(rng) } else { b"0.25".to_vec() }],
        "HSCAN" => scan_args(rng),
        "EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT" => expire_args(rng, name),
        "RENAME" | "RENAMENX" => vec![key(rng, family)],
        "COPY" => [
            vec![key(rng, family)],
            words(pick(rng, &[&[], &[b"REPLACE".as_slice()]])),
        ]
        .concat(),
        "XADD" => words(&[b"1-1", b"f", b"v"]),
        _ => Args::new(),
    };
    Command {
        name: name.to_owned(),
        args: [vec![first], rest].concat(),
        has_twin: name != "XADD",
    }
}
