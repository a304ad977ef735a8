//! Random set commands.

use fastrand::Rng;

use super::parity_commands::{Args, Command, key, pick, repeated, scan_args, words};
use super::parity_lists::{counted, number};

/// Every set command that has a twin.
pub const TWINS: [&str; 17] = [
    "SADD",
    "SREM",
    "SISMEMBER",
    "SMISMEMBER",
    "SCARD",
    "SMEMBERS",
    "SPOP",
    "SRANDMEMBER",
    "SSCAN",
    "SMOVE",
    "SINTER",
    "SINTERCARD",
    "SINTERSTORE",
    "SUNION",
    "SUNIONSTORE",
    "SDIFF",
    "SDIFFSTORE",
];

/// Those whose reply has no order.
pub const UNORDERED: [&str; 4] = ["SMEMBERS", "SINTER", "SUNION", "SDIFF"];

/// First byte of the names that mostly hold sets.
pub const FAMILY: u8 = b'e';

fn member(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..12) {
        0 => Vec::new(),
        1 => b"a\0b".to_vec(),
        2 => pick(rng, &["1", "-5", "01", "-0", "+1", "123456789"]).into(),
        // The largest that are numbers, and the next ones.
        3 => pick(
            rng,
            &[
                "9223372036854775807",
                "9223372036854775808",
                "-9223372036854775808",
                "-9223372036854775809",
            ],
        )
        .into(),
        4 => vec![b'x'; 70],
        _ => vec![b'f', b'0' + rng.u8(..5)],
    }
}

fn members(rng: &mut Rng) -> Args {
    // Now and then integers alone, or more of them than a small set has.
    if rng.u8(..8) == 0 {
        let (most, far) = (pick(rng, &[3, 40, 600]), pick(rng, &[1i64, 300, 1 << 40]));
        return (0..most)
            .map(|n| (n * far - 20).to_string().into_bytes())
            .collect();
    }
    // Now and then more than a small set has.
    if rng.u8(..25) == 0 {
        // Long ones make a set that a rewrite takes for a large one.
        let end = "x".repeat(pick(rng, &[0, 0, 600]));
        return (0..150).map(|n| format!("many{n}{end}").into_bytes()).collect();
    }
    repeated(rng, |rng| vec![member(rng)])
}

/// A count that does not fill the memory with repetitions.
fn count(rng: &mut Rng) -> Args {
    match rng.u8(..4) {
        0 => Args::new(),
        1 => words(pick(
            rng,
            &[
                &[b"x".as_slice()],
                &[b"1.5"],
                &[b"-9223372036854775808"],
                &[b"9223372036854775807"],
                &[b"100"],
                &[b"1", b"1"],
            ],
        )),
        _ => vec![rng.i32(-4..8).to_string().into_bytes()],
    }
}

/// Any of them.
pub fn any(rng: &mut Rng) -> Command {
    // More often, or there is nothing to combine.
    let name = match rng.u8(..12) {
        0..=2 => "SADD",
        3 => "SPOP",
        _ => pick(rng, &TWINS),
    };
    let first = vec![key(rng, FAMILY)];
    let args = match name {
        "SADD" | "SREM" | "SMISMEMBER" => [first, members(rng)].concat(),
        "SISMEMBER" => [first, vec![member(rng)]].concat(),
        "SPOP" | "SRANDMEMBER" => [first, count(rng)].concat(),
        "SSCAN" => [first, scan_args(rng)].concat(),
        "SMOVE" => [first, vec![key(rng, FAMILY), member(rng)]].concat(),
        "SINTERCARD" => {
            let mut args = counted(rng, FAMILY);
            match rng.u8(..6) {
                0..=2 => {}
                3 | 4 => args.extend([b"limit".to_vec(), number(rng)]),
                _ => args.extend(words(pick(rng, &[&[b"LIMIT".as_slice()], &[b"what", b"1"]]))),
            }
            args
        }
        "SINTER" | "SUNION" | "SDIFF" => repeated(rng, |rng| vec![key(rng, FAMILY)]),
        "SINTERSTORE" | "SUNIONSTORE" | "SDIFFSTORE" => {
            [first, repeated(rng, |rng| vec![key(rng, FAMILY)])].concat()
        }
        _ => first,
    };
    Command::with_twin(name, args)
}
