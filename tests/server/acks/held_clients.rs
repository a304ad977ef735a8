//! Clients that are held, under fire: whatever is done to them or around them, nobody is told OK before it is
//! durable, the others' commands go on, and nothing is left behind.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::client::encode;
use crate::support::sync_gate::{Later, SyncGate, held, wait_held, wait_until_it_stands_still};
use crate::support::{Client, Reply, Server, wait_for};

const CLIENTS: u64 = 3;

fn server() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("flush-policy", "flush")
        .with_port()
        .start()
}

/// Clients that are held, and their ids.
struct Scene {
    gate: Option<SyncGate>,
    replies: Vec<Later>,
    ids: Vec<i64>,
    other: Client,
}

fn scene(server: &Server) -> Scene {
    let mut other = server.client();
    let gate = Some(SyncGate::shut(server));
    let mut ids = Vec::new();
    let clients = (0..CLIENTS).map(|n| {
        let mut client = server.client();
        ids.push(client.run("CLIENT ID").int());
        Later::send(client, &format!("MYLOG.SET held:{n} v"))
    });
    let replies = clients.collect();
    wait_held(&mut other, CLIENTS);
    Scene {
        gate,
        replies,
        ids,
        other,
    }
}

impl Scene {
    fn nobody_is_answered(&mut self, after: &str) {
        self.other.ok("SET native v");
        assert_eq!(held(&mut self.other), CLIENTS, "{after}");
        self.replies.iter().for_each(|reply| reply.is_not_there(after));
    }

    /// The disk works again: all are answered, and all is as ever.
    fn ends_well(self) {
        let Self {
            gate,
            replies,
            mut other,
            ..
        } = self;
        drop(gate);
        for reply in replies {
            let (reply, mut client) = reply.outcome();
            assert!(reply.as_ref().is_ok_and(Reply::is_ok), "{reply:?}");
            client.ok("MYLOG.SET again v");
        }
        is_as_ever(&mut other);
    }
}

fn is_as_ever(other: &mut Client) {
    wait_held(other, 0);
    other.ok("MYLOG.SET after v");
    assert_eq!(held(other), 0);
}

#[test]
fn nothing_that_is_done_to_a_held_client_answers_it_early() {
    let server = server();
    let mut scene = scene(&server);
    for id in scene.ids.clone() {
        for line in [
            format!("CLIENT UNBLOCK {id}"),
            format!("CLIENT UNBLOCK {id} ERROR"),
        ] {
            assert_eq!(scene.other.run(&line).int(), 0, "{line}");
        }
    }
    scene.nobody_is_answered("CLIENT UNBLOCK");
    assert!(
        matches!(scene.other.run("MODULE UNLOAD mylog"), Reply::Error(_)),
        "a module with types can't be unloaded"
    );
    scene.nobody_is_answered("MODULE UNLOAD");
    scene.other.ok("CLIENT PAUSE 100000 WRITE");
    let mut paused = server.client();
    paused.send(["MYLOG.SET", "paused", "v"]);
    let paused = Later::of(paused);
    wait_for("it is paused", || {
        scene.other.info_u64("clients", "blocked_clients") == 1
    });
    scene
        .replies
        .iter()
        .for_each(|reply| reply.is_not_there("CLIENT PAUSE"));
    paused.is_not_there("CLIENT PAUSE");
    scene.other.ok("CLIENT UNPAUSE");
    wait_held(&mut scene.other, CLIENTS + 1);
    scene.replies.push(paused);
    scene.ends_well();
}

