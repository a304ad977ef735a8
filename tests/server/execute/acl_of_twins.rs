//! Permissions on captured keys: what a user may not run natively he may not run on them, and what he may run he may,
//! for the twins of all five groups. He needs the permission for both names; 7.0 keeps modules out of the categories.

use crate::support::{Client, Reply, Server};

/// Commands of each group with their category: one that writes, and one that reads.
const GROUPS: [(&str, &str, &str); 6] = [
    ("string", "SET order:s v", "GET order:s"),
    ("bitmap", "SETBIT order:b 1 1", "GETBIT order:b 1"),
    ("hash", "HSET order:h f v", "HGETALL order:h"),
    ("list", "RPUSH order:l a", "LRANGE order:l 0 -1"),
    ("set", "SADD order:t a", "SMEMBERS order:t"),
    ("sortedset", "ZADD order:z 1 a", "ZRANGE order:z 0 -1"),
];
/// More of each, with several keys and with a subcommand.
const OTHERS: [&str; 10] = [
    "MGET order:s order:s2",
    "BITOP AND order:b2 order:b",
    "HINCRBY order:h n 1",
    "LMOVE order:l order:l2 LEFT LEFT",
    "SUNIONSTORE order:t2 order:t",
    "ZUNIONSTORE order:z2 1 order:z",
    "ZPOPMIN order:z2",
    "TYPE order:s",
    "OBJECT ENCODING order:s",
    "DEL order:s2",
];

struct Rules {
    server: Server,
    admin: Client,
    /// 7.0: our commands are in no category.
    keeps_out: bool,
}

impl Rules {
    fn new() -> Self {
        Self::of(
            Server::build()
                .mylog("appendfsync", "always")
                .mylog("capture", "order:")
                .start(),
        )
    }

    fn of(server: Server) -> Self {
        let mut admin = server.client();
        let keeps_out = admin.info("server")["redis_version"].starts_with("7.0");
        for (_, write, _) in GROUPS {
            admin.run(write);
        }
        Self {
            server,
            admin,
            keeps_out,
        }
    }

    /// What a user with these rules is answered: plain, queued and from a script. True where all refuse it.
    fn refuses(&mut self, rules: &str, line: &str) -> bool {
        self.admin
            .ok(&format!("ACL SETUSER user reset on nopass {rules}"));
        let mut client = self.server.client();
        client.ok("AUTH user any");
        let words: Vec<&str> = line.split(' ').collect();
        let plain = client.cmd(&words);
        let script = ["EVAL", "return redis.call(unpack(ARGV))", "0"];
        let scripted = client.cmd(script.iter().chain(&words));
        client.run("MULTI");
        client.cmd(&words);
        let queued = client.run("EXEC");
        let refused = |reply: &Reply| match reply {
            Reply::Error(_) => true,
            Reply::Array(items) => items.first().is_some_and(|item| matches!(item, Reply::Error(_))),
            _ => false,
        };
        let all = [plain, scripted, queued];
        let count = all.iter().filter(|reply| refused(reply)).count();
        assert!(count == 0 || count == 3, "{rules}: {line}: {all:?}");
        count == 3
    }
}

/// The name of a command, with its subcommand as rules have it.
fn name(line: &str) -> String {
    let line = line.to_lowercase();
    let mut words = line.split(' ');
    match (words.next(), words.next()) {
        (Some("object"), Some(sub)) => format!("object|{sub}"),
        (Some(name), _) => name.to_owned(),
        _ => unreachable!(),
    }
}

fn every_line() -> impl Iterator<Item = &'static str> {
    let groups = GROUPS.iter().flat_map(|(_, write, read)| [*write, *read]);
    groups.chain(OTHERS)
}

/// What every user here has.
const BASE: &str = "~* +eval +multi +exec";

#[test]
fn a_native_command_that_is_denied_is_denied_on_captured_keys() {
    let mut rules = Rules::new();
    for line in every_line() {
        let name = name(line);
        assert!(!rules.refuses("~* +@all", line), "{line}");
        assert!(rules.refuses(&format!("~* +@all -{name}"), line), "-{name}");
    }
    for (category, write, read) in GROUPS {
        for line in [write, read] {
            assert!(
                rules.refuses(&format!("~* +@all -@{category}"), line),
                "-@{category}: {line}"
            );
        }
        assert!(rules.refuses("~* +@all -@write +eval", write), "-@write: {write}");
        assert!(!rules.refuses("~* +@all -@write +eval", read), "-@write: {read}");
        assert!(rules.refuses("~* +@all -@read", read), "-@read: {read}");
    }
}

#[test]
fn a_grant_needs_both_names_or_the_category() {
    let mut rules = Rules::new();
    for line in every_line() {
        let native = name(line);
        let twin = format!("mylog.{}", native.split('|').next().unwrap());
        assert!(rules.refuses(&format!("{BASE} +{native}"), line), "+{native}");
        assert!(rules.refuses(&format!("{BASE} +{twin}"), line), "+{twin}");
        assert!(
            !rules.refuses(&format!("{BASE} +{native} +{twin}"), line),
            "+{native} +{twin}"
        );
    }
    for (category, write, read) in GROUPS {
        for line in [write, read] {
            let keeps_out = rules.keeps_out;
            assert_eq!(
                rules.refuses(&format!("{BASE} +@{category}"), line),
                keeps_out,
                "+@{category}: {line}"
            );
        }
    }
}

