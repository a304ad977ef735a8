//! A rewrite beside the server's other children: it waits for theirs, is seen when they wait for its own, and
//! gives way if it is told to.

use crate::support::rewriting::{self, hold, info, info_text, release, wait_idle};
use crate::support::{Client, Server, leftovers, wait_for};

const SCHEDULED: &str = "Background log rewrite scheduled";

fn server() -> Server {
    let server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .config("repl-diskless-sync-delay", "0")
        .with_port()
        .start();
    let mut client = server.client();
    client.ok("SET native value");
    client.ok("MYLOG.SET key value");
    server
}

/// A server that asks for a full sync.
fn replica_of(server: &Server) -> Server {
    let replica = Server::build().start();
    replica
        .client()
        .ok(&format!("REPLICAOF 127.0.0.1 {}", server.port()));
    replica
}

fn wait_blocks(client: &mut Client, names: &str) {
    wait_for(&format!("{names} is seen"), || {
        info_text(client, "rewrite_blocks") == names
    });
}

fn wait_online(client: &mut Client) {
    wait_for("the replica is up", || {
        let replication = client.info("replication");
        replication
            .get("slave0")
            .is_some_and(|replica| replica.contains("state=online"))
    });
}

fn rdb_exists(server: &Server) -> bool {
    leftovers::files(&server.data_dir()).contains(&"dump.rdb".to_owned())
}

#[test]
fn whoever_waits_for_the_child_is_seen_and_without_yield_goes_on_waiting() {
    let server = server();
    let mut client = server.client();
    assert_eq!(info_text(&mut client, "rewrite_blocks"), "none");
    hold(&mut client, "walked");
    let child = leftovers::children(server.pid());
    assert_eq!(info_text(&mut client, "rewrite_blocks"), "none");
    let reply = client.run("BGREWRITEAOF").text();
    assert_eq!(reply, "Background append only file rewriting scheduled");
    wait_blocks(&mut client, "aof-rewrite");
    assert!(
        client
            .run("BGSAVE")
            .is_error("ERR Another child process is active")
    );
    wait_blocks(&mut client, "aof-rewrite,bgsave");
    let _replica = replica_of(&server);
    wait_blocks(&mut client, "full-sync,aof-rewrite,bgsave");
    client.ok("CONFIG RESETSTAT");
    wait_blocks(&mut client, "full-sync,aof-rewrite");
    assert_eq!(
        client.run("BGSAVE SCHEDULE").text(),
        "Background saving scheduled"
    );
    wait_blocks(&mut client, "full-sync,aof-rewrite,bgsave");
    assert!(
        server
            .log()
            .contains("its child is in the way of: full-sync,aof-rewrite")
    );
    assert_eq!(leftovers::children(server.pid()), child);
    assert_eq!(info(&mut client, "rewrite_yields"), 0);

    release(&mut client);
    rewriting::wait_succeeded(&mut client, 1);
    assert_eq!(info_text(&mut client, "rewrite_blocks"), "none");
    wait_online(&mut client);
    wait_for("the scheduled BGSAVE is done", || rdb_exists(&server));
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
}

/// Waits until the rewrite has given way, and until it has been run again behind what it gave way to.
fn gives_way(client: &mut Client, done: impl Fn(&mut Client) -> bool) {
    let (yields, rewrites) = (info(client, "rewrite_yields"), info(client, "rewrites"));
    wait_for("it gives way", || info(client, "rewrite_yields") == yields + 1);
    release(client);
    wait_for("the other child has done its work", || done(client));
    rewriting::wait_succeeded(client, rewrites + 1);
    wait_idle(client);
    assert_eq!(info(client, "rewrite_yields"), yields + 1);
    assert_eq!(info(client, "rewrite_failures"), 0);
    assert_eq!(info(client, "rewrite_next_retry_sec"), 0);
    assert_eq!(info_text(client, "last_rewrite_status"), "ok");
}

