//! How captured commands are denied: in the words of a stock server, noted in ACL LOG, and with the EXEC aborted.

use crate::support::{Client, Reply, Server};

/// Rules with a command that they deny.
const DENIED: [(&str, &str); 8] = [
    ("~* +@all -set", "SET w1 1"),
    ("~* +@all -hset", "hset w:h f v"),
    ("~* +@all -sadd", "SADD w:s a"),
    ("~* +@all -del", "DEL w1"),
    ("~* +@all -object|encoding", "OBJECT ENCODING w1"),
    ("%W~w* +@all", "SET w1 1 GET"),
    ("%R~w* +@all", "RPUSH w:l a"),
    ("~x* +@all", "GET w1"),
];

struct Side {
    server: Server,
    admin: Client,
}

impl Side {
    fn new(server: Server) -> Self {
        let admin = server.client();
        Self { server, admin }
    }

    fn user(&mut self, rules: &str) -> Client {
        self.admin
            .ok(&format!("ACL SETUSER user reset on nopass {rules}"));
        let mut client = self.server.client();
        client.ok("AUTH user any");
        client
    }

    /// What ACL LOG has: reason, object and user of each entry.
    fn log(&mut self) -> Vec<Vec<String>> {
        let entries = self.admin.run("ACL LOG").items();
        let told = |entry: Reply| -> Vec<String> {
            let words: Vec<String> = match entry {
                Reply::Array(items) => items,
                other => panic!("{other:?}"),
            }
            .into_iter()
            .map(|item| match item {
                Reply::Bulk(_) | Reply::Simple(_) => item.text(),
                _ => String::new(),
            })
            .collect();
            let pairs = words.chunks(2);
            let wanted = ["reason", "object", "username"];
            pairs
                .filter(|pair| wanted.contains(&&*pair[0]))
                .map(|pair| pair[1].clone())
                .collect()
        };
        let told = entries.into_iter().map(told).collect();
        self.admin.ok("ACL LOG RESET");
        told
    }
}

fn sides() -> (Side, Side) {
    let ours = Server::build().mylog("capture", "w").start();
    (Side::new(Server::stock().start()), Side::new(ours))
}

/// A script's error tells where in the script it was, and the name of the script.
fn text(reply: Reply) -> String {
    match reply {
        Reply::Error(text) => String::from_utf8_lossy(&text).into_owned(),
        other => panic!("an error was expected, not {other:?}"),
    }
}

#[test]
fn a_denied_captured_command_is_answered_in_the_native_words() {
    let (mut stock, mut ours) = sides();
    for (rules, line) in DENIED {
        let words: Vec<&str> = line.split(' ').collect();
        let script = ["EVAL", "return redis.call(unpack(ARGV))", "0"];
        let said = [&mut stock, &mut ours].map(|side| {
            let mut client = side.user(rules);
            let plain = text(client.cmd(&words));
            (plain, text(client.cmd(script.iter().chain(&words))))
        });
        assert_eq!(said[0], said[1], "{rules}: {line}");
    }
}

#[test]
fn a_denied_captured_command_is_in_acl_log() {
    let (mut stock, mut ours) = sides();
    for (rules, line) in DENIED {
        let words: Vec<&str> = line.split(' ').collect();
        let script = ["EVAL", "return redis.call(unpack(ARGV))", "0"];
        let noted = [&mut stock, &mut ours].map(|side| {
            let mut client = side.user(rules);
            client.cmd(&words);
            let plain = side.log();
            client.cmd(script.iter().chain(&words));
            (plain, side.log())
        });
        assert_eq!(noted[0], noted[1], "{rules}: {line}");
        assert_eq!(noted[0].0.len(), 1);
    }
}

/// 7.0 tells no filter whose command it is.
fn tells_whose(admin: &mut Client) -> bool {
    !admin.info("server")["redis_version"].starts_with("7.0")
}

#[test]
fn a_denied_captured_command_aborts_its_exec() {
    let (mut stock, mut ours) = sides();
    let aborts = tells_whose(&mut ours.admin);
    for (rules, line) in DENIED {
        let words: Vec<&str> = line.split(' ').collect();
        let done = [&mut stock, &mut ours].map(|side| {
            let mut client = side.user(rules);
            client.ok("MULTI");
            client.run("PING");
            let queued = client.cmd(&words);
            let executed = client.run("EXEC");
            // A transaction that is given up, and one without what is denied.
            client.ok("MULTI");
            client.ok("DISCARD");
            client.ok("MULTI");
            client.run("PING");
            (queued, executed, client.run("EXEC"))
        });
        if aborts {
            assert_eq!(done[0], done[1], "{rules}: {line}");
        } else if let Reply::Array(items) = &done[1].1 {
            assert!(items[1].is_error("NOPERM"), "{rules}: {line}: {done:?}");
        } else {
            assert_eq!(done[0], done[1], "{rules}: {line}");
        }
        assert!(done[0].1.is_error("EXECABORT"));
    }
}

