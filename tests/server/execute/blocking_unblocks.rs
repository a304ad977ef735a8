//! Who was served, or is to be told why not, is told once, whoever ends his wait in the same turn; and as with
//! native keys he no longer waits then.

use crate::support::io_threads::set_to_work;
use crate::support::{Client, Reply, Server, wait_for};

/// Commands that arrive in one read: `K` is the key, `I` the id of the client that waits for it.
const TURNS: [&[&str]; 9] = [
    &["RPUSH K 1 2", "CLIENT UNBLOCK I ERROR"],
    &["RPUSH K 1 2", "CLIENT UNBLOCK I TIMEOUT"],
    &["RPUSH K 1 2", "CLIENT UNBLOCK I", "CLIENT UNBLOCK I ERROR"],
    &["RPUSH K 1 2", "MULTI", "CLIENT UNBLOCK I ERROR", "EXEC"],
    &["MULTI", "RPUSH K 1 2", "EXEC", "CLIENT UNBLOCK I ERROR"],
    &[
        "MULTI",
        "RPUSH K 1 2",
        "CLIENT UNBLOCK I ERROR",
        "EXEC",
        "LRANGE K 0 -1",
    ],
    &[
        "MULTI",
        "CLIENT UNBLOCK I",
        "RPUSH K 1 2",
        "EXEC",
        "LRANGE K 0 -1",
    ],
    &["EVAL PUSH 1 K", "CLIENT UNBLOCK I ERROR", "LRANGE K 0 -1"],
    &[
        "EVAL PUSH 1 K",
        "CLIENT UNBLOCK I",
        "CLIENT KILL ID 0",
        "LRANGE K 0 -1",
    ],
];
const PUSH: &str = "return redis.call('RPUSH',KEYS[1],1,2)";

fn words(line: &str, key: &str, id: i64) -> Vec<String> {
    let put = |word| match word {
        "K" => key.to_owned(),
        "I" => id.to_string(),
        "PUSH" => PUSH.to_owned(),
        other => other.to_owned(),
    };
    line.split(' ').map(put).collect()
}

/// A client that waits for the key.
fn waiting(server: &Server, other: &mut Client, key: &str) -> (Client, i64) {
    let mut client = server.client();
    let id = client.run("CLIENT ID").int();
    client.send(["BLPOP", key, "0"]);
    wait_for("it is blocked", || {
        let list = other.run(&format!("CLIENT LIST ID {id}")).text();
        list.contains("flags=b")
    });
    (client, id)
}

/// What those are told who sent the commands, and who waited, up to the PONG to his next command.
fn play(server: &Server, turn: &[&str], key: &str) -> (Vec<Reply>, Vec<Reply>) {
    let mut other = server.client();
    other.run(&format!("DEL {key}"));
    let (mut client, id) = waiting(server, &mut other, key);
    let lines: Vec<_> = turn.iter().map(|line| words(line, key, id)).collect();
    let told = other.pipeline(&lines);
    client.send(["ECHO", "end"]);
    let mut heard = vec![client.recv()];
    while !matches!(heard.last(), Some(reply) if *reply == Reply::Bulk(b"end".to_vec())) {
        heard.push(client.recv());
    }
    (told, heard)
}

#[test]
fn who_was_served_is_told_once_and_no_longer_waits_as_with_native_keys() {
    for policy in ["everysec", "always"] {
        let server = Server::build()
            .mylog("appendfsync", policy)
            .mylog("capture", "q:")
            .start();
        for turn in TURNS {
            let native = play(&server, turn, "n:l");
            let (told, heard) = play(&server, turn, "q:l");
            let heard = format!("{heard:?}").replace("q:l", "n:l");
            assert_eq!(told, native.0, "{policy}: {turn:?}");
            assert_eq!(heard, format!("{:?}", native.1), "{policy}: {turn:?}");
        }
    }
}

/// Threads read both connections, and the server may run what they have read after the end of the turn.
#[test]
fn who_was_served_is_told_of_it_whoever_ends_the_wait_beside_io_threads() {
    for policy in ["everysec", "always"] {
        let server = Server::build()
            .mylog("appendfsync", policy)
            .mylog("capture", "q:")
            .config("io-threads", "4")
            .start();
        let (mut pushes, mut ends) = (server.client(), server.client());
        set_to_work(&mut ends);
        let mut client = server.client();
        let id = client.run("CLIENT ID").int().to_string();
        for turn in 0..300 {
            client.send(["BLPOP", "q:l", "0"]);
            wait_for("it is blocked", || {
                ends.info_u64("clients", "blocked_clients") == 1
            });
            pushes.send(["RPUSH", "q:l", "v"]);
            ends.send(["CLIENT", "UNBLOCK", &id, "ERROR"]);
            let (told, ended) = (client.recv(), ends.recv().int() == 1);
            assert_eq!(pushes.recv(), Reply::Int(1));
            assert_eq!(
                told.is_error("UNBLOCKED"),
                ended,
                "{policy}, turn {turn}: {told:?}"
            );
            let left = ends.run("DEL q:l").int();
            assert_eq!(
                left == 1,
                ended,
                "{policy}, turn {turn}: {told:?}, and {left} is left"
            );
        }
    }
}