/// A stock server with native keys says what a pattern allows.
#[test]
fn key_patterns_hold_on_captured_keys() {
    let mut rules = Rules::new();
    let mut model = Rules::of(Server::stock().start());
    let mut refused = 0;
    let lines: Vec<&str> = every_line().collect();
    for patterns in [
        "~order:*",
        "~cart:*",
        "~order:l ~order:t ~order:s ~order:b",
        "%R~order:*",
        "%W~order:*",
        "%R~order:* %W~order:*",
        "%RW~order:*",
        "%R~order:? %W~order:?2",
        "%RW~order:? %W~order:?2",
        "%R~order:*2",
    ] {
        for line in &lines {
            let rule = format!("{patterns} +@all");
            let wanted = model.refuses(&rule, line);
            assert_eq!(rules.refuses(&rule, line), wanted, "{patterns}: {line}");
            refused += usize::from(wanted);
        }
    }
    assert!(refused > 20 && refused < 9 * lines.len(), "{refused}");
}

#[test]
fn selectors_hold_on_captured_keys() {
    let mut rules = Rules::new();
    for (_, write, read) in GROUPS {
        let (writes, reads) = (name(write), name(read));
        let root = "+eval +multi +exec";
        let both =
            format!("{root} (~order:* +{writes} +mylog.{writes}) (%R~order:* +{reads} +mylog.{reads})");
        assert!(!rules.refuses(&both, write), "{both}: {write}");
        assert!(!rules.refuses(&both, read), "{both}: {read}");
        for selectors in [
            format!("(~cart:* +{writes} +mylog.{writes})"),
            format!("(%R~order:* +{writes} +mylog.{writes})"),
            format!("(~order:* +mylog.{writes})"),
            format!("(~order:* +{writes})"),
            format!("(~order:* +{reads} +mylog.{reads}) (~cart:* +@all)"),
        ] {
            assert!(
                rules.refuses(&format!("{root} {selectors}"), write),
                "{selectors}: {write}"
            );
        }
    }
}

/// The rules of the user that every client is at first change while he is known.
#[test]
fn the_default_user_may_at_once_what_his_rules_say_by_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.acl");
    let rules = |more: &str| {
        std::fs::write(&file, format!("user default on nopass ~* &* +@all {more}\n")).expect("rules")
    };
    rules("");
    let server = Server::build()
        .mylog("capture", "order:")
        .config("aclfile", file.to_str().expect("a name"))
        .start();
    let mut client = server.client();
    assert_eq!(client.run("INCR order:n"), Reply::Int(1));
    client.ok("ACL SETUSER default -incr");
    assert!(client.run("INCR order:n").is_error("NOPERM"));
    client.ok("ACL SETUSER default +incr");
    assert_eq!(client.run("INCR order:n"), Reply::Int(2));
    for _ in 0..3 {
        rules("-incr");
        client.ok("ACL LOAD");
        assert!(client.run("INCR order:n").is_error("NOPERM"));
        rules("");
        client.ok("ACL LOAD");
        assert!(client.run("INCR order:n").int() > 2);
    }
}

/// No filter sees what EXEC runs, and a transaction that is being queued has been asked about before.
#[test]
fn the_default_user_may_in_exec_and_in_a_script_what_his_rules_say_by_then() {
    let server = Server::build().mylog("capture", "order:").start();
    let (mut client, mut other) = (server.client(), server.client());
    let script = ["EVAL", "return redis.call('INCR', 'order:n')", "0"];
    for _ in 0..2 {
        assert!(client.run("INCR order:n").int() > 0);
        assert!(client.cmd(script).int() > 0);
        client.ok("MULTI");
        for line in ["INCR order:n", "ACL SETUSER default -incr", "INCR order:n"] {
            assert_eq!(client.run(line), Reply::Simple(b"QUEUED".to_vec()), "{line}");
        }
        let Reply::Array(replies) = client.run("EXEC") else {
            panic!("no EXEC");
        };
        assert!(replies[2].is_error("NOPERM"), "{replies:?}");
        assert!(other.run("INCR order:n").is_error("NOPERM"));
        assert!(format!("{:?}", other.cmd(script)).contains("ERR"));
        client.ok("ACL SETUSER default +incr");
        client.ok("MULTI");
        assert_eq!(client.run("INCR order:n"), Reply::Simple(b"QUEUED".to_vec()));
        other.ok("ACL SETUSER default -incr");
        let queued = client.run("INCR order:n");
        let done = client.run("EXEC");
        // On 7.0 the answer of a denied command is in its place.
        let denied = |reply: &Reply| reply.is_error("NOPERM");
        assert!(
            (denied(&queued) && done.is_error("EXECABORT"))
                || matches!(&done, Reply::Array(replies) if replies.iter().all(denied)),
            "{queued:?} {done:?}"
        );
        other.ok("ACL SETUSER default +incr");
    }
}
