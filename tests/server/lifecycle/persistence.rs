//! The server's own persistence beside the log: it works with durable keys, and loses none of them.

use std::process::Command;

use crate::support::keyspace::{durable, fill, picture, same, survives_kill9};
use crate::support::{Client, Server, wait_for};

/// Changes of every kind behind what was saved.
fn change(client: &mut Client) {
    for db in [0, 3] {
        client.ok(&format!("SELECT {db}"));
        client.run("DEL str:2 hash:2");
        client.ok("MYLOG.SET str:3 Dnew");
        client.run("MYLOG.HDEL hash:3 other");
        client.ok("RENAME str:4 renamed");
        client.run("COPY hash:4 copied");
        client.run("PERSIST str:1");
        client.run("PEXPIREAT str:5 4102444800789");
        client.ok("SET str:6 n");
        client.run("DEL native:1");
        client.ok("MYLOG.SET native:1 D");
        client.run("MYLOG.INCR counter");
    }
    client.ok("RENAME native:7 hash:7");
    client.run("MOVE str:8 0");
    client.ok("SELECT 0");
}

fn saved(client: &mut Client) {
    wait_for("the end of BGSAVE", || {
        client.info_u64("persistence", "rdb_bgsave_in_progress") == 0
    });
    assert_eq!(client.info("persistence")["rdb_last_bgsave_status"], "ok");
}

fn rewritten(client: &mut Client) {
    wait_for("the end of BGREWRITEAOF", || {
        let info = client.info("persistence");
        info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0"
    });
    assert_eq!(client.info("persistence")["aof_last_bgrewrite_status"], "ok");
}

/// Fills, saves in one way, compares, kills, changes, kills again.
fn loses_nothing(mut server: Server, save: impl Fn(&mut Client)) {
    let mut client = server.client();
    fill(&mut client);
    let before = picture(&mut client);
    save(&mut client);
    same(&picture(&mut client), &before);
    survives_kill9(&mut server);
    let mut client = server.client();
    change(&mut client);
    survives_kill9(&mut server);
    let mut client = server.client();
    save(&mut client);
    change_again(&mut client);
    survives_kill9(&mut server);
}

fn change_again(client: &mut Client) {
    client.ok("MYLOG.SET again D");
    client.ok("RENAME renamed once-more");
    client.run("DEL copied");
}

#[test]
fn debug_reload_loses_nothing() {
    loses_nothing(Server::build().mylog("appendfsync", "always").start(), |client| {
        client.ok("DEBUG RELOAD")
    });
}

#[test]
fn debug_reload_while_a_rewrite_runs_loses_nothing() {
    let server = Server::build().mylog("appendfsync", "everysec").start();
    loses_nothing(server, |client| {
        client.run("MYLOG.REWRITE");
        client.ok("DEBUG RELOAD");
        wait_for("a rewrite", || {
            client.info_u64("mylog", "mylog_rewrite_in_progress") == 0
        });
    });
}

#[test]
fn save_and_bgsave_lose_nothing() {
    loses_nothing(Server::build().mylog("appendfsync", "always").start(), |client| {
        client.ok("SAVE");
    });
    loses_nothing(
        Server::build().mylog("appendfsync", "everysec").start(),
        |client| {
            client.run("BGSAVE");
            saved(client);
        },
    );
}

#[test]
fn bgrewriteaof_loses_nothing() {
    for preamble in ["yes", "no"] {
        let server = Server::build()
            .mylog("appendfsync", "always")
            .config("appendonly", "yes")
            .config("aof-use-rdb-preamble", preamble)
            .start();
        loses_nothing(server, |client| {
            client.run("BGREWRITEAOF");
            rewritten(client);
        });
    }
}

#[test]
fn debug_loadaof_loses_nothing() {
    // The AOF is what is loaded: under its default a busy disk puts its writes off, and kill -9 loses them.
    let server = Server::build()
        .mylog("appendfsync", "always")
        .config("appendonly", "yes")
        .config("appendfsync", "always")
        .start();
    loses_nothing(server, |client| client.ok("DEBUG LOADAOF"));
}

#[test]
fn an_older_rdb_gives_way_to_the_log() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    fill(&mut client);
    client.ok("SAVE");
    let saved = picture(&mut client);
    change(&mut client);
    let after = survives_kill9(&mut server);
    let native = |name: &str| after.get(&(0, name.to_owned())).map(|entry| entry.kind.clone());
    assert_eq!(
        native("native:2"),
        Some("string".into()),
        "the cache comes from the RDB"
    );
    assert_eq!(
        native("native:1"),
        Some("mylog-str".into()),
        "the log has a newer value of that name"
    );
    assert_eq!(native("str:2"), None, "the log knows that it was deleted");
    assert_eq!(
        native("str:6"),
        None,
        "overwritten by a native value, which nobody saved"
    );
    assert!(durable(&saved) != durable(&after));
}

