//! A replica with the module: it has what its primary has, keeps a log of its own, and can take over.

use std::time::Duration;

use crate::server::commands::generic_cases::{CASES, Names, Place, Way, run};
use crate::server::commands::parity_commands::any;
use crate::support::keyspace::{durable, fill, picture, same, survives_kill9};
use crate::support::wait::holds_within;
use crate::support::{Client, Reply, Server, wait_for};

/// A server that follows this one.
pub fn replica_of(primary: &Server) -> Server {
    let replica = Server::build().mylog("appendfsync", "everysec").start();
    follow(&replica, primary);
    replica
}

/// Lets a server follow another, and waits until it has what that has.
pub fn follow(replica: &Server, primary: &Server) {
    replica
        .client()
        .ok(&format!("REPLICAOF 127.0.0.1 {}", primary.port()));
    caught_up(replica, primary);
}

/// Waits until the replica has all that the primary has sent.
pub fn caught_up(replica: &Server, primary: &Server) {
    let (mut replica, mut primary) = (replica.client(), primary.client());
    wait_for("the replica is up to date", || {
        let info = replica.info("replication");
        info["master_link_status"] == "up"
            && info["slave_repl_offset"] == primary.info("replication")["master_repl_offset"]
    });
}

/// A server that others can follow.
pub fn primary() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .config("repl-diskless-sync-delay", "0")
        .with_port()
        .start()
}

/// Panics unless the replica comes to have what its primary has. A key may end between two looks, and its deletion
/// be still on its way: only the primary deletes what has expired.
pub fn agree(replica: &Server, primary: &Server) {
    caught_up(replica, primary);
    let (mut follower, mut leader) = (replica.client(), primary.client());
    let settled = holds_within(Duration::from_secs(10), || {
        picture(&mut follower) == picture(&mut leader) && digest(&mut follower) == digest(&mut leader)
    });
    if !settled {
        same(&picture(&mut follower), &picture(&mut leader));
        assert_eq!(digest(&mut follower), digest(&mut leader));
    }
}

fn digest(client: &mut Client) -> Reply {
    client.run("MYLOG.DEBUG DIGEST")
}

fn every_case(client: &mut Client, tag: &str) {
    for (at, case) in CASES.iter().enumerate() {
        for (way, names) in [
            (Way::Plain, Names::Native),
            (Way::Multi, Names::Held),
            (Way::Lua, Names::Native),
        ] {
            let place = Place {
                label: format!("{tag}{at}/{way:?}"),
                db: 3,
                other: 0,
            };
            run(client, &place, way, names, case);
        }
    }
}

#[test]
fn a_replica_follows_every_generic_command_and_survives_kill9() {
    let mut primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    every_case(&mut client, "before");
    let mut replica = replica_of(&primary);
    agree(&replica, &primary);
    every_case(&mut client, "after");
    client.ok("SWAPDB 0 5");
    client.ok("SELECT 5");
    client.ok("MYLOG.SET short D PX 1");
    wait_for("expiry", || client.run("EXISTS short").int() == 0);
    agree(&replica, &primary);
    survives_kill9(&mut replica);
    survives_kill9(&mut primary);
}

#[test]
fn a_replica_follows_random_commands() {
    let primary = primary();
    let mut client = primary.client();
    client.ok("CONFIG SET mylog.appendfsync everysec");
    let mut replica = replica_of(&primary);
    let seed = fastrand::u64(..);
    eprintln!("PARITY_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..3000 {
        client.cmd(any(&mut rng).twin());
    }
    agree(&replica, &primary);
    survives_kill9(&mut replica);
}

#[test]
fn a_replica_without_writes_after_the_sync_survives_kill9() {
    let primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    let mut replica = Server::build().start();
    let mut own = replica.client();
    own.ok("MYLOG.SET own D");
    own.ok("MYLOG.SET str:1 Down");
    drop(own);
    follow(&replica, &primary);
    agree(&replica, &primary);
    wait_for("the log is the primary's", || {
        let info = replica.client().info("mylog");
        info["mylog_rebase_pending"] == "0" && info["mylog_rewrite_in_progress"] == "0"
    });
    survives_kill9(&mut replica);
    assert_eq!(replica.client().run("EXISTS own").int(), 0);
}

