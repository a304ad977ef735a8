//! Gated clients at the server's limits: very many of them, no room for more clients, output and memory that clients may
//! take. Those who are not gated never pay for them.

use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::support::client::encode;
use crate::support::neighbour::{Service, gets, nobody_pays, nobody_pays_more_than_a_walk};
use crate::support::other_module::OtherModule;
use crate::support::sync_gate::{SyncGate, held, wait_held};
use crate::support::{Client, Reply, Server, ServerBuilder, wait_for};

fn build() -> ServerBuilder {
    Server::build().mylog("appendfsync", "always")
}

/// Lets this process, and the servers that it starts, have as many files open as may be. Returns how many.
fn raise_open_files() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: one struct, filled by the call.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: one struct, read by the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    limit.rlim_cur
}

/// A connection that takes one open file.
struct Thin(BufReader<UnixStream>);

impl Thin {
    fn new(server: &Server) -> Self {
        let stream = UnixStream::connect(server.socket()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(BufReader::with_capacity(256, stream))
    }

    fn send(&mut self, commands: &[&[&str]]) {
        let mut bytes = Vec::new();
        commands.iter().for_each(|words| encode(*words, &mut bytes));
        self.0.get_mut().write_all(&bytes).unwrap();
    }

    fn recv(&mut self) -> Reply {
        Reply::read(&mut self.0, &mut Vec::new()).expect("a reply")
    }
}

/// The lines of CLIENT LIST.
fn list(client: &mut Client) -> Vec<String> {
    let text = client.run("CLIENT LIST").text();
    text.lines().map(str::to_owned).collect()
}

/// No client is left protected, and `count` are there.
fn all_are_let_go(client: &mut Client, count: usize) {
    wait_held(client, 0);
    let unread = |line: &String| {
        let events = line.split(' ').find_map(|word| word.strip_prefix("events="));
        !events.is_some_and(|events| events.contains('r'))
    };
    let mut last = Vec::new();
    wait_for("all clients are read again, and none is left over", || {
        last = list(client);
        last.len() == count && !last.iter().any(unread)
    });
}

#[test]
fn ten_thousand_gated_clients_wait_for_a_hung_sync_and_nobody_pays_for_it() {
    let files = raise_open_files();
    let count = usize::try_from(files.saturating_sub(500)).unwrap().min(10_000);
    let server = build().config("maxclients", "10100").start();
    let mut other = server.client();
    other.ok("SET native v");
    other.ok("MYLOG.SET first v");
    let mut clients: Vec<Thin> = (0..count).map(|_| Thin::new(&server)).collect();
    let (mut waiting, mut idle) = (Vec::new(), Vec::new());
    for round in 0..3 {
        idle.push(Service::of(&server, &mut other, "native"));
        let gate = SyncGate::shut(&server);
        for (n, client) in clients.iter_mut().enumerate() {
            client.send(&[&["MYLOG.INCR", "shared"], &["INCR", &format!("own:{n}")]]);
        }
        wait_held(&mut other, count as u64);
        waiting.push(Service::of(&server, &mut other, "native"));
        assert_eq!(held(&mut other), count as u64);
        gate.open();
        let mut seen: Vec<i64> = clients
            .iter_mut()
            .map(|client| {
                let number = client.recv().int();
                assert_eq!(client.recv().int(), round + 1);
                number - round * count as i64
            })
            .collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(1..=count as i64), "a number lost or doubled");
        all_are_let_go(&mut other, count + 1);
    }
    // Valkey 9.1 leaves protected clients in its list of those to be written to, and goes over it in each turn.
    match other.info("server").get("valkey_version") {
        Some(version) if version.starts_with("9.") => nobody_pays_more_than_a_walk(&waiting),
        _ => nobody_pays(&waiting, &idle),
    }
    for client in &mut clients {
        client.send(&[&["GET", "native"]]);
        assert_eq!(client.recv().text(), "v");
    }
    drop(clients);
    all_are_let_go(&mut other, 1);
}

