//! A hundred clients that wait for lists and sorted sets, served by everything that can make one: in the order in
//! which native keys serve theirs, each pop logged once, and all of it there after a crash.

use crate::support::keyspace::survives_kill9;
use crate::support::{Client, Server, log_check, wait_for};

const CLIENTS: usize = 100;
const ROUNDS: usize = 9;
const NATIVE: &str = "nat:";
const CAPTURED: &str = "cap:";

/// What clients wait with, and the records of the pop.
const WAITERS: [(&str, u64); 8] = [
    ("BLPOP @a @b 0", 1),
    ("BRPOP @b @a 0", 1),
    ("BLMPOP 0 2 @a @b LEFT COUNT 2", 1),
    ("BLMOVE @a @moved LEFT RIGHT 0", 2),
    ("BRPOPLPUSH @b @moved 0", 2),
    ("BZPOPMIN @z @y 0", 1),
    ("BZPOPMAX @y @z 0", 1),
    ("BZMPOP 0 2 @z @y MIN COUNT 3", 1),
];

/// What wakes them, and its records; `%` is a number that is used once.
const WAKERS: [(&str, u64); 17] = [
    ("MULTI", 0),
    ("RPUSH @b % %", 1),
    ("ZADD @y 1 % 2 %", 1),
    ("LPUSH @a % %", 1),
    ("EXEC", 0),
    (
        "EVAL redis.call('RPUSH',KEYS[1],ARGV[1],ARGV[2])redis.call('RPUSH',KEYS[2],ARGV[3]) 2 @a @b % % %",
        2,
    ),
    ("RPUSH @s % % %", 1),
    ("LMOVE @s @a LEFT RIGHT", 2),
    // One that takes a name from another makes two.
    ("DEL @b", 0),
    ("RENAME @s @b", 1),
    ("RPUSH @s % %", 1),
    ("RESTORE @a 0 DUMP @s", 1),
    ("ZADD @t 1 % 2 % 3 % 4 %", 1),
    ("ZRANGESTORE @z @t 0 1", 1),
    ("ZUNIONSTORE @y 1 @t", 1),
    ("SORT @t DESC LIMIT 0 3 STORE @a", 1),
    ("SORT @t BY nosort STORE @b", 1),
];

fn blocked(client: &mut Client) -> u64 {
    client.info_u64("clients", "blocked_clients")
}

fn words(line: &str, prefix: &str, number: &mut u64) -> Vec<Vec<u8>> {
    let word = |word: &str| match word {
        "%" => {
            *number += 1;
            number.to_string().into_bytes()
        }
        word => word.replace('@', prefix).into_bytes(),
    };
    line.split(' ').map(word).collect()
}

fn wait_with(server: &Server, other: &mut Client, line: &str, prefix: &str) -> Client {
    let before = blocked(other);
    let mut client = server.client();
    client.send(words(line, prefix, &mut 0));
    wait_for("it is blocked", || blocked(other) == before + 1);
    client
}

/// Wakes all of them; returns what each was told, and the records that should make.
fn serve(server: &Server, prefix: &str) -> (Vec<String>, u64) {
    let mut other = server.client();
    let idle = blocked(&mut other);
    let waiters = WAITERS.iter().cycle().take(CLIENTS);
    let mut records: u64 = waiters.clone().map(|(_, records)| records).sum();
    let mut waiting: Vec<Client> = waiters
        .map(|(line, _)| wait_with(server, &mut other, line, prefix))
        .collect();
    let mut number = 0;
    for _ in 0..ROUNDS {
        for (line, made) in WAKERS {
            let mut words = words(line, prefix, &mut number);
            if line.starts_with("RESTORE") {
                let source = words.pop().expect("a key");
                let dump = other.cmd([b"DUMP".as_slice(), &source]).bytes().expect("a dump");
                words.splice(3.., [dump, b"REPLACE".to_vec()]);
            }
            let reply = other.cmd(words);
            assert!(!reply.is_error(""), "{line}: {reply:?}");
            records += made;
            if line.starts_with("DEL") {
                records += u64::try_from(reply.int()).expect("a count");
            }
        }
    }
    wait_for("all are served", || blocked(&mut other) == idle);
    let told = waiting.iter_mut().map(|client| {
        let raw = client.recv_raw().1;
        raw.escape_ascii().to_string().replace(prefix, "@")
    });
    (told.collect(), records)
}

fn contents(client: &mut Client, prefix: &str) -> Vec<Vec<u8>> {
    let lists = ["a", "b", "moved"].map(|key| format!("LRANGE {prefix}{key} 0 -1"));
    let zsets = ["z", "y"].map(|key| format!("ZRANGE {prefix}{key} 0 -1 WITHSCORES"));
    let all = lists.iter().chain(&zsets);
    all.map(|line| client.raw(line.split(' ')).1).collect()
}

fn crowd(policy: &str) {
    let mut server = Server::build()
        .mylog("appendfsync", policy)
        .mylog("capture", CAPTURED)
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let (native, _) = serve(&server, NATIVE);
    let (captured, records) = serve(&server, CAPTURED);
    for (n, (captured, native)) in captured.iter().zip(&native).enumerate() {
        assert_eq!(
            captured,
            native,
            "client {n}, {}, {policy}",
            WAITERS[n % WAITERS.len()].0
        );
    }
    let mut client = server.client();
    let wanted = contents(&mut client, NATIVE);
    assert_eq!(contents(&mut client, CAPTURED), wanted);
    assert_eq!(
        client.info_u64("mylog", "mylog_queued_seq"),
        records,
        "records, {policy}"
    );
    survives_kill9(&mut server);
    let mut client = server.client();
    assert_eq!(contents(&mut client, CAPTURED), wanted);
    assert_eq!(
        client.info_u64("mylog", "mylog_queued_seq"),
        records,
        "records, {policy}"
    );
    server.term();
    log_check::assert_clean(&server.log_dir());
}

#[test]
fn a_hundred_are_served_in_order_logged_once_and_exact_after_a_crash() {
    crowd("everysec");
}

#[test]
fn a_hundred_whose_answers_wait_for_the_disk_are_served_in_order() {
    crowd("always");
}
