//! `mylog.read-mode committed`: a reader is told of nothing that is not durable, and waits for nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::slow_disk::SlowDisk;
use crate::support::sync_gate::{Later, SyncGate, held, wait_held};
use crate::support::{Client, Reply, Server, wait_for};

fn server(policy: &str) -> Server {
    Server::build()
        .mylog("appendfsync", policy)
        .mylog("capture", "captured:")
        .start()
}

/// Commands that make something there, durable before the disk stops.
const BEFORE: &[&str] = &[
    "MYLOG.SET old v",
    "MYLOG.HSET oldhash f v",
    "MYLOG.SET deleted v",
    "MYLOG.SET renamed v",
    "MYLOG.SET string v",
    "MYLOG.RPUSH oldlist 2 1",
    "MYLOG.RPUSH names old",
    "MYLOG.RPUSH newnames new",
    "SET captured:old v",
];

/// Changes whose clients are held.
const CHANGES: &[&str] = &[
    "MYLOG.SET new v2",
    "MYLOG.HSET hash f v2",
    "MYLOG.DEL deleted",
    "MYLOG.RENAME renamed to",
    "MYLOG.EXPIRE string 1000",
    "MYLOG.RPUSH list 2 1",
    "MYLOG.SORT oldlist STORE sorted",
    "SET captured:new v2",
];

/// Reads of what they changed, each with its reply.
const WAITS: &[(&str, &str)] = &[
    ("MYLOG.GET new", "v2"),
    ("MYLOG.STRLEN new", "2"),
    ("MYLOG.MGET old new", "v v2"),
    ("MYLOG.MGET new old deleted", "v2 v nil"),
    ("MYLOG.HGETALL hash", "f v2"),
    ("MYLOG.HGET hash f", "v2"),
    ("MYLOG.HSCAN hash 0", "0 f v2"),
    ("MYLOG.HLEN hash", "1"),
    ("MYLOG.GET deleted", "nil"),
    ("MYLOG.GET renamed", "nil"),
    ("MYLOG.GET to", "v"),
    ("MYLOG.GET string", "v"),
    ("MYLOG.GETEX new", "v2"),
    ("MYLOG.SET new x NX", "nil"),
    ("MYLOG.SET deleted x XX", "nil"),
    ("MYLOG.HSETNX hash f x", "0"),
    ("MYLOG.HDEL hash none", "0"),
    ("MYLOG.GETDEL deleted", "nil"),
    ("MYLOG.GETRANGE new 0 0", "v"),
    ("MYLOG.BITCOUNT new", "8"),
    ("MYLOG.BITFIELD new GET u8 0", "118"),
    ("MYLOG.LCS old new LEN", "1"),
    ("MYLOG.SETNX new x", "0"),
    ("MYLOG.MSETNX free x new x", "0"),
    ("MYLOG.HRANDFIELD hash 1", "f"),
    ("MYLOG.EXPIRE deleted 10", "0"),
    ("MYLOG.HGET new f", "WRONGTYPE"),
    ("MYLOG.SORT list", "1 2"),
    ("MYLOG.LRANGE sorted 0 -1", "1 2"),
    ("MYLOG.SORT_RO newnames BY nosort GET *", "v2"),
    ("MYLOG.SORT newnames ALPHA BY *", "new"),
    ("MYLOG.SORT deleted STORE d", "0"),
    ("GET captured:new", "v2"),
    ("TYPE captured:new", "string"),
    ("MYLOG.TYPE deleted", "none"),
    ("OBJECT ENCODING captured:new", "embstr"),
];

/// Reads that have nothing to wait for.
const GOES_ON: &[(&str, &str)] = &[
    ("MYLOG.GET old", "v"),
    ("MYLOG.MGET old never captured:old", "v nil v"),
    ("MYLOG.HGETALL oldhash", "f v"),
    ("MYLOG.GET never", "nil"),
    ("MYLOG.SET old x NX", "nil"),
    ("MYLOG.GETEX old", "v"),
    ("MYLOG.HGET never f", "nil"),
    ("MYLOG.SORT oldlist", "1 2"),
    ("MYLOG.SORT_RO names BY nosort GET *", "v"),
    ("GET captured:old", "v"),
    ("TYPE captured:old", "string"),
    ("OBJECT ENCODING captured:old", "embstr"),
    ("GET captured:never", "nil"),
    ("GET native", "nil"),
    ("EXISTS new", "1"),
];

