//! Under `always` no reply comes before what it acknowledges is on disk. The disk of these tests needs 20 ms
//! for a sync, so an earlier reply is an early one: nothing here asks the server what it believes.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::slow_disk::{DELAY, SlowDisk, timed, words};
use crate::support::{Reply, Server, wait_for};

/// Commands that change durable keys, each with what has to be there before. `#` is a number of the try.
pub const CHANGES: &[(&[&str], &str)] = &[
    (&[], "MYLOG.SET a# v"),
    (&[], "MYLOG.HSET h# f v"),
    (&[], "MYLOG.INCR n#"),
    (&["MYLOG.SET a# v"], "MYLOG.DEL a#"),
    (&["MYLOG.SET a# v"], "MYLOG.EXPIRE a# 1000"),
    (&["MYLOG.SET a# v"], "MYLOG.RENAME a# b#"),
    (&["MYLOG.SET a# v"], "MYLOG.GETDEL a#"),
    (&["MYLOG.SET a# v"], "MYLOG.GETEX a# EX 100"),
    (&[], "SET captured:# v"),
    (&["MYLOG.SET a# v"], "DEL a#"),
    (&["MYLOG.SET a# v"], "UNLINK a#"),
    (&["MYLOG.SET a# v"], "EXPIRE a# 1000"),
    (&["MYLOG.SET a# v EX 10"], "PERSIST a#"),
    (&["MYLOG.SET a# v"], "RENAME a# b#"),
    (&["MYLOG.SET a# v"], "RENAMENX a# c#"),
    (&["MYLOG.SET a# v"], "COPY a# b# REPLACE"),
    (&["MYLOG.SET a# v"], "MOVE a# 1"),
    (&["MYLOG.SET a# v"], "SET a# native"),
    (&["MYLOG.SET a# v", "SADD s m"], "SUNIONSTORE a# s"),
    (&["MYLOG.SET a# v"], "SWAPDB 0 2"),
    (&["MYLOG.SET a# v"], "FLUSHDB"),
    (&["MYLOG.SET a# v"], "FLUSHALL ASYNC"),
];

/// The line for one try.
pub fn of_try(line: &str, number: usize) -> String {
    line.replace('#', &number.to_string())
}

fn server(disk: &SlowDisk, threads: &str) -> Server {
    disk.build()
        .mylog("capture", "captured:")
        .mylog("flush-policy", "flush")
        .config("io-threads", threads)
        .start()
}

#[test]
fn no_command_is_acknowledged_before_its_sync() {
    let disk = SlowDisk::new();
    let server = server(&disk, "1");
    let mut client = server.client();
    for (number, (before, change)) in CHANGES.iter().enumerate().chain(CHANGES.iter().enumerate()) {
        for line in *before {
            client.run(&of_try(line, number));
        }
        let (took, replies) = timed(&mut client, &[words(&of_try(change, number))]);
        assert!(took >= DELAY, "{change}: {replies:?} after {took:?}");
        assert!(!matches!(replies[0], Reply::Error(_)), "{change}: {replies:?}");
        client.run("DEL c0");
    }
}

#[test]
fn many_clients_are_each_acknowledged_after_their_sync() {
    for threads in ["1", "4"] {
        let disk = SlowDisk::new();
        let server = server(&disk, threads);
        thread::scope(|scope| {
            for writer in 0..16 {
                let server = &server;
                scope.spawn(move || one_of_many(server, writer));
            }
        });
    }
}

/// Commands that hold the client alone, so that many of them go on at once.
fn one_of_many(server: &Server, writer: usize) {
    let mut client = server.client();
    for turn in 0..20 {
        let number = writer * 100 + turn;
        let lines = [
            vec![format!("MYLOG.SET a{number} v")],
            vec![
                format!("MYLOG.HSET h{writer} f{turn} v"),
                format!("MYLOG.INCR n{writer}"),
                format!("MYLOG.SET b{number} v"),
            ],
            vec![
                format!("SET captured:{number} v"),
                format!("SET native{number} v"),
            ],
            vec![
                format!("MYLOG.DEL a{}", number - 3 * usize::from(turn > 2)),
                format!("MYLOG.INCR n{writer}"),
            ],
        ];
        let lines: Vec<Vec<String>> = lines[turn % 4].iter().map(|line| words(line)).collect();
        let (took, replies) = timed(&mut client, &lines);
        let changed = replies[0] != Reply::Int(0);
        assert!(took >= DELAY || !changed, "{lines:?}: {replies:?} after {took:?}");
    }
}

