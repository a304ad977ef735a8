//! `repl-diskless-load`: a replica reads its primary's data set from the socket. If the link breaks in the middle, the
//! replica and its log have what was before, or what comes behind: never half.

use super::replica::{agree, caught_up, primary};
use crate::support::cut_link::CutLink;
use crate::support::keyspace::{durable, fill, picture, same, survives_kill9};
use crate::support::{Client, KeySpace, Server, wait_for};

/// The modes that this server has; `swapdb` goes by way of the disk, since values of ours are in the store at once.
fn modes(client: &mut Client) -> Vec<&'static str> {
    let mut has = |mode: &&str| client.cmd(["CONFIG", "SET", "repl-diskless-load", mode]).is_ok();
    let modes = ["on-empty-db", "flush-before-load", "swapdb", "disabled"];
    modes.into_iter().filter(|mode| has(mode)).collect()
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
            if mode != "swapdb" {
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
    for mode in by_socket(&primary) {
        // Of the last bytes some end the data set.
        for (at, behind) in [400, all / 3, all / 2, all - 200, all - 30]
            .into_iter()
            .enumerate()
        {
            let (mut replica, before) = replica_with(mode, mode == "on-empty-db");
            cut_off(&replica, &link, behind);
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
}

#[test]
fn a_replica_whose_link_broke_in_mid_load_syncs_again() {
    let (primary, link) = linked_primary();
    let all = size_of_sync(&primary, &link);
    for mode in by_socket(&primary) {
        let (mut replica, _) = replica_with(mode, mode == "on-empty-db");
        cut_off(&replica, &link, all / 2);
        link.cut_behind(u64::MAX);
        agree(&replica, &primary);
        primary.client().ok(&format!("MYLOG.SET later:{mode} D"));
        agree(&replica, &primary);
        replica.client().ok("REPLICAOF NO ONE");
        survives_kill9(&mut replica);
    }
}
