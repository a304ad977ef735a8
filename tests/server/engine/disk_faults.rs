//! A disk that is full or fails: durable writes stop and say why, everything else goes on, and nothing that
//! was acknowledged is lost. Needs leave to mount a tmpfs, and strace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::inject::Fault;
use crate::support::rewriting::{self, info, info_text};
use crate::support::small_disk::SmallDisk;
use crate::support::sync_gate::Later;
use crate::support::wait::holds_within;
use crate::support::{Client, Reply, Server, artifacts, leftovers, log_check, wait_for};

/// For those whose writes wait in vain.
const MAX_WAIT: &str = "300";

/// Writes until a write is not acknowledged: how many were, and the answer to the one that was not. Under `always` that one is
/// told nothing, but closed: then `client` is a new one.
fn write_until_refused(server: &Server, client: &mut Client) -> (usize, Option<Reply>) {
    for n in 0..1000 {
        let mut reply = client.answer_to(words(n));
        // Not the disk's size, but its speed.
        while reply
            .clone()
            .is_some_and(|reply| reply.text().contains("mylog.max-unwritten"))
        {
            reply = client.answer_to(words(n));
        }
        if reply.is_none() {
            *client = server.client();
        }
        if !reply.as_ref().is_some_and(Reply::is_ok) {
            return (n, reply);
        }
    }
    panic!("the disk never became full");
}

fn words(n: usize) -> [String; 3] {
    [
        "MYLOG.SET".to_owned(),
        format!("key:{n}"),
        format!("{n}:{}", "v".repeat(50_000)),
    ]
}

fn set(client: &mut Client, n: usize) -> Reply {
    client.cmd(words(n))
}

fn assert_acknowledged_are_there(client: &mut Client, count: usize) {
    for n in 0..count {
        let value = client.run(&format!("MYLOG.GET key:{n}")).text();
        assert!(
            value.starts_with(&format!("{n}:")),
            "key:{n} of {count}: {value:?}"
        );
    }
}

fn full_disk(policy: &str) {
    let disk = SmallDisk::new("8m");
    disk.take_room(5 << 20);
    let mut server = Server::build()
        .mylog("dir", disk.path().join("log").to_str().unwrap())
        .mylog("appendfsync", policy)
        .mylog("auto-rewrite-percentage", "0")
        .mylog("max-wait", MAX_WAIT)
        // What waits must fit when there is room again, however busy the machine.
        .mylog("max-unwritten", "1mb")
        .start();
    let mut client = server.client();
    let (acked, reply) = write_until_refused(&server, &mut client);
    match (policy, &reply) {
        ("always", None) => assert_eq!(info(&mut client, "gate_closed_clients"), 1),
        ("everysec", Some(reply)) => assert!(reply.is_error("MYLOGDOWN "), "{reply:?}"),
        _ => panic!("{reply:?}"),
    }
    assert!(acked > 30, "{acked}");
    let digest = client.run("MYLOG.DEBUG DIGEST");
    for line in [
        "MYLOG.SET key:0 other",
        "MYLOG.DEL key:0",
        "MYLOG.HSET hash field value",
        "DEL key:0",
    ] {
        let reply = client.run(line);
        assert!(
            reply.is_error("MYLOGDOWN ") && reply.clone().text().contains("No space left"),
            "{line}: {reply:?}"
        );
    }
    assert_eq!(
        client.run("MYLOG.DEBUG DIGEST"),
        digest,
        "a refused write has changed something"
    );
    // Changed, but not known to be on disk: who wants it all the same says so.
    let last = if policy == "always" { acked } else { acked - 1 };
    let reply = client.run(&format!("MYLOG.GET key:{last}"));
    assert!(reply.is_error("NOTDURABLE seq "), "{reply:?}");
    if policy == "everysec" {
        client.ok("CONFIG SET mylog.read-mode latest");
    }
    assert_acknowledged_are_there(&mut client, acked);
    client.ok("CONFIG SET mylog.read-mode committed");
    client.ok("SET native value");
    assert_eq!(client.run("DEL native").int(), 1);
    assert_eq!(info_text(&mut client, "last_write_status"), "err");
    assert!(info_text(&mut client, "last_error").contains("No space left"));

    disk.give_room();
    let resumed = holds_within(Duration::from_secs(30), || {
        client.run("MYLOG.SET more value").is_ok()
    });
    assert!(resumed, "{:?}", client.info("mylog"));
    assert_eq!(info_text(&mut client, "last_write_status"), "ok");
    wait_for("all is on disk", || {
        info(&mut client, "durable_seq") == info(&mut client, "queued_seq")
    });
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_acknowledged_are_there(&mut client, acked);
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    drop(server);
}

