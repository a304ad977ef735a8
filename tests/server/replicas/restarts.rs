//! A primary or a replica that starts again beside an RDB: what the log has beyond it, and what the RDB has of a
//! later time than the log.

use super::replica::{
    agree, as_replica, caught_up, follow, no_replica_any_more, primary, replica_of, restarted_as_replica,
};
use crate::server::adopt::command::adopt;
use crate::support::keyspace::{all_is_written, survives_kill9};
use crate::support::{Client, Reply, Server, wait_for};

fn replication(client: &mut Client, field: &str) -> String {
    client.info("replication")[field].clone()
}

/// The child of a sync may be there still.
fn saved(client: &mut Client) {
    wait_for("SAVE", || client.run("SAVE").is_ok());
}

/// Replicas may go on from the RDB only if the log has nothing beyond it, whatever keys it comes to.
#[test]
fn replicas_go_on_from_an_rdb_that_has_all_of_the_log_and_from_no_other() {
    let mut primary = primary();
    let replica = replica_of(&primary);
    let mut client = primary.client();
    client.ok("MYLOG.SET key v");
    caught_up(&replica, &primary);
    saved(&mut client);
    let id = replication(&mut client, "master_replid");
    primary.kill9();
    primary.restart();
    let mut client = primary.client();
    assert_eq!(replication(&mut client, "master_replid2"), id);
    agree(&replica, &primary);

    saved(&mut client);
    let id = replication(&mut client, "master_replid");
    // The keys are the same behind it.
    client.ok("MYLOG.SET late v");
    client.run("DEL late");
    primary.kill9();
    primary.restart();
    let mut client = primary.client();
    assert_ne!(replication(&mut client, "master_replid"), id);
    assert_ne!(replication(&mut client, "master_replid2"), id);
    agree(&replica, &primary);
}

/// The lineage of each sync is noted, also of one that the log has noted before: what the log had in between is of a
/// time before the RDB.
#[test]
fn what_a_second_full_sync_brings_stays_though_the_primarys_log_has_not_changed() {
    let primary = primary();
    let mut client = primary.client();
    client.ok("MYLOG.SET other:durable v");
    client.ok("SET order:1 native");
    let mut replica = Server::build()
        .mylog("appendfsync", "everysec")
        .mylog("capture", "order:")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut own = replica.client();
    let follow = format!("REPLICAOF 127.0.0.1 {}", primary.port());
    own.ok(&follow);
    caught_up(&replica, &primary);
    own.ok("REPLICAOF NO ONE");
    adopt(&mut own, "order:");
    assert_eq!(own.run("DEL order:1").int(), 1);
    own.ok(&follow);
    caught_up(&replica, &primary);
    own.ok("REPLICAOF NO ONE");
    assert_eq!(own.run("GET order:1").text(), "native");
    all_is_written(&mut own);
    replica.kill9();
    replica.restart();
    assert_eq!(replica.client().run("GET order:1").text(), "native");
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}

/// A full sync of a few keys takes less than the first, in ms, also where the server looks for its end once a second.
/// On a busy machine it may not.
const SOON: [i64; 5] = [4000, 8000, 16_000, 32_000, 64_000];

/// A primary whose keys `make` gives an expire time, a replica that has synced by then, and that time: `renew` was done on
/// the primary before. Where that took longer, both are made anew, with more time.
fn renewed(
    build: impl Fn() -> Server,
    make: impl Fn(&mut Client, i64),
    renew: impl Fn(&mut Client) -> Result<(), String>,
) -> (Server, Server, i64) {
    for soon in SOON {
        let (primary, replica) = (primary(), build());
        let (mut client, until) = (primary.client(), now_ms() + soon);
        make(&mut client, until);
        follow(&replica, &primary);
        match renew(&mut client) {
            Err(wrong) if now_ms() < until => panic!("{wrong}"),
            Err(_) => {}
            Ok(()) => {
                caught_up(&replica, &primary);
                return (primary, replica, until);
            }
        }
    }
    panic!("the machine is too busy for this test");
}

/// Waits until this time has passed.
fn has_passed(ms: i64) {
    wait_for("the expire time in the RDB has passed", || now_ms() > ms);
}

/// Every kind, with an expire time soon to pass; what becomes of it behind the RDB.
const RENEWALS: [&[&str]; 8] = [
    &["EXPIRE key 1000"],
    &["PERSIST key", "MYLOG.RPUSH list more"],
    &["RENAME key renamed-key", "PERSIST renamed-key"],
    &["MOVE key 5", "SELECT 5", "PERSIST key", "SELECT 0"],
    &["COPY key copied-key", "PERSIST copied-key", "EXPIRE key 500"],
    &[
        "SWAPDB 0 4",
        "SELECT 4",
        "EXPIRE key 700",
        "SELECT 0",
        "SWAPDB 0 4",
    ],
    &["MULTI", "PEXPIREAT key 4102444800123", "EXEC"],
    &["MYLOG.PERSIST key", "MYLOG.COPY key key2"],
];

