//! Blocking pops and SORT, where keys are native under a captured prefix.

use crate::server::adopt::command::{adopt, capture};
use crate::support::keyspace::kind;
use crate::support::sync_gate::Later;
use crate::support::{Reply, Server, wait_for};

fn server() -> Server {
    Server::build().mylog("appendfsync", "always").start()
}

#[test]
fn blocking_pops_take_from_native_keys_as_natively() {
    let (server, stock) = (server(), Server::stock().start());
    let (mut client, mut model) = (server.client(), stock.client());
    for client in [&mut client, &mut model] {
        client.run("RPUSH order:l a b c d e f g h");
        client.run("RPUSH order:k k");
        client.run("ZADD order:z 1 a 2 b 3 c 4 d");
    }
    capture(&mut client, "order:");
    for line in [
        "BLPOP order:l 0",
        "BRPOP order:none order:l 0",
        "BLMPOP 0 2 order:none order:l LEFT COUNT 2",
        "BLMOVE order:l order:k LEFT RIGHT 0",
        "BRPOPLPUSH order:l order:k 0",
        "BZPOPMIN order:z 0",
        "BZPOPMAX order:none order:z 0",
        "BZMPOP 0 1 order:z MIN",
        "BLPOP order:z 0",
        "SORT order:k ALPHA DESC",
        "SORT order:l ALPHA LIMIT 0 1",
        "SORT order:z BY nosort",
    ] {
        let words = || line.split(' ');
        assert_eq!(client.raw(words()), model.raw(words()), "{line}");
    }
    assert_eq!(kind(&mut client, b"order:k"), "list");
    // These would make a native key, or miss durable ones.
    for line in [
        "BLMOVE order:l order:new LEFT LEFT 0",
        "SORT order:k BY order:w_*",
        "SORT order:k ALPHA STORE order:new",
    ] {
        let reply = client.run(line);
        assert!(
            reply.is_error("ERR '") && reply.clone().text().contains("MYLOG.ADOPT"),
            "{line}: {reply:?}"
        );
    }
}

/// Who waits for a durable list is served when a native one of that name becomes one.
#[test]
fn an_adoption_wakes_who_waits_for_the_key() {
    let mut server = server();
    let mut client = server.client();
    client.run("RPUSH order:other a b");
    capture(&mut client, "order:");
    let waiting = Later::send(server.client(), "BLPOP order:l 0");
    wait_for("it waits", || client.info_u64("clients", "blocked_clients") >= 1);
    client.ok("RENAME order:other order:l");
    assert_eq!(kind(&mut client, b"order:l"), "list");
    adopt(&mut client, "order:");
    let pair = ["order:l", "a"].map(|text| Reply::Bulk(text.into()));
    assert_eq!(waiting.reply(), Reply::Array(pair.into()));
    assert_eq!(
        client.run("LRANGE order:l 0 -1").items(),
        [Reply::Bulk(b"b".to_vec())]
    );
    server.kill9();
    server.restart();
    let left = server.client().run("MYLOG.LRANGE order:l 0 -1").items();
    assert_eq!(left, [Reply::Bulk(b"b".to_vec())]);
}