#[test]
fn held_clients_that_are_killed_or_evicted_leave_nothing_behind() {
    let server = server();
    let mut scene = scene(&server);
    let killed = scene.ids[0];
    assert_eq!(scene.other.run(&format!("CLIENT KILL ID {killed}")).int(), 1);
    assert_eq!(ended(scene.replies.remove(0)), ErrorKind::UnexpectedEof);
    scene.other.ok("CLIENT NO-EVICT on");
    scene.other.cmd(["SET", "large", &"x".repeat(100_000)]);
    let large = |name: &str, evicted: &str| {
        let mut client = server.client();
        client.ok(&format!("CLIENT NO-EVICT {evicted}"));
        let mut bytes = Vec::new();
        encode(["MYLOG.SET", name, "v"], &mut bytes);
        // It is run at once, and stays in the server's buffer behind what waits.
        for _ in 0..10 {
            encode(["GETRANGE", "large", "0", "-1"], &mut bytes);
        }
        client.try_send_bytes(&bytes).expect("a live connection");
        Later::of(client)
    };
    let (evicted, stays) = (large("evicted", "off"), large("stays", "on"));
    // The one that was killed does not wait any more.
    wait_held(&mut scene.other, CLIENTS + 1);
    scene.other.ok("CONFIG SET maxmemory-clients 500kb");
    // Not every server counts one that it could not free at once.
    assert_ne!(ended(evicted), ErrorKind::WouldBlock);
    scene.other.ok("CONFIG SET maxmemory-clients 0");
    stays.is_not_there("evicting another");
    scene.gate = None;
    let (reply, mut stays) = stays.outcome();
    assert!(reply.as_ref().is_ok_and(Reply::is_ok), "{reply:?}");
    for _ in 0..10 {
        assert_eq!(stays.recv().text().len(), 100_000);
    }
    is_as_ever(&mut scene.other);
    // What they wrote is there, as after any lost connection.
    assert_eq!(scene.other.run("EXISTS held:0 evicted stays").int(), 3);
}

/// How a connection ended without a reply.
fn ended(reply: Later) -> ErrorKind {
    reply.outcome().0.expect_err("no reply").kind()
}

#[test]
fn a_held_client_is_not_idle() {
    let server = server();
    let mut scene = scene(&server);
    scene.other.ok("CONFIG SET timeout 1");
    let began = Instant::now();
    wait_for("they would be idle for long", || {
        scene.other.ok("SET native v");
        began.elapsed() > Duration::from_secs(4)
    });
    assert_eq!(scene.other.info_u64("clients", "connected_clients"), CLIENTS + 1);
    scene.nobody_is_answered("timeout");
    // What is written down is what was set.
    scene.other.ok("CONFIG REWRITE");
    let file = std::fs::read_to_string(server.config_file()).expect("its configuration");
    assert!(file.lines().any(|line| line == "timeout 1"), "{file}");
    // The server looks at a few clients ten times a second: each was looked at behind that.
    for _ in 0..300 {
        scene.other.ok("CONFIG REWRITE");
        scene.other.ok("SET native v");
    }
    assert_eq!(scene.other.info_u64("clients", "connected_clients"), CLIENTS + 1);
    scene.nobody_is_answered("timeout");
    let idle = server.client();
    scene.gate = None;
    for reply in scene.replies.drain(..) {
        assert!(reply.reply().is_ok());
    }
    let idle = Later::of(idle);
    wait_for("an idle client is closed once nobody waits", || {
        scene.other.ok("SET native v");
        scene.other.info_u64("clients", "connected_clients") == 1
    });
    assert!(idle.outcome().0.is_err());
    assert_eq!(scene.other.config("timeout"), "1");
    scene.other.ok("CONFIG SET timeout 0");
    is_as_ever(&mut scene.other);
}

#[test]
fn a_killed_script_does_not_answer_held_clients() {
    let server = server();
    server.client().ok("CONFIG SET busy-reply-threshold 10");
    for opened_meanwhile in [false, true] {
        let mut scene = scene(&server);
        let mut script = server.client();
        script.send(["EVAL", "while true do end", "0"]);
        let script = Later::of(script);
        wait_for("the script is slow", || scene.other.run("PING").is_error("BUSY"));
        scene
            .replies
            .iter()
            .for_each(|reply| reply.is_not_there("a slow script"));
        if opened_meanwhile {
            scene.gate = None;
        }
        scene.other.ok("SCRIPT KILL");
        assert!(matches!(script.reply(), Reply::Error(_)));
        if !opened_meanwhile {
            scene.nobody_is_answered("SCRIPT KILL");
        }
        scene.ends_well();
    }
}

/// The server answers every blocked client with an error of its own when it stops being a primary.
#[test]
fn a_demotion_tells_no_held_client_that_its_write_is_durable() {
    let server = server();
    let mut scene = scene(&server);
    scene.other.ok("REPLICAOF 127.0.0.1 1");
    for reply in scene.replies.drain(..) {
        let outcome = reply.outcome().0;
        assert!(
            outcome.as_ref().map_or(true, |reply| reply.is_error("UNBLOCKED")),
            "{outcome:?}"
        );
    }
    scene.gate = None;
    scene.other.ok("REPLICAOF NO ONE");
    is_as_ever(&mut scene.other);
    assert_eq!(scene.other.run("EXISTS held:0 held:1 held:2").int(), 3);
}

