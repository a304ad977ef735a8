//! Exclusions in `mylog.capture`: keys under a captured prefix that stay the cache's.

use crate::server::adopt::command::{adopt, info};
use crate::support::keyspace::kind;
use crate::support::sync_gate::{Later, SyncGate, held, wait_held};
use crate::support::{Client, Reply, Server, wait_for};

const BOTH: &str = "bull: !bull:*:events rq: !rq:results:";

fn server(capture: &str) -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", capture)
        .start()
}

fn capture(client: &mut Client, words: &str) {
    assert!(
        client.cmd(["CONFIG", "SET", "mylog.capture", words]).is_ok(),
        "{words}"
    );
}

#[test]
fn excluded_keys_are_native_and_the_others_under_the_prefix_survive_kill9() {
    let mut server = server(BOTH);
    let mut client = server.client();
    for (name, kind_of) in [
        ("bull:q:events", "string"),
        ("bull::events", "string"),
        ("rq:results:1", "string"),
        ("bull:q:events:1", "mylog-str"),
        ("bull:q:id", "mylog-str"),
        ("rq:result", "mylog-str"),
    ] {
        client.ok(&format!("SET {name} v"));
        assert_eq!(kind(&mut client, name.as_bytes()), kind_of, "{name}");
        assert_eq!(client.run(&format!("GET {name}")).text(), "v");
        assert_eq!(client.run(&format!("TYPE {name}")).text(), "string");
    }
    // What has no durable form goes on there.
    assert_eq!(client.run("XADD bull:p:events 1-1 f v").text(), "1-1");
    assert_eq!(client.run("XLEN bull:p:events").int(), 1);
    assert_eq!(client.run("DEL bull:q:events bull:q:id").int(), 2);
    client.ok("SET bull:q:id w");
    drop(client);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.config("mylog.capture"), BOTH);
    assert_eq!(client.run("GET bull:q:id").text(), "w");
    assert_eq!(client.run("GET rq:result").text(), "v");
    assert_eq!(
        client.run("EXISTS bull::events rq:results:1 bull:p:events").int(),
        0
    );
}

#[test]
fn a_key_that_is_durable_stays_so_when_it_is_excluded() {
    let mut server = server("rq:");
    let mut client = server.client();
    client.ok("SELECT 3");
    client.ok("SET rq:results:elsewhere v");
    client.ok("SELECT 0");
    client.ok("SET rq:results:s 1");
    client.run("HSET rq:results:h f 1");
    client.run("RPUSH rq:results:l a b");
    capture(&mut client, "rq: !rq:results:");
    assert_eq!(client.run("INCR rq:results:s").int(), 2);
    assert_eq!(client.run("HINCRBY rq:results:h f 4").int(), 5);
    assert_eq!(client.run("MGET rq:results:s rq:results:none").items().len(), 2);
    assert_eq!(
        client.run("LMOVE rq:results:l rq:results:l LEFT RIGHT").text(),
        "a"
    );
    assert_eq!(client.run("TYPE rq:results:h").text(), "hash");
    assert_eq!(client.run("OBJECT ENCODING rq:results:s").text(), "int");
    let found = client.run("SCAN 0 COUNT 100 TYPE list").items();
    assert_eq!(
        found[1],
        Reply::Array(vec![Reply::Bulk(b"rq:results:l".to_vec())])
    );
    // A new one is not, nor one of a name that is durable in another database.
    for name in ["rq:results:new", "rq:results:elsewhere"] {
        client.ok(&format!("SET {name} v"));
        assert_eq!(kind(&mut client, name.as_bytes()), "string", "{name}");
        assert_eq!(client.run(&format!("APPEND {name} w")).int(), 2);
    }
    // Once deleted it is native when it comes again: in the midst of a transaction, too.
    for line in ["MULTI", "DEL rq:results:h", "HSET rq:results:h f 1"] {
        client.run(line);
    }
    assert_eq!(client.run("EXEC").items(), [Reply::Int(1), Reply::Int(1)]);
    assert_eq!(kind(&mut client, b"rq:results:h"), "hash");
    drop(client);
    server.kill9();
    server.restart();
    let mut client = server.client();
    // The server was started with the prefix alone.
    capture(&mut client, "rq: !rq:results:");
    assert_eq!(client.run("GET rq:results:s").text(), "2");
    assert_eq!(client.run("LRANGE rq:results:l 0 -1").items().len(), 2);
    assert_eq!(client.run("EXISTS rq:results:h rq:results:new").int(), 0);
}

