//! Slots that move from one node of a cluster to another, under load, in every way that the server has: no durable key
//! is lost, and none is in two places, in memory or in a log.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::keyspace::all_is_written;
use crate::support::sync_gate::SyncGate;
use crate::support::{Client, Reply, Server, wait_for};

/// What moves, and what stays.
const MOVES: &str = "{moves}";
const STAYS: &str = "{stays}";
/// What the second node has from the beginning.
const OWN: &str = "{own}";
const COUNTERS: usize = 20;
/// One of each type, of one slot.
const VALUES: usize = 5;

fn nodes() -> [Server; 2] {
    let node = || {
        Server::build()
            .mylog("appendfsync", "always")
            .with_port()
            .config("cluster-enabled", "yes")
            .start()
    };
    let nodes = [node(), node()];
    let mut client = nodes[0].client();
    let own = client.run(&format!("CLUSTER KEYSLOT {OWN}")).int();
    client.ok(&format!("CLUSTER ADDSLOTSRANGE 0 {} {} 16383", own - 1, own + 1));
    nodes[1].client().ok(&format!("CLUSTER ADDSLOTS {own}"));
    client.ok(&format!("CLUSTER MEET 127.0.0.1 {}", nodes[1].port()));
    are_up(&nodes);
    nodes
}

fn are_up(nodes: &[Server; 2]) {
    wait_for("the cluster is up", || {
        nodes.iter().all(|node| {
            let mut client = node.client();
            client.run("CLUSTER INFO").text().contains("cluster_state:ok")
                && client.run("CLUSTER NODES").text().matches(" connected").count() == 2
        })
    });
}

fn fill(client: &mut Client) {
    for tag in [MOVES, STAYS] {
        client.ok(&format!("MYLOG.SET {tag}str v PXAT 4102444800123"));
        client.run(&format!("MYLOG.HSET {tag}hash f 1 g 2"));
        client.run(&format!("MYLOG.RPUSH {tag}list a b c"));
        client.run(&format!("MYLOG.SADD {tag}set a b"));
        client.run(&format!("MYLOG.ZADD {tag}zset 1.5 a 2 b"));
        client.ok(&format!("SET {tag}native v"));
    }
}

/// What one of the nodes holds of these, as RESTORE would take it, and about when one ends: MIGRATE sends how long it has.
fn dumps(client: &mut Client, tag: &str) -> Vec<Reply> {
    let names = ["str", "hash", "list", "set", "zset"];
    let mut dumps: Vec<_> = names
        .iter()
        .map(|name| client.run(&format!("DUMP {tag}{name}")))
        .collect();
    let ends = client.run(&format!("PEXPIRETIME {tag}str")).int();
    dumps.push(Reply::Int(ends / 10_000));
    dumps
}

/// Sends a command to whichever node takes it.
fn anywhere(nodes: &mut [Client; 2], line: &str) -> Reply {
    let mut reply = Reply::Nil;
    let mut at = 0;
    wait_for("a node takes the command", || {
        reply = nodes[at].run(line);
        if reply.is_error("ASK ") {
            at = 1 - at;
            nodes[at].ok("ASKING");
            reply = nodes[at].run(line);
            at = 1 - at;
        } else if reply.is_error("MOVED ") {
            at = 1 - at;
        }
        !["ASK ", "MOVED ", "TRYAGAIN", "CLUSTERDOWN"]
            .iter()
            .any(|error| reply.is_error(error))
    });
    reply
}

/// Counts up, and returns how far each counter was when that was acknowledged last.
fn count(nodes: &[Server; 2], stop: &AtomicBool, counted: &AtomicBool) -> Vec<i64> {
    let mut clients = [nodes[0].client(), nodes[1].client()];
    let mut last = vec![0; COUNTERS];
    while !stop.load(Ordering::Relaxed) {
        for (counter, last) in last.iter_mut().enumerate() {
            let value = anywhere(&mut clients, &format!("MYLOG.INCR {MOVES}counter:{counter}")).int();
            assert_eq!(value, *last + 1, "counter {counter}");
            *last = value;
            let len = anywhere(
                &mut clients,
                &format!("MYLOG.RPUSH {MOVES}events:{counter} {value}"),
            )
            .int();
            assert_eq!(len, value, "events {counter}");
        }
        counted.store(true, Ordering::Relaxed);
    }
    last
}

