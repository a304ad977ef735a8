//! The gate: what waits for the disk lies in its client's own buffer, and nobody else waits.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::support::artifacts::server_binary;
use crate::support::client::encode;
use crate::support::slow_disk::{DELAY, SlowDisk};
use crate::support::sync_gate::{Later, SyncGate, wait_held};
use crate::support::trace::Trace;
use crate::support::wait::DEADLINE;
use crate::support::{Client, Reply, Server, wait_for};

fn always() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start()
}

/// What a client sends in one go.
fn encoded(lines: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in lines {
        encode(line.split(' '), &mut bytes);
    }
    bytes
}

fn stream(server: &Server) -> UnixStream {
    UnixStream::connect(server.socket()).unwrap()
}

/// Natively all of it is run, though nobody hears of it.
#[test]
fn what_is_sent_behind_a_durable_write_by_a_client_that_leaves_is_run() {
    let server = always();
    let mut other = server.client();
    let gate = SyncGate::shut(&server);
    let mut client = stream(&server);
    let lines: Vec<&str> = std::iter::repeat_n(["INCR order:n", "INCR native:n"], 20)
        .flatten()
        .collect();
    client.write_all(&encoded(&lines)).unwrap();
    drop(client);
    wait_for("all of it is run", || {
        other.run("GET native:n") == Reply::Bulk(b"20".to_vec())
    });
    gate.open();
    assert_eq!(other.run("GET order:n").text(), "20");
    wait_for("the client is gone", || {
        other.run("CLIENT LIST").text().lines().count() == 1
    });
}

#[test]
fn a_client_that_only_listens_any_more_gets_all_its_replies_in_order() {
    let server = always();
    let mut client = stream(&server);
    let lines = [
        "SET order:a 1",
        "INCR order:a",
        "PING",
        "INCR native",
        "MULTI",
        "INCR order:a",
        "EXEC",
    ];
    client.write_all(&encoded(&lines)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut told = String::new();
    client.read_to_string(&mut told).unwrap();
    assert_eq!(told, "+OK\r\n:2\r\n+PONG\r\n:1\r\n+OK\r\n+QUEUED\r\n*1\r\n:3\r\n");
}

/// Sent while the disk stands still: who waits for it, and that the event loop does not.
#[test]
fn whatever_changes_a_durable_key_waits_and_neither_the_event_loop_nor_a_blocked_client_does() {
    let server = always();
    let mut other = server.client();
    for line in [
        "SET order:a 1",
        "SET order:b 1",
        "MYLOG.SET free 1",
        "MYLOG.SET gone 1",
        "RPUSH order:l 1",
    ] {
        other.run(line);
    }
    let waited = other.info_u64("mylog", "mylog_event_loop_waited_usec");
    let gate = SyncGate::shut(&server);
    let script = "EVAL return(redis.call('INCR',KEYS[1])) 1 order:a";
    let lines = [
        "SET order:c 1",
        "DEL order:b",
        script,
        "EXPIRE free 100",
        "DEL gone",
        "LPOP order:l",
        "GET order:a",
    ];
    let mut waiting = Vec::new();
    for (at, line) in lines.into_iter().enumerate() {
        waiting.push(Later::send(server.client(), line));
        wait_held(&mut other, at as u64 + 1);
    }
    let mut unit = server.client();
    for line in ["MULTI", "INCR order:m", "GET native"] {
        unit.run(line);
    }
    waiting.push(Later::send(unit, "EXEC"));
    wait_held(&mut other, 8);
    assert_eq!(other.info_u64("clients", "blocked_clients"), 0);
    other.ok("SET native v");
    assert_eq!(other.run("GET native").text(), "v");
    for reply in &waiting {
        reply.is_not_there("what is not durable");
    }
    gate.open();
    let replies: Vec<Reply> = waiting.into_iter().map(Later::reply).collect();
    let text = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
    let (one, two) = (Reply::Int(1), Reply::Int(2));
    assert!(replies[0].is_ok());
    assert_eq!(replies[1..5], [one.clone(), two, one.clone(), one.clone()]);
    assert_eq!(replies[5..7], [text("1"), text("2")]);
    assert_eq!(replies[7], Reply::Array(vec![one, Reply::Nil]));
    wait_for("nobody is gated", || {
        other.info_u64("mylog", "mylog_acks_waiting") == 0
    });
    assert!(
        other
            .run("CLIENT LIST")
            .text()
            .lines()
            .all(|line| line.contains("events=r")),
        "somebody is not read"
    );
    assert_eq!(other.info_u64("mylog", "mylog_event_loop_waited_usec"), waited);
}

/// So many clients write at once on a slow disk, beside a neighbour that is always there. How often the log was synced, and in how
/// many turns they were answered.
fn answered_in_turns(clients: usize) -> (usize, usize) {
    let disk = SlowDisk::traced_with_turns(DELAY);
    let mut server = disk.build().mylog("capture", "order:").start();
    let mut neighbour = server.client();
    for _ in 0..3 {
        let mut waiting: Vec<UnixStream> = (0..clients).map(|_| stream(&server)).collect();
        for client in &mut waiting {
            client.write_all(&encoded(&["INCR order:n"])).unwrap();
            client.set_nonblocking(true).unwrap();
        }
        let began = Instant::now();
        while !waiting.is_empty() {
            neighbour.run("PING");
            waiting.retain_mut(|client| client.read(&mut [0]).is_err());
            assert!(began.elapsed() < DEADLINE, "{} are not let go", waiting.len());
        }
    }
    let pid = server.pid();
    server.kill9();
    let trace = Trace::of_killed(&disk.trace(), pid);
    (trace.syncs(), trace.turns_that_sent(b":"))
}

/// Let go at once, all are answered in one turn behind each sync.
#[test]
fn neighbours_do_not_wait_for_all_that_one_sync_lets_go() {
    // A machine that stands still for a moment has them all let go behind it.
    let spread = (0..5).any(|_| {
        let (syncs, turns) = answered_in_turns(40);
        turns > 3 * syncs
    });
    assert!(spread, "they are all let go in a turn");
}

/// The server's program under a name by which one of its functions is not found.
#[test]
fn without_the_servers_functions_always_is_refused_or_clients_are_held() {
    let program = fs::read(which(&server_binary())).unwrap();
    let name = b"\0protectClient\0";
    let Some(at) = program.windows(name.len()).position(|bytes| bytes == name) else {
        // A script that starts the program with libraries of its own.
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server");
    let mut changed = program;
    changed[at + 1] = b'P';
    fs::write(&path, changed).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let server = Server::build().binary(&path).start();
    let mut client = server.client();
    let set = client.run("CONFIG SET mylog.appendfsync always");
    if set.is_ok() {
        client.ok("MYLOG.SET a 1");
        assert_eq!(client.info("mylog")["mylog_gate"], "fallback");
        assert_eq!(
            server.log().matches("this server has no protectClient").count(),
            1
        );
        return;
    }
    assert!(format!("{set:?}").contains("no protectClient"), "{set:?}");
    let set = client.run("CONFIG SET mylog.always-prefixes order:");
    assert!(format!("{set:?}").contains("no protectClient"), "{set:?}");
    client.ok("MYLOG.SET a 1");
    let refused = Server::build()
        .binary(&path)
        .mylog("appendfsync", "always")
        .try_start();
    let Err(refused) = refused else {
        panic!("it was started")
    };
    assert!(refused.log.contains("no protectClient"), "{refused}");
}

/// Where a program is that is named as a shell would.
fn which(program: &std::path::Path) -> std::path::PathBuf {
    let named = program.components().count() == 1;
    let paths = std::env::var_os("PATH").filter(|_| named).unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|folder| folder.join(program));
    found
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| program.to_owned())
}