#[test]
fn a_server_with_no_room_for_more_clients_says_so_and_gated_ones_are_answered() {
    let server = build().config("maxclients", "20").start();
    let mut other = server.client();
    other.ok("MYLOG.SET first v");
    wait_for("the connection that asked whether it runs is gone", || {
        list(&mut other).len() == 1
    });
    let gate = SyncGate::shut(&server);
    let mut clients: Vec<Client> = (0..19).map(|_| server.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(["MYLOG.SET", &format!("key:{n}"), "v"]);
    }
    wait_held(&mut other, 19);
    for _ in 0..3 {
        let reply = server.client().recv();
        assert!(reply.is_error("ERR max number of clients reached"), "{reply:?}");
    }
    // One that leaves while it is gated has its place until it is let go.
    drop(clients.pop());
    let reply = server.client().recv();
    assert!(reply.is_error("ERR max number of clients reached"), "{reply:?}");
    assert_eq!(held(&mut other), 19);
    gate.open();
    for client in &mut clients {
        assert!(client.recv().is_ok());
    }
    all_are_let_go(&mut other, 19);
    let mut newcomer = server.client();
    newcomer.ok("MYLOG.SET newcomer v");
}

/// Gets a large durable value in one go so often.
fn get_large(client: &mut Client, key: &str, times: usize) {
    let mut bytes = Vec::new();
    encode(["MYLOG.SET", &format!("gated:{key}"), "v"], &mut bytes);
    for _ in 0..times {
        encode(["MYLOG.GET", key], &mut bytes);
    }
    client.try_send_bytes(&bytes).unwrap();
}

fn id(client: &mut Client) -> i64 {
    client.run("CLIENT ID").int()
}

fn is_there(client: &mut Client, id: i64) -> bool {
    list(client)
        .iter()
        .any(|line| line.starts_with(&format!("id={id} ")))
}

fn was_closed(client: &mut Client) {
    let mut replies = 0;
    while let Ok(reply) = client.try_recv() {
        replies += 1;
        assert!(!reply.is_ok(), "told what is not known to be on disk, {replies}");
    }
    assert_eq!(replies, 0, "who is closed is told nothing");
}

#[test]
fn a_gated_client_past_its_output_limit_is_closed_at_once_and_others_are_not() {
    let server = build()
        .config("client-output-buffer-limit", "normal 4mb 0 0")
        .start();
    let mut other = server.client();
    other.ok("SET native v");
    other.cmd(["MYLOG.SET", "large", &"v".repeat(100_000)]);
    let (mut greedy, mut modest) = (server.client(), server.client());
    let (greedy_id, modest_id) = (id(&mut greedy), id(&mut modest));
    let gate = SyncGate::shut(&server);
    get_large(&mut modest, "large", 10);
    wait_held(&mut other, 1);
    get_large(&mut greedy, "large", 100);
    wait_for("it is gone", || !is_there(&mut other, greedy_id));
    was_closed(&mut greedy);
    assert!(is_there(&mut other, modest_id));
    assert_eq!(held(&mut other), 1);
    assert!(gets(&mut other, "native", 100).1 < Duration::from_secs(1));
    gate.open();
    assert!(modest.recv().is_ok());
    for _ in 0..10 {
        assert_eq!(modest.recv().text().len(), 100_000);
    }
    modest.ok("MYLOG.SET again v");
    all_are_let_go(&mut other, 2);
}

/// The server frees no gated client to make room, and would close all others in its place.
#[test]
fn clients_that_are_not_gated_are_not_closed_to_make_room_for_gated_ones() {
    let server = build()
        .config("maxmemory-clients", "8mb")
        .config("client-output-buffer-limit", "normal 0 0 0")
        .start();
    let mut other = server.client();
    other.ok("SET native v");
    other.cmd(["MYLOG.SET", "large", &"v".repeat(100_000)]);
    let mut innocent: Vec<Client> = (0..10).map(|_| server.client()).collect();
    innocent.iter_mut().for_each(|client| client.ok("SET native v"));
    let mut modest = server.client();
    let modest_id = id(&mut modest);
    let mut greedy: Vec<Client> = (0..6).map(|_| server.client()).collect();
    let gate = SyncGate::shut(&server);
    get_large(&mut modest, "large", 5);
    wait_held(&mut other, 1);
    // The first is past the limit alone, the others are together.
    get_large(&mut greedy[0], "large", 200);
    wait_for("the server made room", || {
        other.info_u64("stats", "evicted_clients") + other.info_u64("mylog", "mylog_gate_evicted_clients") > 0
    });
    was_closed(&mut greedy[0]);
    for client in &mut greedy[1..] {
        get_large(client, "large", 30);
        innocent.iter_mut().for_each(|client| client.ok("SET native v"));
    }
    wait_for("the server made room again", || {
        other.info_u64("mylog", "mylog_gate_evicted_clients") > 1
    });
    innocent.iter_mut().for_each(|client| client.ok("SET native v"));
    assert!(is_there(&mut other, modest_id));
    let taken = other.info_u64("memory", "mem_clients_normal");
    assert!(taken < 8 << 20, "{taken}");
    gate.open();
    assert!(modest.recv().is_ok());
    for _ in 0..5 {
        assert_eq!(modest.recv().text().len(), 100_000);
    }
    innocent.iter_mut().for_each(|client| client.ok("SET native v"));
    wait_held(&mut other, 0);
    let gone = other.info_u64("mylog", "mylog_gate_evicted_clients");
    assert!((2..=6).contains(&gone), "{gone}");
    all_are_let_go(&mut other, 18 - usize::try_from(gone).unwrap());
}