/// Clients that left in the middle of a transaction are forgotten, and those that are still there are not.
#[test]
fn transactions_of_clients_that_left_harm_no_others() {
    let (_, mut ours) = sides();
    if !tells_whose(&mut ours.admin) {
        return;
    }
    let mut first = ours.user("~* +@all -set");
    first.ok("MULTI");
    for _ in 0..200 {
        ours.server.client().ok("MULTI");
    }
    assert!(first.run("SET w1 1").is_error("NOPERM"));
    assert!(first.run("EXEC").is_error("EXECABORT"));
    assert!(ours.admin.run("SET w1 1").is_ok());
}

#[test]
fn a_refusal_needs_no_permission_for_a_command_of_ours() {
    let (_, mut ours) = sides();
    let knows = tells_whose(&mut ours.admin);
    let mut client = ours.user("~* +mset +mylog.mset +multi +exec +eval");
    let refusal = "ERR 'mset' can't mix keys that mylog.capture holds with other keys; nothing was done";
    let script = ["EVAL", "return redis.call('MSET', 'w1', '1', 'x', '2')", "0"];
    assert!(text(client.cmd(script)).starts_with(refusal));
    if knows {
        assert_eq!(text(client.run("MSET w1 1 x 2")), refusal);
    }
    // Who must not run the command is told that, in the native words.
    let mut denied = ours.user("~* +@all -mset");
    let said = text(denied.run("MSET w1 1 x 2"));
    assert!(
        said.starts_with("NOPERM") && said.contains("'mset' command"),
        "{said}"
    );
    let said = text(denied.cmd(script));
    assert!(!said.contains("mix keys"), "{said}");
}

#[test]
fn clients_that_have_not_given_their_password_are_told_nothing() {
    let server = Server::build().mylog("capture", "w").start();
    server.client().ok("CONFIG SET requirepass secret");
    let mut client = server.client();
    assert!(client.run("MSET w1 1 x 2").is_error("NOAUTH"));
    assert!(client.run("MYLOG.REFUSE said").is_error("said"));
    assert!(client.run("MYLOG.SET w1 1").is_error("NOAUTH"));
    client.ok("AUTH secret");
    assert!(client.run("MSET w1 1 x 2").is_error("ERR 'mset' can't mix"));
}

/// Valkey from 8.1 on runs COPY to another database inside a command of ours.
#[test]
fn a_user_who_may_copy_may_copy_to_another_database() {
    let (_, mut ours) = sides();
    let mut client = ours.user("~* +copy +get +set +eval +multi +exec");
    client.ok("SET a 1");
    for _ in 0..2 {
        assert_eq!(client.run("COPY a b DB 1 REPLACE"), Reply::Int(1));
        assert_eq!(client.run("GET a"), Reply::Bulk(b"1".to_vec()));
    }
    let script = ["EVAL", "return redis.call('COPY', 'a', 'c', 'DB', '1')", "0"];
    assert_eq!(client.cmd(script), Reply::Int(1));
    let mut denied = ours.user("~* +@all -copy");
    for line in [
        "COPY a d DB 1",
        "MYLOG.COPYDB a d DB 1",
        "MYLOG.COPYFORALL a d DB 1",
    ] {
        let said = text(denied.run(line));
        assert!(
            said.starts_with("NOPERM") && said.contains("'copy' command"),
            "{said}"
        );
    }
    ours.admin.ok("SELECT 1");
    assert_eq!(ours.admin.run("DBSIZE"), Reply::Int(2));
    // Nobody who has not said who he is gets anything by that name.
    ours.admin.ok("CONFIG SET requirepass secret");
    let mut client = ours.server.client();
    assert!(client.run("MYLOG.COPYFORALL b e").is_error("ERR"));
    assert!(client.run("COPY b e DB 0").is_error("NOAUTH"));
    assert_eq!(ours.admin.run("DBSIZE"), Reply::Int(2));
}