#[test]
fn with_yield_a_rewrite_gives_way_to_an_aof_rewrite_and_is_run_again_behind_it() {
    let server = server();
    let mut client = server.client();
    hold(&mut client, "walked");
    client.run("BGREWRITEAOF");
    wait_blocks(&mut client, "aof-rewrite");
    // At run time, with somebody waiting already.
    client.ok("CONFIG SET mylog.rewrite-yield yes");
    gives_way(&mut client, |client| {
        client.info_u64("persistence", "aof_rewrite_scheduled") == 0
            && client.info_u64("persistence", "aof_rewrite_in_progress") == 0
    });
    assert!(server.log().contains("it gives way to: aof-rewrite"));
}

#[test]
fn with_yield_a_rewrite_gives_way_to_a_bgsave_scheduled_or_asked_for_again() {
    let server = server();
    let mut client = server.client();
    client.ok("CONFIG SET mylog.rewrite-yield yes");
    hold(&mut client, "walked");
    client.run("BGSAVE SCHEDULE");
    gives_way(&mut client, |_| rdb_exists(&server));

    std::fs::remove_file(server.data_dir().join("dump.rdb")).unwrap();
    hold(&mut client, "asking");
    assert!(
        client
            .run("BGSAVE")
            .is_error("ERR Another child process is active")
    );
    gives_way(&mut client, |client| {
        rdb_exists(&server) || {
            client.run("BGSAVE");
            false
        }
    });
}

#[test]
fn with_yield_a_rewrite_gives_way_to_full_syncs_from_disk_and_without_one() {
    for diskless in ["no", "yes"] {
        let server = server();
        let mut client = server.client();
        client.ok("CONFIG SET mylog.rewrite-yield yes");
        client.ok(&format!("CONFIG SET repl-diskless-sync {diskless}"));
        hold(&mut client, "reporting");
        let _replica = replica_of(&server);
        gives_way(&mut client, |client| {
            let replication = client.info("replication");
            replication
                .get("slave0")
                .is_some_and(|replica| replica.contains("state=online"))
        });
    }
}

#[test]
fn a_manual_rewrite_while_one_stands_back_is_scheduled_and_an_abort_ends_that() {
    let server = server();
    let mut client = server.client();
    client.ok("CONFIG SET mylog.rewrite-yield yes");
    client.ok("CONFIG SET rdb-key-save-delay 1000000");
    hold(&mut client, "walked");
    client.run("BGREWRITEAOF");
    wait_for("it gives way", || info(&mut client, "rewrite_yields") == 1);
    wait_for("its child is gone", || {
        info(&mut client, "rewrite_in_progress") == 0
    });
    assert_eq!(client.run("MYLOG.REWRITE").text(), SCHEDULED);
    assert_eq!(info(&mut client, "rewrite_scheduled"), 1);
    client.ok("MYLOG.REWRITE ABORT");
    assert_eq!(info(&mut client, "rewrite_scheduled"), 0);
}

#[test]
fn a_rewrite_begins_right_behind_an_aof_rewrite_and_a_full_sync() {
    let server = server();
    let mut client = server.client();
    let busy = |client: &mut Client, field: &str| client.info_u64("persistence", field) == 1;
    client.ok("CONFIG SET rdb-key-save-delay 300000");
    client.run("BGREWRITEAOF");
    assert!(busy(&mut client, "aof_rewrite_in_progress"));
    assert_eq!(client.run("MYLOG.REWRITE").text(), SCHEDULED);
    assert_eq!(info(&mut client, "rewrite_in_progress"), 0);
    rewriting::wait_succeeded(&mut client, 1);
    for (rewrites, diskless) in [(2, "no"), (3, "yes")] {
        client.ok(&format!("CONFIG SET repl-diskless-sync {diskless}"));
        let replica = replica_of(&server);
        wait_for("the sync's child is there", || {
            busy(&mut client, "rdb_bgsave_in_progress")
        });
        assert_eq!(
            client.run("MYLOG.REWRITE").text(),
            SCHEDULED,
            "diskless {diskless}"
        );
        rewriting::wait_succeeded(&mut client, rewrites);
        drop(replica);
    }
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
}
