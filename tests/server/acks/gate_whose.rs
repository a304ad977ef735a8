//! Whose command it was that changed a durable key, where the server does not say so to whoever hears of the change: nobody is told
//! early, and nobody waits for another one's command where it can be known. Nothing comes while no sync ends.

use std::time::{Duration, Instant};

use super::gate_strict::{Stage, is_blocked};
use crate::support::client::encode;
use crate::support::slow_disk::words;
use crate::support::sync_gate::{SyncGate, held, wait_held};
use crate::support::{Client, Reply, wait_for};

fn send(client: &mut Client, lines: &[&[&str]]) {
    let mut bytes = Vec::new();
    lines.iter().for_each(|line| encode(*line, &mut bytes));
    client.try_send_bytes(&bytes).unwrap();
}

/// The words of CLIENT LIST about a client of this name.
fn line_of(list: &str, name: &str) -> String {
    let name = format!(" name={name} ");
    let line = list.lines().find(|line| line.contains(&name));
    line.expect("a client of this name").to_owned()
}

/// It hears of nothing before the disk moves, and of all these then.
fn told_late(stage: &mut Stage, mut client: Client, gate: SyncGate, replies: usize) -> Vec<Reply> {
    stage.settle();
    assert!(!client.has_come(), "early: {:?}", client.recv());
    gate.open();
    let replies = (0..replies).map(|_| client.recv()).collect();
    wait_held(&mut stage.other, 0);
    replies
}

/// While no reply has to wait nobody asks whose commands they are: who was seen last before that is not who is at it now.
#[test]
fn a_unit_that_begins_with_always_is_told_of_late() {
    let mut stage = Stage::new();
    stage.other.ok("MYLOG.SET k v");
    stage.other.ok("CONFIG SET mylog.appendfsync everysec");
    let mut client = stage.server.client();
    for line in ["MULTI", "CONFIG SET mylog.appendfsync always", "DEL k"] {
        client.run(line);
    }
    let gate = SyncGate::shut(&stage.server);
    send(&mut client, &[&["EXEC"]]);
    let replies = told_late(&mut stage, client, gate, 1);
    assert_eq!(replies[0].clone().items().len(), 2);
}

/// Where it can be known whose command it is nobody else waits.
#[test]
fn what_a_client_changes_natively_gates_that_client_alone() {
    let mut stage = Stage::new();
    let script: &[&str] = &["EVAL", "return redis.call('DEL', 'k')", "0"];
    for line in [
        script,
        &["DEL", "k"],
        &["EXPIRE", "k", "100"],
        &["RENAME", "k", "l"],
        &["COPY", "k", "l", "REPLACE"],
        &["FLUSHDB"],
    ] {
        stage.other.ok("MYLOG.SET k v");
        let mut client = stage.server.client();
        let gate = SyncGate::shut(&stage.server);
        send(&mut client, &[line]);
        let mut witness = stage.server.client();
        wait_for("it waits", || held(&mut witness) > 0);
        assert_eq!(held(&mut witness), 1, "{line:?}");
        assert_eq!(stage.other.run("PING").text(), "PONG");
        let replies = told_late(&mut stage, client, gate, 1);
        assert!(!matches!(replies[0], Reply::Error(_)), "{line:?}");
    }
}

/// Whose it is may be known by nothing but that he is at it, and his command may be over by the time the change is known.
#[test]
fn a_client_that_was_silent_for_long_and_overwrites_is_told_of_it_late() {
    let mut stage = Stage::new();
    stage.other.ok("MYLOG.SET k v");
    let mut client = stage.server.client();
    client.ok("CLIENT SETNAME silent");
    send(&mut client, &[&["BLPOP", "list", "0"], &["SET", "k", "native"]]);
    wait_for("it is idle for long", || {
        let list = stage.other.run("CLIENT LIST").text();
        let line = line_of(&list, "silent");
        line.contains(" idle=3 ") || line.contains(" idle=4 ")
    });
    let gate = SyncGate::shut(&stage.server);
    let mut pusher = stage.server.client();
    pusher.send(words("RPUSH list x"));
    let replies = told_late(&mut stage, client, gate, 2);
    assert!(replies[1].is_ok(), "{replies:?}");
    assert_eq!(pusher.recv().int(), 1);
}

