//! A limit of the size of files (`LimitFSIZE`, `ulimit -f`) is as a full disk: it ends neither the server nor the
//! cache, wherever the log meets it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::rewriting::{self, info, info_text};
use crate::support::{Client, Server, ServerBuilder, artifacts, log_check, wait_for};

const NONE: &str = "unlimited";

fn limit(server: &Server, bytes: &str) {
    // The soft limit alone: what is taken off the hard one is gone for good.
    let status = Command::new("prlimit")
        .args([&format!("--pid={}", server.pid()), &format!("--fsize={bytes}:")])
        .status()
        .expect("prlimit, of util-linux");
    assert!(status.success());
}

fn build(policy: &str) -> ServerBuilder {
    Server::build()
        .mylog("appendfsync", policy)
        .mylog("auto-rewrite-percentage", "0")
        // The server's own log must not meet the limit.
        .config("loglevel", "notice")
}

fn set(client: &mut Client, key: &str, bytes: usize) -> crate::support::Reply {
    client.cmd(["MYLOG.SET", key, &"v".repeat(bytes)])
}

/// How many are acknowledged before. Under `always` whoever writes the next one is told nothing, but closed.
fn wait_until_refused(server: &Server, policy: &str) -> u64 {
    let mut client = server.client();
    let (mut acked, mut closed) = (0, 0);
    let value = "v".repeat(5000);
    wait_for("durable writes are refused", || {
        let Some(reply) = client.answer_to(["MYLOG.SET", &format!("key:{acked}"), &value]) else {
            client = server.client();
            closed += 1;
            return false;
        };
        acked += u64::from(reply.is_ok());
        reply.is_error("MYLOGDOWN ")
    });
    assert_eq!(closed, u64::from(policy == "always"));
    acked
}

fn assert_goes_on(server: &mut Server, client: &mut Client, acked: u64) {
    wait_for("durable writes are taken again", || {
        client.run("MYLOG.SET after value").is_ok()
    });
    assert_eq!(info_text(client, "last_write_status"), "ok");
    assert_eq!(info_text(client, "last_error"), "");
    wait_for("all is on disk", || {
        info(client, "durable_seq") == info(client, "queued_seq")
    });
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    log_check::assert_clean(&server.log_dir());
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    for n in 0..acked {
        assert_eq!(client.run(&format!("MYLOG.STRLEN key:{n}")).int(), 5000);
    }
}

#[test]
fn a_file_size_limit_stops_durable_writes_only_and_for_as_long_as_it_holds() {
    for policy in ["always", "everysec"] {
        let mut server = build(policy)
            .mylog("read-mode", "latest")
            .mylog("max-wait", "300")
            .start();
        let mut client = server.client();
        limit(&server, "200000");
        let acked = wait_until_refused(&server, policy);
        assert!(acked > 20, "{acked}");
        let reply = client.run("MYLOG.SET key:0 other");
        assert!(reply.text().contains("File too large"));
        client.ok("SET native value");
        assert_eq!(client.run("MYLOG.STRLEN key:0").int(), 5000);
        limit(&server, NONE);
        assert_goes_on(&mut server, &mut client, acked);
    }
}

#[test]
fn a_rewrite_that_meets_the_limit_fails_in_the_child_and_in_catching_up_and_the_server_goes_on() {
    let mut server = build("everysec").start();
    let mut client = server.client();
    let keys = 40;
    for n in 0..keys {
        assert!(set(&mut client, &format!("key:{n}"), 5000).is_ok());
    }
    wait_for("all is on disk", || {
        info(&mut client, "durable_seq") == info(&mut client, "queued_seq")
    });
    limit(&server, "100000");
    client.run("MYLOG.REWRITE");
    wait_for("it has failed", || info(&mut client, "rewrite_failures") == 1);
    assert!(server.log().contains("File too large"), "{}", server.log());
    rewriting::wait_idle(&mut client);
    limit(&server, NONE);

    rewriting::hold(&mut client, "reporting");
    for n in 0..200 {
        assert!(set(&mut client, &format!("more:{n}"), 5000).is_ok());
    }
    wait_for("all is on disk", || {
        info(&mut client, "durable_seq") == info(&mut client, "queued_seq")
    });
    limit(&server, "500000");
    rewriting::release(&mut client);
    wait_for("it has failed", || info(&mut client, "rewrite_failures") == 2);
    rewriting::wait_idle(&mut client);
    limit(&server, NONE);
    assert!(info_text(&mut client, "last_rewrite_error").contains("File too large"));
    rewriting::run(&mut client);
    assert_eq!(info_text(&mut client, "last_rewrite_error"), "");
    assert_goes_on(&mut server, &mut client, keys);
}

/// Starts on a log larger than the limit that was left by a kill, or by a clean stop.
fn start_past_the_limit(killed: bool) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let log_dir = folder.path().join("log");
    let mut first = build("always").mylog("dir", log_dir.to_str().unwrap()).start();
    let mut client = first.client();
    for _ in 0..40 {
        assert!(set(&mut client, "key:0", 5000).is_ok());
    }
    if killed {
        first.kill9();
    } else {
        assert!(first.term().success());
    }
    let script = folder.path().join("server");
    let text = format!(
        "#!/bin/sh\nexec prlimit --fsize=100000: {} \"$@\"\n",
        artifacts::server_binary().display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let server = build("always")
        .binary(&script)
        .mylog("dir", log_dir.to_str().unwrap())
        .start();
    (folder, server)
}

#[test]
fn a_log_past_the_limit_at_the_start_is_read_and_a_rewrite_makes_it_small_enough() {
    for killed in [true, false] {
        let (_folder, mut server) = start_past_the_limit(killed);
        let mut client = server.client();
        assert_eq!(client.run("MYLOG.STRLEN key:0").int(), 5000);
        wait_for("a new log is made", || {
            if !killed {
                client.run("MYLOG.REWRITE");
            }
            info(&mut client, "rewrites") > 0
        });
        wait_for("durable writes are taken", || {
            client.run("MYLOG.SET key:1 value").is_ok()
        });
        server.kill9();
        server.restart();
        let mut client = server.client();
        assert_eq!(client.run("MYLOG.STRLEN key:0").int(), 5000);
        assert_eq!(client.run("MYLOG.GET key:1").text(), "value");
    }
}
