//! SORT on captured prefixes, and what random commands do not meet: who may look up what, a log that is down, scripts.

use crate::server::replicas::replica::{agree, primary, replica_of};
use crate::support::keyspace;
use crate::support::small_disk::SmallDisk;
use crate::support::{Client, Reply, Server, wait_for};

fn capturing() -> Server {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "order:")
        .start()
}

fn texts(reply: Reply) -> Vec<String> {
    let items = reply.items().into_iter();
    items
        .map(|item| {
            if item == Reply::Nil {
                "nil".into()
            } else {
                item.text()
            }
        })
        .collect()
}

fn kind(client: &mut Client, key: &str) -> String {
    keyspace::kind(client, key.as_bytes())
}

#[test]
fn sort_of_captured_keys_looks_up_durable_and_native_keys() {
    let server = capturing();
    let mut client = server.client();
    client.run("RPUSH order:l 1 2 3");
    client.run("MSET order:w1 30 order:w3 10");
    client.run("HSET order:h2 f two");
    client.run("MSET w1 5 w2 6");
    assert_eq!(kind(&mut client, "order:l"), "mylog-lst");
    for (line, expected) in [
        ("SORT order:l", "1 2 3"),
        ("SORT order:l DESC LIMIT 1 5", "2 1"),
        ("SORT order:l BY order:w*", "2 3 1"),
        ("SORT order:l BY w* DESC", "2 1 3"),
        ("SORT_RO order:l BY nosort GET # GET w*", "1 5 2 6 3 nil"),
        (
            "SORT order:l GET order:h*->f GET order:w*",
            "nil 30 two nil nil 10",
        ),
    ] {
        assert_eq!(texts(client.run(line)).join(" "), expected, "{line}");
    }
    assert_eq!(
        client.run("SORT order:l BY order:w* STORE order:d"),
        Reply::Int(3)
    );
    assert_eq!(kind(&mut client, "order:d"), "mylog-lst");
    assert_eq!(texts(client.run("LRANGE order:d 0 -1")).join(" "), "2 3 1");
    client.run("EXPIRE order:d 1000");
    client.ok("SET order:s x");
    assert_eq!(client.run("SORT order:l STORE order:d"), Reply::Int(3));
    assert_eq!(client.run("TTL order:d"), Reply::Int(-1));
    assert_eq!(client.run("SORT order:none STORE order:s"), Reply::Int(0));
    assert_eq!(client.run("EXISTS order:s"), Reply::Int(0));
}

#[test]
fn looking_up_does_not_change_native_keys() {
    let server = capturing();
    let mut client = server.client();
    client.run("RPUSH order:l 1 2 3");
    client.run("MSET w1 30 w2 20 w3 short");
    let encodings = |client: &mut Client| -> Vec<String> {
        let keys = ["w1", "w2", "w3"].iter();
        keys.map(|key| client.cmd(["OBJECT", "ENCODING", key]).text())
            .collect()
    };
    let before = encodings(&mut client);
    assert_eq!(before, ["int", "int", "embstr"]);
    assert_eq!(texts(client.run("SORT order:l GET w*")), ["30", "20", "short"]);
    assert_eq!(encodings(&mut client), before);
}

#[test]
fn sort_with_keys_of_both_kinds_is_refused_and_nothing_is_done() {
    let server = capturing();
    let mut client = server.client();
    client.run("RPUSH order:l 2 1");
    client.run("RPUSH l 2 1");
    client.ok("SET order:w1 1");
    for line in [
        "SORT order:l STORE d",
        "SORT l STORE order:d",
        "SORT l BY order:w*",
        "SORT_RO l GET order:w*",
        "SORT l GET # STORE d GET order:h*->f",
    ] {
        let reply = client.run(line);
        assert!(
            reply.is_error("ERR 'sort") && reply.clone().text().contains("mix"),
            "{line}: {reply:?}"
        );
    }
    assert_eq!(client.run("EXISTS d order:d"), Reply::Int(0));
    // None of these names a captured key.
    for line in ["SORT l BY order:w", "SORT l", "SORT l BY w* GET # STORE order"] {
        assert!(!client.run(line).is_error(""), "{line}");
    }
    assert_eq!(kind(&mut client, "order"), "list");
    let reply = client.run("MYLOG.SORT l");
    assert!(reply.is_error("WRONGTYPE"), "{reply:?}");
}