/// No command follows it that would look for room first, and as much memory was given back just before.
#[test]
fn one_large_reply_to_a_gated_client_at_the_end_of_a_turn_closes_nobody_else() {
    let server = build().start();
    let mut loader = server.client();
    loader.cmd(["MYLOG.SET", "large", &"v".repeat(12 << 20)]);
    loader.cmd(["SET", "ballast", &"v".repeat(24 << 20)]);
    drop(loader);
    let mut other = server.client();
    other.ok("CONFIG SET maxmemory-clients 8mb");
    let mut innocent: Vec<Client> = (0..10).map(|_| server.client()).collect();
    innocent.iter_mut().for_each(|client| client.ok("SET native v"));
    let (mut modest, mut greedy) = (server.client(), server.client());
    let gate = SyncGate::shut(&server);
    modest.send(["MYLOG.SET", "small", "v"]);
    wait_held(&mut other, 1);
    assert_eq!(other.run("DEL ballast").int(), 1);
    get_large(&mut greedy, "large", 1);
    was_closed(&mut greedy);
    innocent.iter_mut().for_each(|client| client.ok("SET native v"));
    assert_eq!(other.info_u64("mylog", "mylog_gate_evicted_clients"), 1);
    assert_eq!(held(&mut other), 1);
    gate.open();
    assert!(modest.recv().is_ok());
    all_are_let_go(&mut other, 12);
}

/// A client with so many bytes of a command that is not whole.
fn part_of_a_command(server: &Server, bytes: usize) -> Client {
    let mut client = server.client();
    let head = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", 2 * bytes);
    client.try_send_bytes(head.as_bytes()).unwrap();
    client.try_send_bytes(&vec![b'x'; bytes]).unwrap();
    client
}

/// The server would free a client whose command runs.
#[test]
fn a_gated_client_is_closed_to_make_room_behind_its_slow_command_and_not_in_the_middle_of_it() {
    const SLOW: &str = "local t = redis.call('TIME') local e = t[1] * 1000000 + t[2] + 600000 \
                        repeat t = redis.call('TIME') until t[1] * 1000000 + t[2] > e return 'slow'";
    let module = OtherModule::new();
    let last: [&[&str]; 2] = [
        &["EVAL", SLOW, "0"],
        &["CALLER.AND_YIELD", "600", "SET", "native", "v"],
    ];
    for last in last {
        let server = module
            .beside(build())
            .config("busy-reply-threshold", "20")
            .config("maxmemory-clients", "8mb")
            .config("client-output-buffer-limit", "normal 0 0 0")
            .start();
        let mut other = server.client();
        other.cmd(["MYLOG.SET", "large", &"v".repeat(100_000)]);
        let mut greedy = server.client();
        let gate = SyncGate::shut(&server);
        let mut bytes = Vec::new();
        encode(["MYLOG.SET", "small", "v"], &mut bytes);
        (0..60).for_each(|_| encode(["MYLOG.GET", "large"], &mut bytes));
        encode(last, &mut bytes);
        greedy.try_send_bytes(&bytes).unwrap();
        wait_for("it is slow", || matches!(other.run("PING"), Reply::Error(_)));
        let part = part_of_a_command(&server, 3 << 20);
        wait_for("it is over", || !matches!(other.run("PING"), Reply::Error(_)));
        wait_for("somebody is closed", || {
            other.info_u64("stats", "evicted_clients") + other.info_u64("mylog", "mylog_gate_evicted_clients")
                > 0
        });
        was_closed(&mut greedy);
        drop(part);
        gate.open();
        all_are_let_go(&mut other, 1);
        drop(server);
    }
}