#[test]
fn a_full_disk_stops_durable_writes_only_and_for_as_long_as_it_is_full_under_always() {
    full_disk("always");
}

#[test]
fn a_full_disk_stops_durable_writes_only_and_for_as_long_as_it_is_full_under_everysec() {
    full_disk("everysec");
}

/// A read that found its key expired was answered, then held for the deletion, and answered once more when the
/// log failed: every later reply came one too late.
#[test]
fn a_read_that_finds_its_key_expired_is_answered_once_whatever_the_disk_does() {
    let disk = SmallDisk::new("8m");
    disk.take_room(5 << 20);
    let server = Server::build()
        .mylog("dir", disk.path().join("log").to_str().unwrap())
        .mylog("appendfsync", "always")
        .mylog("max-wait", MAX_WAIT)
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    client.ok("DEBUG SET-ACTIVE-EXPIRE 0");
    client.ok("MYLOG.SET short-lived value PX 1");
    write_until_refused(&server, &mut client);
    assert_eq!(client.run("MYLOG.GET short-lived"), Reply::Nil);
    wait_for("the writer has tried the deletion", || {
        info(&mut client, "oldest_unwritten_age_ms") > 1500
    });
    for n in 0..10 {
        assert_eq!(client.run(&format!("ECHO {n}")).text(), n.to_string());
    }
}

#[test]
fn a_server_killed_while_its_disk_is_full_has_all_that_was_acknowledged() {
    let disk = SmallDisk::new("2m");
    let folder = disk.path().join("log");
    let mut server = Server::build()
        .mylog("dir", folder.to_str().unwrap())
        .mylog("appendfsync", "always")
        .mylog("max-wait", MAX_WAIT)
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let (acked, _) = write_until_refused(&server, &mut server.client());
    server.kill9();
    let (status, said) = log_check::check(&folder);
    assert!(status <= 1, "{said}");
    // A start appends: it needs some room.
    disk.resize("4m");
    server.restart();
    assert_acknowledged_are_there(&mut server.client(), acked);
    drop(server);
}

#[test]
fn a_rewrite_without_room_fails_and_leaves_the_log_as_it_was() {
    let disk = SmallDisk::new("4m");
    let folder = disk.path().join("log");
    let mut server = Server::build()
        .mylog("dir", folder.to_str().unwrap())
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    for n in 0..50 {
        assert!(set(&mut client, n).is_ok());
    }
    assert_eq!(
        client.run("MYLOG.REWRITE").text(),
        "Background log rewrite started"
    );
    wait_for("it has failed", || info(&mut client, "rewrite_failures") == 1);
    wait_for("its file is removed", || leftovers::files(&folder).len() == 2);
    assert!(server.log().contains("No space left"), "{}", server.log());
    wait_for("durable writes are taken", || {
        client.run("MYLOG.SET key:0 0:small").is_ok()
    });
    server.kill9();
    server.restart();
    assert_acknowledged_are_there(&mut server.client(), 50);
    drop(server);
}

