//! `repl-diskless-load`: a replica reads its primary's data set from the socket. If the link breaks in the middle, the
//! replica and its log have what was before, or what comes behind: never half.

use nix::sys::signal::Signal;

use crate::server::replicas::replica::{agree, caught_up, primary};
use crate::support::cut_link::CutLink;
use crate::support::keyspace::{durable, fill, picture, same, survives_kill9};
use crate::support::{Client, KeySpace, Server, wait_for};

/// The modes that this server has.
fn modes(client: &mut Client) -> Vec<&'static str> {
    let mut has = |mode: &&str| client.cmd(["CONFIG", "SET", "repl-diskless-load", mode]).is_ok();
    let modes = ["on-empty-db", "flush-before-load", "swapdb", "disabled"];
    modes.into_iter().filter(|mode| has(mode)).collect()
}

/// The data set gets a link of its own, beside that of the commands. False if the server has no such thing.
fn separate_link(client: &mut Client) -> bool {
    let names = ["dual-channel-replication-enabled", "repl-rdb-channel"];
    let mut has = |name: &str| client.cmd(["CONFIG", "SET", name, "yes"]).is_ok();
    has(names[0]) || has(names[1])
}

/// A primary with keys of its own, and the link to it.
fn linked_primary() -> (Server, CutLink) {
    let primary = primary();
    let mut client = primary.client();
    fill(&mut client);
    for key in 0..200 {
        client.run(&format!("MYLOG.HSET of:primary:{key} f {}", "D".repeat(key)));
        client.ok(&format!("SET native:{key} n"));
    }
    let link = CutLink::to(primary.port());
    (primary, link)
}

fn replica_with(mode: &str, empty: bool) -> (Server, KeySpace) {
    let replica = Server::build()
        .mylog("appendfsync", "always")
        .config("repl-diskless-load", mode)
        .start();
    let mut client = replica.client();
    if !empty {
        fill(&mut client);
    }
    let before = durable(&picture(&mut client));
    (replica, before)
}

fn follow(replica: &Server, port: u16) {
    let line = format!("REPLICAOF 127.0.0.1 {port}");
    replica.client().ok(&line);
}

#[test]
fn a_replica_that_loads_from_the_socket_has_what_its_primary_has() {
    let primary = primary();
    fill(&mut primary.client());
    primary.client().run("MYLOG.ZADD zset 1 a 2.5 b");
    for mode in modes(&mut primary.client()) {
        for empty in [true, false] {
            let (mut replica, _) = replica_with(mode, empty);
            follow(&replica, primary.port());
            agree(&replica, &primary);
            primary.client().ok(&format!("MYLOG.SET later:{mode}:{empty} D"));
            agree(&replica, &primary);
            // Another module may not know of `swapdb`, as some that are built in.
            let modules = replica.client().run("MODULE LIST").items().len();
            if mode != "swapdb" || modules == 1 {
                assert!(!replica.log().contains("Skipping diskless-load"), "{mode}");
            }
            replica.client().ok("REPLICAOF NO ONE");
            survives_kill9(&mut replica);
        }
    }
}

/// What a primary sends up to the end of its data set, about.
fn size_of_sync(primary: &Server, link: &CutLink) -> u64 {
    let replica = Server::build().start();
    follow(&replica, link.port());
    caught_up(&replica, primary);
    link.sent()
}

/// Follows over a link that breaks, twice: by then the first load has come to its end.
fn cut_off(replica: &Server, link: &CutLink, behind: u64) {
    link.cut_behind(behind);
    let before = link.cuts();
    follow(replica, link.port());
    wait_for("the link breaks twice", || link.cuts() >= before + 2);
}

/// The modes in which a replica loads from the socket.
fn by_socket(primary: &Server) -> Vec<&'static str> {
    let modes = modes(&mut primary.client()).into_iter();
    modes
        .filter(|mode| !matches!(*mode, "swapdb" | "disabled"))
        .collect()
}

#[test]
fn a_link_that_breaks_in_mid_load_leaves_what_was_before() {
    let (primary, link) = linked_primary();
    let all = size_of_sync(&primary, &link);
    // Of the last bytes some end the data set.
    let places = [400, all / 3, all / 2, all - 200, all - 30];
    for mode in by_socket(&primary) {
        breaks_behind(&link, mode, &places, false);
    }
    if separate_link(&mut primary.client()) {
        for mode in by_socket(&primary) {
            breaks_behind(&link, mode, &places[1..3], true);
        }
    }
}

fn breaks_behind(link: &CutLink, mode: &str, places: &[u64], separate: bool) {
    for (at, &behind) in places.iter().enumerate() {
        let (mut replica, before) = replica_with(mode, mode == "on-empty-db");
        if separate {
            separate_link(&mut replica.client());
        }
        cut_off(&replica, link, behind);
        // Promoted, or killed as it is.
        if at % 2 == 0 {
            replica.client().ok("REPLICAOF NO ONE");
        } else {
            replica.kill9();
            replica.restart();
        }
        let mut client = replica.client();
        same(&durable(&picture(&mut client)), &before);
        client.ok("MYLOG.SET later D");
        survives_kill9(&mut replica);
    }
}

#[test]
fn a_replica_whose_link_broke_in_mid_load_syncs_again() {
    let (primary, link) = linked_primary();
    let all = size_of_sync(&primary, &link);
    for (mode, separate) in by_socket(&primary)
        .into_iter()
        .flat_map(|mode| [(mode, false), (mode, true)])
    {
        let (mut replica, _) = replica_with(mode, mode == "on-empty-db");
        if separate && !(separate_link(&mut replica.client()) && separate_link(&mut primary.client())) {
            continue;
        }
        cut_off(&replica, &link, all / 2);
        link.cut_behind(u64::MAX);
        agree(&replica, &primary);
        primary
            .client()
            .ok(&format!("MYLOG.SET later:{mode}:{separate} D"));
        agree(&replica, &primary);
        replica.client().ok("REPLICAOF NO ONE");
        survives_kill9(&mut replica);
    }
}

/// Of the same primary, whose backlog is too short to go on from: the replica serves its clients meanwhile.
#[test]
fn a_second_data_set_that_is_loaded_beside_the_first_takes_its_place() {
    let (primary, link) = linked_primary();
    let all = size_of_sync(&primary, &link);
    let mut client = primary.client();
    client.ok("CONFIG SET repl-backlog-size 16384");
    let (mut replica, _) = replica_with("swapdb", true);
    follow(&replica, link.port());
    agree(&replica, &primary);
    let digest = |server: &Server| server.client().run("MYLOG.DEBUG DIGEST");
    let first = digest(&replica);
    // Each time the link breaks within the data set, and what was there is there.
    let before = link.cuts();
    link.cut_behind(all / 2);
    // It must not come back before its place in the backlog is gone.
    replica.signal(Signal::SIGSTOP);
    client.run("CLIENT KILL TYPE replica");
    for key in 0..50 {
        client.ok(&format!("MYLOG.SET large:{key} {}", "D".repeat(4000)));
        client.run(&format!("DEL str:{key}"));
    }
    replica.signal(Signal::SIGCONT);
    wait_for("the link breaks", || link.cuts() >= before + 2);
    assert_eq!(digest(&replica), first);
    assert_eq!(replica.client().run("EXISTS str:1 large:1").int(), 1);
    link.cut_behind(u64::MAX);
    agree(&replica, &primary);
    client.ok("MYLOG.SET later D");
    agree(&replica, &primary);
    replica.client().ok("REPLICAOF NO ONE");
    survives_kill9(&mut replica);
}
