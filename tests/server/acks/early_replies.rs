//! No reply leaves before what it acknowledges is on disk: told from one trace of the server's writes, syncs and
//! replies, so what is proved is their order, whatever the machine's speed. In every form a write can have, on
//! one thread and on several, in both modes, and in the situations in which replies are known to slip out.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::io_threads::set_to_work;
use crate::support::slow_disk::{SlowDisk, words};
use crate::support::trace::Trace;
use crate::support::witness::{Witness, change, plain};
use crate::support::{Client, Server, wait_for};

/// Time that a sync is held up: long enough that a reply that does not wait is far ahead of it.
const DELAY: Duration = Duration::from_millis(5);

const LIBRARY: &str = "#!lua name=tests
redis.register_function('put', function(keys, args) return redis.call('MYLOG.SET', keys[1], args[1]) end)";
const PUT: &str = "return redis.call('MYLOG.SET',KEYS[1],ARGV[1])";

type Line = (Vec<String>, Option<String>);

fn start(disk: &SlowDisk, threads: &str) -> Server {
    start_with(disk, threads, &[])
}

fn start_with(disk: &SlowDisk, threads: &str, config: &[(&str, &str)]) -> Server {
    let build = disk
        .build()
        .mylog("auto-rewrite-percentage", "0")
        .config("io-threads", threads)
        .config("busy-reply-threshold", "20");
    let server = config
        .iter()
        .fold(build, |build, (name, value)| build.config(name, value))
        .start();
    let mut client = server.client();
    client.cmd(["FUNCTION", "LOAD", LIBRARY]);
    set_to_work(&mut client);
    server
}

/// Ends the server and asks all witnesses; returns how many acknowledgements were checked.
pub(super) fn judge(mut server: Server, disk: &SlowDisk, witnesses: Vec<Witness>, situation: &str) -> usize {
    let pid = server.pid();
    server.kill9();
    let trace = Trace::of_killed(&disk.trace(), pid);
    assert!(trace.syncs() > 0);
    let counts = witnesses
        .into_iter()
        .map(|witness| witness.testify(&trace, situation));
    counts.sum()
}

/// EVAL of `code` on a key and a value.
fn eval(code: &str, key: &str, value: &str) -> Line {
    let line = ["EVAL", code, "1", key, value];
    (line.map(str::to_owned).to_vec(), Some(value.to_owned()))
}

/// Writes one client's share in each form. Keys and values end in `!`, so that none is part of another's.
fn write_in_every_form(witness: &mut Witness, writer: usize) {
    let key = |n: usize| format!("key:{writer}:{n}!");
    let value = |n: usize| format!("value:{writer}:{n}!");
    let set = |n: usize| change(&format!("MYLOG.SET {} {}", key(n), value(n)), &value(n));
    for n in 0..20 {
        witness.run(&[set(n)]);
    }
    for pipeline in 0..2 {
        let lines: Vec<Line> = (0..16).map(|n| set(20 + 16 * pipeline + n)).collect();
        witness.run(&lines);
    }
    for unit in 0..4 {
        let first = 100 + 4 * unit;
        let mut lines = vec![plain("MULTI")];
        lines.extend((first..first + 4).map(|n| (set(n).0, None)));
        // The last record of a unit is on disk when all of it is.
        lines.push((words("EXEC"), Some(value(first + 3))));
        witness.run(&lines);
    }
    for n in 200..212 {
        witness.run(&[eval(PUT, &key(n), &value(n))]);
        let n = n + 100;
        witness.run(&[change(&format!("FCALL put 1 {} {}", key(n), value(n)), &value(n))]);
    }
    // The record of a deletion, or of an end, is the last one with the key in it.
    witness.run(
        &(0..5)
            .map(|n| change(&format!("DEL {}", key(n)), &key(n)))
            .collect::<Vec<_>>(),
    );
    for n in 5..8 {
        witness.run(&[change(&format!("EXPIRE {} 1000", key(n)), &key(n))]);
    }
    witness.run(&[
        plain("MULTI"),
        plain(&format!("UNLINK {}", key(8))),
        plain(&format!("MYLOG.INCR n:{writer}")),
        change("EXEC", &key(8)),
    ]);
}