#[test]
fn a_pipeline_of_held_commands_is_not_slower_than_one_sync_each() {
    let disk = SlowDisk::new();
    // The server's timer comes once a second: a group that waits for it is seen, however busy the machine.
    let server = disk.build().config("hz", "1").start();
    let mut client = server.client();
    let lines: Vec<Vec<String>> = (0..16).map(|n| words(&format!("MYLOG.SET a{n} v"))).collect();
    let sent = Instant::now();
    let (first, replies) = timed(&mut client, &lines);
    assert!(
        first >= DELAY && replies.iter().all(Reply::is_ok),
        "{replies:?} after {first:?}"
    );
    // 16 syncs take a third of a second, 15 groups that wait for the timer 15 seconds.
    assert!(sent.elapsed() < Duration::from_secs(8), "{:?}", sent.elapsed());
}

#[test]
fn a_client_that_leaves_while_it_is_held_hurts_nobody() {
    let disk = SlowDisk::new();
    let mut server = server(&disk, "1");
    let mut other = server.client();
    for round in 0..10 {
        let mut leaving = server.client();
        leaving.run("CLIENT SETNAME leaving");
        leaving.send(["MYLOG.SET", &format!("left{round}"), "v"]);
        wait_for("it is held", || other.info_u64("mylog", "mylog_acks_waiting") > 0);
        if round % 2 == 0 {
            drop(leaving);
        } else {
            other.run("CLIENT KILL TYPE normal SKIPME yes");
            assert!(leaving.try_recv().is_err());
        }
        other.ok(&format!("MYLOG.SET stayed{round} v"));
    }
    wait_for("nobody is held", || {
        other.info_u64("mylog", "mylog_acks_waiting") == 0
    });
    server.kill9();
    server.restart();
    let mut client = server.client();
    for round in 0..10 {
        assert_eq!(client.run(&format!("EXISTS left{round} stayed{round}")).int(), 2);
    }
}

#[test]
fn client_unblock_does_not_answer_for_the_disk() {
    let disk = SlowDisk::new();
    let server = server(&disk, "1");
    let mut other = server.client();
    let mut held = server.client();
    let id = held.run("CLIENT ID").int();
    for round in 0..10 {
        let sent = Instant::now();
        held.send(["MYLOG.SET", &format!("a{round}"), "v"]);
        wait_for("it is held", || other.info_u64("mylog", "mylog_acks_waiting") > 0);
        other.run(&format!("CLIENT UNBLOCK {id}"));
        other.run(&format!("CLIENT UNBLOCK {id} ERROR"));
        assert!(held.recv().is_ok());
        assert!(sent.elapsed() >= DELAY);
    }
}

#[test]
fn a_shutdown_answers_no_held_client_before_its_sync() {
    let disk = SlowDisk::new();
    let mut server = server(&disk, "1");
    for round in 0..3 {
        let mut held = server.client();
        let mut other = server.client();
        let sent = Instant::now();
        held.send(["MYLOG.SET", &format!("a{round}"), "v"]);
        wait_for("it is held", || other.info_u64("mylog", "mylog_acks_waiting") > 0);
        other.send(["SHUTDOWN", "NOSAVE"]);
        if let Ok(reply) = held.try_recv() {
            assert!(
                reply.is_ok() && sent.elapsed() >= DELAY,
                "{reply:?} after {:?}",
                sent.elapsed()
            );
        }
        assert!(server.wait_exit().success());
        assert!(server.log().contains("synced and sealed"), "{}", server.log());
        server.restart();
        assert_eq!(
            server.client().run(&format!("EXISTS a{round}")).int(),
            1,
            "a shutdown writes what it has"
        );
    }
}

#[test]
fn a_paused_client_is_acknowledged_after_its_sync() {
    let disk = SlowDisk::new();
    let server = server(&disk, "1");
    let mut other = server.client();
    let mut client = server.client();
    // ALL holds up everybody, who ends it too.
    let pause = 2 * DELAY;
    for (round, mode) in ["WRITE", "ALL", "WRITE", "ALL"].into_iter().enumerate() {
        let paused = Instant::now();
        other.ok(&format!("CLIENT PAUSE {} {mode}", pause.as_millis()));
        let lines = [
            format!("MYLOG.SET a{round} v"),
            format!("MYLOG.SET b{round} v"),
            format!("DEL a{round}"),
        ];
        let lines: Vec<Vec<String>> = lines.iter().map(|line| words(line)).collect();
        let (_, replies) = timed(&mut client, &lines);
        assert_eq!(
            replies,
            [
                Reply::Simple(b"OK".to_vec()),
                Reply::Simple(b"OK".to_vec()),
                Reply::Int(1)
            ]
        );
        // Nothing runs before the end of the pause, and the reply to DEL needs a sync behind that.
        assert!(
            paused.elapsed() >= pause + DELAY,
            "{mode}: {:?}",
            paused.elapsed()
        );
    }
}
