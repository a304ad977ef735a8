//! Random commands of every type, natively and on durable keys of one server: replies byte for byte, events and
//! contents the same, alone, in pipelines, in MULTI, in scripts and functions; and the same contents after each
//! way to lose or rebuild them.
//!
//! `SEQUENCES` says how many (500, and 10 000 under `make soak`), `PARITY_SEED` which: a number, or `random`. `SEQUENCE` runs the round that has the
//! sequence of that number, and no other.

mod blocking;
mod calls;
mod contents;
mod coverage;
mod judge;
mod rounds;
mod shrink;
mod sides;
mod sorts;
mod steps;

use std::env;

use coverage::Coverage;
pub(super) use judge::{unsigned_zeros, with_native_names};
use rounds::{Round, SEQUENCES};
use shrink::outcome;

use crate::support::{Server, ServerBuilder, soak};

/// `PARITY_SEED`: a number, or `random` to look where nobody has looked yet. Without it the same commands run
/// everywhere, so that whoever sees a failure sees it again.
pub fn seed() -> u64 {
    match env::var("PARITY_SEED") {
        Ok(text) if text == "random" => fastrand::u64(..),
        _ => soak::number("PARITY_SEED").unwrap_or(1),
    }
}

/// A server for rounds, which set the rest themselves.
fn server() -> ServerBuilder {
    Server::build()
        .mylog("flush-policy", "flush")
        .mylog("auto-rewrite-percentage", "0")
        // The end of a child is noticed by the cron.
        .config("hz", "100")
}

fn run(protocol: u8) {
    let seed = seed();
    let wanted = soak::times("SEQUENCES", 500) as u32 / 2;
    let rounds = wanted.div_ceil(SEQUENCES);
    let numbers = match soak::number("SEQUENCE") {
        Some(one) => one as u32 / SEQUENCES..one as u32 / SEQUENCES + 1,
        None => 0..rounds,
    };
    let mut server = server().start();
    let mut coverage = Coverage::new(&mut server.client());
    for number in numbers {
        let round = Round::new(seed, protocol, number);
        let result = outcome(&round, &mut server, protocol, |answered| coverage.add(&answered));
        if let Err(why) = result {
            let again = format!("PARITY_SEED={seed} SEQUENCE={}", number * SEQUENCES);
            shrink::report(&round, protocol, &again, &why);
        }
    }
    if env::var_os("SEQUENCE").is_none() {
        coverage.judge(&format!("RESP{protocol}, seed {seed}"), rounds * SEQUENCES);
        soak::total(
            &format!("sequences in RESP{protocol}"),
            &format!("{} sequences, seed {seed}", rounds * SEQUENCES),
        );
    }
}

#[test]
fn durable_keys_behave_as_native_ones_in_resp2() {
    run(2);
}

#[test]
fn durable_keys_behave_as_native_ones_in_resp3() {
    run(3);
}
