//! What the harness itself must keep, shown on a stock server: if it lied, every other test would too.

use std::sync::Arc;

use crate::support::{Client, Ledger, Load, Reply, Server, Workload, leftovers};

fn native() -> Workload {
    Workload {
        commands_prefix: "",
        databases: 2,
        ..Workload::default()
    }
}

#[test]
fn replies_keep_their_bytes_in_both_protocols() {
    let server = Server::stock().start();
    let mut client = server.client();
    let key = b"k\0\n\r\n".as_slice();
    client.cmd([b"HSET".as_slice(), key, b"f", b"\0\xff"]);
    let (reply, raw) = client.raw([b"HGETALL".as_slice(), key]);
    assert_eq!(
        reply,
        Reply::Array(vec![Reply::Bulk(b"f".to_vec()), Reply::Bulk(b"\0\xff".to_vec())])
    );
    assert_eq!(raw, b"*2\r\n$1\r\nf\r\n$2\r\n\0\xff\r\n");
    assert!(matches!(client.run("HELLO 3"), Reply::Map(_)));
    let (reply, raw) = client.raw([b"HGETALL".as_slice(), key]);
    assert_eq!(reply.pairs(), [(b"f".to_vec(), b"\0\xff".to_vec())]);
    assert_eq!(raw, b"%1\r\n$1\r\nf\r\n$2\r\n\0\xff\r\n");
    assert!(client.run("NOSUCH").is_error("ERR unknown command"));
}

#[test]
fn acknowledged_writes_of_a_stock_server_with_aof_always_are_found() {
    let mut server = Server::stock()
        .config("appendonly", "yes")
        .config("appendfsync", "always")
        .start();
    let ledger = Arc::new(Ledger::new(native()));
    for _ in 0..3 {
        let load = Load::start(&server, &ledger);
        load.wait_acked(300);
        server.kill9();
        load.join();
        server.restart();
        let cut = ledger.settle(&mut server.client());
        assert_eq!(cut.lost, 0, "{cut:?}");
        assert!(cut.recovered >= 300, "{cut:?}");
    }
}

#[test]
fn lost_writes_of_a_stock_server_without_persistence_are_noticed() {
    let mut server = Server::stock().start();
    let ledger = Arc::new(Ledger::new(native()));
    let load = Load::start(&server, &ledger);
    load.wait_acked(100);
    server.kill9();
    load.join();
    server.restart();
    let cut = ledger.settle(&mut server.client());
    assert_eq!((cut.recovered, cut.lost), (0, cut.acked));
    assert!(cut.acked >= 100, "{cut:?}");
}

#[test]
#[should_panic(expected = "no prefix of its")]
fn a_hole_is_noticed() {
    let server = Server::stock().start();
    let ledger = Arc::new(Ledger::new(native()));
    let load = Load::start(&server, &ledger);
    load.wait_acked(200);
    load.stop();
    let mut client = server.client();
    assert_eq!(client.run("DEL load:0:twin:0").int(), 1);
    ledger.settle(&mut client);
}

#[test]
fn a_server_leaves_no_process_behind_and_shows_its_open_files() {
    let mut server = Server::stock().with_port().start();
    let pid = server.pid();
    assert_eq!(
        Client::tcp(server.port()).unwrap().run("PING"),
        Reply::Simple(b"PONG".to_vec())
    );
    assert!(leftovers::alive(pid));
    assert!(leftovers::open_files(pid).contains(&"socket".to_owned()));
    assert!(leftovers::children(std::process::id()).contains(&pid));
    assert!(server.term().success());
    assert!(!leftovers::children(std::process::id()).contains(&pid));
    assert_eq!(leftovers::files(&server.data_dir()), Vec::<String>::new());
}

#[test]
fn a_refused_start_tells_why() {
    let refused = Server::stock()
        .config("loadmodule", "/nonexistent.so")
        .try_start()
        .err()
        .unwrap();
    assert!(!refused.status.success());
    assert!(refused.log.contains("nonexistent.so"), "{refused}");
}
