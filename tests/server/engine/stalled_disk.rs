//! A disk that stalls: durable writes are refused past a bound, so that memory and what a crash may take stay
//! bounded; everything else goes on, and when the disk goes on, so do they. The stall is a call of the writer
//! that does not begin until the test lets it.

use std::time::Duration;

use crate::support::inject::Fault;
use crate::support::rewriting::{info, info_text};
use crate::support::wait::holds_within;
use crate::support::{Client, Reply, Server, leftovers, wait_for};

const UNIT: usize = 50_000;

/// A server whose disk stalls, and which has noticed.
fn stalled(settings: &[(&str, &str)]) -> (Server, Client, Fault) {
    let mut build = Server::build().mylog("appendfsync", "no");
    for (name, value) in settings {
        build = build.mylog(name, value);
    }
    let server = build.start();
    let mut client = server.client();
    client.ok("MYLOG.SET before value");
    // A sync alone would not keep the log from being written.
    let fault = Fault::stall(&server, "fdatasync,pwritev");
    // A stricter policy syncs at once.
    client.ok("CONFIG SET mylog.appendfsync everysec");
    wait_for("the writer stands at its write", || {
        fault.fired() > 0 || is_behind(&mut client)
    });
    (server, client, fault)
}

fn is_behind(client: &mut Client) -> bool {
    set(client, "probe", 1);
    info(client, "oldest_unwritten_age_ms") > 20
}

fn set(client: &mut Client, key: &str, bytes: usize) -> Reply {
    client.cmd(["MYLOG.SET", key, &"v".repeat(bytes)])
}

/// Writes until a write is refused: how many were taken, and the reply to the one that was not.
fn write_until_refused(client: &mut Client) -> (usize, String) {
    for n in 0..10_000 {
        let reply = set(client, &format!("key:{n}"), UNIT);
        if !reply.is_ok() {
            return (n, reply.text());
        }
    }
    panic!("nothing was refused: {:?}", client.info("mylog"));
}

fn assert_refused(client: &mut Client, why: &str) {
    let digest = client.run("MYLOG.DEBUG DIGEST");
    let refused = info(client, "refused_writes");
    let library = "#!lua name=l\nredis.register_function('f', function() return redis.call('MYLOG.SET','key:0','s') end)";
    client.cmd(["FUNCTION", "LOAD", "REPLACE", library]);
    client.ok("CONFIG SET mylog.flush-policy flush");
    client.ok("CONFIG SET mylog.capture captured:");
    let lines = [
        "MYLOG.SET key:0 other",
        "MYLOG.HSET hash f v",
        "MYLOG.DEL key:0",
        "DEL key:0",
        "EXPIRE key:0 100",
        "RENAME key:0 key:x",
        "SET key:0 native",
        "SETEX key:0 10 native",
        "MOVE key:0 1",
        "RESTORE key:0 0 x REPLACE",
        "SWAPDB 0 1",
        "EVAL return(redis.call('MYLOG.SET','key:0','s')) 0",
        "EVAL return(redis.call('DEL','key:0')) 0",
        "FCALL f 0",
        "SET captured:key value",
        "FLUSHALL",
        "FLUSHDB",
    ];
    for line in lines {
        let reply = client.run(line).text();
        assert!(
            reply.contains("MYLOGDOWN ") && reply.contains(why),
            "{line}: {reply}"
        );
    }
    assert_eq!(
        client.run("MYLOG.DEBUG DIGEST"),
        digest,
        "a refused write has changed something"
    );
    assert!(info(client, "refused_writes") >= refused + lines.len() as u64);
    assert_eq!(client.run("MYLOG.GET before").text(), "value");
    client.ok("SET native value");
    assert_eq!(client.run("DEL native").int(), 1);
}

fn wait_taken(client: &mut Client) {
    wait_for("durable writes are taken again", || {
        set(client, "after", 1).is_ok()
    });
    wait_for("nothing waits", || {
        info(client, "unwritten_bytes") == 0 && info(client, "durable_seq") == info(client, "queued_seq")
    });
}

