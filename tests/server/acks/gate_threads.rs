//! With I/O threads: the gate where it serves, and where it does not, what stands for it. There the event loop waits for units, so
//! that a disk that stands still would prove nothing: on a slow one no acknowledgement comes sooner than a sync takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use nix::sys::signal::Signal;

use super::gate_strict::{Case, PUT_OFF, is_blocked, natives, states};
use crate::support::client::{encode, is_the_end};
use crate::support::inject::Fault;
use crate::support::io_threads::set_to_work;
use crate::support::other_module::OtherModule;
use crate::support::slow_disk::{DELAY, SlowDisk, words};
use crate::support::sync_gate::{Later, SyncGate, wait_held};
use crate::support::{Client, Reply, Server, ServerBuilder, wait_for};

struct Stage {
    server: Server,
    other: Client,
    /// They go with the server.
    _disk: SlowDisk,
    _module: OtherModule,
}

impl Stage {
    fn new(set: impl Fn(ServerBuilder) -> ServerBuilder) -> Self {
        let (disk, module) = (SlowDisk::new(), OtherModule::new());
        let server = set(module.beside(disk.build()))
            .config("io-threads", "4")
            .mylog("flush-policy", "flush")
            .mylog("read-mode", "committed")
            .mylog("auto-rewrite-percentage", "0")
            .start();
        let mut other = server.client();
        set_to_work(&mut other);
        Self {
            server,
            other,
            _disk: disk,
            _module: module,
        }
    }

    /// No sync runs that could end early for what comes next.
    fn is_at_rest(&mut self) {
        wait_held(&mut self.other, 0);
        wait_for("all is durable", || {
            let marks = self.other.info("mylog");
            marks["mylog_queued_seq"] == marks["mylog_durable_seq"]
        });
    }

    fn check(&mut self, case: &Case) {
        let mut client = self.server.client();
        for line in case.before {
            client.run(line);
        }
        self.is_at_rest();
        let mut bytes = Vec::new();
        case.lines.iter().for_each(|line| encode(line, &mut bytes));
        let sent = Instant::now();
        client.try_send_bytes(&bytes).unwrap();
        let mut replies = Vec::new();
        while replies.len() < case.replies {
            let reply = client.recv();
            assert!(!matches!(reply, Reply::Error(_)), "{}: {reply:?}", case.name);
            replies.push((reply, sent.elapsed()));
        }
        let name = case.name;
        // In a transaction only the last reply tells of a change. An invalidation tells of none that is durable.
        let tells = match case.lines[0][0].as_str() {
            "MULTI" => replies.last(),
            _ => replies.iter().find(|(reply, _)| !matches!(reply, Reply::Push(_))),
        };
        let (reply, took) = tells.expect("a reply");
        assert!(*took >= DELAY, "{name}: {reply:?} after {took:?}");
        assert_eq!(client.run("PING").text(), "PONG", "{name}: one too many");
    }
}

#[test]
fn in_whatever_state_a_client_is_it_hears_of_nothing_early() {
    let mut stage = Stage::new(|build| build);
    states().iter().for_each(|case| stage.check(case));
}

#[test]
fn whatever_changes_what_is_durable_is_told_of_late() {
    let mut stage = Stage::new(|build| build);
    natives().iter().for_each(|case| stage.check(case));
}

#[test]
fn what_is_restored_or_seen_is_told_of_late() {
    let mut stage = Stage::new(|build| build);
    stage.other.ok("MYLOG.SET k v");
    let dump = stage.other.run("DUMP k").bytes().unwrap();
    let (mut writer, mut reader) = (stage.server.client(), stage.server.client());
    for to in ["new", "k"] {
        stage.is_at_rest();
        let sent = Instant::now();
        writer.send([b"RESTORE".as_slice(), to.as_bytes(), b"0", &dump, b"REPLACE"]);
        assert!(writer.recv().is_ok());
        assert!(sent.elapsed() >= DELAY, "{to}: {:?}", sent.elapsed());
    }
    for n in 0..5 {
        stage.is_at_rest();
        let sent = Instant::now();
        writer.send(words(&format!("MYLOG.SET seen {n}")));
        loop {
            let read = reader.run("MYLOG.GET seen");
            if read == Reply::Bulk(n.to_string().into_bytes()) {
                break;
            }
        }
        assert!(sent.elapsed() >= DELAY, "{:?}", sent.elapsed());
        assert!(writer.recv().is_ok());
    }
}

/// Commands are put off by `begin`, and run behind `end`.
fn put_off(stage: &mut Stage, begin: impl Fn(&mut Stage), end: &str) {
    for lines in PUT_OFF {
        stage.other.ok("MYLOG.SET k v");
        let mut client = stage.server.client();
        client.ok("CLIENT SETNAME late");
        begin(stage);
        for line in lines {
            client.send(words(line));
        }
        wait_for("it is put off", || {
            let list = stage.other.run("CLIENT LIST").text();
            let late = list.lines().find(|line| line.contains(" name=late "));
            late.is_some_and(is_blocked)
        });
        stage.is_at_rest();
        let sent = Instant::now();
        stage.other.ok(end);
        let replies: Vec<Reply> = lines.iter().map(|_| client.recv()).collect();
        assert!(sent.elapsed() >= DELAY, "{lines:?}: after {:?}", sent.elapsed());
        let is_error = |reply: &Reply| matches!(reply, Reply::Error(_));
        assert!(!replies.iter().any(is_error), "{lines:?}: {replies:?}");
    }
}

