//! Units that can't be held: EXEC, scripts, and what follows a woken client. They too are acknowledged after
//! their sync, and pay for one, not for one a command.

use std::thread;
use std::time::{Duration, Instant};

use super::single_commands::{CHANGES, of_try};
use crate::support::slow_disk::{DELAY, SlowDisk, timed, words};
use crate::support::{Client, Reply, Server, wait_for};

fn server(disk: &SlowDisk, threads: &str) -> Server {
    disk.build()
        .mylog("capture", "captured:")
        .mylog("flush-policy", "flush")
        .mylog("max-wait", "10000")
        .config("io-threads", threads)
        .config("busy-reply-threshold", "20")
        .start()
}

/// Sends a change as EXEC, EVAL or FCALL; returns the time to its reply.
fn in_unit(client: &mut Client, way: &str, change: &str) -> (Duration, Reply) {
    let lines = match way {
        "MULTI" => {
            client.ok("MULTI");
            client.run(change);
            vec![words("EXEC")]
        }
        "EVAL" => {
            let call: Vec<String> = words(change).iter().map(|word| format!("'{word}'")).collect();
            vec![vec![
                "EVAL".into(),
                format!("return redis.call({})", call.join(",")),
                "0".into(),
            ]]
        }
        _ => {
            let mut line = words("FCALL change 0");
            line.extend(words(change));
            vec![line]
        }
    };
    let (took, mut replies) = timed(client, &lines);
    (took, replies.remove(0))
}

const LIBRARY: &str = "#!lua name=tests
redis.register_function('change', function(keys, args) return redis.call(unpack(args)) end)";

#[test]
fn no_unit_is_acknowledged_before_its_sync() {
    let disk = SlowDisk::new();
    let server = server(&disk, "1");
    let mut client = server.client();
    client.cmd(["FUNCTION", "LOAD", LIBRARY]);
    for way in ["MULTI", "EVAL", "FCALL"] {
        for (number, (before, change)) in CHANGES.iter().enumerate() {
            for line in *before {
                client.run(&of_try(line, number));
            }
            let (took, reply) = in_unit(&mut client, way, &of_try(change, number));
            assert!(took >= DELAY, "{way}: {change}: {reply:?} after {took:?}");
            assert!(!matches!(reply, Reply::Error(_)), "{way}: {change}: {reply:?}");
            client.run("DEL c0");
        }
    }
}

#[test]
fn units_of_many_clients_are_acknowledged_after_their_sync() {
    for threads in ["1", "4"] {
        let disk = SlowDisk::new();
        let server = server(&disk, threads);
        thread::scope(|scope| {
            for writer in 0..8 {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.client();
                    for turn in 0..6 {
                        let way = ["MULTI", "EVAL"][turn % 2];
                        let (took, reply) =
                            in_unit(&mut client, way, &format!("MYLOG.SET {writer}:{turn} v"));
                        assert!(took >= DELAY, "{way}: {reply:?} after {took:?}");
                        let (took, replies) = timed(&mut client, &[words(&format!("DEL {writer}:{turn}"))]);
                        assert!(
                            took >= DELAY && replies == [Reply::Int(1)],
                            "{replies:?} after {took:?}"
                        );
                    }
                });
            }
        });
    }
}

#[test]
fn a_unit_of_many_changes_waits_once() {
    let disk = SlowDisk::new();
    let server = server(&disk, "1");
    let mut client = server.client();
    client.ok("MYLOG.SET gone v");
    let mut lines = vec![words("MULTI")];
    lines.extend((0..50).map(|n| words(&format!("MYLOG.SET a{n} v"))));
    lines.extend([
        words("DEL gone"),
        words("EXPIRE a1 100"),
        words("RENAME a2 b2"),
        words("EXEC"),
    ]);
    let sent = Instant::now();
    let replies = client.pipeline(&lines);
    let took = sent.elapsed();
    assert_eq!(replies.last().expect("EXEC").clone().items().len(), 53);
    // One wait for each change would take twice as long as that.
    assert!(took >= DELAY && took < 26 * DELAY, "{took:?}");
}

