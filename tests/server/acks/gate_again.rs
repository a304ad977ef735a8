//! What the server protects a client for may be over in an instant, or be all that its turn has: when that ends, the client is
//! protected for what it waits for all the same. Nothing comes while no sync ends.

use super::gate_strict::Stage;
use crate::support::client::encode;
use crate::support::slow_disk::words;
use crate::support::sync_gate::{SyncGate, wait_held};
use crate::support::{Client, Reply, wait_for};

/// A script that the server serves others in.
const SLOW: [&str; 3] = [
    "EVAL",
    "local t = redis.call('TIME') local e = t[1] * 1000000 + t[2] + 60000 \
     repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e return 'slow'",
    "0",
];

/// The same without a call, which no filter sees.
const DEAF: [&str; 3] = [
    "EVAL",
    "local n = 0 for i = 1, 15000000 do n = n + i end return 'slow'",
    "0",
];

fn is_blocked(stage: &mut Stage, name: &str) -> bool {
    let list = stage.other.run("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains(&format!(" name={name} ")));
    let flags = line.and_then(|line| line.split(' ').find_map(|word| word.strip_prefix("flags=")));
    flags.is_some_and(|flags| flags.contains('b'))
}

/// A client is gated, and blocked behind that; woken in a later turn it runs `last` there, and nothing else runs.
fn gated_and_woken(stage: &mut Stage, name: &str, last: &[&str]) -> Reply {
    let mut client = stage.server.client();
    client.ok(&format!("CLIENT SETNAME {name}"));
    let gate = SyncGate::shut(&stage.server);
    let mut bytes = Vec::new();
    encode(words(&format!("MYLOG.SET key:{name} v")), &mut bytes);
    encode(words(&format!("BLPOP list:{name} 0")), &mut bytes);
    encode(last, &mut bytes);
    client.try_send_bytes(&bytes).unwrap();
    wait_for("it is blocked", || is_blocked(stage, name));
    assert_eq!(stage.other.run(&format!("RPUSH list:{name} x")).int(), 1);
    stage.settle();
    assert!(!client.has_come(), "{name}: early: {:?}", client.recv());
    gate.open();
    assert!(client.recv().is_ok(), "{name}");
    assert_eq!(client.recv().items().len(), 2, "{name}");
    let reply = client.recv();
    is_let_go(stage, client);
    reply
}

fn is_let_go(stage: &mut Stage, mut client: Client) {
    wait_held(&mut stage.other, 0);
    assert_eq!(client.run("PING").text(), "PONG");
}

#[test]
fn a_gated_client_that_is_woken_is_told_of_nothing_behind_its_slow_script() {
    let mut stage = Stage::new();
    stage.other.ok("CONFIG SET busy-reply-threshold 20");
    assert_eq!(gated_and_woken(&mut stage, "slow", &SLOW).text(), "slow");
}

#[test]
fn a_gated_client_that_is_woken_is_told_of_nothing_behind_a_load() {
    let mut stage = Stage::new();
    stage.other.ok("SAVE");
    let last = ["DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE"];
    for n in 0..4 {
        let reply = gated_and_woken(&mut stage, &format!("load-{n}"), &last);
        assert!(reply.is_ok(), "{reply:?}");
    }
}

/// Nothing tells of the load that could not begin.
#[test]
fn a_gated_client_that_is_woken_is_told_of_nothing_behind_a_load_without_a_file() {
    let mut stage = Stage::new();
    for n in 0..4 {
        let last = ["DEBUG", "RELOAD", "NOSAVE"];
        let reply = gated_and_woken(&mut stage, &format!("vain-{n}"), &last);
        assert!(matches!(reply, Reply::Error(_)), "{reply:?}");
    }
}

/// Without a threshold another module's command serves others at once, and is over at once.
#[test]
fn a_client_is_told_of_nothing_behind_a_yield_that_takes_no_time() {
    let mut stage = Stage::new();
    stage.other.ok("CONFIG SET busy-reply-threshold 0");
    for n in 0..4 {
        let mut client = stage.server.client();
        let gate = SyncGate::shut(&stage.server);
        client.send(words(&format!("CALLER.AND_YIELD 0 MYLOG.SET key:{n} v")));
        stage.settle();
        assert!(!client.has_come(), "early: {:?}", client.recv());
        gate.open();
        assert!(client.recv().is_ok());
        is_let_go(&mut stage, client);
    }
}

/// What the server ends behind a call of another module's is not made up for by what was looked at before that call.
#[test]
fn a_gated_client_that_is_woken_is_told_of_nothing_behind_a_call_that_follows_a_yield() {
    let mut stage = Stage::new();
    stage.other.ok("CONFIG SET busy-reply-threshold 0");
    for n in 0..4 {
        let last = ["CALLER.BEHIND_YIELD", "20", "SET", "native", "v"];
        assert!(gated_and_woken(&mut stage, &format!("yield-{n}"), &last).is_ok());
    }
}

/// How clients come to run in one turn, one behind the other.
enum Together {
    Woken,
    /// From 7.2 on nothing is asked between two commands that were put off.
    PutOff,
}

/// Of a name that is overwritten no event tells: the change is known once the unit ends, or before 7.2 once the next command comes.
fn overwritten_before_a_slow_script(together: &Together) {
    let mut stage = Stage::new();
    stage.other.ok("CONFIG SET busy-reply-threshold 20");
    stage.other.ok("MYLOG.SET k v");
    let (before, begin, end): (_, _, &[&str]) = match together {
        Together::Woken => (
            1,
            None,
            &["MULTI", "RPUSH list:overwrites x", "RPUSH list:slow x", "EXEC"],
        ),
        Together::PutOff => (0, Some("CLIENT PAUSE 60000 WRITE"), &["CLIENT UNPAUSE"]),
    };
    if let Some(line) = begin {
        stage.other.ok(line);
    }
    let mut blocked = |name: &str, last: &[&str]| {
        let mut client = stage.server.client();
        client.ok(&format!("CLIENT SETNAME {name}"));
        let mut bytes = Vec::new();
        for _ in 0..before {
            encode(words(&format!("BLPOP list:{name} 0")), &mut bytes);
        }
        encode(last, &mut bytes);
        client.try_send_bytes(&bytes).unwrap();
        wait_for("it is blocked", || is_blocked(&mut stage, name));
        client
    };
    let mut client = blocked("overwrites", &["SET", "k", "native"]);
    let mut slow = blocked("slow", &DEAF);
    let gate = SyncGate::shut(&stage.server);
    let mut ender = stage.server.client();
    let mut bytes = Vec::new();
    end.iter().for_each(|line| encode(words(line), &mut bytes));
    ender.try_send_bytes(&bytes).unwrap();
    stage.settle();
    assert!(!client.has_come(), "early: {:?}", client.recv());
    gate.open();
    for _ in 0..before {
        assert_eq!(client.recv().items().len(), 2);
        assert_eq!(slow.recv().items().len(), 2);
    }
    assert!(client.recv().is_ok());
    assert_eq!(slow.recv().text(), "slow");
    end.iter().for_each(|_| drop(ender.recv()));
    is_let_go(&mut stage, client);
}

#[test]
fn who_overwrites_is_told_of_nothing_in_the_middle_of_the_next_clients_slow_script() {
    overwritten_before_a_slow_script(&Together::Woken);
}

#[test]
fn who_overwrites_is_told_of_nothing_in_the_middle_of_a_slow_script_that_was_put_off_with_it() {
    overwritten_before_a_slow_script(&Together::PutOff);
}