/// It was read two seconds before it runs.
#[test]
fn what_overwrites_behind_a_script_of_seconds_is_told_of_late() {
    const SECONDS: &str = "local t = redis.call('TIME') local e = t[1] * 1000000 + t[2] + 2200000 \
                           repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e return 'long'";
    let mut stage = Stage::new();
    stage.other.ok("MYLOG.SET k v");
    let mut client = stage.server.client();
    let gate = SyncGate::shut(&stage.server);
    send(&mut client, &[&["EVAL", SECONDS, "0"], &["SET", "k", "native"]]);
    let replies = told_late(&mut stage, client, gate, 2);
    assert!(replies[1].is_ok(), "{replies:?}");
}

/// Nobody does anything before it ends: what was put off runs then, and whoever was seen last is another one.
#[test]
fn what_a_pause_that_ends_by_itself_has_put_off_is_told_of_late() {
    const PAUSE: Duration = Duration::from_secs(3);
    let mut stage = Stage::new();
    stage.other.ok("MYLOG.SET k v");
    let mut client = stage.server.client();
    client.ok("CLIENT SETNAME late");
    let began = Instant::now();
    stage
        .other
        .ok(&format!("CLIENT PAUSE {} WRITE", PAUSE.as_millis()));
    client.send(words("DEL k"));
    wait_for("it is put off", || {
        is_blocked(&line_of(&stage.other.run("CLIENT LIST").text(), "late"))
    });
    let gate = SyncGate::shut(&stage.server);
    assert_eq!(stage.other.run("PING").text(), "PONG");
    assert!(
        began.elapsed() < PAUSE,
        "the pause was too short for this machine"
    );
    wait_for("the pause is over, and some turns", || {
        began.elapsed() > PAUSE + Duration::from_millis(300)
    });
    stage.settle();
    assert!(!is_blocked(&line_of(
        &stage.server.client().run("CLIENT LIST").text(),
        "late"
    )));
    assert_eq!(told_late(&mut stage, client, gate, 1), [Reply::Int(1)]);
}

/// With one tick of the server's in a second the last command before its end moves the server's clock, and the look behind that ends it.
#[test]
fn what_a_pause_that_ends_between_two_ticks_has_put_off_is_told_of_late() {
    const PAUSE: Duration = Duration::from_secs(2);
    let mut stage = Stage::new();
    stage.other.ok("CONFIG SET hz 1");
    let lines = ["DEL k0", "SET k1 native"];
    let mut clients = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        stage.other.ok(&format!("MYLOG.SET k{n} v"));
        clients.push((stage.server.client(), line));
    }
    let began = Instant::now();
    stage
        .other
        .ok(&format!("CLIENT PAUSE {} WRITE", PAUSE.as_millis()));
    for (client, line) in &mut clients {
        client.send(words(line));
    }
    wait_for("they are put off", || {
        stage.other.info_u64("clients", "blocked_clients") == 2
    });
    let gate = SyncGate::shut(&stage.server);
    assert_eq!(stage.other.run("PING").text(), "PONG");
    assert!(
        began.elapsed() < PAUSE,
        "the pause was too short for this machine"
    );
    let mut between = stage.server.client();
    wait_for("the pause is over", || {
        let before = began.elapsed();
        between.send(["PING"]);
        // Behind the pause it may be gated with them.
        wait_for("it is answered, or it is over", || {
            between.has_come() || began.elapsed() > before + Duration::from_millis(500)
        });
        if between.has_come() {
            between.recv();
        }
        began.elapsed() > PAUSE + Duration::from_millis(300)
    });
    stage.settle();
    for (client, line) in &mut clients {
        assert!(!client.has_come(), "{line}: early: {:?}", client.recv());
    }
    gate.open();
    for (client, line) in &mut clients {
        assert!(!matches!(client.recv(), Reply::Error(_)), "{line}");
    }
}
