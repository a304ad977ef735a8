//! DEBUG RELOAD among the commands of an EXEC: a unit is on disk as a whole, or not at all.

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
    for mode in ["wait", "hold"] {
        let mut server = Server::build()
            .mylog("appendfsync", "always")
            .mylog("always-mode", mode)
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
        assert_eq!(data(&server), "data: 2 groups, 3 records, seq 1..3", "{mode}");
        wait_for("the key space is what it should be", || {
            client.run("DBSIZE").int() == 3
        });
        server.kill9();
        server.restart();
        let mut client = server.client();
        assert_eq!(client.run("EXISTS before a b").int(), 3, "{mode}");
    }
}
