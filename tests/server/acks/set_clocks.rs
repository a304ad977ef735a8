//! The time of day is set back: who is let go by a timer of the server's is let go all the same. The clock changes in
//! a command behind the one that has set the timer, in the same turn.

use crate::support::client::encode;
use crate::support::set_clock::{SetClock, wait_until_it_sleeps};
use crate::support::sync_gate::Later;
use crate::support::{Reply, wait_for};

/// Longer than any test waits.
const BACK: i64 = 100_000;

#[test]
fn who_was_served_is_told_though_the_clock_was_set_back() {
    let clock = SetClock::new();
    let server = clock.build().mylog("appendfsync", "everysec").start();
    let mut other = server.client();
    let waiting = Later::send(server.client(), "MYLOG.BLPOP list 0");
    wait_for("it is blocked", || {
        other.info_u64("clients", "blocked_clients") == 1
    });
    let mut pusher = server.client();
    let turn: [&[&str]; 2] = [&["MYLOG.RPUSH", "list", "x"], &["DEBUG", "SLEEP", "1"]];
    let mut bytes = Vec::new();
    for line in turn {
        encode(line, &mut bytes);
    }
    pusher.try_send_bytes(&bytes).expect("a live connection");
    wait_until_it_sleeps(&server);
    clock.set_back(BACK);
    let popped = ["list", "x"].map(|part| Reply::Bulk(part.into()));
    assert_eq!(waiting.reply(), Reply::Array(popped.to_vec()));
    assert_eq!(pusher.recv().int(), 1);
    // And so are those behind him.
    let waiting = Later::send(server.client(), "MYLOG.BLPOP list 0");
    wait_for("it is blocked", || {
        other.info_u64("clients", "blocked_clients") == 1
    });
    other.run("MYLOG.RPUSH list y");
    assert_eq!(waiting.reply().items().len(), 2);
}

#[test]
fn a_script_is_answered_though_the_clock_was_set_back() {
    let clock = SetClock::new();
    let server = clock.build().mylog("appendfsync", "always").start();
    let script = "return(redis.call('MYLOG.SET',KEYS[1],ARGV[1]))";
    let (mut first, mut last) = (server.client(), server.client());
    first.send(["DEBUG", "SLEEP", "0.3"]);
    wait_until_it_sleeps(&server);
    // What comes meanwhile is the next turn.
    let gated = Later::send(server.client(), &format!("EVAL {script} 1 key behind"));
    last.send(["DEBUG", "SLEEP", "1"]);
    assert!(first.recv().is_ok());
    wait_until_it_sleeps(&server);
    clock.set_back(BACK);
    assert!(gated.reply().is_ok());
    assert_eq!(server.client().run("MYLOG.GET key").text(), "behind");
}