#[test]
fn an_older_aof_gives_way_to_the_log() {
    for preamble in ["yes", "no"] {
        let mut server = Server::build()
            .mylog("appendfsync", "always")
            .config("appendonly", "yes")
            .config("appendfsync", "always")
            .config("aof-use-rdb-preamble", preamble)
            .start();
        let mut client = server.client();
        fill(&mut client);
        client.run("BGREWRITEAOF");
        rewritten(&mut client);
        // Behind the base: commands on keys that the base brings.
        client.ok("RENAME str:10 hash:10");
        client.ok("RENAME str:11 from-base");
        client.run("COPY hash:12 copy-of-base");
        client.ok("SET str:12 n");
        client.ok("RENAME native:12 str:13");
        let (live, old) = (
            server.data_dir().join("appendonlydir"),
            server.data_dir().join("old"),
        );
        copy_folder(&live, &old);
        let older = picture(&mut client);
        change(&mut client);
        client.run("DEL from-base copy-of-base hash:10");
        let newer = durable(&picture(&mut client));
        server.kill9();
        std::fs::remove_dir_all(&live).unwrap();
        copy_folder(&old, &live);
        server.restart();
        let found = picture(&mut server.client());
        same(&durable(&found), &newer);
        // The cache is what the older AOF had, but where a durable key has the name.
        for (name, entry) in older
            .iter()
            .filter(|(name, entry)| !entry.is_durable() && !newer.contains_key(name))
        {
            assert_eq!(found.get(name), Some(entry), "{name:?}");
        }
        survives_kill9(&mut server);
    }
}

#[test]
fn a_flush_a_swap_and_an_end_in_the_servers_aof_are_not_done_to_the_log_again() {
    for unit in [
        "SET n 1|MYLOG.SET x 1|FLUSHALL|MYLOG.RPUSH a 1 2",
        "MYLOG.SET x 1|FLUSHDB|MYLOG.RPUSH a 1 2",
        "MYLOG.RPUSH a 1 2|SWAPDB 0 3",
        "SET a n|PEXPIREAT a 4102444800789|DEL a|MYLOG.SET a 1",
    ] {
        let mut server = Server::build()
            .mylog("appendfsync", "always")
            .mylog("flush-policy", "flush")
            .config("appendonly", "yes")
            .config("appendfsync", "always")
            .start();
        let mut client = server.client();
        for line in unit.split('|') {
            client.run(line);
        }
        let before = picture(&mut client);
        assert!(!durable(&before).is_empty(), "{unit}");
        for _ in 0..2 {
            server.kill9();
            server.restart();
            same(&picture(&mut server.client()), &before);
        }
    }
}

#[test]
fn a_deleted_key_of_the_aofs_base_does_not_come_back_by_a_swap() {
    let mut server = Server::build()
        .mylog("appendfsync", "always")
        .config("appendonly", "yes")
        .config("appendfsync", "always")
        .start();
    let mut client = server.client();
    client.run("MYLOG.RPUSH gone 1");
    client.run("MYLOG.RPUSH kept 1");
    client.run("BGREWRITEAOF");
    rewritten(&mut client);
    client.ok("SWAPDB 0 3");
    client.ok("SELECT 3");
    client.run("MYLOG.LPOP gone");
    let before = picture(&mut client);
    server.kill9();
    server.restart();
    same(&picture(&mut server.client()), &before);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn memory_usage_grows_with_the_value() {
    let server = Server::build().start();
    let mut client = server.client();
    let mut usage = |command: &str, key: &str| {
        client.run(command);
        client.run(&format!("MEMORY USAGE {key} SAMPLES 0")).int()
    };
    let small = usage("MYLOG.SET a x", "a");
    let large = usage(&format!("MYLOG.SET b {}", "x".repeat(100_000)), "b");
    assert!(small > 0 && large > small + 90_000, "{small} and {large}");
    let few = usage("MYLOG.HSET h f v", "h");
    let many = usage(
        &format!(
            "MYLOG.HSET h {}",
            (0..1000).map(|n| format!("field{n} {n} ")).collect::<String>()
        ),
        "h",
    );
    assert!(few > 0 && many > few + 5_000, "{few} and {many}");
}

#[test]
fn the_scans_of_redis_cli_work() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    fill(&mut server.client());
    for scan in ["--bigkeys", "--memkeys"] {
        let run = Command::new("redis-cli")
            .arg("-s")
            .arg(server.socket())
            .arg(scan)
            .output()
            .expect("redis-cli");
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{scan}: {text}");
        assert!(
            text.contains("mylog-hsh") && text.contains("mylog-str"),
            "{scan}: {text}"
        );
        assert!(text.contains("Sampled 152 keys"), "{scan}: {text}");
    }
    survives_kill9(&mut server);
}