fn every_form(threads: &str) {
    every_form_beside(threads, &[], |_| false);
}

/// `meanwhile` is repeated until all is written, if it is to be.
fn every_form_beside(threads: &str, config: &[(&str, &str)], meanwhile: impl Fn(&mut Client) -> bool + Sync) {
    let disk = SlowDisk::traced(DELAY);
    let server = start_with(&disk, threads, config);
    let done = AtomicBool::new(false);
    let witnesses = thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.client();
            let mut goes_on = true;
            while goes_on && !done.load(Ordering::Relaxed) {
                goes_on = meanwhile(&mut client);
            }
        });
        let writers: Vec<_> = (0..12)
            .map(|writer| {
                let server = &server;
                scope.spawn(move || {
                    let mut witness = Witness::new(server, &format!("writer-{writer}"));
                    write_in_every_form(&mut witness, writer);
                    witness
                })
            })
            .collect();
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Relaxed);
        let witnesses = written.into_iter().map(|writer| writer.expect("a writer"));
        witnesses.collect()
    });
    let checked = judge(
        server,
        &disk,
        witnesses,
        &format!("io-threads {threads}, {config:?}"),
    );
    assert!(checked >= 1000, "{checked}");
}

#[test]
fn no_reply_leaves_before_its_sync() {
    every_form("1");
}

#[test]
fn no_reply_leaves_before_its_sync_with_io_threads() {
    every_form("4");
}

/// The server's AOF has a policy of its own.
#[test]
fn no_reply_leaves_before_its_sync_with_io_threads_beside_an_aof() {
    every_form_beside("4", &[("appendonly", "yes"), ("appendfsync", "everysec")], |_| {
        false
    });
    every_form_beside("4", &[("appendonly", "yes"), ("appendfsync", "always")], |_| {
        false
    });
}

/// What the gate goes by beside I/O threads changes all the time, and so does the gate.
#[test]
fn no_reply_leaves_before_its_sync_while_settings_change() {
    let aofs = AtomicUsize::new(0);
    every_form_beside("4", &[], |client| {
        client.ok("CONFIG REWRITE");
        // Each forks.
        if aofs.fetch_add(1, Ordering::Relaxed) < 4 {
            client.ok("CONFIG SET appendonly yes");
            client.run("GET native");
            client.ok("CONFIG SET appendfsync no timeout 1000");
            client.ok("CONFIG SET appendonly no");
        }
        client.ok("MULTI");
        client.run("CONFIG SET appendfsync everysec");
        client.run("CONFIG REWRITE");
        client.run("EXEC");
        true
    });
}

/// Replies to native commands are on their way when the next command comes: a thread may still have to say that it has sent them.
#[test]
fn no_reply_behind_one_that_a_thread_sends_leaves_early() {
    let disk = SlowDisk::traced(Duration::from_millis(1));
    let server = start(&disk, "4");
    let alternate = |writer: usize| {
        let mut witness = Witness::new(&server, &format!("writer-{writer}"));
        for n in 0..20 {
            for _ in 0..4 {
                witness.run(&[plain("GET native")]);
            }
            let value = format!("value:{writer}:{n}!");
            witness.run(&[change(&format!("MYLOG.SET key:{writer}:{n}! {value}"), &value)]);
        }
        witness
    };
    let witnesses = thread::scope(|scope| {
        let writers: Vec<_> = (0..64)
            .map(|n| {
                scope.spawn({
                    let alternate = &alternate;
                    move || alternate(n)
                })
            })
            .collect();
        let done = writers.into_iter().map(|writer| writer.join().expect("a writer"));
        done.collect()
    });
    assert!(judge(server, &disk, witnesses, "behind what a thread sends") >= 1000);
}