#[test]
fn who_may_not_read_all_keys_may_not_look_any_up() {
    let server = capturing();
    let stock = Server::stock().start();
    for server in [&server, &stock] {
        let mut admin = server.client();
        admin.run("RPUSH order:l 2 1");
        admin.run("MSET order:w1 1 order:w2 2");
        admin.ok("ACL SETUSER some on nopass ~order:l ~order:d +@all");
        admin.ok("ACL SETUSER reader on nopass %R~* ~order:d +@all");
        admin.ok("ACL SETUSER other on nopass ~* +@all -sort");
    }
    let lines = [
        "SORT order:l",
        "SORT order:l BY order:w*",
        "SORT order:l BY nosort",
        "SORT order:l GET #",
        "SORT order:l GET order:w* STORE order:d",
        "SORT_RO order:l GET order:w*",
        "SORT order:l LIMIT x 1 BY order:w*",
        "SORT order:l BY order:w* LIMIT x 1",
        "SORT order:l BY order:w* what",
        "SORT_RO order:l BY order:w* STORE order:d",
        "SORT order:l STORE order:d",
        "SORT order:l STORE order:e",
        "SORT order:e STORE order:l",
        "SORT order:l BY order:w* DESC STORE order:d",
        "EXISTS order:l order:d order:e",
    ];
    for user in ["some", "reader", "other"] {
        let [mut client, mut model] = [&server, &stock].map(|server| {
            let mut client = server.client();
            client.ok(&format!("AUTH {user} any"));
            client
        });
        for line in lines {
            let (found, expected) = (client.run(line), model.run(line));
            // The server names the command or not, by its version.
            let both_denied = found.is_error("NOPERM") && expected.is_error("NOPERM");
            assert!(
                both_denied || found == expected,
                "{user}: {line}: {found:?}, {expected:?}"
            );
        }
    }
}

#[test]
fn who_may_not_read_all_keys_may_sort_but_not_look_up() {
    let server = capturing();
    let mut client = server.client();
    client.run("RPUSH order:l 2 1");
    client.ok("ACL SETUSER user on nopass ~order:* -@all +sort +mylog.sort");
    client.ok("ACL SETUSER lacks on nopass ~* -@all +mylog.sort");
    client.ok("AUTH user any");
    assert_eq!(texts(client.run("MYLOG.SORT order:l")), ["1", "2"]);
    let reply = client.run("MYLOG.SORT order:l GET order:w*");
    assert!(reply.is_error("ERR"), "{reply:?}");
    let mut client = server.client();
    client.ok("AUTH lacks any");
    assert!(client.run("MYLOG.SORT order:l").is_error("NOPERM"));
}

#[test]
fn sets_are_sorted_for_scripts_and_for_what_is_stored() {
    let server = capturing();
    let stock = Server::stock().start();
    let (mut client, mut model) = (server.client(), stock.client());
    let members: Vec<String> = (0..200).map(|n| format!("m{}", n * 7919 % 1009)).collect();
    let script = "return redis.call('SORT', KEYS[1], 'BY', 'nosort', 'LIMIT', 3, 20)";
    for client in [&mut client, &mut model] {
        client.run(&format!("SADD order:s {}", members.join(" ")));
        assert_eq!(
            client.run("SORT order:s BY nosort STORE order:d"),
            Reply::Int(200)
        );
    }
    for line in [
        vec!["LRANGE", "order:d", "0", "-1"],
        vec!["EVAL", script, "1", "order:s"],
    ] {
        let (found, expected) = (client.cmd(&line), model.cmd(&line));
        assert!(!expected.clone().items().is_empty());
        assert_eq!(found, expected, "{line:?}");
    }
}

#[test]
fn the_server_knows_all_keys_of_sort() {
    let server = capturing();
    let mut client = server.client();
    for line in [
        "SORT l",
        "SORT l BY x GET STORE",
        "SORT l LIMIT STORE 1 STORE d",
        "SORT l STORE d STORE e DESC",
        "SORT_RO l BY x*",
    ] {
        let [native, twin] =
            ["", "MYLOG."].map(|name| client.run(&format!("COMMAND GETKEYSANDFLAGS {name}{line}")));
        assert_eq!(twin, native, "{line}");
    }
}

