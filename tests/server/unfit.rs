//! What the log can't take is refused before anything has changed, or is gone at once: never acknowledged, never left
//! in the keyspace as a word that leads to nothing.

use super::restores::broken::{dump, restore_at};
use crate::support::keyspace::survives_kill9;
use crate::support::{Client, Server};

/// The name that the module keeps for itself; on 7.0 it is there from a unit's first durable change to its end.
const HIDDEN: &[u8] = b"\0mylog-unit-end\0";

fn always() -> Server {
    Server::build().mylog("appendfsync", "always").start()
}

/// A freed value that a word still leads to is found by whoever writes over it.
fn use_memory(client: &mut Client) {
    for at in 0..100 {
        let value = "n".repeat(at % 40);
        assert!(client.cmd(["SET", &format!("native:{at}"), &value]).is_ok());
    }
}

#[test]
fn the_name_that_the_module_keeps_for_itself_is_refused_and_nothing_else_is() {
    let mut server = always();
    let mut client = server.client();
    let words: [&[&[u8]]; 8] = [
        &[b"MYLOG.SET", HIDDEN, b"x"],
        &[b"MYLOG.HSET", HIDDEN, b"f", b"v"],
        &[b"MYLOG.RPUSH", HIDDEN, b"x"],
        &[b"MYLOG.INCR", HIDDEN],
        &[b"MYLOG.MSET", b"before", b"1", HIDDEN, b"2"],
        &[b"MYLOG.SADD", HIDDEN, b"x"],
        &[b"MYLOG.ZADD", HIDDEN, b"1", b"x"],
        &[b"MYLOG.LMOVE", HIDDEN, b"before", b"LEFT", b"RIGHT"],
    ];
    for command in words {
        assert!(client.cmd(command).is_error("ERR "), "{command:?}");
        client.ok("MULTI");
        client.run("MYLOG.SET a 1");
        client.cmd(command);
        let replies = client.run("EXEC").items();
        assert!(
            replies[0].is_ok() && replies[1].is_error("ERR "),
            "{command:?}: {replies:?}"
        );
    }
    client.cmd([b"MYLOG.SET", b"value".as_slice(), HIDDEN]);
    client.cmd([b"MYLOG.SADD", b"set".as_slice(), HIDDEN]);
    client.cmd([b"MYLOG.HSET", b"hash".as_slice(), HIDDEN, HIDDEN]);
    assert_eq!(client.run("EXISTS a value set hash before").int(), 4);
    assert_eq!(client.run("DBSIZE").int(), 4);
    survives_kill9(&mut server);
}

#[test]
fn what_holds_nothing_has_no_copy_and_no_other_name() {
    let mut server = always();
    let mut client = server.client();
    let ways: [&[&[u8]]; 4] = [
        &[b"COPY", HIDDEN, b"y"],
        &[b"COPY", HIDDEN, b"y", b"DB", b"1"],
        &[b"RENAME", HIDDEN, b"y"],
        &[b"MOVE", HIDDEN, b"1"],
    ];
    for way in ways {
        client.ok("MULTI");
        client.run("MYLOG.SET a 1");
        client.cmd(way);
        client.run("MYLOG.SET b 2");
        client.run("EXEC");
        use_memory(&mut client);
        for db in [1, 0] {
            client.ok(&format!("SELECT {db}"));
            assert_eq!(client.run("EXISTS y").int(), 0, "{way:?}");
            assert_eq!(client.cmd([b"EXISTS", HIDDEN]).int(), 0, "{way:?}");
            client.run("DEL y");
        }
        use_memory(&mut client);
        assert_eq!(client.run("MYLOG.MGET a b").items().len(), 2);
    }
    survives_kill9(&mut server);
}

#[test]
fn a_script_that_copies_all_keys_does_no_harm() {
    let mut server = always();
    let mut client = server.client();
    client.ok("MYLOG.SET a 1");
    client.run("MYLOG.RPUSH list 1 2 3");
    let script = "redis.call('MYLOG.SET', 'first', 1) \
                  for _, key in ipairs(redis.call('KEYS', '*')) do redis.pcall('COPY', key, 'copy:' .. key) end \
                  return redis.call('DBSIZE')";
    for _ in 0..5 {
        client.cmd(["EVAL", script, "0"]);
        use_memory(&mut client);
        for key in client.run("KEYS copy:*").items() {
            let key = key.bytes().unwrap();
            assert!(client.cmd([b"DUMP".as_slice(), &key]).bytes().is_some());
            assert_eq!(client.cmd([b"DEL".as_slice(), &key]).int(), 1);
        }
    }
    survives_kill9(&mut server);
}

#[test]
fn what_native_commands_put_under_the_hidden_name_is_gone_at_once() {
    let mut server = always();
    let mut client = server.client();
    client.ok("MYLOG.SET a 1");
    let payload = dump(&mut client, "a");
    for way in ["copy", "restore", "rename"] {
        client.ok("MYLOG.SET a 1");
        match way {
            "copy" => client.cmd([b"COPY", b"a".as_slice(), HIDDEN]),
            "rename" => client.cmd([b"RENAME", b"a".as_slice(), HIDDEN]),
            _ => restore_at(&mut client, HIDDEN, &payload),
        };
        use_memory(&mut client);
        assert_eq!(client.cmd([b"EXISTS", HIDDEN]).int(), 0, "{way}");
        client.cmd([b"DEL", HIDDEN]);
        use_memory(&mut client);
        client.ok("MYLOG.SET b 2");
    }
    survives_kill9(&mut server);
}

#[test]
fn a_server_with_more_databases_than_the_log_can_name_does_not_load_the_module() {
    let Err(refused) = Server::build().config("databases", "1048577").try_start() else {
        panic!("it was loaded");
    };
    assert!(
        refused.log.contains("more databases than the log can name"),
        "{refused}"
    );
    let lines = refused.log.lines().filter(|line| line.contains("not loaded: "));
    assert_eq!(lines.count(), 1, "{refused}");
}