#[test]
fn memory_is_bounded_while_the_disk_stalls_and_writes_go_on_when_it_does() {
    let bound = 1 << 20;
    let (mut server, mut client, fault) = stalled(&[("max-unwritten", "1mb"), ("max-unsynced-age", "0")]);
    let (taken, why) = write_until_refused(&mut client);
    assert!(
        why.starts_with("MYLOGDOWN ")
            && why.contains("bytes wait to be written, mylog.max-unwritten is 1048576"),
        "{why}"
    );
    assert!((8..=bound / UNIT + 1).contains(&taken), "{taken}");
    assert_refused(&mut client, "wait to be written");
    assert!(info(&mut client, "unwritten_bytes") > bound as u64);
    let peak = info(&mut client, "unwritten_bytes_peak");
    assert!((bound..bound + 2 * UNIT).contains(&(peak as usize)), "{peak}");
    assert_eq!(server.log().matches("durable writes are refused").count(), 1);
    fault.take_out();
    wait_taken(&mut client);
    assert!(server.log().contains("the disk has caught up"));
    assert_eq!(info(&mut client, "unwritten_bytes_peak"), peak);
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

#[test]
fn a_huge_unit_passes_the_bound_once_and_not_twice() {
    let (_server, mut client, fault) = stalled(&[("max-unwritten", "1mb"), ("max-unsynced-age", "0")]);
    let half = "v".repeat(700_000);
    client.ok("MULTI");
    for key in ["a", "b", "c", "d"] {
        assert_eq!(
            client.cmd(["MYLOG.SET", key, &half]),
            Reply::Simple(b"QUEUED".to_vec())
        );
    }
    let Reply::Array(replies) = client.run("EXEC") else {
        panic!("no array");
    };
    let taken: Vec<bool> = replies.iter().map(Reply::is_ok).collect();
    assert_eq!(taken, [true, true, false, false]);
    assert!(
        replies[2].is_error("MYLOGDOWN ") && replies[3].is_error("MYLOGDOWN "),
        "{replies:?}"
    );
    assert_eq!(client.run("EXISTS a b c d").int(), 2);
    fault.take_out();
    wait_taken(&mut client);
}

#[test]
fn what_a_crash_may_take_is_bounded_in_age_while_the_disk_stalls() {
    let (mut server, mut client, fault) = stalled(&[("max-unsynced-age", "2")]);
    assert!(set(&mut client, "key:0", UNIT).is_ok());
    let mut why = String::new();
    wait_for("writes are refused for the age", || {
        why = set(&mut client, "more", 1).text();
        why != "OK"
    });
    assert!(
        why.starts_with("MYLOGDOWN ") && why.contains("ms old, mylog.max-unsynced-age is 2 s"),
        "{why}"
    );
    assert_refused(&mut client, "ms old");
    assert!(info(&mut client, "oldest_unsynced_age_ms") >= 2000);
    assert!(info_text(&mut client, "last_error").contains("max-unsynced-age"));
    let log = server.log();
    assert_eq!(log.matches("durable writes are refused").count(), 1, "{log}");
    fault.take_out();
    wait_taken(&mut client);
    // The peak stays though the stall is over, also where nobody looked meanwhile.
    assert!(info(&mut client, "oldest_unsynced_age_peak_ms") >= 2000);
    assert!(info(&mut client, "oldest_unwritten_age_peak_ms") >= 500);
    assert!(
        server.log().contains("the disk has caught up"),
        "{}",
        server.log()
    );
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

#[test]
fn an_age_without_a_bound_refuses_nothing_and_a_bound_set_later_does() {
    let (_server, mut client, fault) = stalled(&[("max-unsynced-age", "0")]);
    wait_for("the write is old", || {
        info(&mut client, "oldest_unsynced_age_ms") > 2500
    });
    assert!(set(&mut client, "key", 1).is_ok());
    client.ok("CONFIG SET mylog.max-unsynced-age 2");
    wait_for("writes are refused", || {
        set(&mut client, "key", 1).is_error("MYLOGDOWN ")
    });
    client.ok("CONFIG SET mylog.appendfsync no");
    wait_for("no bound is promised", || set(&mut client, "key", 1).is_ok());
    fault.take_out();
    client.ok("CONFIG SET mylog.max-unsynced-age 0");
    client.ok("CONFIG SET mylog.appendfsync everysec");
    wait_taken(&mut client);
}

#[test]
fn clients_held_by_a_stalled_disk_stay_held_while_others_are_refused_and_are_answered_at_last() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("max-unsynced-age", "2")
        .start();
    let (mut held, mut client) = (server.client(), server.client());
    client.ok("MYLOG.SET before value");
    let fault = Fault::stall(&server, "fdatasync");
    held.send(["MYLOG.SET", "key:0", &"v".repeat(UNIT)]);
    wait_for("writes are refused for the age", || {
        info(&mut client, "oldest_unsynced_age_ms") > 2000
            && info_text(&mut client, "last_error").contains("age")
    });
    assert_eq!(info(&mut client, "acks_waiting"), 1);
    assert_refused(&mut client, "ms old");
    assert_eq!(info(&mut client, "acks_waiting"), 1);
    fault.take_out();
    assert!(held.recv().is_ok());
    wait_taken(&mut client);
}

#[test]
fn a_shutdown_waits_for_a_stalled_disk_and_seals_the_log() {
    let (mut server, mut client, fault) = stalled(&[]);
    assert!(set(&mut client, "last", 1).is_ok());
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.signal(nix::sys::signal::Signal::SIGTERM);
    wait_for("it tells that it waits", || {
        server.log().contains("writing and syncing the last")
    });
    let left = holds_within(Duration::from_millis(200), || !leftovers::alive(server.pid()));
    assert!(!left, "it left before its disk had answered");
    fault.take_out();
    assert!(server.wait_exit().success());
    assert!(server.log().contains("log synced and sealed"), "{}", server.log());
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}