/// What a transaction or a script stores is held with it, and logged once.
#[test]
fn what_units_store_is_durable_and_logged_once() {
    let mut server = capturing();
    let mut client = server.client();
    client.run("RPUSH order:l 3 1 2");
    let seq = |client: &mut Client| client.info_u64("mylog", "mylog_queued_seq");
    let before = seq(&mut client);
    client.ok("MULTI");
    client.run("SORT order:l STORE order:a");
    client.run("SORT order:l DESC STORE order:a");
    assert_eq!(client.run("EXEC").items(), [Reply::Int(3), Reply::Int(3)]);
    let script = "return redis.call('SORT', 'order:a', 'BY', 'nosort', 'STORE', 'order:b')";
    assert_eq!(client.cmd(["EVAL", script, "0"]), Reply::Int(3));
    assert_eq!(client.run("SORT order:none STORE order:c"), Reply::Int(0));
    assert_eq!(seq(&mut client), before + 3);
    server.kill9();
    server.restart();
    let mut client = server.client();
    for key in ["order:a", "order:b"] {
        assert_eq!(texts(client.run(&format!("LRANGE {key} 0 -1"))), ["3", "2", "1"]);
    }
}

#[test]
fn a_cluster_allows_to_look_up_what_the_native_command_may() {
    let servers = [Server::build(), Server::stock()].map(|server| {
        let server = server.with_port().config("cluster-enabled", "yes").start();
        let mut client = server.client();
        client.ok("CLUSTER ADDSLOTSRANGE 0 16383");
        wait_for("the cluster is up", || {
            client.run("CLUSTER INFO").text().contains("cluster_state:ok")
        });
        server
    });
    let [mut client, mut model] = servers.each_ref().map(Server::client);
    client.run("MYLOG.RPUSH {l} 2 1");
    model.run("RPUSH {l} 2 1");
    for line in [
        "SORT {l}",
        "SORT {l} BY w*",
        "SORT {l} GET #",
        "SORT {l} BY nosort GET x*->f",
        "SORT {l} DESC STORE {l}d",
        "SORT {l} DESC STORE d",
    ] {
        assert_eq!(client.run(&format!("MYLOG.{line}")), model.run(line), "{line}");
    }
}

#[test]
fn while_the_log_is_down_sort_reads_and_stores_nothing() {
    let disk = SmallDisk::new("8m");
    disk.take_room(6 << 20);
    let server = Server::build()
        .mylog("dir", disk.path().join("log").to_str().unwrap())
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    client.run("MYLOG.RPUSH l 2 1");
    client.ok("MYLOG.SET durable v");
    client.run("RPUSH native 2 1");
    let value = "v".repeat(100_000);
    client.ok("CONFIG SET mylog.max-wait 100");
    let mut writer = server.client();
    wait_for("the disk is full", || {
        writer.answer_to(["MYLOG.SET", "big", &value]).is_none()
    });
    let digest = client.run("MYLOG.DEBUG DIGEST");
    for line in ["MYLOG.SORT l STORE d", "SORT native STORE durable"] {
        let reply = client.run(line);
        assert!(reply.is_error("MYLOGDOWN "), "{line}: {reply:?}");
    }
    for line in ["MYLOG.SORT l", "MYLOG.SORT_RO l", "SORT native"] {
        assert_eq!(texts(client.run(line)), ["1", "2"], "{line}");
    }
    assert!(client.run("SORT durable").is_error("WRONGTYPE"));
    assert_eq!(client.run("SORT native STORE other"), Reply::Int(2));
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
}

/// Nothing tells them apart, and a large set has another order in each process.
#[test]
fn what_is_stored_of_a_set_whose_members_weigh_the_same_is_so_on_replicas_too() {
    let primary = primary();
    let mut client = primary.client();
    let replica = replica_of(&primary);
    let members: Vec<_> = (0..20_000).map(|n| format!("m{n}")).collect();
    let words = ["MYLOG.SADD", "s"]
        .into_iter()
        .chain(members.iter().map(String::as_str));
    client.cmd(words);
    for line in ["ALPHA", "ALPHA DESC LIMIT 3 100", "ALPHA GET #"] {
        agree(&replica, &primary);
        let mut watching = replica.client();
        watching.ok("WATCH d");
        client.run(&format!("MYLOG.SORT s BY w_* {line} STORE d"));
        agree(&replica, &primary);
        watching.ok("MULTI");
        watching.run("PING");
        assert_eq!(watching.run("EXEC"), Reply::Nil, "who watches it there is told");
    }
}
