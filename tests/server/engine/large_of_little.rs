//! Logs that make much of few bytes and are right: the next start loads what a server has held, whatever its limits say
//! by then.

use std::path::Path;

use crate::support::{Client, Server, ServerBuilder};

fn build(dir: &Path) -> ServerBuilder {
    Server::build()
        .mylog("dir", dir.to_str().unwrap())
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
}

fn run_ok(client: &mut Client, words: &[&str]) {
    let reply = client.cmd(words);
    assert!(!reply.is_error(""), "{words:?}: {reply:?}");
}

/// What `server` holds is there behind a kill, on a server with this setting more.
fn assert_loaded_behind_a_kill(mut server: Server, dir: &Path, (name, value): (&str, &str)) {
    let digest = server.client().run("MYLOG.DEBUG DIGEST");
    server.kill9();
    let server = build(dir).config(name, value).start();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

#[test]
fn sets_of_integers_that_take_less_memory_than_their_text_are_copied_as_often_as_maxmemory_allows() {
    let folder = tempfile::tempdir().unwrap();
    let server = build(folder.path()).config("maxmemory", "150mb").start();
    let mut client = server.client();
    let members: Vec<String> = (0..500)
        .map(|n| (9_000_000_000_000_000_000_u64 + n).to_string())
        .collect();
    let mut add = vec!["MYLOG.SADD", "set"];
    add.extend(members.iter().map(String::as_str));
    run_ok(&mut client, &add);
    let copies = "for n = 1, 40000 do redis.call('MYLOG.COPY', 'set', 'copy:' .. n) end";
    run_ok(&mut client, &["EVAL", copies, "0"]);
    // All of it is within the limit.
    client.ok("MYLOG.SET more value");
    assert_loaded_behind_a_kill(server, folder.path(), ("maxmemory", "150mb"));
}

#[test]
fn a_transaction_that_went_past_maxmemory_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let server = build(folder.path()).config("maxmemory", "60mb").start();
    let mut client = server.client();
    run_ok(&mut client, &["MYLOG.SET", "value", &"v".repeat(10 << 20)]);
    // The server looks at the limit before EXEC, not in it.
    client.ok("MULTI");
    for n in 0..20 {
        assert_eq!(client.run(&format!("MYLOG.COPY value copy:{n}")).text(), "QUEUED");
    }
    assert_eq!(client.run("EXEC").items().len(), 20);
    assert_loaded_behind_a_kill(server, folder.path(), ("maxmemory", "60mb"));
}

#[test]
fn one_string_that_went_past_maxmemory_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let server = build(folder.path()).config("maxmemory", "60mb").start();
    let mut client = server.client();
    run_ok(&mut client, &["MYLOG.SETBIT", "bits", "2400000000", "1"]);
    assert_loaded_behind_a_kill(server, folder.path(), ("maxmemory", "60mb"));
}

#[test]
fn a_string_from_before_proto_max_bulk_len_was_lowered_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let server = build(folder.path()).start();
    let mut client = server.client();
    run_ok(&mut client, &["MYLOG.SETBIT", "bits", "500000000", "1"]);
    assert_loaded_behind_a_kill(server, folder.path(), ("proto-max-bulk-len", "1mb"));
}

#[test]
fn a_string_that_a_higher_proto_max_bulk_len_let_grow_is_loaded_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = build(folder.path()).config("proto-max-bulk-len", "1gb").start();
    let mut client = server.client();
    let part = "v".repeat(100 << 20);
    for _ in 0..5 {
        run_ok(&mut client, &["MYLOG.APPEND", "value", &part]);
    }
    run_ok(&mut client, &["MYLOG.SETRANGE", "value", "550000000", "end"]);
    assert_loaded_behind_a_kill(server, folder.path(), ("proto-max-bulk-len", "512mb"));
}
