//! What the server evicts, and the module puts back, beside commands on whole databases in the same turn: replicas get
//! the DEL of the eviction first, and the value only behind all of the turn.

use crate::server::replicas::replica::{caught_up, replica_of};
use crate::support::keyspace::{durable, picture, same};
use crate::support::{Client, Server};

fn pipeline(client: &mut Client, lines: impl Iterator<Item = String>) {
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    client.pipeline(&lines.map(words).collect::<Vec<_>>());
}

#[test]
fn what_is_swapped_moved_or_flushed_right_behind_its_eviction_is_so_on_the_replica_too() {
    const NAMES: u32 = 1000;
    let primary = Server::build()
        .mylog("appendfsync", "everysec")
        .mylog("flush-policy", "flush")
        .config("repl-diskless-sync-delay", "0")
        .with_port()
        .start();
    let mut client = primary.client();
    for db in 0..3 {
        client.ok(&format!("SELECT {db}"));
        pipeline(
            &mut client,
            (0..NAMES).map(|key| format!("MYLOG.SET durable:{db}:{key} value:{key}")),
        );
    }
    client.ok("SELECT 0");
    let cache = (0..5000).map(|key| format!("SET cache:{key} {}", "x".repeat(100)));
    pipeline(&mut client, cache);
    let replica = replica_of(&primary);
    client.ok("CONFIG SET maxmemory-policy allkeys-random");
    let used = client.info_u64("memory", "used_memory");
    client.ok(&format!("CONFIG SET maxmemory {}", used - 20_000));
    let mut random = fastrand::Rng::with_seed(1);
    for turn in 0..100 {
        let mut lines = Vec::new();
        for line in 0..10 {
            let (from, name) = (random.u32(..3), random.u32(..NAMES));
            lines.push(format!("SET more:{turn}:{line} {}", "x".repeat(100)));
            lines.push(format!("SELECT {}", random.u32(..3)));
            lines.push(format!("MOVE durable:{from}:{name} {}", random.u32(..3)));
            lines.push(format!("SWAPDB {} {}", random.u32(..3), random.u32(..3)));
        }
        if turn == 95 {
            lines.push("FLUSHDB".to_owned());
        }
        pipeline(&mut client, lines.into_iter());
    }
    assert!(client.info_u64("stats", "evicted_keys") > 100);
    client.ok("CONFIG SET maxmemory 0");
    caught_up(&replica, &primary);
    let wanted = durable(&picture(&mut client));
    assert!(wanted.len() > 1000, "{}", wanted.len());
    same(&durable(&picture(&mut replica.client())), &wanted);
}
