//! Pops for clients that waited, on replicas: sent once, in order, as the command that pops without waiting; and
//! what becomes of who waits when his server becomes a replica.

use crate::server::replicas::replica::{agree, primary, replica_of};
use crate::support::{Client, Reply, Server, wait_for};

const WAITERS: [&str; 8] = [
    "BLPOP q:a q:b 0",
    "BRPOP q:a 0",
    "BLMPOP 0 2 q:b q:a RIGHT COUNT 2",
    "BLMOVE q:a q:moved LEFT RIGHT 0",
    "BRPOPLPUSH q:a q:moved 0",
    "BZPOPMIN q:z 0",
    "BZPOPMAX q:z 0",
    "BZMPOP 0 1 q:z MIN COUNT 2",
];

fn blocked(client: &mut Client) -> u64 {
    client.info_u64("clients", "blocked_clients")
}

/// All of them wait, in order.
fn wait_all(server: &Server, other: &mut Client) -> Vec<Client> {
    let waiting = WAITERS.iter().map(|line| {
        let before = blocked(other);
        let mut client = server.client();
        client.send(line.split(' '));
        wait_for("it is blocked", || blocked(other) == before + 1);
        client
    });
    waiting.collect()
}

/// Calls of a command since the start.
fn calls(client: &mut Client, command: &str) -> u64 {
    let stats = client.info("commandstats");
    let line = stats.iter().find(|(name, _)| {
        name.strip_prefix("cmdstat_")
            .is_some_and(|name| name.eq_ignore_ascii_case(command))
    });
    let calls = line.and_then(|(_, line)| line.strip_prefix("calls=")?.split(',').next()?.parse().ok());
    calls.unwrap_or(0)
}

fn pops_reach(policy: &str) {
    let primary = primary();
    let replica = replica_of(&primary);
    let (mut other, mut follower) = (primary.client(), replica.client());
    other.ok(&format!("CONFIG SET mylog.appendfsync {policy}"));
    other.ok("CONFIG SET mylog.capture q:");
    let rounds = 4;
    for round in 0..rounds {
        let waiting = wait_all(&primary, &mut other);
        let lists = [
            vec!["RPUSH", "q:a", "1", "2", "3", "4", "5", "6"],
            vec!["LSET", "q:moved", "0", "x"],
        ];
        match round % 2 {
            0 => lists.iter().for_each(|line| drop(other.cmd(line))),
            _ => {
                other.ok("MULTI");
                lists.iter().for_each(|line| drop(other.cmd(line)));
                other.run("EXEC");
            }
        }
        other.cmd([
            "EVAL",
            "redis.call('ZADD', KEYS[1], 1, 'a', 2, 'b', 3, 'c', 4, 'd')",
            "1",
            "q:z",
        ]);
        for mut client in waiting {
            assert!(!matches!(client.recv(), Reply::Error(_) | Reply::Nil));
        }
        agree(&replica, &primary);
    }
    // Of lists: BLPOP, and BRPOP and BLMPOP. Of sorted sets: BZPOPMIN and BZMPOP, and BZPOPMAX.
    for (command, expected) in [
        ("mylog.lpop", rounds),
        ("mylog.rpop", 2 * rounds),
        ("mylog.lmove", rounds),
        ("mylog.rpoplpush", rounds),
        ("mylog.zpopmin", 2 * rounds),
        ("mylog.zpopmax", rounds),
    ] {
        assert_eq!(calls(&mut follower, command), expected, "{command}, {policy}");
    }
}

#[test]
fn pops_reach_a_replica_once_and_in_order() {
    pops_reach("everysec");
}

#[test]
fn pops_that_wait_for_the_disk_reach_a_replica_once_and_in_order() {
    pops_reach("always");
}

#[test]
fn who_waits_is_told_that_his_server_is_no_primary_any_more() {
    let (first, second) = (primary(), primary());
    let mut other = second.client();
    other.ok("CONFIG SET mylog.capture q:");
    let mut waiting = wait_all(&second, &mut other);
    let mut native = second.client();
    native.send(["BLPOP", "native", "0"]);
    wait_for("it is blocked", || {
        other.run("CLIENT LIST").text().contains("cmd=blpop")
    });
    other.ok(&format!("REPLICAOF 127.0.0.1 {}", first.port()));
    let expected = native.recv();
    assert!(expected.is_error("UNBLOCKED"), "{expected:?}");
    for client in &mut waiting {
        assert_eq!(client.recv(), expected);
        assert!(client.try_recv().is_err());
    }
    // It serves as before once it is one again.
    agree(&second, &first);
    other.ok("REPLICAOF NO ONE");
    let waiting = wait_all(&second, &mut other);
    other.run("RPUSH q:a 1 2 3 4 5 6");
    other.run("ZADD q:z 1 a 2 b 3 c 4 d");
    for mut client in waiting {
        assert!(!matches!(client.recv(), Reply::Error(_) | Reply::Nil));
    }
}
