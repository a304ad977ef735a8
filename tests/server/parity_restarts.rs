//! Random twins, and after each run of them one of the ways to come back: a reload, a rewrite, kill -9. What
//! the server holds is the same before and after, and the same as the native commands left.

use fastrand::Rng;

use super::parity_commands::any;
use super::{parity, parity_random};
use crate::support::keyspace::all_is_written;
use crate::support::rewriting::{self, hold, release, wait_idle};
use crate::support::{Client, Reply, Server};

/// Commands between two looks.
const RUN: usize = 400;

/// The database in which the native commands run.
const NATIVE_DB: u32 = 1;

fn run(clients: &mut [Client; 2], rng: &mut Rng, seed: u64) {
    for _ in 0..RUN {
        let command = any(rng);
        let [native, twin] = &mut *clients;
        if parity_random::leaves_it_to_chance(&command) {
            parity_random::compare(&command, native, twin, seed);
            continue;
        }
        clients[0].cmd(command.native());
        clients[1].cmd(command.twin());
    }
}

/// The strings, hashes, lists and sets of a database, as the commands under `prefix` show them.
fn contents(client: &mut Client, prefix: &str) -> Vec<(Vec<u8>, Vec<Reply>)> {
    let keys = client.run("KEYS *").items();
    let mut contents = Vec::new();
    for key in keys.into_iter().filter_map(Reply::bytes) {
        let kind = client.cmd([b"TYPE".as_slice(), &key]).text();
        let mut held = match &*kind {
            "string" | "mylog-str" => vec![client.cmd([format!("{prefix}GET").as_bytes(), &key])],
            "hash" | "mylog-hsh" => {
                let hash = client.cmd([format!("{prefix}HGETALL").as_bytes(), &key]);
                hash.items()
                    .chunks(2)
                    .map(|pair| Reply::Array(pair.to_vec()))
                    .collect()
            }
            "list" | "mylog-lst" => {
                let list = client.cmd([format!("{prefix}LRANGE").as_bytes(), &key, b"0", b"-1"]);
                vec![list]
            }
            "set" | "mylog-set" => {
                let set = client.cmd([format!("{prefix}SMEMBERS").as_bytes(), &key]);
                set.items()
            }
            _ => continue,
        };
        held.sort();
        contents.push((key, held));
    }
    contents.sort();
    contents
}

fn connect(server: &Server) -> [Client; 2] {
    let mut native = server.client();
    native.ok(&format!("SELECT {NATIVE_DB}"));
    [native, server.client()]
}

#[test]
fn what_random_commands_leave_survives_reload_rewrite_and_kill9() {
    let seed = parity::seed();
    eprintln!("PARITY_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut server = Server::build().mylog("auto-rewrite-percentage", "0").start();
    let mut clients = connect(&server);
    for round in 0..9 {
        let rewritten = round % 3 == 1;
        if rewritten {
            hold(&mut clients[1], if rng.bool() { "start" } else { "walked" });
        }
        run(&mut clients, &mut rng, seed);
        let [native, twin] = &mut clients;
        let expected = contents(native, "");
        assert!(!expected.is_empty());
        assert_eq!(contents(twin, "MYLOG."), expected, "seed {seed}: round {round}");
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
            // Under everysec a reply does not wait for the write.
            all_is_written(&mut clients[1]);
            server.kill9();
            server.restart();
            clients = connect(&server);
            let twin = &mut clients[1];
            assert_eq!(
                twin.run("MYLOG.DEBUG DIGEST"),
                digest,
                "seed {seed}: round {round}"
            );
            assert_eq!(contents(twin, "MYLOG."), expected, "seed {seed}: round {round}");
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
