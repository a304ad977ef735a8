//! Random commands of every type, and after each sequence another way to lose or rebuild what they left: the
//! same state behind it.

use fastrand::Rng;

use crate::server::commands::parity_commands::Command;
use crate::server::commands::{differential, parity_commands, zset_commands};
use crate::server::replicas::replica::{agree, primary, replica_of};
use crate::support::Client;

/// Commands of a sequence.
const SEQUENCE: usize = 200;

fn any(rng: &mut Rng) -> Command {
    match rng.u8(..5) {
        0 => zset_commands::any(rng),
        _ => parity_commands::any(rng),
    }
}

fn run(client: &mut Client, rng: &mut Rng) {
    for _ in 0..SEQUENCE {
        client.cmd(any(rng).twin());
    }
}

fn seeded() -> (u64, Rng) {
    let seed = differential::seed();
    eprintln!("PARITY_SEED={seed}");
    (seed, Rng::with_seed(seed))
}

#[test]
fn sequences_make_the_same_state_on_a_replica() {
    let mut rng = seeded().1;
    let primary = primary();
    let replica = replica_of(&primary);
    let mut client = primary.client();
    for _ in 0..5 {
        run(&mut client, &mut rng);
        agree(&replica, &primary);
    }
}
