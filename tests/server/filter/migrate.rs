//! MIGRATE and RESTORE while the log is down: they would take durable keys away, put others in their place, or make new ones.

use crate::support::keyspace::{all_is_written, durable, picture};
use crate::support::sync_gate::SyncGate;
use crate::support::{Client, Server, wait_for};

fn down(client: &mut Client) {
    wait_for("the log is down", || {
        client.run("MYLOG.SET more v").is_error("MYLOGDOWN")
    });
}

#[test]
fn while_the_log_is_down_migrate_and_restore_asking_leave_durable_keys_alone() {
    let target = Server::build().with_port().start();
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("MYLOG.SET a D");
    client.ok("MYLOG.SET b D");
    client.ok("SET n v");
    client.ok("SET m v");
    let dump = client.run("DUMP n").bytes().unwrap();
    let durable_dump = client.run("DUMP a").bytes().unwrap();
    all_is_written(&mut client);
    let gate = SyncGate::full(&server);
    client.ok("CONFIG SET mylog.max-wait 100");
    assert_eq!(server.client().answer("MYLOG.SET more v"), None);
    down(&mut client);
    let port = target.port().to_string();
    let mut migrate = |words: &[&str]| {
        let head = ["MIGRATE", "127.0.0.1", &port];
        client.cmd(head.iter().chain(words))
    };
    for words in [
        &["a", "0", "5000"][..],
        &["a", "0", "5000", "REPLACE"],
        &["", "0", "5000", "KEYS", "n", "b"],
        &["", "0", "5000", "REPLACE", "keys", "a", "b"],
    ] {
        assert!(migrate(words).is_error("MYLOGDOWN"), "{words:?}");
    }
    assert!(migrate(&["a", "0", "5000", "COPY"]).is_ok());
    assert!(migrate(&["n", "0", "5000"]).is_ok());
    assert!(migrate(&["", "0", "5000", "KEYS", "m"]).is_ok());
    let restore = |client: &mut Client, name: &str| {
        client.cmd([b"RESTORE-ASKING", name.as_bytes(), b"0", &dump, b"REPLACE"])
    };
    assert!(restore(&mut client, "a").is_error("MYLOGDOWN"));
    assert!(restore(&mut client, "n").is_ok());
    // It would be a durable key that the log does not have.
    for name in ["RESTORE", "restore-asking"] {
        let reply = client.cmd([name.as_bytes(), b"new", b"0", &durable_dump]);
        assert!(reply.is_error("MYLOGDOWN"), "{name}: {reply:?}");
    }
    assert_eq!(client.run("EXISTS new").int(), 0);
    gate.open();
    wait_for("the log works again", || client.run("MYLOG.SET more v").is_ok());
    let before = durable(&picture(&mut client));
    assert_eq!(before.len(), 3);
    assert!(
        client
            .cmd(["MIGRATE", "127.0.0.1", &port, "b", "0", "5000"])
            .is_ok()
    );
    all_is_written(&mut client);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("EXISTS a b").int(), 1);
    assert_eq!(target.client().run("MYLOG.MGET a b").items().len(), 2);
}
