//! Random twins on strings and hashes, and after each run of them one of the ways to come back: a reload, a rewrite, kill -9. What
//! the server holds is the same before and after, and the same as the native commands left.

use fastrand::Rng;

use super::parity_strings::any;
use crate::support::keyspace::entry;
use crate::support::rewriting::{self, hold, release, wait_idle};
use crate::support::{Client, Reply, Server};

/// Commands between two looks.
const RUN: usize = 400;

/// The database in which the native commands run.
const NATIVE_DB: u32 = 1;

fn run(clients: &mut [Client; 2], rng: &mut Rng) {
    for _ in 0..RUN {
        let command = any(rng);
        clients[0].cmd(command.native());
        clients[1].cmd(command.twin());
    }
}

/// Every key of the given kind with what it holds.
fn contents(client: &mut Client, kind: fn(&str) -> bool) -> Vec<(Vec<u8>, Vec<Vec<u8>>)> {
    let mut contents = Vec::new();
    for key in client.run("KEYS *").items().into_iter().filter_map(Reply::bytes) {
        let held = entry(client, &key);
        if kind(&held.kind) {
            contents.push((key, held.value));
        }
    }
    contents.sort();
    contents
}

fn any_kind(_: &str) -> bool {
    true
}

fn durable(kind: &str) -> bool {
    kind.starts_with("mylog-")
}

fn connect(server: &Server) -> [Client; 2] {
    let mut native = server.client();
    native.ok(&format!("SELECT {NATIVE_DB}"));
    [native, server.client()]
}

#[test]
fn what_random_commands_leave_survives_reload_rewrite_and_kill9() {
    let seed = fastrand::u64(..);
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut server = Server::build().mylog("auto-rewrite-percentage", "0").start();
    let mut clients = connect(&server);
    for round in 0..9 {
        let rewritten = round % 3 == 1;
        if rewritten {
            hold(&mut clients[1], if rng.bool() { "start" } else { "walked" });
        }
        run(&mut clients, &mut rng);
        let [native, twin] = &mut clients;
        let expected = contents(native, any_kind);
        assert!(!expected.is_empty());
        assert!(contents(twin, any_kind) == expected, "seed {seed}: round {round}");
        let kept = contents(twin, durable);
        let digest = twin.run("MYLOG.DEBUG DIGEST");
        match round % 3 {
            0 => twin.ok("DEBUG RELOAD"),
            1 => {
                release(twin);
                wait_idle(twin);
                assert_eq!(rewriting::info_text(twin, "last_rewrite_status"), "ok");
            }
            _ => {}
        }
        if rewritten || round % 3 == 2 {
            server.kill9();
            server.restart();
            clients = connect(&server);
            let twin = &mut clients[1];
            assert_eq!(
                twin.run("MYLOG.DEBUG DIGEST"),
                digest,
                "seed {seed}: round {round}"
            );
            assert!(contents(twin, durable) == kept, "seed {seed}: round {round}");
            // The cache has forgotten: both begin anew.
            for client in &mut clients {
                for key in client.run("KEYS *").items().into_iter().filter_map(Reply::bytes) {
                    client.cmd([b"DEL".as_slice(), &key]);
                }
            }
        } else {
            assert_eq!(
                clients[1].run("MYLOG.DEBUG DIGEST"),
                digest,
                "seed {seed}: round {round}"
            );
        }
    }
}
