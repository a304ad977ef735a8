//! `mylog.always-mode wait`: the event loop waits once a turn. That no reply leaves early is told in `early_replies`.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::slow_disk::{SlowDisk, words};
use crate::support::trace::Trace;
use crate::support::{Client, Reply, Server, artifacts};

const DELAY: Duration = Duration::from_millis(5);

/// Syncs that a server made for 128 changes, in pipelines of 64 commands or more.
fn syncs(mode: &str, threads: &str, pipeline: impl Fn(usize) -> Vec<Vec<String>>) -> usize {
    let disk = SlowDisk::traced(DELAY);
    let mut server = disk
        .build()
        .mylog("always-mode", mode)
        .mylog("auto-rewrite-percentage", "0")
        .config("io-threads", threads)
        .start();
    let mut client = server.client();
    for first in [0, 64] {
        let replies = client.pipeline(&pipeline(first));
        assert!(
            replies.iter().all(|reply| !matches!(reply, Reply::Error(_))),
            "{replies:?}"
        );
    }
    let pid = server.pid();
    server.kill9();
    Trace::of_killed(&disk.trace(), pid).syncs()
}

fn sets(first: usize) -> Vec<Vec<String>> {
    (first..first + 64)
        .map(|n| words(&format!("MYLOG.SET key:{n} v")))
        .collect()
}

fn units(first: usize) -> Vec<Vec<String>> {
    let unit = |n: usize| {
        [
            words("MULTI"),
            words(&format!("MYLOG.SET key:{n} v")),
            words("EXEC"),
        ]
    };
    (first..first + 64).flat_map(unit).collect()
}

/// Every change comes with the deletion of the one before.
fn deletions(first: usize) -> Vec<Vec<String>> {
    let pair = |n: usize| {
        [
            words(&format!("MYLOG.SET key:{n} v")),
            words(&format!("DEL key:{n}")),
        ]
    };
    (first..first + 64).flat_map(pair).collect()
}

#[test]
fn a_pipeline_of_changes_waits_once_a_turn() {
    for (what, pipeline) in [
        ("sets", sets as fn(usize) -> _),
        ("units", units),
        ("deletions", deletions),
    ] {
        let made = syncs("wait", "1", pipeline);
        // A few are the start's own; a pipeline may come in more than one turn.
        assert!(made < 32, "{what}: {made}");
    }
}

#[test]
fn where_waiting_once_a_turn_is_not_strict_clients_are_held() {
    assert!(syncs("hold", "1", sets) >= 128);
    assert!(syncs("wait", "4", sets) >= 128);
}

#[test]
fn the_mode_changes_at_run_time() {
    let server = Server::build().mylog("appendfsync", "always").start();
    let mut client = server.client();
    for (n, mode) in ["hold", "wait", "hold", "wait"].into_iter().enumerate() {
        client.ok(&format!("CONFIG SET mylog.always-mode {mode}"));
        assert_eq!(client.config("mylog.always-mode"), mode);
        let replies = client.pipeline(&sets(64 * n));
        assert!(replies.iter().all(Reply::is_ok));
    }
    assert_eq!(client.run("DBSIZE").int(), 256);
    assert_eq!(client.info_u64("mylog", "mylog_acks_waiting"), 0);
    let marks = ["mylog_queued_seq", "mylog_durable_seq"].map(|mark| client.info_u64("mylog", mark));
    assert_eq!(marks[0], marks[1]);
}

/// Sends changes until the connection is cut; true if it ever was.
fn is_cut_off(client: &mut Client) -> bool {
    (0..10).any(|n| client.try_cmd(["MYLOG.SET", &format!("key:{n}"), "v"]).is_err())
}

#[test]
fn nobody_hears_of_a_change_when_its_sync_fails() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("server");
    let text = format!(
        "#!/bin/sh\nexec strace -D -f -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO:when=3 {} \"$@\"\n",
        artifacts::server_binary().display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = Server::build()
        .binary(script)
        .mylog("appendfsync", "always")
        .mylog("always-mode", "wait")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    client.ok("MYLOG.DEBUG REWRITE-PAUSE start");
    assert!(
        is_cut_off(&mut client),
        "every change was acknowledged though a sync has failed"
    );
    let mut other = server.client();
    assert!(other.run("MYLOG.SET key v").is_error("MYLOGDOWN"));
    assert!(other.run("PING").text() == "PONG");
    other.ok("MYLOG.DEBUG REWRITE-PAUSE off");
}
