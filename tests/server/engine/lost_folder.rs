//! The log's folder removed, replaced, moved or locked by somebody else under a server that runs: noticed
//! within a second, and healed from memory where nothing can come back over the new file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::rewriting::{self, info, info_text};
use crate::support::small_disk::ReadOnly;
use crate::support::wait::holds_within;
use crate::support::{Client, Reply, Server, leftovers, log_check, wait_for};

fn start(policy: &str) -> (Server, Client) {
    let server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("appendfsync", policy)
        .start();
    let mut client = server.client();
    for n in 0..50 {
        client.ok(&format!("MYLOG.SET key:{n} value:{n}"));
    }
    (server, client)
}

fn write_when_taken(client: &mut Client, key: &str) {
    wait_for("durable writes are taken", || {
        client.run(&format!("MYLOG.SET {key} value")).is_ok()
    });
}

/// What is in memory is in the log after a kill, and no more.
fn assert_survives_a_kill(server: &mut Server, client: &mut Client) {
    wait_for("all is on disk", || {
        info(client, "durable_seq") == info(client, "queued_seq")
    });
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    log_check::assert_clean(&server.log_dir());
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

fn assert_locked(server: &Server) {
    let second = Server::build()
        .mylog("dir", server.log_dir().to_str().unwrap())
        .try_start()
        .err()
        .expect("a second server on the same folder");
    assert!(second.log.contains("locked by process"), "{second}");
}

#[test]
fn a_removed_folder_is_made_again_from_memory_without_a_restart() {
    for policy in ["always", "everysec"] {
        let (mut server, mut client) = start(policy);
        fs::remove_dir_all(server.log_dir()).unwrap();
        wait_for("a new log is made", || info(&mut client, "rewrites") == 1);
        write_when_taken(&mut client, "after");
        assert_eq!(info_text(&mut client, "last_write_status"), "ok");
        assert_eq!(leftovers::files(&server.log_dir()), ["LOCK", "current.mylog"]);
        assert_locked(&server);
        assert_survives_a_kill(&mut server, &mut client);
    }
}

#[test]
fn an_older_copy_put_in_the_folders_place_does_not_come_back_and_is_kept() {
    let (mut server, mut client) = start("always");
    let backup = server.data_dir().join("backup");
    copy(&server.log_dir(), &backup);
    let old = fs::read(backup.join("current.mylog")).unwrap();
    client.ok("MYLOG.SET key:0 newer");
    fs::rename(server.log_dir(), server.data_dir().join("away")).unwrap();
    copy(&backup, &server.log_dir());
    wait_for("a new log is made", || info(&mut client, "rewrites") == 1);
    assert!(server.log().contains("is another file now"), "{}", server.log());
    write_when_taken(&mut client, "after");
    assert_locked(&server);
    let files = leftovers::files(&server.log_dir());
    let kept = files.iter().find(|name| name.contains("current.mylog.replaced-"));
    let kept = fs::read(server.log_dir().join(kept.unwrap_or_else(|| panic!("{files:?}")))).unwrap();
    assert!(kept == old, "the file that was put there is not what is kept");
    assert_survives_a_kill(&mut server, &mut client);
    assert_eq!(server.client().run("MYLOG.GET key:0").text(), "newer");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in leftovers::files(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

#[test]
fn a_folder_that_was_moved_away_is_waited_for_and_goes_on_when_it_is_back() {
    let (mut server, mut client) = start("always");
    let away = server.data_dir().join("away");
    fs::rename(server.log_dir(), &away).unwrap();
    client.ok("CONFIG SET mylog.max-wait 100");
    wait_for("the log is known to be away", || {
        // Whoever comes before it is noticed may be told nothing.
        let reply = server.client().answer("MYLOG.SET other value");
        reply.is_some_and(|reply| reply.is_error("MYLOGDOWN ") && reply.text().contains("was moved away"))
    });
    assert_eq!(client.run("MYLOG.GET key:1").text(), "value:1");
    client.ok("SET native value");
    assert!(
        !server.log_dir().exists(),
        "it was made again though it may come back"
    );
    fs::rename(&away, server.log_dir()).unwrap();
    write_when_taken(&mut client, "other");
    assert_eq!(info(&mut client, "rewrites"), 0);
    rewriting::run(&mut client);
    assert_survives_a_kill(&mut server, &mut client);
}

#[test]
fn a_rewrite_that_is_asked_for_makes_a_new_log_where_the_folder_was() {
    let (mut server, mut client) = start("always");
    fs::rename(server.log_dir(), server.data_dir().join("away")).unwrap();
    client.ok("CONFIG SET mylog.max-wait 100");
    wait_for("the log is known to be away", || {
        let reply = server.client().answer("MYLOG.SET other value");
        reply.is_some_and(|reply| reply.is_error("MYLOGDOWN "))
    });
    assert_eq!(
        client.run("MYLOG.REWRITE").text(),
        "Background log rewrite scheduled"
    );
    wait_for("a new log is made", || info(&mut client, "rewrites") == 1);
    write_when_taken(&mut client, "other");
    assert_locked(&server);
    assert_survives_a_kill(&mut server, &mut client);
}

#[test]
fn a_removed_lock_file_is_made_again_before_a_second_server_can_take_it() {
    let (server, mut client) = start("always");
    let lock = server.log_dir().join("LOCK");
    fs::remove_file(&lock).unwrap();
    wait_for("the lock is back", || lock.exists());
    wait_for("it is ours", || {
        fs::read(&lock).is_ok_and(|text| !text.is_empty())
    });
    assert_locked(&server);
    client.ok("MYLOG.SET more value");
    assert_eq!(info(&mut client, "rewrites"), 0);
}

#[test]
fn a_folder_that_a_second_server_has_taken_is_not_written_to() {
    let (server, mut client) = start("always");
    let folder = server.log_dir();
    fs::rename(&folder, server.data_dir().join("away")).unwrap();
    let second = Server::build().mylog("dir", folder.to_str().unwrap()).start();
    let mut theirs = second.client();
    theirs.ok("MYLOG.SET theirs value");
    let taken_by = format!("locked by process {}", second.pid());
    client.ok("CONFIG SET mylog.max-wait 100");
    wait_for("it is said who has it", || {
        // Whoever comes before it is noticed is told nothing.
        let reply = server.client().answer("MYLOG.SET other value");
        reply.is_some_and(|reply| reply.is_error("MYLOGDOWN ") && reply.text().contains(&taken_by))
    });
    assert_eq!(
        client.run("MYLOG.REWRITE").text(),
        "Background log rewrite scheduled"
    );
    assert_eq!(info(&mut client, "rewrite_scheduled"), 1);
    assert_eq!(info(&mut client, "rewrites"), 0);
    rewriting::run(&mut theirs);
    log_check::assert_clean(&folder);
    assert_eq!(client.run("MYLOG.GET key:1").text(), "value:1");
}

#[test]
fn a_read_only_folder_fails_the_rewrite_only_and_the_log_goes_on() {
    let (mut server, mut client) = start("always");
    let sealed = ReadOnly::make(&server.log_dir());
    assert!(
        Command::new("touch")
            .arg(server.log_dir().join("x"))
            .status()
            .is_ok_and(|s| !s.success())
    );
    assert_eq!(
        client.run("MYLOG.REWRITE").text(),
        "Background log rewrite started"
    );
    wait_for("it has failed", || info(&mut client, "rewrite_failures") == 1);
    assert!(server.log().contains("Read-only file system"), "{}", server.log());
    rewriting::wait_idle(&mut client);
    assert_eq!(client.run("MYLOG.SET more value"), Reply::Simple(b"OK".to_vec()));
    drop(sealed);
    rewriting::run(&mut client);
    assert_survives_a_kill(&mut server, &mut client);
}

#[test]
fn a_log_that_a_second_server_had_is_not_appended_to_again() {
    let (mut server, mut client) = start("always");
    let live = server.log_dir().join("current.mylog");
    wait_for("nothing more is written", || {
        let len = fs::metadata(&live).unwrap().len();
        !holds_within(Duration::from_millis(500), || {
            fs::metadata(&live).unwrap().len() != len
        })
    });
    // Stopped, it can't make the lock file again before the second one takes the folder.
    server.signal(Signal::SIGSTOP);
    fs::remove_file(server.log_dir().join("LOCK")).unwrap();
    let mut second = Server::build()
        .mylog("dir", server.log_dir().to_str().unwrap())
        .start();
    second.client().ok("MYLOG.SET theirs value");
    server.signal(Signal::SIGCONT);
    // By looking only: what this one wrote now would stand in the other's log, which would be made anew for it.
    wait_for("it is said who has it", || {
        info_text(&mut client, "last_error").contains("locked by process")
    });
    assert!(client.run("MYLOG.SET ours value").is_error("MYLOGDOWN "));
    second.kill9();
    wait_for("it is known to be let go", || {
        let reply = client.run("MYLOG.SET ours value");
        reply.is_error("MYLOGDOWN ") && reply.text().contains("another server had it meanwhile")
    });
    assert_eq!(info(&mut client, "rewrites"), 0);
    client.run("MYLOG.REWRITE");
    wait_for("a new log is made", || info(&mut client, "rewrites") == 1);
    write_when_taken(&mut client, "ours");
    assert_locked(&server);
    assert_survives_a_kill(&mut server, &mut client);
}