#[test]
fn what_follows_a_woken_client_is_acknowledged_after_its_sync() {
    let disk = SlowDisk::new();
    let server = server(&disk, "1");
    let mut other = server.client();
    let mut client = server.client();
    // The last reply of each is the first that acknowledges something.
    let then: &[&[&str]] = &[
        &["MYLOG.SET a# v"],
        &["MULTI", "MYLOG.SET b# v", "EXEC"],
        &["DEL a#"],
        &["EXPIRE a# 100"],
        &["SET captured:# v"],
        &["GET native", "FLUSHDB"],
    ];
    for (round, then) in then.iter().enumerate() {
        other.ok(&format!("MYLOG.SET a{round} v"));
        client.send(["BLPOP", "list", "0"]);
        wait_for("it is blocked", || {
            other.run("CLIENT LIST").text().contains("cmd=blpop")
        });
        for line in *then {
            client.send(words(&of_try(line, round)));
        }
        // A queue of its own for each line: all of them have come when the server says so.
        let bytes: usize = then.iter().map(|line| of_try(line, round).len()).sum();
        wait_for("all of it has come", || waiting_input(&mut other) >= bytes);
        let woken = Instant::now();
        other.run("RPUSH list x");
        client.recv();
        let reply = then.iter().map(|_| client.recv()).last().expect("a reply");
        assert!(
            woken.elapsed() >= DELAY,
            "{then:?}: {reply:?} after {:?}",
            woken.elapsed()
        );
        assert!(!matches!(reply, Reply::Error(_)), "{then:?}: {reply:?}");
    }
}

/// Bytes that the blocked client has sent and the server has not run.
fn waiting_input(other: &mut Client) -> usize {
    let list = other.run("CLIENT LIST").text();
    let blocked = list
        .lines()
        .find(|line| line.contains("cmd=blpop"))
        .expect("the blocked client");
    let queued = blocked
        .split(' ')
        .find_map(|word| word.strip_prefix("qbuf="))
        .expect("qbuf");
    queued.parse().expect("a number")
}

#[test]
fn a_slow_script_lets_no_earlier_reply_out_before_its_sync() {
    let disk = SlowDisk::new();
    let server = server(&disk, "1");
    let busy = "local t = redis.call('TIME') local e = t[1] * 1000000 + t[2] + 60000 repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e";
    let (mut client, mut slow, mut other) = (server.client(), server.client(), server.client());
    for round in 0..5 {
        other.ok(&format!("MYLOG.SET a{round} v"));
        // Both reach the server in one turn: it sleeps while they are sent.
        other.send(["DEBUG", "SLEEP", "0.05"]);
        let sent = Instant::now();
        client.send(["DEL", &format!("a{round}")]);
        slow.send(["EVAL", busy, "0"]);
        assert_eq!(client.recv(), Reply::Int(1));
        assert!(sent.elapsed() >= DELAY);
        slow.recv();
        other.recv();
    }
}

#[test]
fn a_reply_behind_unsent_output_is_acknowledged_after_its_sync() {
    let disk = SlowDisk::new();
    let server = server(&disk, "1");
    let mut client = server.client();
    client.ok(&format!("SET large {}", "x".repeat(1 << 20)));
    for round in 0..5 {
        client.ok(&format!("MYLOG.SET a{round} v"));
        let lines: Vec<Vec<String>> = [
            "GET large",
            "MULTI",
            "MYLOG.SET m v",
            &format!("DEL a{round}"),
            "EXEC",
        ]
        .iter()
        .map(|line| words(line))
        .collect();
        let sent = Instant::now();
        let replies = client.pipeline(&lines);
        assert!(sent.elapsed() >= DELAY);
        assert_eq!(
            replies.last().expect("EXEC").clone().items(),
            [Reply::Simple(b"OK".to_vec()), Reply::Int(1)]
        );
    }
}