/// A reply as words.
fn told(reply: &Reply) -> String {
    match reply {
        Reply::Nil => "nil".to_owned(),
        Reply::Int(n) => n.to_string(),
        Reply::Array(items) => items.iter().map(told).collect::<Vec<_>>().join(" "),
        Reply::Error(_) => reply
            .clone()
            .text()
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
        other => other.clone().text(),
    }
}

#[test]
fn a_read_waits_for_the_change_it_sees_and_for_no_other() {
    let server = server("always");
    let mut other = server.client();
    for line in BEFORE {
        assert!(!matches!(other.run(line), Reply::Error(_)), "{line}");
    }
    let gate = SyncGate::shut(&server);
    let mut count = 0;
    let mut later = |line: &str, other: &mut Client| {
        let reply = Later::send(server.client(), line);
        count += 1;
        wait_for(line, || held(other) == count);
        reply
    };
    let changes: Vec<Later> = CHANGES.iter().map(|line| later(line, &mut other)).collect();
    let reads: Vec<Later> = WAITS.iter().map(|(line, _)| later(line, &mut other)).collect();
    for (line, wanted) in GOES_ON {
        assert_eq!(told(&other.run(line)), *wanted, "{line}");
    }
    assert_eq!(held(&mut other), (CHANGES.len() + WAITS.len()) as u64);
    for (reply, (line, _)) in reads.iter().zip(WAITS) {
        reply.is_not_there(line);
    }
    other.ok("CONFIG SET mylog.read-mode latest");
    for (line, wanted) in WAITS {
        assert_eq!(told(&other.run(line)), *wanted, "{line} under latest");
    }
    gate.open();
    for (reply, (line, wanted)) in reads.into_iter().zip(WAITS) {
        assert_eq!(told(&reply.reply()), *wanted, "{line}");
    }
    changes.into_iter().for_each(|reply| drop(reply.reply()));
    wait_held(&mut other, 0);
}

#[test]
fn what_is_durable_is_read_without_a_look_at_the_disk() {
    let server = server("always");
    let mut other = server.client();
    other.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    other.ok("MYLOG.SET short v PX 1");
    other.ok("MYLOG.SET a v");
    wait_for("it is over", || other.run("PTTL short").int() < 0);
    let gate = SyncGate::shut(&server);
    let pending = Later::send(server.client(), "MYLOG.SET b v");
    wait_held(&mut other, 1);
    // What its end took away would be gone after a crash, too.
    assert_eq!(other.run("MYLOG.GET short"), Reply::Nil);
    assert_eq!(other.run("MYLOG.GET a").text(), "v");
    assert_eq!(held(&mut other), 1);
    gate.open();
    assert!(pending.reply().is_ok());
}

#[test]
fn a_unit_that_reads_waits_at_its_end() {
    let server = server("always");
    let mut other = server.client();
    other.ok("MYLOG.SET old v");
    let units: [(&[&[&str]], &str); 3] = [
        (&[&["MULTI"], &["MYLOG.GET", "new"], &["EXEC"]], "v2"),
        (
            &[&["EVAL", "return redis.call('MYLOG.GET', KEYS[1])", "1", "new"]],
            "v2",
        ),
        (&[&["MULTI"], &["MYLOG.MGET", "old", "new"], &["EXEC"]], "v v2"),
    ];
    for (unit, wanted) in units {
        let gate = SyncGate::shut(&server);
        let write = Later::send(server.client(), "MYLOG.SET new v2");
        wait_held(&mut other, 1);
        // Units that see nothing new don't wait.
        other.ok("MULTI");
        other.run("MYLOG.GET old");
        assert_eq!(told(&other.run("EXEC")), "v");
        let mut reader = server.client();
        let (last, first) = unit.split_last().expect("a command");
        for line in first {
            reader.cmd(*line);
        }
        reader.send(*last);
        let reader = Later::of(reader);
        wait_held(&mut other, 2);
        reader.is_not_there("a unit");
        gate.open();
        assert_eq!(told(&reader.reply()), wanted);
        assert!(write.reply().is_ok());
        other.ok("MYLOG.SET new v");
    }
}

#[test]
fn where_nobody_waits_for_the_disk_no_read_does() {
    for policy in ["everysec", "no"] {
        let server = server(policy);
        let mut client = server.client();
        let gate = SyncGate::shut(&server);
        for (line, wanted) in [
            ("MYLOG.SET a v", "OK"),
            ("MYLOG.GET a", "v"),
            ("MYLOG.DEL a", "1"),
            ("MYLOG.GET a", "nil"),
            ("MYLOG.HSET h f v", "1"),
            ("MYLOG.HGETALL h", "f v"),
            ("DEL h", "1"),
        ] {
            assert_eq!(told(&client.run(line)), wanted, "{policy}: {line}");
        }
        assert_eq!(held(&mut client), 0);
        gate.open();
    }
}

