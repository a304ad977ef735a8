//! A primary or a replica that starts again beside an RDB: what the log has beyond it, and what the RDB has of a
//! later time than the log.

use super::adopt::adopt;
use super::replica::{agree, caught_up, primary, replica_of};
use crate::support::keyspace::all_is_written;
use crate::support::{Client, Server, wait_for};

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