/// One change in each form. `n` is a number of the try; `key:n!` exists.
fn forms(n: usize) -> [Vec<Line>; 5] {
    let (key, value) = (format!("key:{n}!"), format!("value:{n}!"));
    let set = format!("MYLOG.SET {key} {value}");
    [
        vec![change(&set, &value)],
        vec![plain("MULTI"), plain(&set), change("EXEC", &value)],
        vec![change(&format!("DEL {key}"), &key)],
        vec![eval(PUT, &key, &value)],
        vec![change(&format!("EXPIRE {key} 1000"), &key)],
    ]
}

/// What a situation has to work with.
struct Scene<'s> {
    witness: &'s mut Witness,
    other: &'s mut Client,
    server: &'s Server,
    /// What the witness sends; its last reply acknowledges a change.
    lines: &'s [Line],
    /// Of the try: in names that no other try has.
    number: usize,
}

impl Scene<'_> {
    /// A field of the witness's line in CLIENT LIST.
    fn seen(&mut self, field: &str) -> String {
        let list = self.other.run("CLIENT LIST").text();
        let line = list.lines().find(|line| line.contains(" name=witness "));
        let line = line.expect("the witness");
        let word = line
            .split(' ')
            .find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
        word.expect("a field of CLIENT LIST").to_owned()
    }

    /// The witness, blocked, has sent the lines and the server has them.
    fn send_while_blocked(&mut self) {
        wait_for("it is blocked", || self.seen("flags").contains('b'));
        self.witness.send(self.lines);
        let bytes: usize = self
            .lines
            .iter()
            .flat_map(|(line, _)| line)
            .map(String::len)
            .sum();
        wait_for("all of it has come", || {
            self.seen("qbuf").parse().is_ok_and(|had: usize| had >= bytes)
        });
    }
}