fn id(server: &Server) -> String {
    server.client().run("CLUSTER MYID").text()
}

fn has_subcommand(client: &mut Client, name: &str) -> bool {
    client.cmd(["COMMAND", "INFO", name]).items().first() != Some(&Reply::Nil)
}

/// Key by key, as every server can.
fn by_key(nodes: &[Server; 2], slot: i64) {
    let [mut from, mut to] = [nodes[0].client(), nodes[1].client()];
    to.ok(&format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(&nodes[0])));
    from.ok(&format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(&nodes[1])));
    loop {
        let keys = from.run(&format!("CLUSTER GETKEYSINSLOT {slot} 7")).items();
        if keys.is_empty() {
            break;
        }
        let keys = keys.into_iter().map(Reply::text);
        let head = format!("MIGRATE 127.0.0.1 {} \"\" 0 5000 KEYS", nodes[1].port());
        let head = head.split(' ').map(|word| word.replace('"', ""));
        let reply = from.cmd(head.chain(keys));
        assert!(reply.is_ok(), "{reply:?}");
    }
    to.ok(&format!("CLUSTER SETSLOT {slot} NODE {}", id(&nodes[1])));
    from.ok(&format!("CLUSTER SETSLOT {slot} NODE {}", id(&nodes[1])));
}

/// As a whole, where the server can. False where it can't.
fn as_a_whole(nodes: &[Server; 2], slot: i64) -> bool {
    let [mut from, mut to] = [nodes[0].client(), nodes[1].client()];
    let begun = if has_subcommand(&mut to, "cluster|migration") {
        to.run(&format!("CLUSTER MIGRATION IMPORT {slot} {slot}"))
    } else if has_subcommand(&mut from, "cluster|migrateslots") {
        let target = id(&nodes[1]);
        from.run(&format!(
            "CLUSTER MIGRATESLOTS SLOTSRANGE {slot} {slot} NODE {target}"
        ))
    } else {
        return false;
    };
    assert!(!begun.is_error(""), "{begun:?}");
    true
}

/// The slot is the second node's, for both, and the first has deleted what it had of it.
fn has_moved(nodes: &[Server; 2]) {
    let moved = format!("MYLOG.GET {MOVES}str");
    wait_for("the slot has moved", || {
        nodes[0].client().run(&moved).is_error("MOVED") && !nodes[1].client().run(&moved).is_error("")
    });
    wait_for("its keys are gone where they were", || {
        let mut client = nodes[0].client();
        client.run("DBSIZE").int() == client.run("KEYS {stays}*").items().len() as i64
            && client.info_u64("mylog", "mylog_keys") == VALUES as u64
    });
}

fn moves_under_load(by: fn(&[Server; 2], i64) -> bool) {
    let mut nodes = nodes();
    let mut client = nodes[0].client();
    fill(&mut client);
    let wanted = [dumps(&mut client, MOVES), dumps(&mut client, STAYS)];
    let slot = client.run(&format!("CLUSTER KEYSLOT {MOVES}")).int();
    let (stop, counted) = (AtomicBool::new(false), AtomicBool::new(false));
    let again = || {
        counted.store(false, Ordering::Relaxed);
        wait_for("some rounds of writes", || counted.load(Ordering::Relaxed));
    };
    let last = std::thread::scope(|scope| {
        let load = scope.spawn(|| count(&nodes, &stop, &counted));
        again();
        let moves = by(&nodes, slot);
        if moves {
            has_moved(&nodes);
            again();
        }
        stop.store(true, Ordering::Relaxed);
        moves.then(|| load.join().unwrap())
    });
    let Some(last) = last else { return };
    let holds = |nodes: &[Server; 2]| {
        let [mut from, mut to] = [nodes[0].client(), nodes[1].client()];
        assert_eq!(dumps(&mut to, MOVES), wanted[0]);
        assert_eq!(dumps(&mut from, STAYS), wanted[1]);
        for (counter, last) in last.iter().enumerate() {
            assert_eq!(
                to.run(&format!("MYLOG.GET {MOVES}counter:{counter}")).text(),
                last.to_string()
            );
            assert_eq!(
                to.run(&format!("MYLOG.LLEN {MOVES}events:{counter}")).int(),
                *last
            );
        }
        assert_eq!(from.info_u64("mylog", "mylog_keys"), VALUES as u64);
        assert_eq!(to.info_u64("mylog", "mylog_keys"), (VALUES + 2 * COUNTERS) as u64);
    };
    holds(&nodes);
    for node in &mut nodes {
        all_is_written(&mut node.client());
        node.kill9();
    }
    for node in &mut nodes {
        node.restart();
    }
    are_up(&nodes);
    holds(&nodes);
}

