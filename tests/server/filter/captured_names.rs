//! Commands that the filter leads to a twin share one string of the server's for its name, whichever thread frees
//! their arguments, and whatever keeps them for a while: EXEC, the slow log, the server's AOF.

use std::thread;

use crate::support::{Reply, Server};

const CLIENTS: usize = 6;
const ROUNDS: usize = 60;
const KEYS: usize = 25;

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Pipelines of captured commands, alone, queued and in scripts.
fn write_and_read(server: &Server, writer: usize) {
    let mut client = server.client();
    for round in 0..ROUNDS {
        let ok = Reply::Simple(b"OK".to_vec());
        let (mut commands, mut expected) = (Vec::new(), Vec::new());
        for key in 0..KEYS {
            let (name, value) = (
                format!("order:{writer}:{key}"),
                format!("{round}:{}", "v".repeat(key * 8)),
            );
            let read = Reply::Bulk(value.clone().into_bytes());
            let script = "return redis.call('GET',KEYS[1])".to_owned();
            for (command, reply) in [
                (words(&format!("SET {name} {value}")), ok.clone()),
                (words(&format!("get {name}")), read.clone()),
                (words("MULTI"), ok.clone()),
                (words(&format!("GET {name}")), Reply::Simple(b"QUEUED".to_vec())),
                (words("EXEC"), Reply::Array(vec![read.clone()])),
                (vec!["EVAL".to_owned(), script, "1".to_owned(), name], read),
            ] {
                commands.push(command);
                expected.push(reply);
            }
        }
        assert_eq!(client.pipeline(&commands), expected);
    }
}

fn names_stay_whole(threads: &str) {
    let server = Server::build()
        .config("io-threads", threads)
        .config("appendonly", "yes")
        .config("slowlog-log-slower-than", "0")
        .config("slowlog-max-len", "500")
        .mylog("capture", "order:")
        .mylog("appendfsync", "no")
        .start();
    // Valkey lets its threads rest otherwise; others have no such setting.
    server.client().run("CONFIG SET events-per-io-thread 0");
    let done = thread::scope(|scope| {
        let writers = (0..CLIENTS).map(|writer| {
            let server = &server;
            scope.spawn(move || write_and_read(server, writer))
        });
        let writers: Vec<_> = writers.collect();
        writers.into_iter().all(|writer| writer.join().is_ok())
    });
    assert!(done, "{}", server.log());
    let mut led = 0;
    for entry in server.client().run("SLOWLOG GET 500").items() {
        let name = entry.items().remove(3).items().remove(0).text();
        // Valkey 9.1 shows the commands of scripts as they were called.
        let known = ["MYLOG.set", "MYLOG.get", "multi", "exec", "eval", "config", "GET"];
        assert!(
            known.iter().any(|known| name.eq_ignore_ascii_case(known)),
            "{name}"
        );
        led += usize::from(name.starts_with("MYLOG."));
    }
    assert!(led > 100, "{led} of the last commands were led to a twin");
}

#[test]
fn names_that_captured_commands_share_stay_whole() {
    names_stay_whole("1");
}

#[test]
fn names_that_captured_commands_share_stay_whole_with_threads_that_free_arguments() {
    names_stay_whole("4");
}