#[test]
fn what_a_pause_has_put_off_is_told_of_late() {
    let mut stage = Stage::new(|build| build);
    let begin = |stage: &mut Stage| stage.other.ok("CLIENT PAUSE 60000 WRITE");
    put_off(&mut stage, begin, "CLIENT UNPAUSE");
}

#[test]
fn what_a_failover_has_put_off_is_told_of_late() {
    let mut stage = Stage::new(ServerBuilder::with_port);
    let replica = Server::build()
        .with_port()
        .config("replicaof", &format!("127.0.0.1 {}", stage.server.port()))
        .start();
    wait_for("the replica is there", || {
        let replication = stage.other.info("replication");
        let slave = replication.get("slave0");
        slave.is_some_and(|line| line.contains("state=online"))
    });
    // It never says that it has all: the failover waits.
    let begin = |stage: &mut Stage| {
        replica.signal(Signal::SIGSTOP);
        stage.other.ok("SET behind v");
        stage.other.ok("FAILOVER");
    };
    put_off(&mut stage, begin, "FAILOVER ABORT");
    replica.signal(Signal::SIGCONT);
}

/// Each way to change something, by the name of what it makes.
fn changes() -> Vec<(&'static str, Vec<Vec<String>>)> {
    let of = |lines: &[&str]| lines.iter().map(|line| words(line)).collect();
    vec![
        ("plain", of(&["MYLOG.SET plain v"])),
        ("pipelined", of(&["MYLOG.SET pipelined v", "SET behind v"])),
        ("unit", of(&["MULTI", "MYLOG.SET unit v", "EXEC"])),
        (
            "script",
            of(&["EVAL return(redis.call('MYLOG.SET',KEYS[1],'v')) 1 script"]),
        ),
        ("native", of(&["COPY old native"])),
    ]
}

/// A sync fails under those who wait for it: nobody is told that it worked, who writes nothing durable goes on, and the log is made
/// anew by itself. What was acknowledged is found again.
#[test]
fn nobody_is_told_of_a_change_whose_sync_fails_and_service_is_back_by_itself() {
    let mut server = Server::build()
        .config("io-threads", "4")
        .mylog("appendfsync", "always")
        .mylog("max-wait", "300")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    server.client().ok("MYLOG.SET old v");
    for (name, lines) in changes() {
        let mut client = server.client();
        let fault = Fault::put(&server, &["inject=fdatasync:error=EIO".to_owned()], &[]);
        let mut bytes = Vec::new();
        lines.iter().for_each(|line| encode(line, &mut bytes));
        client.try_send_bytes(&bytes).unwrap();
        let told = match lines.len() {
            3 => {
                let unit = [client.try_recv(), client.try_recv(), client.try_recv()];
                unit.into_iter().find(Result::is_err).unwrap_or(Ok(Reply::Nil))
            }
            _ => client.try_recv(),
        };
        match told {
            Ok(reply) => assert!(reply.is_error("NOTDURABLE"), "{name}: {reply:?}"),
            Err(error) => assert!(is_the_end(&error), "{name}: {error}"),
        }
        // Whoever was active just now may have been cut off with it.
        let mut other = server.client();
        other.ok("SET cache v");
        assert!(other.run("MYLOG.SET more v").is_error("MYLOGDOWN"), "{name}");
        assert_eq!(other.run("GET cache").text(), "v", "{name}");
        fault.take_out();
        wait_for("the log works again", || other.run("MYLOG.SET more v").is_ok());
        assert_eq!(other.run(&format!("EXISTS {name} old more")).int(), 3, "{name}");
    }
    let digest = server.client().run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

/// Whoever waits for a unit along with the event loop is cut off behind `mylog.max-wait`; who waits alone is told nothing, and waits on.
#[test]
fn a_disk_that_hangs_answers_nobody_who_waits_alone() {
    let server = Server::build()
        .config("io-threads", "4")
        .mylog("appendfsync", "always")
        .mylog("max-wait", "200")
        .start();
    let mut unit = server.client();
    unit.ok("MULTI");
    unit.run("MYLOG.SET unit v");
    let gate = SyncGate::shut(&server);
    let plain = Later::send(server.client(), "MYLOG.SET plain v");
    wait_held(&mut server.client(), 1);
    let unit = Later::send(unit, "EXEC");
    // Whoever asks may be cut off with it.
    wait_for("it is run", || {
        server.client().answer("EXISTS unit") == Some(Reply::Int(1))
    });
    plain.is_not_there("a disk that hangs");
    gate.open();
    assert!(plain.reply().is_ok());
    match unit.outcome().0 {
        Ok(reply) => assert!(matches!(reply, Reply::Array(_)), "{reply:?}"),
        Err(error) => assert!(is_the_end(&error), "{error}"),
    }
    assert_eq!(server.client().run("EXISTS plain unit").int(), 2);
}

/// A thread may have read a command of whoever might be the one that is not known: it is run all the same.
#[test]
fn nobody_loses_a_command_to_one_whose_client_is_not_known() {
    let module = OtherModule::new();
    let server = module
        .beside(Server::build())
        .config("io-threads", "4")
        .mylog("appendfsync", "always")
        .start();
    let mut other = server.client();
    set_to_work(&mut other);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                let mut client = server.client();
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(client.run("PING").text(), "PONG");
                }
            });
        }
        let numbers: Vec<i64> = (0..300)
            .map(|_| other.run("CALLER.AS_NOBODY MYLOG.INCR n").int())
            .collect();
        done.store(true, Ordering::Relaxed);
        assert!(numbers.into_iter().eq(1..=300));
    });
}
