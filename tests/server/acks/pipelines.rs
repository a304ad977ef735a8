//! Pipelines of changes under `always`: what comes in one turn shares a sync. That no reply leaves early is told in
//! `early_replies`.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::slow_disk::{SlowDisk, words};
use crate::support::sync_gate::Later;
use crate::support::trace::Trace;
use crate::support::{Reply, Server, artifacts, wait_for};

const DELAY: Duration = Duration::from_millis(5);

/// Syncs that a server made for 128 changes, in pipelines of 64 commands or more, and what its gate was.
fn syncs(threads: &str, pipeline: impl Fn(usize) -> Vec<Vec<String>>) -> (usize, String) {
    let disk = SlowDisk::traced(DELAY);
    let mut server = disk
        .build()
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
    let gate = client.info("mylog")["mylog_gate"].clone();
    assert_eq!(client.info_u64("mylog", "mylog_acks_waiting"), 0);
    let marks = ["mylog_queued_seq", "mylog_durable_seq"].map(|mark| client.info_u64("mylog", mark));
    assert_eq!(marks[0], marks[1]);
    let pid = server.pid();
    server.kill9();
    (Trace::of_killed(&disk.trace(), pid).syncs(), gate)
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
fn a_pipeline_of_changes_shares_its_syncs() {
    for (what, pipeline) in [
        ("sets", sets as fn(usize) -> _),
        ("units", units),
        ("deletions", deletions),
    ] {
        let (made, gate) = syncs("1", pipeline);
        assert_eq!(gate, "on");
        // A few are the start's own; a pipeline may come in more than one turn.
        assert!(made < 32, "{what}: {made}");
    }
}

#[test]
fn with_io_threads_they_are_shared_where_replies_can_be_kept_and_else_one_command_waits_at_a_time() {
    let (made, gate) = syncs("4", sets);
    match &*gate {
        "on" => assert!(made < 32, "{made}"),
        _ => assert!(made >= 128, "{made}"),
    }
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
        .mylog("max-wait", "200")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut other = server.client();
    other.ok("MYLOG.DEBUG REWRITE-PAUSE start");
    let unanswered = (1..10).find_map(|seq| {
        let reply = Later::send(server.client(), &format!("MYLOG.SET key:{seq} v"));
        let mut is_closed = false;
        wait_for("it is durable, or its client is closed", || {
            is_closed = other.info_u64("mylog", "mylog_gate_closed_clients") == 1;
            is_closed || other.info_u64("mylog", "mylog_durable_seq") == seq
        });
        if is_closed {
            return Some(reply);
        }
        assert!(reply.reply().is_ok());
        None
    });
    let unanswered = unanswered.expect("every change was acknowledged though a sync has failed");
    assert!(other.run("MYLOG.SET key v").is_error("MYLOGDOWN"));
    assert!(other.run("PING").text() == "PONG");
    // The child has a share of the connection.
    other.ok("MYLOG.DEBUG REWRITE-PAUSE off");
    let ended = unanswered.outcome().0.expect_err("no reply").kind();
    assert!(
        matches!(ended, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
        "{ended}"
    );
}