/// Who calls a command of ours by its name means it.
#[test]
fn the_module_s_own_names_make_excluded_keys_durable_in_any_case() {
    let server = server(BOTH);
    let mut client = server.client();
    client.ok("MYLOG.SET rq:results:1 v");
    // As the filter spells it.
    client.ok("MYLOG.set rq:results:2 v");
    for name in ["rq:results:1", "rq:results:2"] {
        assert_eq!(kind(&mut client, name.as_bytes()), "mylog-str", "{name}");
        assert_eq!(client.run(&format!("GET {name}")).text(), "v");
    }
}

#[test]
fn excluded_keys_and_captured_ones_do_not_mix_in_one_command() {
    let server = server(BOTH);
    let mut client = server.client();
    client.run("RPUSH rq:queue a");
    for line in [
        "LMOVE rq:queue rq:results:1 LEFT LEFT",
        "MSET rq:a v rq:results:1 v",
    ] {
        let reply = client.run(line);
        assert!(reply.is_error("ERR '"), "{line}: {reply:?}");
    }
    assert_eq!(client.run("LRANGE rq:queue 0 -1").items().len(), 1);
    assert_eq!(client.run("EXISTS rq:results:1 rq:a").int(), 0);
    // Names are only names to these, but a native value must not get a captured one.
    client.ok("SET rq:results:1 v");
    assert!(client.run("RENAME rq:results:1 rq:was").is_error("ERR 'rename'"));
    client.ok("RENAME rq:results:1 rq:results:2");
    assert_eq!(client.run("DEL rq:results:2 rq:queue").int(), 2);
}

#[test]
fn an_adoption_leaves_excluded_keys_and_none_of_them_is_counted() {
    let server = server("");
    let mut client = server.client();
    for name in ["rq:a", "rq:results:1", "rq:results:2"] {
        client.ok(&format!("SET {name} v"));
    }
    client.run("XADD rq:results:x 1-1 f v");
    capture(&mut client, BOTH);
    wait_for("what is native is counted", || {
        client
            .info("mylog")
            .get("mylog_native_captured_keys")
            .is_some_and(|keys| keys == "1")
    });
    adopt(&mut client, "rq:");
    assert_eq!(
        (
            info(&mut client, "adopt_keys"),
            info(&mut client, "adopt_skipped")
        ),
        (1, 0)
    );
    assert_eq!(kind(&mut client, b"rq:a"), "mylog-str");
    assert_eq!(kind(&mut client, b"rq:results:1"), "string");
    let reply = client.run("MYLOG.ADOPT rq:results:");
    assert!(reply.is_error("ERR mylog.capture does not hold"), "{reply:?}");
}

#[test]
fn an_exclusion_of_nothing_is_refused_and_changes_nothing() {
    let server = server(BOTH);
    let mut client = server.client();
    for name in ["mylog.capture", "mylog.always-prefixes"] {
        let before = client.config(name);
        let reply = client.cmd(["CONFIG", "SET", name, "order: ! rq:"]);
        assert!(
            matches!(&reply, Reply::Error(text) if String::from_utf8_lossy(text).contains("nothing behind a '!'")),
            "{reply:?}"
        );
        assert_eq!(client.config(name), before);
    }
    assert_eq!(client.run("XADD bull:q:events 1-1 f v").text(), "1-1");
}

#[test]
fn a_key_that_always_prefixes_excludes_waits_for_nobody() {
    let server = Server::build().mylog("appendfsync", "no").start();
    let mut client = server.client();
    client.cmd(["CONFIG", "SET", "mylog.always-prefixes", "order: !order:*:seen"]);
    let gate = SyncGate::shut(&server);
    client.ok("MYLOG.SET order:1:seen v");
    assert_eq!(held(&mut client), 0);
    let waits = Later::send(server.client(), "MYLOG.SET order:1 v");
    wait_held(&mut client, 1);
    gate.open();
    assert!(waits.reply().is_ok());
}