#[test]
fn a_log_that_is_down_serves_what_it_knows_to_be_on_disk() {
    for policy in ["always", "everysec", "no"] {
        let server = server(policy);
        let mut client = server.client();
        client.ok("CONFIG SET mylog.max-wait 100");
        for line in BEFORE {
            client.run(line);
        }
        assert_eq!(client.run("MYLOG.WAIT 0").items().len(), 2);
        let gate = SyncGate::full(&server);
        let reply = server.client().answer("MYLOG.SET new v2");
        match policy {
            "always" => assert_eq!(reply, None),
            _ => assert!(reply.is_some_and(|reply| reply.is_ok())),
        }
        wait_for("the log is down", || {
            client.run("MYLOG.SET more v").is_error("MYLOGDOWN")
        });
        for (line, wanted) in [
            ("MYLOG.GET old", "v"),
            ("MYLOG.HGETALL oldhash", "f v"),
            ("MYLOG.GET never", "nil"),
            ("MYLOG.GET new", "NOTDURABLE"),
            ("MYLOG.STRLEN new", "NOTDURABLE"),
            ("MYLOG.MGET old new", "NOTDURABLE"),
            ("SET native v", "OK"),
        ] {
            assert_eq!(told(&client.run(line)), wanted, "{policy}: {line}");
        }
        client.ok("MULTI");
        client.run("MYLOG.GET new");
        client.run("MYLOG.GET old");
        assert_eq!(told(&client.run("EXEC")), "NOTDURABLE v", "{policy}");
        let reply = client.run("MYLOG.GET new").text();
        assert!(
            reply.starts_with("NOTDURABLE seq ") && reply.contains("No space left"),
            "{reply}"
        );
        client.ok("CONFIG SET mylog.read-mode latest");
        assert_eq!(told(&client.run("MYLOG.GET new")), "v2");
        client.ok("CONFIG SET mylog.read-mode committed");
        gate.open();
        wait_for("the log works", || client.run("MYLOG.SET more v").is_ok());
        assert_eq!(told(&client.run("MYLOG.GET new")), "v2", "{policy}");
    }
}

/// Counts one key up from many clients on a slow disk, and reads it from others. Each increment is one record,
/// so a value tells the seq that made it. INFO is asked for as soon as the value is there, and says how far the log was
/// when it was told, or so little later that it is the same sync. Returns how many reads were told
/// of something that was not reported durable. That what is reported durable is on disk, other tests show.
fn early_reads(mode: &str, readers_until: impl Fn(usize, usize) -> bool + Sync) -> usize {
    let disk = SlowDisk::new();
    let server = disk.build().mylog("read-mode", mode).start();
    let base = server.client().info_u64("mylog", "mylog_queued_seq");
    let over = AtomicBool::new(false);
    let (server, over, readers_until) = (&server, &over, &readers_until);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(move || {
                let mut client = server.client();
                while !over.load(Ordering::Relaxed) {
                    client.run("MYLOG.INCR counter");
                }
            });
        }
        let readers: Vec<_> = (0..3)
            .map(|_| scope.spawn(move || one_reader(server, base, readers_until)))
            .collect();
        let early = readers.into_iter().map(|reader| reader.join().expect("a reader"));
        let early = early.sum();
        over.store(true, Ordering::Relaxed);
        early
    })
}

fn one_reader(server: &Server, base: u64, until: impl Fn(usize, usize) -> bool) -> usize {
    let mut client = server.client();
    let (mut reads, mut early) = (0, 0);
    while !until(reads, early) {
        let value: u64 = match client.run("MYLOG.GET counter") {
            Reply::Nil => 0,
            value => value.text().parse().expect("a number"),
        };
        let durable = client.info_u64("mylog", "mylog_durable_seq");
        reads += 1;
        early += usize::from(base + value > durable);
    }
    early
}

#[test]
fn a_reader_among_writers_is_told_of_durable_changes_only() {
    assert_eq!(early_reads("committed", |reads, _| reads >= 25), 0);
    // The look itself: where reads don't wait, it sees what is early.
    assert!(early_reads("latest", |_, early| early > 0) > 0);
}
