//! Random blocking pops. Where there is nothing they wait for as short as can be asked for; in MULTI and in scripts
//! for nothing at all.

use fastrand::Rng;

use crate::server::commands::parity_commands::{Command, key, pick, words};
use crate::server::commands::parity_lists::{counted, side};
use crate::server::execute::blocking_scenes::TWINS;

type Args = Vec<Vec<u8>>;

fn timeout(rng: &mut Rng) -> Vec<u8> {
    const BAD: [&str; 6] = ["x", "-1", "", "1 ", "-0.5", "1e30"];
    match rng.u8(..12) {
        0 => pick(rng, &BAD).as_bytes().to_vec(),
        _ => pick(rng, &["0.001", "0.001", "1e-3", "0.002"])
            .as_bytes()
            .to_vec(),
    }
}

/// Keys that mostly hold what these pop.
fn pop_key(rng: &mut Rng, sorted: bool) -> Vec<u8> {
    const SORTED: [&[u8]; 4] = [b"nat:z1", b"nat:z2", b"nat:z3", b"nat:big0"];
    match sorted && rng.u8(..10) > 0 {
        true => pick(rng, &SORTED).to_vec(),
        false => key(rng, b'l'),
    }
}

fn count(rng: &mut Rng) -> Args {
    match rng.u8(..4) {
        0 => words(&[b"COUNT", pick(rng, &[b"1", b"2", b"9", b"0", b"x"])]),
        1 => words(&[b"count", b"2", b"count", b"1"]),
        _ => Args::new(),
    }
}

/// Any of them.
pub fn any(rng: &mut Rng) -> Command {
    let name = pick(rng, &TWINS);
    let sorted = name.starts_with("BZ");
    let args = match name {
        "BLMOVE" => {
            let ends = [pop_key(rng, false), pop_key(rng, false), side(rng), side(rng)];
            [ends.to_vec(), vec![timeout(rng)]].concat()
        }
        "BRPOPLPUSH" => vec![pop_key(rng, false), pop_key(rng, false), timeout(rng)],
        "BLMPOP" => [
            vec![timeout(rng)],
            counted(rng, b'l'),
            vec![side(rng)],
            count(rng),
        ]
        .concat(),
        "BZMPOP" => {
            let keys: Args = (0..rng.usize(1..4)).map(|_| pop_key(rng, true)).collect();
            let head = vec![timeout(rng), keys.len().to_string().into_bytes()];
            let end = pick(rng, &["MIN", "max", "up"]).as_bytes().to_vec();
            [head, keys, vec![end], count(rng)].concat()
        }
        _ => {
            let keys: Args = (0..rng.usize(1..4)).map(|_| pop_key(rng, sorted)).collect();
            [keys, vec![timeout(rng)]].concat()
        }
    };
    Command::with_twin(name, args)
}
