//! From the folder to the first client: what loads, what is refused and says why, and the settings on the way.

use std::fs;

use crate::support::rewriting::info;
use crate::support::{Client, Refused, Reply, Server, artifacts, leftovers, log_check};

fn module() -> String {
    artifacts::module().display().to_string()
}

/// A start that must fail: what the server said.
fn refused(server: Result<Server, Refused>) -> String {
    match server {
        Ok(_) => panic!("it came up"),
        Err(refused) => {
            assert!(!refused.status.success());
            assert!(refused.log.contains("not loaded: "), "{refused}");
            refused.log
        }
    }
}

fn assert_says(log: &str, parts: &[&str]) {
    let line = log
        .lines()
        .find(|line| line.contains("not loaded: "))
        .unwrap_or_default();
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in: {line}\n{log}");
    }
}

#[test]
fn a_missing_folder_is_made_with_those_above_it_or_named() {
    let server = Server::build().mylog("dir", "deep").start();
    assert_eq!(
        leftovers::files(&server.data_dir().join("deep")),
        ["LOCK", "current.mylog"]
    );
    let log = refused(Server::build().mylog("dir", "no/such/parent").try_start());
    assert_says(&log, &["no/such/parent"]);
}

#[test]
fn a_folder_that_can_t_be_written_is_named() {
    // Below a file: no permission could help, so this holds for root, too.
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("log");
    let log = refused(Server::build().mylog("dir", below.to_str().unwrap()).try_start());
    assert_says(&log, &[below.to_str().unwrap(), "Not a directory", "check"]);
    let log = refused(Server::build().mylog("dir", "/proc/mylog").try_start());
    assert_says(&log, &["/proc/mylog"]);
}

#[test]
fn a_folder_in_use_names_the_server_that_has_it() {
    let first = Server::build().start();
    let folder = first.log_dir().display().to_string();
    let log = refused(Server::build().mylog("dir", &folder).try_start());
    assert_says(&log, &[&folder, &first.pid().to_string()]);
    first.client().ok("MYLOG.SET key value");
    drop(first);
}

#[test]
fn a_folder_is_free_again_after_kill_9_though_a_child_held_the_log() {
    let mut server = Server::build().mylog("appendfsync", "always").start();
    server.client().ok("MYLOG.SET key value");
    crate::support::rewriting::hold(&mut server.client(), "walked");
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.GET key").text(), "value");
}