/// Runs `situation` once with each form.
fn in_situation(threads: &str, name: &str, situation: impl Fn(&mut Scene<'_>)) {
    let disk = SlowDisk::traced(DELAY);
    let server = start(&disk, threads);
    let mut other = server.client();
    other.ok("MYLOG.SET warm up");
    let mut witness = Witness::new(&server, "witness");
    let count = forms(0).len();
    for n in 0..count {
        other.ok(&format!("MYLOG.SET key:{n}! before"));
        situation(&mut Scene {
            witness: &mut witness,
            other: &mut other,
            server: &server,
            lines: &forms(n)[n],
            number: n,
        });
    }
    let told = witness.acknowledgements();
    assert!(told >= count);
    let checked = judge(
        server,
        &disk,
        vec![witness],
        &format!("{name}, io-threads {threads}"),
    );
    assert_eq!(checked, told);
}

/// What a blocked client has sent is run when it is woken: on some servers behind our look at the turn.
fn woken(threads: &str) {
    for blocking in ["BLPOP list 0", "BLMOVE list to LEFT LEFT 0"] {
        in_situation(threads, blocking, |scene| {
            scene.witness.send(&[plain(blocking)]);
            scene.send_while_blocked();
            scene.other.run("RPUSH list x");
            scene.witness.read_all();
        });
    }
}

/// The pop itself has to be on disk: told by the last record with the list's name in it.
fn served(threads: &str) {
    for blocking in [
        "MYLOG.BLPOP # 0",
        "MYLOG.BLMOVE # to LEFT LEFT 0",
        "MYLOG.BLMPOP 0 1 # RIGHT COUNT 9",
    ] {
        in_situation(threads, blocking, |scene| {
            let list = format!("list:{}!", scene.number);
            scene
                .witness
                .send(&[change(&blocking.replace('#', &list), &list)]);
            scene.send_while_blocked();
            scene.other.run(&format!("MYLOG.RPUSH {list} x"));
            scene.witness.read_all();
        });
    }
    in_situation(threads, "served behind a unit", |scene| {
        let zset = format!("zset:{}!", scene.number);
        scene
            .witness
            .send(&[change(&format!("MYLOG.BZPOPMIN {zset} 0"), &zset)]);
        scene.send_while_blocked();
        scene.other.ok("MULTI");
        scene.other.run(&format!("MYLOG.ZADD {zset} 1 m"));
        scene.other.run("MYLOG.SET behind v");
        scene.other.run("EXEC");
        scene.witness.read_all();
    });
}

fn paused(threads: &str) {
    in_situation(threads, "paused", |scene| {
        scene.other.ok("CLIENT PAUSE 60000 WRITE");
        scene.witness.send(scene.lines);
        wait_for("it is paused", || scene.seen("flags").contains('b'));
        scene.other.ok("CLIENT UNPAUSE");
        scene.witness.read_all();
    });
}

/// A client with a little output that its socket did not take is written to right behind a read.
fn behind_unsent_output(threads: &str) {
    in_situation(threads, "behind unsent output", |scene| {
        scene.other.ok(&format!("SET piece {}", "x".repeat(16 << 10)));
        let mut pieces = 0;
        while !scene.seen("events").contains('w') {
            scene.witness.send(&[plain("GET piece")]);
            pieces += 1;
        }
        // Room for the rest, and the change, come while the server sleeps: it finds both at once.
        scene.other.send(["DEBUG", "SLEEP", "0.1"]);
        for _ in 0..pieces - 3 {
            scene.witness.read();
        }
        scene.witness.send(scene.lines);
        scene.witness.read_all();
        scene.other.recv();
    });
}

const SLOW: &str = "local t = redis.call('TIME') local e = t[1] * 1000000 + t[2] + 60000 \
    repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e";

/// While a script runs for long the server sends what others have in their buffers.
/// On one thread only: with more nobody can say which of two clients is served first.
fn beside_a_slow_script() {
    in_situation("1", "beside a slow script", |scene| {
        let mut slow = scene.server.client();
        // All reach the server in one turn: it sleeps while they are sent.
        scene.other.send(["DEBUG", "SLEEP", "0.05"]);
        scene.witness.send(scene.lines);
        slow.send(["EVAL", SLOW, "0"]);
        scene.witness.read_all();
        slow.recv();
        scene.other.recv();
    });
    in_situation("1", "beside a slow script in EXEC", |scene| {
        let mut slow = scene.server.client();
        slow.ok("MULTI");
        slow.cmd(["EVAL", SLOW, "0"]);
        // Who was served last may be served first once more: that must not be the slow one.
        scene.other.run("PING");
        scene.other.send(["DEBUG", "SLEEP", "0.05"]);
        scene.witness.send(scene.lines);
        slow.send(["EXEC"]);
        scene.witness.read_all();
        slow.recv();
        scene.other.recv();
    });
}

#[test]
fn no_reply_to_a_woken_client_leaves_early() {
    woken("1");
}

#[test]
fn no_reply_to_a_woken_client_leaves_early_with_io_threads() {
    woken("4");
}

#[test]
fn no_served_pop_is_told_early() {
    served("1");
}

#[test]
fn no_served_pop_is_told_early_with_io_threads() {
    served("4");
}

#[test]
fn no_reply_to_a_paused_client_leaves_early() {
    paused("1");
}

#[test]
fn no_reply_to_a_paused_client_leaves_early_with_io_threads() {
    paused("4");
}

#[test]
fn no_reply_behind_unsent_output_leaves_early() {
    behind_unsent_output("1");
}

#[test]
fn no_reply_behind_unsent_output_leaves_early_with_io_threads() {
    behind_unsent_output("4");
}

#[test]
fn no_reply_leaves_early_beside_a_slow_script() {
    beside_a_slow_script();
}
