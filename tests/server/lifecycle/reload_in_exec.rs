//! DEBUG RELOAD: in an EXEC a unit is on disk as a whole, or not at all, and what another file brings is there once the
//! reply is.

use crate::support::keyspace::survives_kill9;
use crate::support::slow_disk::SlowDisk;
use crate::support::{Server, log_check, wait_for};

/// Groups and records that the log of a folder has behind its snapshot.
fn data(server: &Server) -> String {
    let (_, said) = log_check::check(&server.log_dir());
    let line = said.lines().find(|line| line.starts_with("data:"));
    line.and_then(|line| line.split(", durable").next())
        .unwrap()
        .to_owned()
}

#[test]
fn a_reload_inside_of_a_unit_does_not_put_half_of_it_to_disk() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    client.ok("MYLOG.SET before 0");
    client.ok("MULTI");
    for line in ["MYLOG.SET a 1", "DEBUG RELOAD", "MYLOG.SET b 2"] {
        client.run(line);
    }
    let replies = client.run("EXEC").items();
    assert!(replies.len() == 3 && replies.iter().all(crate::support::Reply::is_ok));
    assert_eq!(data(&server), "data: 2 groups, 3 records, seq 1..3");
    wait_for("the key space is what it should be", || {
        client.run("DBSIZE").int() == 3
    });
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("EXISTS before a b").int(), 3);
}

#[test]
fn an_acknowledged_reload_of_another_data_set_is_on_disk() {
    let disk = SlowDisk::new();
    let mut server = disk.build().start();
    let mut client = server.client();
    client.ok("MYLOG.SET saved D");
    wait_for("SAVE", || client.run("SAVE").is_ok());
    client.ok("MYLOG.SET later D");
    client.run("MYLOG.DEL saved");
    client.ok("DEBUG RELOAD NOSAVE");
    let info = client.info("mylog");
    assert_eq!(info["mylog_durable_seq"], info["mylog_queued_seq"]);
    let after = survives_kill9(&mut server);
    assert_eq!(
        after.keys().map(|(_, name)| &**name).collect::<Vec<_>>(),
        ["saved"]
    );
}