#[test]
fn what_is_no_log_is_refused_and_left_as_it_is() {
    let mut server = Server::build().start();
    assert!(server.term().success());
    let path = server.log_dir().join("current.mylog");
    for content in [b"*3\r\n$3\r\nSET\r\n".as_slice(), b"", &[0; 4096]] {
        fs::write(&path, content).unwrap();
        let log = refused(server.try_restart().map(|()| unreachable!()));
        assert_says(&log, &[path.to_str().unwrap()]);
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_temporary_without_a_log_is_refused() {
    let mut server = Server::build().start();
    server.client().ok("MYLOG.SET key value");
    assert!(server.term().success());
    let log_file = server.log_dir().join("current.mylog");
    fs::rename(&log_file, server.log_dir().join("rewrite-9.mylog")).unwrap();
    let log = refused(server.try_restart().map(|()| unreachable!()));
    assert_says(&log, &["rewrite-9.mylog"]);
    assert_eq!(leftovers::files(&server.log_dir()), ["LOCK", "rewrite-9.mylog"]);
}

#[test]
fn a_shutdown_seals_and_a_sealed_log_goes_on() {
    let mut server = Server::build().start();
    for n in 1..=3 {
        let mut client = server.client();
        assert_eq!(client.run("MYLOG.INCR counter").int(), n);
        let seq = info(&mut client, "queued_seq");
        assert_eq!(seq, u64::try_from(n).unwrap());
        match n {
            1 => assert!(server.term().success()),
            _ => {
                // No reply comes from a server that ends.
                let _ = client.try_cmd(["SHUTDOWN", if n == 2 { "NOSAVE" } else { "SAVE" }]);
                assert!(server.wait_exit().success());
            }
        }
        assert!(server.log().contains("synced and sealed"), "{}", server.log());
        let (status, said) = log_check::check(&server.log_dir());
        assert!(status == 0 && said.contains(", sealed"), "{said}");
        server.restart();
    }
    server.kill9();
    let (status, said) = log_check::check(&server.log_dir());
    assert!(status == 0 && said.contains("not sealed"), "{said}");
}

#[test]
fn a_module_loaded_at_run_time_brings_its_keys_at_once() {
    let mut first = Server::build().mylog("appendfsync", "always").start();
    let mut client = first.client();
    client.ok("MYLOG.SET string value");
    client.ok("MYLOG.SET expiring value PXAT 4102444800123");
    client.ok("SELECT 5");
    client.run("MYLOG.HSET hash field value");
    client.ok("MYLOG.SET taken ours");
    first.kill9();
    for at_load in [vec![], vec!["appendfsync", "always", "dir", "mylogdir"]] {
        let server = Server::stock().start();
        copy_folder(&first, &server);
        let mut client = server.client();
        client.ok("SET native value");
        client.ok("SELECT 5");
        client.ok("SET taken theirs");
        let load = ["MODULE".to_owned(), "LOAD".to_owned(), module()];
        let load = load
            .into_iter()
            .chain(at_load.iter().map(|word| (*word).to_owned()));
        assert!(client.cmd(load).is_ok(), "{}", server.log());
        assert_eq!(client.run("HLEN hash"), client.run("HLEN hash"));
        assert_eq!(client.run("MYLOG.HGET hash field").text(), "value");
        assert_eq!(client.run("MYLOG.GET taken").text(), "ours");
        client.ok("SELECT 0");
        assert_eq!(client.run("MYLOG.GET string").text(), "value");
        assert_eq!(client.run("PEXPIRETIME expiring").int(), 4_102_444_800_123);
        assert_eq!(client.run("GET native").text(), "value");
        assert_eq!(client.run("DBSIZE").int(), 3);
        let policy = if at_load.is_empty() { "everysec" } else { "always" };
        assert_eq!(client.config("mylog.appendfsync"), policy);
        client.ok("MYLOG.SET more value");
        assert!(client.run("MODULE UNLOAD mylog").is_error("ERR"));
    }
}

fn copy_folder(from: &Server, to: &Server) {
    fs::create_dir(to.log_dir()).unwrap();
    fs::copy(
        from.log_dir().join("current.mylog"),
        to.log_dir().join("current.mylog"),
    )
    .unwrap();
}

#[test]
fn loadex_takes_configs_and_arguments_and_refuses_unknown_ones() {
    let server = Server::stock().start();
    let mut client = server.client();
    for bad in [
        "ARGS appendfsync sometimes",
        "ARGS nosuch 1",
        "ARGS appendfsync",
        "CONFIG mylog.appendfsync sometimes",
    ] {
        let line = format!("MODULE LOADEX {} {bad}", module());
        assert!(client.run(&line).is_error("ERR"), "{bad}");
    }
    assert!(server.log().contains("nosuch"), "{}", server.log());
    let line = format!(
        "MODULE LOADEX {} CONFIG mylog.dir elsewhere CONFIG mylog.appendfsync no",
        module()
    );
    client.ok(&line);
    assert_eq!(client.config("mylog.dir"), "elsewhere");
    assert_eq!(client.config("mylog.appendfsync"), "no");
    client.ok("MYLOG.SET key value");
    let files = leftovers::files(&server.data_dir());
    assert!(files.contains(&"elsewhere/current.mylog".to_owned()), "{files:?}");
}

#[test]
fn load_arguments_in_the_configuration_file_set_the_configuration() {
    let line = format!(
        "{} appendfsync always dir place auto-rewrite-min-size 1mb",
        module()
    );
    let server = Server::stock().config("loadmodule", &line).start();
    let mut client = server.client();
    assert_eq!(client.config("mylog.appendfsync"), "always");
    assert_eq!(client.config("mylog.auto-rewrite-min-size"), "1048576");
    assert!(server.data_dir().join("place/current.mylog").exists());
    let log = refused(
        Server::stock()
            .config("loadmodule", &format!("{} no-such 1", module()))
            .try_start(),
    );
    assert_says(&log, &["no-such"]);
}

/// What every parameter is set to, and what CONFIG GET then tells.
const SETTINGS: [(&str, &str, &str); 11] = [
    ("appendfsync", "always", "always"),
    ("capture", "user: cart:", "user: cart:"),
    ("auto-rewrite-percentage", "150", "150"),
    ("auto-rewrite-min-size", "3mb", "3145728"),
    ("auto-rewrite-max-size", "1gb", "1073741824"),
    ("rewrite-backlog-limit", "32mb", "33554432"),
    ("rewrite-timeout", "60", "60"),
    ("max-wait", "500", "500"),
    ("load-truncated", "no", "no"),
    ("load-missing", "adopt", "adopt"),
    ("flush-policy", "flush", "flush"),
];

fn assert_settings(client: &mut Client) {
    for (name, _, told) in SETTINGS {
        assert_eq!(client.config(&format!("mylog.{name}")), told, "{name}");
    }
}

#[test]
fn settings_survive_config_rewrite_and_a_restart() {
    let mut server = Server::build().mylog("dir", "place").start();
    let mut client = server.client();
    for (name, value, _) in SETTINGS {
        let reply = client.cmd(["CONFIG", "SET", &format!("mylog.{name}"), value]);
        assert!(reply.is_ok(), "{name}: {reply:?}");
    }
    assert_settings(&mut client);
    assert!(client.run("CONFIG SET mylog.dir other").is_error("ERR"));
    for bad in [
        "mylog.appendfsync never",
        "mylog.max-wait -1",
        "mylog.load-truncated maybe",
        "mylog.nosuch 1",
    ] {
        assert!(client.run(&format!("CONFIG SET {bad}")).is_error("ERR"), "{bad}");
    }
    client.ok("CONFIG REWRITE");
    assert!(server.term().success());
    server.restart();
    let mut client = server.client();
    assert_settings(&mut client);
    assert_eq!(client.config("mylog.dir"), "place");
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let server = Server::build().start();
    let mut client = server.client();
    let pairs = client.run("CONFIG GET mylog.*").pairs();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let found: std::collections::BTreeMap<_, _> =
        pairs.into_iter().map(|(k, v)| (text(k), text(v))).collect();
    for (name, value) in [
        ("dir", "mylogdir"),
        ("appendfsync", "everysec"),
        ("capture", ""),
        ("auto-rewrite-percentage", "100"),
        ("auto-rewrite-min-size", "67108864"),
        ("auto-rewrite-max-size", "0"),
        ("rewrite-backlog-limit", "67108864"),
        ("rewrite-timeout", "600"),
        ("load-truncated", "yes"),
        ("load-missing", "refuse"),
        ("flush-policy", "refuse"),
    ] {
        assert_eq!(
            found.get(&format!("mylog.{name}")).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
    assert_eq!(client.run("MYLOG.GET nothing"), Reply::Nil);
}