#[test]
fn a_server_ends_and_starts_again_on_a_full_disk_and_loses_nothing_acknowledged() {
    for kill in [false, true] {
        let disk = SmallDisk::new("4m");
        let folder = disk.path().join("log");
        let mut server = Server::build()
            .mylog("dir", folder.to_str().unwrap())
            .mylog("appendfsync", "always")
            .mylog("max-wait", MAX_WAIT)
            .mylog("auto-rewrite-percentage", "0")
            .start();
        let mut client = server.client();
        let (acked, _) = write_until_refused(&server, &mut client);
        disk.fill();
        if kill {
            server.kill9();
        } else {
            assert!(server.term().success());
            assert!(server.log().contains("the log is not sealed"), "{}", server.log());
        }
        disk.fill();
        if let Err(refused) = server.try_restart() {
            // Killed amid a write: without room to save the torn tail aside, nothing is cut off.
            assert!(kill && refused.log.contains("torn tail"), "{refused}");
            disk.give_room();
            server.restart();
            disk.fill();
        }
        let mut client = server.client();
        assert_acknowledged_are_there(&mut client, acked);
        client.ok("SET native value");
        wait_for("durable writes are refused", || {
            // The one that finds the disk full is told nothing.
            let reply = server.client().answer("MYLOG.SET other v");
            reply.is_some_and(|reply| reply.is_error("MYLOGDOWN "))
        });
        assert_acknowledged_are_there(&mut client, acked);
        disk.give_room();
        wait_for("durable writes are taken", || {
            client.run("MYLOG.SET more value").is_ok()
        });
        server.kill9();
        server.restart();
        assert_eq!(server.client().run("MYLOG.GET more").text(), "value");
        drop(server);
    }
}

#[test]
fn a_tainted_log_waits_for_room_says_so_and_heals_when_there_is_some() {
    let disk = SmallDisk::new("8m");
    let folder = disk.path().join("log");
    let mut server = Server::build()
        .mylog("dir", folder.to_str().unwrap())
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    for n in 0..30 {
        assert!(set(&mut client, n).is_ok());
    }
    disk.take_room(5 << 20);
    let fault = Fault::put(&server, &["inject=fdatasync:error=EIO:when=1".to_owned()], &[]);
    let mut writer = server.client();
    writer.send(words(30));
    let pending = Later::of(writer);
    wait_for("the fault has fired", || fault.fired() > 0);
    assert!(fault.take_out() > 0);
    wait_for("it says what it waits for", || {
        let reply = client.run("MYLOG.SET other value");
        reply.is_error("MYLOGDOWN ") && reply.text().contains("it waits for room")
    });
    pending.is_not_there("a log that has no room");
    assert!(info(&mut client, "free_bytes") < 3 << 20);
    assert_eq!(info(&mut client, "rewrite_failures"), 0, "{}", server.log());
    assert_eq!(info(&mut client, "rewrite_in_progress"), 0);
    disk.give_room();
    wait_for("durable writes are taken again", || {
        client.run("MYLOG.SET other value").is_ok()
    });
    // Whoever has waited has waited for this.
    assert!(pending.reply().is_ok());
    rewriting::wait_succeeded(&mut client, 1);
    server.kill9();
    log_check::assert_clean(&folder);
    server.restart();
    assert_acknowledged_are_there(&mut server.client(), 31);
    drop(server);
}

/// The disk is full from before the switch until after it: the last slice or the frame that vouches for it has
/// no room. The old file goes on where it can, and nothing acknowledged is in the new one alone.
#[test]
fn a_disk_that_is_full_at_the_switch_leaves_the_old_log_and_a_later_rewrite_succeeds() {
    let disk = SmallDisk::new("8m");
    let folder = disk.path().join("log");
    let mut server = Server::build()
        .mylog("dir", folder.to_str().unwrap())
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    for n in 0..20 {
        assert!(set(&mut client, n).is_ok());
    }
    rewriting::hold(&mut client, "reporting");
    assert!(set(&mut client, 20).is_ok());
    disk.fill();
    rewriting::release(&mut client);
    wait_for("it has failed", || info(&mut client, "rewrite_failures") == 1);
    rewriting::wait_idle(&mut client);
    assert_acknowledged_are_there(&mut client, 21);
    client.ok("SET native value");
    disk.give_room();
    wait_for("durable writes are taken", || set(&mut client, 21).is_ok());
    rewriting::run(&mut client);
    server.kill9();
    log_check::assert_clean(&folder);
    server.restart();
    assert_acknowledged_are_there(&mut server.client(), 22);
    drop(server);
}

