//! Who changes a key in another database stays in his own. Some servers would leave him in the other one, for the mere
//! presence of a module.

use crate::server::replicas::replica::{agree, primary, replica_of};
use crate::support::keyspace::{all_is_written, durable, picture, same};
use crate::support::sync_gate::SyncGate;
use crate::support::{Client, Reply, Server};

/// Lines that change a key in database 1 from database 0; `@` is a name of the try.
const LINES: [&[&str]; 7] = [
    &["SET n@ N", "COPY n@ c@ DB 1"],
    &["MYLOG.SET d@ D", "COPY d@ c@ DB 1 REPLACE"],
    &["MYLOG.SET d@ D", "MYLOG.COPY d@ c@ DB 1"],
    &["SET order:@ D", "COPY order:@ c@ DB 1"],
    &["SET n@ N", "MOVE n@ 1"],
    &["MYLOG.SET d@ D", "MOVE d@ 1"],
    &["COPY missing@ c@ DB 1"],
];

fn database(client: &mut Client) -> String {
    let info = client.run("CLIENT INFO").text();
    let field = info.split(' ').find_map(|field| field.strip_prefix("db="));
    field.expect("a database").to_owned()
}

/// Runs a line in each way there is, each under another name, and looks where that leaves the client.
fn in_every_way(client: &mut Client, lines: &[&str], number: usize) {
    let line = |line: &str, way: &str| line.replace('@', &format!("{number}{way}"));
    for one in lines {
        client.run(&line(one, "plain"));
    }
    assert_eq!(database(client), "0", "{lines:?}");
    client.ok("MULTI");
    for one in lines {
        client.run(&line(one, "multi"));
    }
    client.run(&format!("SET behind:{number} multi"));
    client.run("EXEC");
    assert_eq!(database(client), "0", "{lines:?} in MULTI");
    let mut script = String::new();
    for one in lines.iter().map(|one| line(one, "script")) {
        let words: Vec<String> = one.split(' ').map(|word| format!("'{word}'")).collect();
        script += &format!("redis.call({}) ", words.join(","));
    }
    script += &format!("redis.call('SET','in:{number}','script')");
    assert_eq!(client.cmd(["EVAL", &script, "0"]), Reply::Nil, "{lines:?}");
    assert_eq!(database(client), "0", "{lines:?} in a script");
    client.ok("SELECT 0");
    let behind = format!("EXISTS behind:{number} in:{number}");
    assert_eq!(client.run(&behind).int(), 2, "{lines:?}");
}

fn all_lines(primary: &Server) {
    let mut client = primary.client();
    client.ok("CONFIG SET mylog.capture order:");
    for (number, lines) in LINES.iter().enumerate() {
        in_every_way(&mut client, lines, number);
    }
}

#[test]
fn who_copies_or_moves_to_another_database_stays_in_his_own() {
    for policy in ["everysec", "always"] {
        let mut server = Server::build().mylog("appendfsync", policy).start();
        all_lines(&server);
        let mut client = server.client();
        client.ok("SELECT 1");
        assert_eq!(client.run("DBSIZE").int(), 18, "{policy}");
        let digest = client.run("MYLOG.DEBUG DIGEST");
        client.run("MYLOG.WAIT 0");
        server.kill9();
        server.restart();
        assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest, "{policy}");
    }
}

#[test]
fn replicas_copy_and_move_in_the_same_databases() {
    let primary = primary();
    let replica = replica_of(&primary);
    all_lines(&primary);
    agree(&replica, &primary);
}

#[test]
fn a_copy_to_another_database_goes_on_while_the_log_is_down() {
    let server = Server::build()
        .mylog("appendfsync", "always")
        .mylog("max-wait", "100")
        .start();
    let mut client = server.client();
    client.ok("SET n N");
    client.ok("MYLOG.SET d D");
    all_is_written(&mut client);
    let gate = SyncGate::full(&server);
    assert_eq!(server.client().answer("MYLOG.SET more v"), None);
    assert!(client.run("MYLOG.SET more v").is_error("MYLOGDOWN"));
    assert!(client.run("MYLOG.GET more").is_error("NOTDURABLE"));
    assert_eq!(client.run("COPY n c DB 1").int(), 1);
    assert!(client.run("COPY d c DB 1 REPLACE").is_error("MYLOGDOWN"));
    assert_eq!(database(&mut client), "0");
    gate.open();
}

#[test]
fn who_may_not_copy_may_not_copy_to_another_database() {
    let server = Server::build().start();
    let mut admin = server.client();
    admin.ok("SET n N");
    admin.ok("ACL SETUSER one on nopass ~* +@all -copy");
    let mut one = server.client();
    one.ok("AUTH one any");
    assert!(one.run("COPY n c DB 1").is_error("NOPERM"));
    assert!(one.run("COPY n c").is_error("NOPERM"));
}

#[test]
fn what_exec_does_in_another_database_is_recovered_in_that_one() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.run("SADD set m");
    client.ok("SELECT 3");
    for key in ["a", "b", "c"] {
        client.ok(&format!("MYLOG.SET {key} D{key}"));
    }
    // What is queued behind a command selects another database than the one that it runs in.
    client.ok("MULTI");
    for line in [
        "MOVE a 0",
        "COPY b b DB 0",
        "SELECT 0",
        "COPY a copy-of-a",
        "EXPIREAT b 4102444800",
        "MYLOG.SET d Dd",
        "SELECT 3",
        "RENAME c e",
        "SELECT 5",
    ] {
        client.run(line);
    }
    assert!(client.run("EXEC").items().iter().all(|reply| !reply.is_error("")));
    // A copy of a value that is filed elsewhere was freed, and its word left for the next who takes the name.
    client.ok("SELECT 0");
    client.ok("MULTI");
    client.run("SUNIONSTORE copy-of-a set");
    client.run("MYLOG.SET copy-of-a D");
    client.run("EXEC");
    let before = durable(&picture(&mut client));
    server.kill9();
    server.restart();
    let after = picture(&mut server.client());
    same(&after, &before);
    let names: Vec<_> = after.keys().map(|(db, name)| format!("{db}{name}")).collect();
    assert_eq!(names, ["0a", "0b", "0copy-of-a", "0d", "3b", "3e"]);
}

#[test]
fn a_script_in_exec_works_on_the_database_it_runs_in() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    client.ok("SELECT 3");
    client.ok("MULTI");
    let script = "redis.call('mylog.set','a','D') redis.call('move','a','0') redis.call('mylog.set','b','D')";
    client.cmd(["EVAL", script, "0"]);
    client.run("SELECT 5");
    assert!(client.run("EXEC").items().iter().all(|reply| !reply.is_error("")));
    server.kill9();
    server.restart();
    let after = picture(&mut server.client());
    let names: Vec<_> = after.keys().map(|(db, name)| format!("{db}{name}")).collect();
    assert_eq!(names, ["0a", "3b"]);
}