/// A server that starts with other numbers of threads says which way it goes.
#[test]
fn the_gate_or_what_stands_for_it_is_told() {
    for threads in ["1", "4"] {
        let server = Server::build()
            .config("io-threads", threads)
            .mylog("appendfsync", "always")
            .start();
        let mut client: Client = server.client();
        client.ok("MYLOG.SET a 1");
        let gate = client.info("mylog")["mylog_gate"].clone();
        let told = server
            .log()
            .matches("held one command at a time: io-threads is more than 1")
            .count();
        match threads {
            "1" => assert_eq!((&*gate, told), ("on", 0)),
            _ if gate == "on" => assert_eq!(told, 0),
            _ => assert_eq!((&*gate, told), ("fallback", 1)),
        }
    }
}

/// What the server takes away to make room for the cache is put back, and is no change.
#[test]
fn a_cache_write_that_finds_only_durable_keys_to_evict_waits_for_nobody() {
    let server = always();
    let mut other = server.client();
    for n in 0..50 {
        other.ok(&format!("SET order:{n} v EX 1000"));
    }
    let used = other.info_u64("memory", "used_memory");
    other.ok("CONFIG SET maxmemory-policy volatile-lru");
    other.ok(&format!("CONFIG SET maxmemory {}", used + 300_000));
    let evicted = other.info_u64("stats", "evicted_keys");
    let gate = SyncGate::shut(&server);
    let waiting = Later::send(server.client(), "SET order:last v");
    wait_held(&mut other, 1);
    for n in 0..600 {
        other.run(&format!("SET cache:{n} {}", "x".repeat(1000)));
    }
    assert!(
        other.info_u64("stats", "evicted_keys") > evicted,
        "nothing was to be evicted"
    );
    assert_eq!(other.info_u64("mylog", "mylog_acks_waiting"), 1);
    gate.open();
    assert!(waiting.reply().is_ok());
    assert_eq!(other.run("EXISTS order:0 order:49 order:last").int(), 3);
}

/// The writer wakes the event loop: with a cron that comes once a second nothing else does.
#[test]
fn whoever_waits_is_let_go_as_soon_as_the_disk_has_it() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .config("hz", "1")
        .config("dynamic-hz", "no")
        .start();
    let mut client = server.client();
    client.ok("MYLOG.SET first v");
    let began = Instant::now();
    for n in 0..8 {
        client.ok(&format!("MYLOG.SET key:{n} v"));
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
}

/// The server's cron would find them, too, but comes once a second here.
#[test]
fn whoever_is_killed_while_he_waits_is_closed_at_once() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .config("hz", "1")
        .config("dynamic-hz", "no")
        .start();
    let mut other = server.client();
    let gate = SyncGate::shut(&server);
    let began = Instant::now();
    for n in 0..8 {
        let mut client = server.client();
        let id = client.run("CLIENT ID").int();
        let waiting = Later::send(client, &format!("MYLOG.SET key:{n} v"));
        wait_held(&mut other, 1);
        assert_eq!(other.run(&format!("CLIENT KILL ID {id}")).int(), 1);
        assert!(waiting.outcome().0.is_err());
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    gate.open();
}
