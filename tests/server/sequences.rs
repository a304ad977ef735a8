//! Random commands of every type, and after each sequence another way to lose or rebuild what they left: the
//! same state behind it.

use fastrand::Rng;

use super::parity_commands::{Command, twins};
use super::replica::{agree, primary, replica_of};
use super::{parity, parity_commands, zset_commands};
use crate::support::keyspace::{picture, same, survives_kill9};
use crate::support::{Client, Server, rewriting};

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
    let seed = parity::seed();
    eprintln!("PARITY_SEED={seed}");
    (seed, Rng::with_seed(seed))
}

#[test]
fn sequences_survive_reload_rewrite_and_kill9() {
    let (_, mut rng) = seeded();
    let mut server = Server::build().start();
    for _ in 0..4 {
        let mut client = server.client();
        run(&mut client, &mut rng);
        let before = picture(&mut client);
        client.ok("DEBUG RELOAD");
        same(&picture(&mut client), &before);
        run(&mut client, &mut rng);
        rewriting::run(&mut client);
        survives_kill9(&mut server);
        // Changes behind the walk of a child, of values that it has written and of those that it has not.
        let mut client = server.client();
        rewriting::hold(&mut client, "walked");
        run(&mut client, &mut rng);
        rewriting::release(&mut client);
        rewriting::wait_idle(&mut client);
        survives_kill9(&mut server);
        let mut client = server.client();
        run(&mut client, &mut rng);
        survives_kill9(&mut server);
    }
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

#[test]
fn every_twin_runs_for_its_native_command_on_captured_prefixes() {
    let (seed, mut rng) = seeded();
    // The first bytes of all names that the commands use.
    let server = Server::build().mylog("capture", "k s h l e z").start();
    let mut client = server.client();
    for _ in 0..6000 {
        client.cmd(any(&mut rng).native());
    }
    let stats = client.info("commandstats");
    for name in twins() {
        let twin = format!("cmdstat_mylog.{}", name.to_lowercase());
        let flush = name.starts_with("FLUSH");
        assert!(
            flush || stats.contains_key(&twin),
            "seed {seed}: {name} was not routed"
        );
    }
}