#[test]
fn a_slot_that_moves_key_by_key_under_load_loses_nothing_and_leaves_nothing_behind() {
    moves_under_load(|nodes, slot| {
        by_key(nodes, slot);
        true
    });
}

#[test]
fn a_slot_that_moves_as_a_whole_under_load_loses_nothing_and_leaves_nothing_behind() {
    moves_under_load(as_a_whole);
}

/// A node that ends before the deletion of a slot's keys is in its log has them at its next start. Where the server
/// deletes such keys of its own, ours go with them; where it keeps them for CLUSTER SETSLOT, ours are kept, too.
#[test]
fn keys_of_a_slot_that_has_moved_do_not_come_back_from_the_log_where_native_ones_do_not() {
    const LOG: &str = "current.mylog";
    let mut nodes = nodes();
    let mut client = nodes[0].client();
    fill(&mut client);
    client.ok("SAVE");
    all_is_written(&mut client);
    let slot = client.run(&format!("CLUSTER KEYSLOT {MOVES}")).int();
    let kept = nodes[0].data_dir().join("kept");
    std::fs::copy(nodes[0].log_dir().join(LOG), &kept).unwrap();
    by_key(&nodes, slot);
    has_moved(&nodes);
    nodes[0].kill9();
    std::fs::copy(&kept, nodes[0].log_dir().join(LOG)).unwrap();
    nodes[0].restart();
    are_up(&nodes);
    let mut client = nodes[0].client();
    let native = client.run(&format!("KEYS {MOVES}native")).items().len();
    let durable = client.run(&format!("KEYS {MOVES}*")).items().len() - native;
    assert_eq!(durable, VALUES * native, "of {native} native ones");
    assert_eq!(
        client.info_u64("mylog", "mylog_keys"),
        (VALUES + VALUES * native) as u64
    );
    assert_eq!(client.run(&format!("MYLOG.LLEN {STAYS}list")).int(), 3);
}

#[test]
fn a_slot_that_comes_while_the_log_is_down_is_taken_whole_or_stays_where_it_was() {
    let mut nodes = nodes();
    let [mut from, mut to] = [nodes[0].client(), nodes[1].client()];
    fill(&mut from);
    let wanted = dumps(&mut from, MOVES);
    let slot = from.run(&format!("CLUSTER KEYSLOT {MOVES}")).int();
    to.ok("CONFIG SET mylog.max-wait 100");
    let gate = SyncGate::full(&nodes[1]);
    let set = format!("MYLOG.SET {OWN}key v");
    assert_eq!(nodes[1].client().answer(&set), None);
    assert!(to.run(&set).is_error("MYLOGDOWN"));
    if !as_a_whole(&nodes, slot) {
        return;
    }
    let is_here = |from: &mut Client| !from.run(&format!("MYLOG.GET {MOVES}str")).is_error("MOVED");
    wait_for("the slot has moved, or will not", || {
        let told = from.run("CLUSTER GETSLOTMIGRATIONS");
        !is_here(&mut from) || format!("{told:?}").contains("failed")
    });
    if is_here(&mut from) {
        assert_eq!(dumps(&mut from, MOVES), wanted);
    }
    gate.open();
    wait_for("the log works again", || {
        // Whoever comes before that may be cut off.
        nodes[1].client().answer(&set).is_some_and(|reply| reply.is_ok())
    });
    if is_here(&mut from) {
        as_a_whole(&nodes, slot);
    }
    has_moved(&nodes);
    all_is_written(&mut nodes[1].client());
    nodes[1].kill9();
    nodes[1].restart();
    are_up(&nodes);
    let mut to = nodes[1].client();
    assert_eq!(dumps(&mut to, MOVES), wanted);
    assert_eq!(to.info_u64("mylog", "mylog_keys"), VALUES as u64 + 1);
}
