//! What the log can't take is refused before anything has changed, or is gone at once: never acknowledged, never left
//! in the keyspace as a word that leads to nothing.

use crate::support::keyspace::survives_kill9;
use crate::support::{Client, Server};

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