/// The RDB of a full sync has expire times that the primary has renewed since. By that RDB, and by the clock, the
/// keys are over; only the primary says so of a replica's keys.
#[test]
fn keys_whose_expire_time_in_the_rdb_has_passed_are_kept_by_a_replica_that_starts() {
    let made = [
        "MYLOG.SET {} v",
        "MYLOG.HSET {} f v",
        "MYLOG.RPUSH {} a b",
        "MYLOG.SADD {} a b",
        "MYLOG.ZADD {} 1 a",
    ];
    let make = |client: &mut Client, until| {
        client.ok("CONFIG SET mylog.appendfsync everysec");
        for at in 0..RENEWALS.len() {
            for (kind, made) in made.iter().enumerate() {
                let name = format!("key:{at}:{kind}");
                client.run(&made.replace("{}", &name));
                client.run(&format!("PEXPIREAT {name} {until}"));
            }
        }
        client.ok(&format!("MYLOG.SET lapses v PXAT {until}"));
        client.ok(&format!("SET native v PXAT {until}"));
    };
    let renew = |client: &mut Client| {
        for (at, lines) in RENEWALS.iter().enumerate() {
            for kind in 0..made.len() {
                for line in *lines {
                    let line = line.replace("key", &format!("key:{at}:{kind}"));
                    let reply = client.run(&line);
                    if reply.is_error("") || reply == Reply::Int(0) {
                        return Err(format!("{line}: {reply:?}"));
                    }
                }
            }
        }
        Ok(())
    };
    let (primary, mut replica, until) = renewed(|| Server::build().start(), make, renew);
    let mut client = primary.client();
    has_passed(until);
    // The primary says so only once somebody has asked, or it has looked.
    assert_eq!(client.run("EXISTS lapses").int(), 0);
    restarted_as_replica(&mut replica, &primary);
    agree(&replica, &primary);
    let mut own = replica.client();
    assert_eq!(
        own.info_u64("mylog", "mylog_keys"),
        client.info_u64("mylog", "mylog_keys")
    );
    own.ok("REPLICAOF NO ONE");
    for db in [0, 5] {
        own.ok(&format!("SELECT {db}"));
        client.ok(&format!("SELECT {db}"));
        for key in client.run("KEYS *").items() {
            let key = key.text();
            assert_eq!(
                own.run(&format!("DUMP {key}")),
                client.run(&format!("DUMP {key}")),
                "{key}"
            );
        }
    }
    no_replica_any_more(&replica);
    survives_kill9(&mut replica);
}

/// As above, of the RDB that a replica's AOF begins with. The log's keys take the place of those that came with it, also
/// where the server shows none for their expire time.
#[test]
fn keys_whose_expire_time_in_its_aof_has_passed_do_not_keep_a_replica_from_starting() {
    let build = || {
        let replica = Server::build().mylog("appendfsync", "always");
        let replica = replica.config("appendonly", "yes");
        replica.config("appendfsync", "always").start()
    };
    let make = |client: &mut Client, until| {
        for key in 0..10 {
            client.run(&format!("MYLOG.RPUSH key:{key} a b"));
            client.run(&format!("PEXPIREAT key:{key} {until}"));
        }
    };
    let renew = |client: &mut Client| {
        for key in 0..5 {
            client.run(&format!("EXPIRE key:{key} 1800"));
            if client.run(&format!("MYLOG.RPUSH key:{key} c")).int() != 3 {
                return Err(format!("key:{key} is over"));
            }
        }
        Ok(())
    };
    let (primary, mut replica, until) = renewed(build, make, renew);
    let mut own = replica.client();
    wait_for("the AOF begins with the sync's keys", || {
        let info = own.info("persistence");
        info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0"
    });
    has_passed(until);
    restarted_as_replica(&mut replica, &primary);
    agree(&replica, &primary);
    // The primary deletes what is over when it looks, which may be after the restart.
    wait_for("the keys that were not renewed are deleted", || {
        replica.client().info_u64("mylog", "mylog_keys") == 5
    });
    agree(&replica, &primary);
    replica.client().ok("REPLICAOF NO ONE");
    assert_eq!(replica.client().run("MYLOG.LLEN key:1").int(), 3);
}

/// A planned restart of the replica, then a failover, while clients keep their sessions alive.
#[test]
fn sessions_kept_alive_by_expire_outlive_a_planned_restart_of_the_replica_and_a_promotion() {
    let make = |client: &mut Client, until| {
        for session in 0..100 {
            client.run(&format!("MYLOG.HSET session:{session} user {session}"));
            client.run(&format!("PEXPIREAT session:{session} {until}"));
        }
    };
    let renew = |client: &mut Client| {
        let mut renewed = |session| client.run(&format!("EXPIRE session:{session} 1800")) == Reply::Int(1);
        let over = (0..100).find(|session| !renewed(*session));
        over.map_or(Ok(()), |session| Err(format!("session:{session} is over")))
    };
    let (mut primary, mut replica, until) = renewed(|| Server::build().start(), make, renew);
    has_passed(until);
    as_replica(&replica, &primary);
    replica.term();
    replica.restart();
    agree(&replica, &primary);
    primary.kill9();
    let mut own = replica.client();
    own.ok("REPLICAOF NO ONE");
    assert_eq!(own.info_u64("mylog", "mylog_keys"), 100);
    assert_eq!(own.run("DBSIZE").int(), 100);
    for session in 0..100 {
        assert_eq!(own.run(&format!("MYLOG.HSET session:{session} cart 4")).int(), 1);
        assert_eq!(own.run(&format!("MYLOG.HLEN session:{session}")).int(), 2);
    }
    no_replica_any_more(&replica);
    survives_kill9(&mut replica);
}