/// A server whose third fdatasync in each thread fails.
fn failing_sync(folder: &TempDir) -> PathBuf {
    let script = folder.path().join("server");
    let server = artifacts::server_binary();
    let text = format!(
        "#!/bin/sh\nexec strace -D -f -qq -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO:when=3 {} \"$@\"\n",
        server.display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

#[test]
fn a_failed_fsync_taints_the_log_until_a_rewrite_of_its_own_accord_has_made_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::build()
        .binary(failing_sync(&folder))
        .mylog("appendfsync", "always")
        .mylog("max-wait", MAX_WAIT)
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    let epoch = info(&mut client, "epoch");
    client.ok("MYLOG.DEBUG REWRITE-PAUSE start");
    let mut acked = 0;
    let mut writer = server.client();
    // The one whose sync fails is told nothing.
    while let Some(reply) = writer.answer(&format!("MYLOG.SET key:{acked} {acked}:")) {
        assert!(reply.is_ok(), "{reply:?}");
        acked += 1;
        assert!(acked < 10, "no fsync has failed");
    }
    let reply = client.run(&format!("MYLOG.GET key:{acked}"));
    assert!(reply.is_error("NOTDURABLE seq "), "{reply:?}");
    let reply = client.run("MYLOG.SET other value");
    assert!(reply.is_error("MYLOGDOWN "), "{reply:?}");
    assert_eq!(client.run("EXISTS other").int(), 0);
    client.ok("SET native value");
    assert_acknowledged_are_there(&mut client, acked);
    assert_eq!(info_text(&mut client, "last_fsync_status"), "err");

    rewriting::wait_held(&mut client, "start");
    rewriting::release(&mut client);
    wait_for("durable writes are taken again", || {
        client.run("MYLOG.SET other value").is_ok()
    });
    rewriting::wait_idle(&mut client);
    assert!(info(&mut client, "epoch") > epoch);
    assert_eq!(info_text(&mut client, "last_fsync_status"), "ok");
    server.kill9();
    log_check::assert_clean(&server.log_dir());
    server.restart();
    let mut client = server.client();
    assert_acknowledged_are_there(&mut client, acked + 1);
    assert_eq!(client.run("MYLOG.GET other").text(), "value");
}

/// Who can't be held and can't be told must not hear of success: a subscriber's EXEC was answered OK, since
/// only ordinary clients were looked for.
#[test]
fn an_exec_of_a_subscriber_is_not_answered_when_the_log_fails() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::build()
        .binary(failing_sync(&folder))
        .mylog("appendfsync", "always")
        .mylog("max-wait", MAX_WAIT)
        .mylog("auto-rewrite-percentage", "0")
        .start();
    let mut client = server.client();
    client.ok("MYLOG.DEBUG REWRITE-PAUSE start");
    client.run("HELLO 3");
    client.run("SUBSCRIBE channel");
    let cut_off = (0..10).any(|n| {
        let unit = [
            vec!["MULTI".to_owned()],
            vec!["MYLOG.SET".into(), format!("key:{n}"), "v".into()],
            vec!["EXEC".into()],
        ];
        unit.iter().any(|command| client.answer_to(command).is_none())
    });
    assert!(cut_off, "every EXEC was answered though an fsync has failed");
    let mut other = server.client();
    assert_eq!(info_text(&mut other, "last_fsync_status"), "err");
    other.ok("MYLOG.DEBUG REWRITE-PAUSE off");
}