#[test]
fn a_promoted_replica_goes_on_from_what_it_has() {
    let mut primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    let mut replica = replica_of(&primary);
    client.ok("MYLOG.SET last D");
    agree(&replica, &primary);
    primary.kill9();
    let mut client = replica.client();
    client.ok("REPLICAOF NO ONE");
    client.ok("CONFIG SET mylog.appendfsync always");
    client.ok("MYLOG.SET promoted D");
    client.ok("RENAME last first");
    client.run("MYLOG.REWRITE");
    wait_for("the rewrite", || {
        client.info_u64("mylog", "mylog_rewrite_in_progress") == 0
    });
    client.run("DEL str:1");
    let after = survives_kill9(&mut replica);
    assert!(after.contains_key(&(0, "promoted".to_owned())));
    assert!(after.contains_key(&(0, "first".to_owned())));
}

#[test]
fn a_second_full_sync_replaces_the_first() {
    let primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    let mut replica = replica_of(&primary);
    let mut own = replica.client();
    own.ok("REPLICAOF NO ONE");
    own.ok("MYLOG.SET own D");
    own.run("DEL str:1 hash:2");
    own.ok("RENAME str:2 str:3");
    client.ok("MYLOG.SET meanwhile D");
    follow(&replica, &primary);
    agree(&replica, &primary);
    client.ok("MYLOG.SET later D");
    agree(&replica, &primary);
    survives_kill9(&mut replica);
}

#[test]
fn an_evicted_key_that_is_put_back_is_there_on_the_replica_too() {
    let primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    let replica = replica_of(&primary);
    client.ok("CONFIG SET maxmemory-policy allkeys-random");
    let used = client.info_u64("memory", "used_memory");
    client.ok(&format!("CONFIG SET maxmemory {}", used + (1 << 20)));
    for key in 0..4000 {
        client.ok(&format!("SET cache:{key} {}", "x".repeat(1000)));
    }
    assert!(client.info_u64("stats", "evicted_keys") > 1000);
    client.ok("CONFIG SET maxmemory 0");
    caught_up(&replica, &primary);
    same(
        &durable(&picture(&mut replica.client())),
        &durable(&picture(&mut client)),
    );
}

/// A replica gets the DEL of the eviction before the command, and the value only behind it.
#[test]
fn what_is_renamed_or_moved_right_behind_its_eviction_is_so_on_the_replica_too() {
    const NAMES: u32 = 2000;
    const LISTS: u32 = 50;
    // Under `always` the wait behind each command would put the value back before the next.
    let primary = Server::build()
        .mylog("appendfsync", "everysec")
        .config("repl-diskless-sync-delay", "0")
        .with_port()
        .start();
    let mut client = primary.client();
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let fill = (0..NAMES).map(|key| format!("MYLOG.SET durable:{key} value:{key}"));
    let fill = fill.chain((0..LISTS).map(|key| format!("MYLOG.RPUSH list:{key} a b c d e f g h {key}")));
    let fill = fill.chain((0..20_000).map(|key| format!("SET cache:{key} {}", "x".repeat(100))));
    client.pipeline(&fill.map(words).collect::<Vec<_>>());
    let replica = replica_of(&primary);
    client.ok("CONFIG SET maxmemory-policy allkeys-random");
    let used = client.info_u64("memory", "used_memory");
    client.ok(&format!("CONFIG SET maxmemory {}", used - 20_000));
    let mut random = fastrand::Rng::with_seed(1);
    // Many in one turn of the event loop, an eviction of any key before each. Nothing else writes to these names: what
    // a replica has missed stays so.
    for turn in 0..200 {
        let lines = (0..20).flat_map(|line| {
            [
                format!("SET more:{turn}:{line} {}", "x".repeat(100)),
                format!(
                    "RENAME durable:{} durable:{}",
                    random.u32(..NAMES),
                    random.u32(..NAMES)
                ),
                format!(
                    "MYLOG.LMOVE list:{} list:{} LEFT RIGHT",
                    random.u32(..LISTS),
                    random.u32(..LISTS)
                ),
            ]
        });
        client.pipeline(&lines.map(words).collect::<Vec<_>>());
    }
    assert!(client.info_u64("stats", "evicted_keys") > 100);
    client.ok("CONFIG SET maxmemory 0");
    caught_up(&replica, &primary);
    same(
        &durable(&picture(&mut replica.client())),
        &durable(&picture(&mut client)),
    );
}

