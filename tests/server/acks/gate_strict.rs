//! What a client may send, or be, so that its reply could slip out of the gate: nothing comes while no sync ends.

use crate::support::client::encode;
use crate::support::other_module::OtherModule;
use crate::support::slow_disk::words;
use crate::support::sync_gate::{SyncGate, wait_held};
use crate::support::{Client, Reply, Server, wait_for};
use nix::sys::signal::Signal;

pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) other: Client,
    /// It goes with the server.
    _module: OtherModule,
}

/// Lines that each client sends before the disk stands still, what it then sends in one go, and the replies to that.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) before: &'static [&'static str],
    pub(super) lines: Vec<Vec<String>>,
    pub(super) replies: usize,
}

fn case(name: &'static str, before: &'static [&'static str], lines: &[&str]) -> Case {
    Case {
        name,
        before,
        lines: lines.iter().map(|line| words(line)).collect(),
        replies: lines.len(),
    }
}

fn script(name: &'static str, before: &'static [&'static str], code: &str) -> Case {
    let line = ["EVAL", code, "0"].map(str::to_owned).to_vec();
    Case {
        name,
        before,
        lines: vec![line],
        replies: 1,
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        let module = OtherModule::new();
        let server = module
            .beside(Server::build())
            .mylog("appendfsync", "always")
            .mylog("flush-policy", "flush")
            .mylog("read-mode", "committed")
            .mylog("auto-rewrite-percentage", "0")
            .start();
        let other = server.client();
        Self {
            server,
            other,
            _module: module,
        }
    }

    /// What was sent before is run, and what would be told early has been told. Whoever was there may be gated with the client.
    pub(super) fn settle(&self) {
        let mut watchers: Vec<Client> = Vec::new();
        wait_for("one who came later is served", || {
            let mut watcher = self.server.client();
            watcher.send(["PING"]);
            watchers.push(watcher);
            watchers.iter().any(Client::has_come)
        });
        let watcher = watchers.iter_mut().find(|watcher| watcher.has_come()).unwrap();
        // What was there before this is sent was run by the first one's turn at the latest, at the end of which it would be told.
        watcher.recv();
        watcher.run("PING");
    }

    fn check(&mut self, case: &Case) {
        let mut client = self.server.client();
        for line in case.before {
            let reply = client.run(line);
            assert!(
                !matches!(reply, Reply::Error(_)),
                "{}: {line}: {reply:?}",
                case.name
            );
        }
        wait_held(&mut self.other, 0);
        let gate = SyncGate::shut(&self.server);
        let mut bytes = Vec::new();
        for line in &case.lines {
            encode(line, &mut bytes);
        }
        client.try_send_bytes(&bytes).unwrap();
        self.settle();
        assert!(!client.has_come(), "{}: early: {:?}", case.name, client.recv());
        gate.open();
        for n in 0..case.replies {
            let reply = client.recv();
            assert!(
                !matches!(reply, Reply::Error(_)),
                "{}, reply {n}: {reply:?}",
                case.name
            );
        }
        wait_held(&mut self.other, 0);
        self.settle();
        assert!(!client.has_come(), "{}: one too many", case.name);
        assert!(
            self.other
                .run("CLIENT LIST")
                .text()
                .lines()
                .all(|line| line.contains("events=r")),
            "{}: somebody is not read",
            case.name
        );
    }
}

/// What the client is.
pub(super) fn states() -> Vec<Case> {
    let mut off = case(
        "CLIENT REPLY OFF, then ON",
        &[],
        &[
            "CLIENT REPLY OFF",
            "MYLOG.SET a 1",
            "MYLOG.SET a 2",
            "CLIENT REPLY ON",
        ],
    );
    off.replies = 1;
    let mut skip = case(
        "CLIENT REPLY SKIP",
        &[],
        &["CLIENT REPLY SKIP", "MYLOG.SET a 1", "PING"],
    );
    skip.replies = 1;
    // An invalidation of what it had read comes behind the reply.
    let mut tracking = case(
        "tracking",
        &["HELLO 3", "CLIENT TRACKING ON", "MYLOG.SET a 0", "MYLOG.GET a"],
        &["MYLOG.SET a 1"],
    );
    tracking.replies = 2;
    vec![
        case("RESP3", &["HELLO 3"], &["MYLOG.HSET h f v", "MYLOG.HGETALL h"]),
        off,
        skip,
        tracking,
        case(
            "tracking NOLOOP",
            &["HELLO 3", "CLIENT TRACKING ON NOLOOP"],
            &["MYLOG.SET a 1", "PING"],
        ),
        case(
            "subscribed",
            &["HELLO 3", "SUBSCRIBE c"],
            &["MYLOG.SET a 1", "PING"],
        ),
        case(
            "MYLOG.WAIT in the middle",
            &[],
            &["MYLOG.SET a 1", "MYLOG.WAIT 0", "MYLOG.SET b 1", "PING"],
        ),
    ]
}

/// Before each.
const KEYS: &[&str] = &["MYLOG.SET k v", "MYLOG.SET l v", "DEL n"];

/// Native commands on durable keys, and those of others.
pub(super) fn natives() -> Vec<Case> {
    let mut all = native_commands();
    all.extend(scripts_and_other_modules());
    all
}

fn native_commands() -> Vec<Case> {
    const SORTED: &[&str] = &["MYLOG.SET k v", "DEL n", "RPUSH n 2 1"];
    let exec = |name, line: &str| case(name, KEYS, &["MULTI", line, "EXEC"]);
    vec![
        case("DEL", KEYS, &["DEL k"]),
        case("UNLINK", KEYS, &["UNLINK n k l"]),
        case("EXPIRE", KEYS, &["EXPIRE k 100"]),
        case("PERSIST", &["MYLOG.SET k v EX 100"], &["PERSIST k"]),
        case("RENAME", KEYS, &["RENAME k l"]),
        case("COPY", KEYS, &["COPY k n REPLACE"]),
        case("COPY to another database", KEYS, &["COPY k n DB 1 REPLACE"]),
        case(
            "MOVE",
            &["SELECT 1", "DEL k", "SELECT 0", "MYLOG.SET k v"],
            &["MOVE k 1"],
        ),
        case("SWAPDB", KEYS, &["SWAPDB 0 1"]),
        case("SET over", KEYS, &["SET k v"]),
        case("SORT STORE over", SORTED, &["SORT n STORE k"]),
        case(
            "SINTERSTORE over",
            &["MYLOG.SET k v", "SADD s 1"],
            &["SINTERSTORE k s s"],
        ),
        case("MYLOG.GETDEL", KEYS, &["MYLOG.GETDEL k"]),
        case("GETDEL of a captured form", KEYS, &["MYLOG.GETEX k EX 100"]),
        case("FLUSHDB", KEYS, &["FLUSHDB"]),
        case("FLUSHALL", KEYS, &["FLUSHALL"]),
        exec("DEL in EXEC", "DEL k"),
        exec("SET over in EXEC", "SET k v"),
        exec("FLUSHALL in EXEC", "FLUSHALL"),
        exec("SWAPDB in EXEC", "SWAPDB 0 1"),
        case(
            "a script in EXEC before DEL",
            KEYS,
            &[
                "MULTI",
                "EVAL return(redis.call('GET','none')) 0",
                "DEL k",
                "EXEC",
            ],
        ),
    ]
}

fn scripts_and_other_modules() -> Vec<Case> {
    vec![
        script("DEL in a script", KEYS, "return redis.call('DEL', 'k')"),
        script("SET over in a script", KEYS, "return redis.call('SET', 'k', 'v')"),
        script(
            "EXPIRE in a script",
            KEYS,
            "return redis.call('EXPIRE', 'k', 100)",
        ),
        script("FLUSHALL in a script", KEYS, "return redis.call('FLUSHALL')"),
        case(
            "another module as its user",
            KEYS,
            &["CALLER.AS_USER MYLOG.SET k w"],
        ),
        case(
            "another module as nobody",
            KEYS,
            &["CALLER.AS_NOBODY MYLOG.SET k w"],
        ),
        case("another module, native", KEYS, &["CALLER.AS_NOBODY DEL k"]),
        case(
            "another module in EXEC",
            KEYS,
            &["MULTI", "CALLER.AS_NOBODY DEL k", "EXEC"],
        ),
        script(
            "another module in a script",
            KEYS,
            "return redis.call('CALLER.AS_NOBODY', 'DEL', 'k')",
        ),
        case(
            "another module's script",
            KEYS,
            &["CALLER.AS_NOBODY EVAL return(redis.call('DEL','k')) 0"],
        ),
    ]
}

#[test]
fn in_whatever_state_a_client_is_it_hears_of_nothing_early() {
    let mut stage = Stage::new();
    for case in states() {
        stage.check(&case);
    }
}

#[test]
fn whatever_changes_what_is_durable_is_told_of_late() {
    let mut stage = Stage::new();
    for case in natives() {
        stage.check(&case);
    }
}

#[test]
fn a_restored_value_is_told_of_late() {
    let mut stage = Stage::new();
    stage.other.ok("MYLOG.SET k v");
    let dump = stage.other.run("DUMP k").bytes().unwrap();
    let mut client = stage.server.client();
    for to in ["new", "k"] {
        let gate = SyncGate::shut(&stage.server);
        client.send([b"RESTORE".as_slice(), to.as_bytes(), b"0", &dump, b"REPLACE"]);
        stage.settle();
        assert!(!client.has_come(), "{to}");
        gate.open();
        assert!(client.recv().is_ok());
    }
}

/// Under `committed` a reader does not hear of what may yet be lost, and what is native behind it keeps its place.
#[test]
fn what_is_seen_before_it_is_durable_is_told_of_late() {
    let stage = Stage::new();
    let mut writer = stage.server.client();
    let mut reader = stage.server.client();
    let gate = SyncGate::shut(&stage.server);
    writer.send(words("MYLOG.SET k v"));
    stage.settle();
    let lines = ["MYLOG.GET k", "PING", "GET none"].map(words);
    for line in &lines {
        reader.send(line);
    }
    stage.settle();
    assert!(!reader.has_come() && !writer.has_come());
    gate.open();
    assert_eq!(reader.recv().text(), "v");
    assert_eq!(reader.recv().text(), "PONG");
    assert_eq!(reader.recv(), Reply::Nil);
    assert!(writer.recv().is_ok());
}

/// Who is gated stays so whatever is set meanwhile.
#[test]
fn settings_that_change_let_nobody_go() {
    let mut stage = Stage::new();
    for (line, back) in [
        (
            "CONFIG SET mylog.appendfsync everysec",
            "CONFIG SET mylog.appendfsync always",
        ),
        (
            "CONFIG SET mylog.appendfsync no",
            "CONFIG SET mylog.appendfsync always",
        ),
        (
            "CONFIG SET mylog.always-prefixes other:",
            "CONFIG SET mylog.always-prefixes none:",
        ),
        ("CONFIG SET timeout 1", "CONFIG SET timeout 0"),
    ] {
        let mut client = stage.server.client();
        let gate = SyncGate::shut(&stage.server);
        client.send(words("MYLOG.SET k v"));
        stage.settle();
        stage.other.ok(line);
        stage.settle();
        assert!(!client.has_come(), "{line}");
        gate.open();
        assert!(client.recv().is_ok(), "{line}");
        stage.other.ok(back);
    }
}

/// Whoever is not known is told by what he does now: he may have been silent for long.
#[test]
fn who_was_blocked_for_long_and_is_not_known_is_gated() {
    let mut stage = Stage::new();
    let units: [&[&str]; 4] = [
        &[
            "MULTI",
            "EVAL return(redis.call('GET','none')) 0",
            "DEL k0",
            "EXEC",
        ],
        &["CALLER.AS_NOBODY MYLOG.SET k1 w"],
        &["SET k2 native"],
        &["SUNIONSTORE k3 none"],
    ];
    let mut clients: Vec<Client> = units.iter().map(|_| stage.server.client()).collect();
    for (n, (client, unit)) in clients.iter_mut().zip(units).enumerate() {
        stage.other.ok(&format!("MYLOG.SET k{n} v"));
        client.ok("CLIENT SETNAME silent");
        client.send(words(&format!("BLPOP list:{n} 0")));
        for line in unit {
            client.send(words(line));
        }
    }
    wait_for("they are idle for long", || {
        let list = stage.other.run("CLIENT LIST").text();
        let idle = |line: &str| line.contains(" idle=3 ") || line.contains(" idle=4 ");
        let silent = list.lines().filter(|line| line.contains("name=silent"));
        silent.clone().count() == units.len() && silent.clone().all(idle)
    });
    let gate = SyncGate::shut(&stage.server);
    for n in 0..units.len() {
        stage.other.send(words(&format!("RPUSH list:{n} x")));
    }
    stage.settle();
    for (n, client) in clients.iter_mut().enumerate() {
        assert!(!client.has_come(), "{:?}: {:?}", units[n], client.recv());
    }
    gate.open();
    for (client, unit) in clients.iter_mut().zip(units) {
        for _ in 0..=unit.len() {
            assert!(!matches!(client.recv(), Reply::Error(_)), "{unit:?}");
        }
    }
}

pub(super) const PUT_OFF: [&[&str]; 5] = [
    &["DEL k"],
    &["EXPIRE k 100"],
    &["EVAL return(redis.call('MYLOG.SET','k','w')) 0"],
    &["MULTI", "DEL k", "EXEC"],
    &["MULTI", "MYLOG.SET k w", "EXEC"],
];

/// Commands are put off by `begin`, and run behind `end`; another client's commands come in between.
fn put_off(stage: &mut Stage, begin: impl Fn(&mut Stage), end: &str) {
    for lines in PUT_OFF {
        stage.other.ok("MYLOG.SET k v");
        let mut client = stage.server.client();
        client.ok("CLIENT SETNAME late");
        let mut between = stage.server.client();
        begin(stage);
        for line in lines {
            client.send(words(line));
        }
        wait_for("it is put off", || {
            let list = stage.other.run("CLIENT LIST").text();
            let late = |line: &str| line.contains("name=late") && line.contains("flags=") && is_blocked(line);
            list.lines().any(late)
        });
        let gate = SyncGate::shut(&stage.server);
        // In one go: the filter sees another client's commands before and behind the end of the pause.
        let mut bytes = Vec::new();
        for line in [end, "GET none", "CLIENT GETNAME"] {
            encode(words(line), &mut bytes);
        }
        between.try_send_bytes(&bytes).unwrap();
        stage.settle();
        if lines.len() > 1 {
            // MULTI itself was not put off.
            assert!(client.recv().is_ok());
        }
        assert!(!client.has_come(), "{lines:?} behind {end}: {:?}", client.recv());
        gate.open();
        for _ in lines.iter().skip(usize::from(lines.len() > 1)) {
            assert!(!matches!(client.recv(), Reply::Error(_)), "{lines:?}");
        }
        for _ in 0..3 {
            between.recv();
        }
    }
}

pub(super) fn is_blocked(line: &str) -> bool {
    line.split(' ')
        .find_map(|word| word.strip_prefix("flags="))
        .is_some_and(|flags| flags.contains('b'))
}

#[test]
fn what_a_pause_has_put_off_is_told_of_late() {
    let mut stage = Stage::new();
    let begin = |stage: &mut Stage| stage.other.ok("CLIENT PAUSE 60000 WRITE");
    put_off(&mut stage, begin, "CLIENT UNPAUSE");
}

#[test]
fn what_a_failover_has_put_off_is_told_of_late() {
    let module = OtherModule::new();
    let server = module
        .beside(Server::build())
        .with_port()
        .mylog("appendfsync", "always")
        .start();
    let replica = Server::build()
        .with_port()
        .config("replicaof", &format!("127.0.0.1 {}", server.port()))
        .start();
    let mut other = server.client();
    wait_for("the replica is there", || {
        other
            .info("replication")
            .get("slave0")
            .is_some_and(|line| line.contains("state=online"))
    });
    let mut stage = Stage {
        server,
        other,
        _module: module,
    };
    // It never says that it has all: the failover waits.
    let begin = |stage: &mut Stage| {
        replica.signal(Signal::SIGSTOP);
        stage.other.ok("SET behind v");
        stage.other.ok("FAILOVER");
    };
    put_off(&mut stage, begin, "FAILOVER ABORT");
    replica.signal(Signal::SIGCONT);
}
