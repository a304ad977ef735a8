//! Native commands that meet a durable key where they want a value of their own: refused with the native
//! error, and the key is what it was.

use crate::support::keyspace::picture;
use crate::support::{Reply, Server};

#[test]
fn native_commands_on_durable_keys_are_refused_with_the_native_error() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET a D1 PXAT 4102444800123");
    client.run("MYLOG.HSET h D 1");
    client.run("PFADD p x");
    client.ok("SET n n");
    let before = client.run("MYLOG.DEBUG DIGEST");
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    for line in [
        "GET a",
        "GETSET a n",
        "SET a n GET",
        "APPEND a n",
        "INCR a",
        "HSET h f n",
        "HGETALL h",
        "LPUSH a n",
        "SADD h n",
        "ZADD a 1 n",
        "PFMERGE a p",
        "PFADD a x",
        "GETDEL a",
        "GETEX a PERSIST",
        "SETRANGE a 1 x",
        "SMOVE s a m",
        "BITOP AND x a n",
        "SUNIONSTORE x a",
    ] {
        if line == "SMOVE s a m" {
            client.run("SADD s m");
        }
        let reply = client.run(line);
        assert_eq!(reply, Reply::Error(wrong.into()), "{line}");
    }
    assert_eq!(
        client.run("MGET a h n").items(),
        [Reply::Nil, Reply::Nil, Reply::Bulk(b"n".to_vec())]
    );
    assert_eq!(client.run("SETNX a n").int(), 0);
    assert_eq!(client.run("MSETNX a n z n").int(), 0);
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), before);
    let queued = client.info_u64("mylog", "mylog_queued_seq");
    assert_eq!(queued, 2, "nothing of this is an effect");
    server.kill9();
    server.restart();
    let after = picture(&mut server.client());
    let names: Vec<&str> = after.keys().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["a", "h"]);
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), before);
}

#[test]
fn an_empty_bitop_takes_away_whatever_its_target_is() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET kept D");
    let before = client.run("MYLOG.DEBUG DIGEST");
    client.run("LPUSH native n");
    client.run("MYLOG.HSET durable f v");
    for target in ["native", "durable"] {
        assert_eq!(
            client.run(&format!("MYLOG.BITOP OR {target} none other")).int(),
            0
        );
        assert_eq!(client.run(&format!("EXISTS {target}")).int(), 0, "{target}");
        assert_eq!(client.run(&format!("MYLOG.BITOP OR {target} none")).int(), 0);
    }
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), before);
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), before);
}