/// From its next start on the server is a replica from the beginning.
pub fn as_replica(replica: &Server, primary: &Server) {
    let mut file = std::fs::read_to_string(replica.config_file()).unwrap();
    if !file.contains("replicaof") {
        file.push_str(&format!("replicaof 127.0.0.1 {}\n", primary.port()));
        std::fs::write(replica.config_file(), file).unwrap();
    }
}

/// From its next start on the server follows nobody.
pub fn no_replica_any_more(replica: &Server) {
    let file = std::fs::read_to_string(replica.config_file()).unwrap();
    std::fs::write(replica.config_file(), file.replace("replicaof", "# replicaof")).unwrap();
}

/// Kills the replica and starts it again as a replica.
pub fn restarted_as_replica(replica: &mut Server, primary: &Server) {
    replica.kill9();
    as_replica(replica, primary);
    replica.restart();
}

#[test]
fn a_replica_that_was_killed_applies_nothing_twice() {
    let primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    let mut replica = replica_of(&primary);
    for round in 0..3 {
        for _ in 0..100 {
            client.run("MYLOG.INCR counter");
            client.run("MYLOG.APPEND grows x");
        }
        client.run("DEL str:1 hash:1");
        client.ok(&format!("RENAME str:{} renamed", 10 + round));
        agree(&replica, &primary);
        restarted_as_replica(&mut replica, &primary);
        agree(&replica, &primary);
        client.run("MYLOG.INCR counter");
        agree(&replica, &primary);
    }
    replica.client().ok("REPLICAOF NO ONE");
    no_replica_any_more(&replica);
    survives_kill9(&mut replica);
}

#[test]
fn a_replica_promoted_before_its_first_sync_has_what_its_log_has() {
    let mut primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    let mut replica = replica_of(&primary);
    for _ in 0..100 {
        client.run("MYLOG.INCR counter");
    }
    client.run("DEL str:1 hash:1");
    client.ok("MYLOG.SET late D");
    client.ok("RENAME str:10 hash:10");
    agree(&replica, &primary);
    let wanted = durable(&picture(&mut client));
    primary.kill9();
    restarted_as_replica(&mut replica, &primary);
    let mut own = replica.client();
    own.ok("REPLICAOF NO ONE");
    same(&durable(&picture(&mut own)), &wanted);
    own.ok("MYLOG.SET promoted D");
    no_replica_any_more(&replica);
    survives_kill9(&mut replica);
}

#[test]
fn replicas_of_a_primary_that_was_killed_get_what_only_its_log_has() {
    let mut primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    let mut replica = replica_of(&primary);
    wait_for("SAVE", || client.run("SAVE").is_ok());
    agree(&replica, &primary);
    replica.signal(nix::sys::signal::Signal::SIGSTOP);
    client.ok("MYLOG.SET late D");
    client.run("DEL str:1 hash:1");
    client.run("MYLOG.INCR counter");
    client.ok("RENAME str:10 hash:10");
    primary.kill9();
    primary.restart();
    replica.signal(nix::sys::signal::Signal::SIGCONT);
    let mut own = replica.client();
    wait_for("the link", || {
        own.info("replication")["master_link_status"] == "up"
    });
    agree(&replica, &primary);
    primary.client().ok("MYLOG.SET later D");
    agree(&replica, &primary);
    replica.client().ok("REPLICAOF NO ONE");
    survives_kill9(&mut replica);
}

#[test]
fn a_full_sync_settles_what_had_no_lineage() {
    let primary = primary();
    fill(&mut primary.client());
    let mut replica = Server::build().mylog("appendfsync", "always").start();
    let mut own = replica.client();
    fill(&mut own);
    own.ok("MYLOG.SET own D");
    own.ok("SAVE");
    replica.kill9();
    std::fs::remove_dir_all(replica.log_dir()).unwrap();
    replica.restart();
    assert!(replica.client().run("MYLOG.SET new D").is_error("MYLOGDOWN"));
    follow(&replica, &primary);
    agree(&replica, &primary);
    primary.client().ok("MYLOG.SET later D");
    agree(&replica, &primary);
    let mut own = replica.client();
    own.ok("REPLICAOF NO ONE");
    own.ok("MYLOG.SET promoted D");
    survives_kill9(&mut replica);
}
