//! Users who may use some databases only, which Valkey has from 9.1 on.

use crate::support::keyspace::kind;
use crate::support::{Client, Reply, Server};

/// A server with such a user, who has given his password and is in his database; `None` where there are none.
fn user_of_database_one(server: &Server) -> Option<Client> {
    let rules = "ACL SETUSER user on nopass ~* +@all db=1";
    if !server.client().run(rules).is_ok() {
        return None;
    }
    let mut client = server.client();
    client.ok("AUTH user any");
    client.ok("SELECT 1");
    Some(client)
}

fn server() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start()
}

#[test]
fn what_a_user_of_one_database_was_acknowledged_survives_kill9() {
    let mut server = server();
    let Some(mut client) = user_of_database_one(&server) else {
        return;
    };
    client.ok("SET order:alone v");
    client.ok("MULTI");
    for line in [
        "SET order:queued v",
        "XADD order:stream * f v",
        "MSET order:a 1 b 2",
    ] {
        assert_eq!(client.run(line), Reply::Simple(b"QUEUED".to_vec()), "{line}");
    }
    let replies = client.run("EXEC").items();
    assert!(replies[0].is_ok(), "{replies:?}");
    assert!(
        replies[1].is_error("ERR 'xadd' has no durable form"),
        "{replies:?}"
    );
    assert!(replies[2].is_error("ERR 'mset' can't mix"), "{replies:?}");
    server.kill9();
    server.restart();
    let mut admin = server.client();
    admin.ok("SELECT 1");
    for key in ["order:alone", "order:queued"] {
        assert_eq!(kind(&mut admin, key.as_bytes()), "mylog-str", "{key}");
    }
    assert_eq!(admin.run("DBSIZE").int(), 2);
}

#[test]
fn a_user_of_one_database_has_all_commands_there_and_none_elsewhere() {
    let server = server();
    let Some(mut client) = user_of_database_one(&server) else {
        return;
    };
    for line in [
        "SET order:1 v",
        "MYLOG.SET plain v",
        "MYLOG.EXPIRE plain 100",
        "mylog.COPY plain other",
    ] {
        let reply = client.run(line);
        assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
    }
    for line in [
        "COPY order:1 order:2 DB 0",
        "MYLOG.COPY order:1 order:2 DB 0",
        "MYLOG.COPYDB order:1 order:2 DB 0",
        "MYLOG.CHECKED COPY cache:1 cache:2 DB 0",
        "MYLOG.FLUSHALL",
        "FLUSHALL",
        "SELECT 0",
    ] {
        assert!(client.run(line).is_error("NOPERM"), "{line}");
    }
    // A client that was there before he was denied it.
    let mut admin = server.client();
    assert!(admin.run("ACL SETUSER other on nopass ~* +@all").is_ok());
    let mut client = server.client();
    client.ok("AUTH other any");
    admin.ok("ACL SETUSER other resetdbs db=1");
    for line in [
        "SET order:1 v",
        "MYLOG.SET order:1 v",
        "XADD order:1 * f v",
        "MYLOG.CHECKED XADD s * f v",
    ] {
        assert!(client.run(line).is_error("NOPERM"), "{line}");
    }
    client.ok("MULTI");
    assert!(client.run("SET order:1 v").is_error("NOPERM"));
    assert!(client.run("EXEC").is_error("EXECABORT"));
    assert_eq!(admin.run("DBSIZE").int(), 0);
}
