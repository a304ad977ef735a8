//! Sets of integers: to every client what the server's own are, and as small.

use std::collections::BTreeMap;

use crate::support::{Client, Reply, Server};

fn server() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start()
}

/// Runs a command on a key of the server's own and on a durable one, and wants the same reply.
#[track_caller]
fn same(client: &mut Client, line: &str) -> Reply {
    let [native, ours] = ["cache:", "order:"].map(|prefix| client.run(&line.replace('@', prefix)));
    assert_eq!(ours, native, "{line}");
    ours
}

fn look(client: &mut Client, key: &str) {
    for line in ["SMEMBERS", "OBJECT ENCODING", "SCARD"] {
        same(client, &format!("{line} {key}"));
    }
    same(
        client,
        &format!("SMISMEMBER {key} 7 007 -7 9223372036854775807 9223372036854775808"),
    );
}

#[test]
fn a_set_of_integers_is_the_servers_own_to_a_client_while_it_grows_and_after_a_kill9() {
    let mut server = server();
    let mut client = server.client();
    for step in [
        "7",
        "-7 300",
        "70000 -70000",
        "9223372036854775807",
        "-9223372036854775808 8",
    ] {
        same(&mut client, &format!("SADD @few {step}"));
        same(&mut client, &format!("SADD @few {step}"));
        look(&mut client, "@few");
        same(&mut client, "SSCAN @few 0");
    }
    same(&mut client, "SREM @few 7 1000 007 +8");
    same(&mut client, "SREM @few 300");
    same(&mut client, "SREM @few 300");
    look(&mut client, "@few");
    for n in (0..512).rev() {
        same(&mut client, &format!("SADD @many {}", n * 300));
    }
    look(&mut client, "@many");
    for line in [
        "SINTER @many @few",
        "SDIFF @few @many",
        "SDIFFSTORE @rest @few @many",
        "SUNIONSTORE @all @few @many",
    ] {
        same(&mut client, line);
    }
    look(&mut client, "@rest");
    same(&mut client, "COPY @few @copy");
    look(&mut client, "@copy");
    // What is no integer, to the byte, ends it: no text may change.
    for (n, text) in ["007", "-0", "+7", "9223372036854775808", "-9223372036854775809"]
        .iter()
        .enumerate()
    {
        let key = format!("@mixed{n}");
        same(&mut client, &format!("COPY @few {key}"));
        same(&mut client, &format!("SADD {key} {text}"));
        same(&mut client, &format!("SISMEMBER {key} {text}"));
        same(&mut client, &format!("SCARD {key}"));
        same(&mut client, &format!("SREM {key} {text}"));
    }
    drop(client);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("SMEMBERS order:few").items().len(), 6);
    assert_eq!(client.run("OBJECT ENCODING order:few").text(), "intset");
    assert_eq!(client.run("OBJECT ENCODING order:many").text(), "intset");
    assert_eq!(client.run("SADD order:many 1").int(), 1);
    assert_ne!(
        client.run("OBJECT ENCODING order:many").text(),
        "intset",
        "past the limit"
    );
    assert_eq!(client.run("SCARD order:many").int(), 513);
}

#[test]
fn every_integer_is_drawn_as_often_as_any_other_and_popped_once() {
    let server = server();
    let mut client = server.client();
    client.run("SADD order:s 1 2 3 400 70000 -5 -600 9223372036854775807 8 9");
    let mut drawn: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for member in client.run("SRANDMEMBER order:s -20000").items() {
        *drawn.entry(member.bytes().unwrap()).or_default() += 1;
    }
    assert_eq!(drawn.len(), 10);
    // 2000 each, give or take 42.
    assert!(
        drawn.values().all(|times| (1750..2250).contains(times)),
        "{drawn:?}"
    );
    for left in (0..10).rev() {
        let popped = client.run("SPOP order:s").bytes().unwrap();
        assert!(drawn.remove(&popped).is_some(), "{popped:?} twice");
        assert_eq!(client.run("SCARD order:s").int(), left);
    }
    assert_eq!(client.run("EXISTS order:s").int(), 0);
}

#[test]
fn ids_take_no_more_memory_than_the_servers_own() {
    let server = server();
    let mut client = server.client();
    for n in 0..100 {
        same(&mut client, &format!("SADD @ids {}", 40_000 + n * 5));
    }
    let [native, ours] =
        ["cache:ids", "order:ids"].map(|key| client.run(&format!("MEMORY USAGE {key}")).int());
    assert!(ours <= native, "{ours} {native}");
}

#[test]
fn a_member_that_is_there_already_or_is_not_there_leaves_no_record() {
    let server = server();
    let mut client = server.client();
    for members in ["1 2 3", "a b c"] {
        client.run(&format!("SADD order:s {members}"));
        let seq = client.info_u64("mylog", "mylog_queued_seq");
        let one = &members[..1];
        for line in [
            format!("SADD order:s {one}"),
            format!("SADD order:s {members}"),
            "SREM order:s nobody".into(),
            "SREM order:s nobody nowhere".into(),
            format!("SREM order:none {one}"),
        ] {
            assert_eq!(client.run(&line).int(), 0, "{line}");
        }
        assert_eq!(client.info_u64("mylog", "mylog_queued_seq"), seq);
        assert_eq!(client.run(&format!("SADD order:s {one} new {one}")).int(), 1);
        assert_eq!(client.run("SREM order:s new nobody new").int(), 1);
        assert_eq!(client.info_u64("mylog", "mylog_queued_seq"), seq + 2);
    }
}