#[test]
fn a_failover_tells_no_held_client_that_its_write_is_durable() {
    let (first, second) = (server(), server());
    let mut replica = second.client();
    replica.ok(&format!("REPLICAOF 127.0.0.1 {}", first.port()));
    wait_for("the replica is up", || {
        replica.info("replication")["master_link_status"] == "up"
    });
    wait_for("the primary knows", || {
        first
            .client()
            .info("replication")
            .get("slave0")
            .is_some_and(|state| state.contains("online"))
    });
    let mut scene = scene(&first);
    scene.other.ok("FAILOVER");
    for reply in scene.replies.drain(..) {
        let outcome = reply.outcome().0;
        assert!(
            outcome.as_ref().map_or(true, |reply| reply.is_error("UNBLOCKED")),
            "{outcome:?}"
        );
    }
    scene.gate = None;
    wait_for("the roles have changed", || {
        replica.info("replication")["role"] == "master" && scene.other.info("replication")["role"] == "slave"
    });
    // Replicas don't wait for the primary's disk: all of it went over.
    assert_eq!(replica.run("EXISTS held:0 held:1 held:2").int(), 3);
    is_as_ever(&mut replica);
    scene.other.ok("REPLICAOF NO ONE");
    is_as_ever(&mut scene.other);
}

#[test]
fn whoever_is_answered_at_a_shutdown_finds_its_write_again() {
    let mut server = server();
    for how in ["SHUTDOWN", "SHUTDOWN NOSAVE", "SIGTERM"] {
        server.client().ok("FLUSHALL");
        let mut scene = scene(&server);
        match how {
            "SIGTERM" => {
                let pid = Pid::from_raw(i32::try_from(server.pid()).expect("a pid"));
                kill(pid, Signal::SIGTERM).expect("its process");
            }
            line => scene.other.send(line.split(' ')),
        }
        wait_until_it_stands_still(&server);
        scene.replies.iter().for_each(|reply| reply.is_not_there(how));
        scene.gate = None;
        assert!(server.wait_exit().success(), "{how}");
        for reply in scene.replies {
            let outcome = reply.outcome().0;
            assert!(outcome.as_ref().map_or(true, Reply::is_ok), "{how}: {outcome:?}");
        }
        server.restart();
        assert_eq!(
            server.client().run("EXISTS held:0 held:1 held:2").int(),
            3,
            "{how}"
        );
    }
}

#[test]
fn a_flush_while_clients_are_held_is_held_behind_them() {
    let server = server();
    let mut scene = scene(&server);
    let flush = Later::send(server.client(), "FLUSHALL");
    wait_held(&mut scene.other, CLIENTS + 1);
    flush.is_not_there("FLUSHALL");
    scene.replies.push(flush);
    scene
        .replies
        .iter()
        .for_each(|reply| reply.is_not_there("FLUSHALL"));
    assert_eq!(scene.other.run("DBSIZE").int(), 0);
    scene.ends_well();
}

#[test]
fn a_weaker_policy_strands_nobody_and_answers_nobody_early() {
    for policy in ["everysec", "no"] {
        let server = server();
        let mut scene = scene(&server);
        scene.other.ok(&format!("CONFIG SET mylog.appendfsync {policy}"));
        scene.nobody_is_answered(policy);
        // One that made its change under the stronger policy and finds the weaker one at its end.
        scene.other.ok("CONFIG SET mylog.appendfsync always");
        let mut unit = server.client();
        unit.ok("MULTI");
        unit.run("MYLOG.SET unit v");
        unit.run(&format!("CONFIG SET mylog.appendfsync {policy}"));
        let unit = Later::send(unit, "EXEC");
        wait_held(&mut scene.other, CLIENTS + 1);
        unit.is_not_there("EXEC");
        scene.replies.iter().for_each(|reply| reply.is_not_there(policy));
        scene.gate = None;
        assert_eq!(unit.reply().items().len(), 2);
        for reply in scene.replies {
            assert!(reply.reply().is_ok());
        }
        is_as_ever(&mut scene.other);
    }
}
