//! Random SORT and SORT_RO whose outcome nothing of chance decides: without a new order, or by bytes. By numbers
//! they are compared in `parity_sort`: on Redis 7.0 and Valkey 8.0 a number that overflows in some command before
//! makes native SORT find no number in a text.

use fastrand::Rng;

use crate::server::commands::parity_commands::{Command, pick, words};

/// Any of them.
pub fn any(rng: &mut Rng) -> Command {
    const KEYS: [&[u8]; 7] = [
        b"nat:l0", b"nat:l1", b"nat:e0", b"nat:e1", b"nat:z1", b"nat:z2", b"nat:s0",
    ];
    let key = pick(rng, &KEYS);
    // A set has no order of its own; stored, it is sorted by bytes.
    let stored = key.starts_with(b"nat:e") || rng.u8(..3) == 0;
    let mut args = words(&[key]);
    match stored && rng.bool() {
        true => args.extend(words(&[b"ALPHA"])),
        false => args.extend(words(&[b"BY", b"nosort"])),
    }
    if rng.u8(..3) == 0 {
        let ends: [&[u8]; 5] = [b"0", b"1", b"2", b"-1", b"x"];
        args.extend(words(&[b"limit", pick(rng, &ends), pick(rng, &ends)]));
    }
    if rng.u8(..3) == 0 {
        // What is looked up in the order of a set, which is none, would be missed in any order.
        let gets: [&[u8]; 3] = [b"#", b"nat:s*", b"nat:h*->f0"];
        args.extend(words(&[
            b"GET",
            pick(rng, if stored { &gets } else { &gets[..1] }),
        ]));
    }
    if rng.bool() {
        args.extend(words(&[pick(rng, &[b"DESC", b"asc"])]));
    }
    if stored {
        const STORES: [&[u8]; 3] = [b"nat:l0", b"nat:l2", b"nat:z2"];
        args.extend(words(&[b"STORE", pick(rng, &STORES)]));
    }
    let name = if stored || rng.bool() { "SORT" } else { "SORT_RO" };
    Command::with_twin(name, args)
}
