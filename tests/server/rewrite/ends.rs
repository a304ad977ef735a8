//! What a rewrite is answered, and how it ends other than well: given up, begun anew, over a limit.

use crate::support::rewriting::{self, hold, info, info_text, release, wait_held, wait_idle};
use crate::support::{Client, Server, leftovers, wait_for};

const STARTED: &str = "Background log rewrite started";
const SCHEDULED: &str = "Background log rewrite scheduled";
const IN_PROGRESS: &str = "ERR Background log rewrite already in progress";
const NONE: &str = "ERR No background log rewrite in progress";

fn server() -> Server {
    Server::build().mylog("auto-rewrite-percentage", "0").start()
}

fn temporaries(server: &Server) -> Vec<String> {
    leftovers::files(&server.log_dir())
        .into_iter()
        .filter(|name| name.starts_with("rewrite-"))
        .collect()
}

/// The child of a rewrite that has been given up is gone, and so is its file.
fn wait_gone(server: &Server) {
    wait_for("the child and its file are gone", || {
        temporaries(server).is_empty() && leftovers::children(server.pid()).is_empty()
    });
}

fn fill(client: &mut Client, keys: usize, bytes: usize) {
    let commands: Vec<_> = (0..keys)
        .map(|n| vec!["MYLOG.SET".to_owned(), format!("key:{n}"), "v".repeat(bytes)])
        .collect();
    assert!(client.pipeline(&commands).iter().all(|reply| reply.is_ok()));
}

#[test]
fn rewrite_answers_started_scheduled_or_in_progress() {
    let server = server();
    let mut client = server.client();
    client.ok("MYLOG.SET key value");
    client.ok("MYLOG.DEBUG REWRITE-PAUSE walked");
    assert_eq!(client.run("MYLOG.REWRITE").text(), STARTED);
    assert_eq!(client.run("MYLOG.REWRITE").text(), IN_PROGRESS);
    client.ok("MULTI");
    client.run("MYLOG.REWRITE");
    assert_eq!(client.run("EXEC").items().pop().unwrap().text(), IN_PROGRESS);
    release(&mut client);
    wait_idle(&mut client);

    client.ok("MULTI");
    client.run("MYLOG.REWRITE");
    assert_eq!(client.run("EXEC").items().pop().unwrap().text(), SCHEDULED);
    wait_idle(&mut client);
    let reply = client.cmd(["EVAL", "return redis.call('MYLOG.REWRITE')", "0"]);
    assert_eq!(reply.text(), SCHEDULED);
    rewriting::wait_succeeded(&mut client, 3);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
    for line in ["MYLOG.REWRITE now", "MYLOG.REWRITE ABORT now"] {
        assert_eq!(client.run(line).text(), "ERR syntax error", "{line}");
    }
}

#[test]
fn a_rewrite_waits_for_the_server_s_own_child() {
    let server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .config("rdb-key-save-delay", "1000000")
        .start();
    let mut client = server.client();
    client.ok("SET native value");
    client.ok("MYLOG.SET key value");
    assert_eq!(client.run("BGSAVE").text(), "Background saving started");
    assert_eq!(client.run("MYLOG.REWRITE").text(), SCHEDULED);
    assert_eq!(info(&mut client, "rewrite_scheduled"), 1);
    assert_eq!(info(&mut client, "rewrite_in_progress"), 0);
    client.ok("CONFIG SET rdb-key-save-delay 0");
    rewriting::wait_succeeded(&mut client, 1);
    assert_eq!(info(&mut client, "rewrite_scheduled"), 0);

    client.ok("CONFIG SET rdb-key-save-delay 1000000");
    assert_eq!(client.run("BGSAVE").text(), "Background saving started");
    assert_eq!(client.run("MYLOG.REWRITE").text(), SCHEDULED);
    client.ok("MYLOG.REWRITE ABORT");
    assert_eq!(client.run("MYLOG.REWRITE ABORT").text(), NONE);
    assert_eq!(info(&mut client, "rewrite_scheduled"), 0);
}

#[test]
fn an_abort_ends_the_child_at_every_stage_and_is_no_failure() {
    let server = server();
    let mut client = server.client();
    fill(&mut client, 100, 100);
    assert_eq!(client.run("MYLOG.REWRITE ABORT").text(), NONE);
    for stage in rewriting::STAGES {
        hold(&mut client, stage);
        client.ok("MYLOG.SET during held");
        assert_eq!(temporaries(&server).len(), 1, "{stage}");
        client.ok("MYLOG.REWRITE ABORT");
        wait_idle(&mut client);
        wait_gone(&server);
        assert_eq!(client.run("MYLOG.REWRITE ABORT").text(), NONE, "{stage}");
    }
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
    release(&mut client);
    rewriting::run(&mut client);
}

#[test]
fn an_abort_during_the_switch_is_too_late_or_leaves_the_old_log() {
    let mut server = server();
    let mut client = server.client();
    fill(&mut client, 100, 1000);
    hold(&mut client, "reporting");
    for _ in 0..4 {
        fill(&mut client, 100, 100_000);
    }
    release(&mut client);
    wait_for("the child has ended", || {
        leftovers::children(server.pid()).is_empty()
    });
    let reply = client.run("MYLOG.REWRITE ABORT").text();
    wait_idle(&mut client);
    let switched = info(&mut client, "rewrites");
    match reply.as_str() {
        "OK" => assert_eq!(switched, 0),
        "ERR Background log rewrite is being finalized" | NONE => assert_eq!(switched, 1),
        other => panic!("{other}"),
    }
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

#[test]
fn a_flush_or_a_swap_begins_a_rewrite_anew_without_a_failure() {
    let mut server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("flush-policy", "flush")
        .start();
    let mut client = server.client();
    for (done, line) in [
        "FLUSHALL",
        "FLUSHDB",
        "SWAPDB 0 1",
        "FLUSHALL ASYNC",
        "MYLOG.FLUSHALL",
    ]
    .iter()
    .enumerate()
    {
        fill(&mut client, 100, 100);
        hold(&mut client, "walked");
        client.ok("MYLOG.SET before flush");
        let pid = leftovers::children(server.pid());
        client.ok(line);
        client.ok("MYLOG.SET after flush");
        wait_for("another child works", || {
            wait_held(&mut client, "walked");
            leftovers::children(server.pid()) != pid
        });
        client.ok("MYLOG.SET later flush");
        release(&mut client);
        rewriting::wait_succeeded(&mut client, done as u64 + 1);
        wait_idle(&mut client);
        assert_eq!(info(&mut client, "rewrites"), done as u64 + 1, "{line}");
        assert_eq!(info(&mut client, "rewrite_failures"), 0, "{line}");
    }
    let digest = client.run("MYLOG.DEBUG DIGEST");
    wait_gone(&server);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.run("EXISTS before key:1").int(), 0);
    assert_eq!(client.run("EXISTS after later").int(), 2);
}

#[test]
fn a_flush_begins_a_rewrite_anew_also_if_its_group_is_sealed_before_the_turn_ends() {
    let mut server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("flush-policy", "flush")
        .start();
    let mut client = server.client();
    fill(&mut client, 100, 100);
    hold(&mut client, "walked");
    let pid = leftovers::children(server.pid());
    // MYLOG.WAIT seals the group of the flush, and another group follows in the same turn.
    let lines = [
        "FLUSHALL",
        "MYLOG.SET after flush",
        "MYLOG.WAIT 10000",
        "MYLOG.SET later flush",
    ];
    let commands: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    client.pipeline(&commands);
    wait_for("another child works", || {
        wait_held(&mut client, "walked");
        leftovers::children(server.pid()) != pid
    });
    release(&mut client);
    rewriting::wait_succeeded(&mut client, 1);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
    let digest = client.run("MYLOG.DEBUG DIGEST");
    wait_gone(&server);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.run("EXISTS key:1").int(), 0);
    assert_eq!(client.run("EXISTS after later").int(), 2);
}

#[test]
fn a_child_that_ends_in_the_turn_of_a_flush_is_given_up_as_well() {
    let mut server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("flush-policy", "flush")
        .start();
    let mut client = server.client();
    fill(&mut client, 100, 100);
    hold(&mut client, "reporting");
    // The server hears of the child's end before the turn of these commands ends.
    let lines = [
        "FLUSHALL",
        "MYLOG.SET after flush",
        "MYLOG.DEBUG REWRITE-PAUSE off",
        "DEBUG SLEEP 0.5",
    ];
    let commands: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
    client.pipeline(&commands);
    rewriting::wait_succeeded(&mut client, 1);
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
    let log = server.log();
    let (ended, given_up) = (log.find("fork exited"), log.find("is given up"));
    assert!(ended.is_some() && ended < given_up, "{log}");
    wait_gone(&server);
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.run("EXISTS key:1").int(), 0);
    assert_eq!(client.run("EXISTS after").int(), 1);
}

#[test]
fn writes_past_the_backlog_limit_give_the_rewrite_up_at_every_stage() {
    let mut server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("rewrite-backlog-limit", "1mb")
        .start();
    let mut client = server.client();
    for (failures, stage) in ["walked", "answered", "reporting"].iter().enumerate() {
        hold(&mut client, stage);
        for _ in 0..8 {
            fill(&mut client, 100, 10_000);
        }
        wait_for("it is given up", || info(&mut client, "rewrite_in_progress") == 0);
        assert_eq!(
            info(&mut client, "rewrite_failures"),
            failures as u64 + 1,
            "{stage}"
        );
        assert_eq!(info_text(&mut client, "last_rewrite_status"), "err");
        assert_eq!(info(&mut client, "rewrite_backlog_bytes"), 0);
        wait_gone(&server);
    }
    assert!(info(&mut client, "rewrite_backlog_peak_bytes") < 4 << 20);
    release(&mut client);
    rewriting::run(&mut client);
    assert_eq!(info_text(&mut client, "last_rewrite_status"), "ok");
    let digest = client.run("MYLOG.DEBUG DIGEST");
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.DEBUG DIGEST"), digest);
}

#[test]
fn a_child_older_than_the_timeout_is_ended() {
    let server = Server::build()
        .mylog("auto-rewrite-percentage", "0")
        .mylog("rewrite-timeout", "1")
        .start();
    let mut client = server.client();
    client.ok("MYLOG.SET key value");
    hold(&mut client, "walked");
    wait_for("it is given up", || info(&mut client, "rewrite_in_progress") == 0);
    wait_gone(&server);
    assert_eq!(info(&mut client, "rewrite_failures"), 1);
    assert!(server.log().contains("mylog.rewrite-timeout"));
    release(&mut client);
    rewriting::run(&mut client);
}

/// A SHUTDOWN whose RDB can't be saved fails after it has ended the child, and tells nobody of it: every
/// later rewrite was refused as already in progress.
#[test]
fn a_failed_shutdown_leaves_the_next_rewrite_free() {
    let server = server();
    let mut client = server.client();
    fill(&mut client, 10, 10);
    std::fs::create_dir(server.data_dir().join("dump.rdb")).unwrap();
    hold(&mut client, "walked");
    assert!(
        client
            .run("SHUTDOWN SAVE")
            .is_error("ERR Errors trying to SHUTDOWN")
    );
    wait_idle(&mut client);
    client.ok("MYLOG.DEBUG REWRITE-PAUSE off");
    // The dead child itself stays the server's until its next one ends: it does not wait for it here.
    wait_for("the child's file is gone", || temporaries(&server).is_empty());
    assert_eq!(info(&mut client, "rewrite_failures"), 1);
    rewriting::run(&mut client);
    assert_eq!(info(&mut client, "rewrites"), 1);
}

/// Report and end of the child came within one long turn of the event loop: the end was looked at first, and
/// a good file thrown away.
#[test]
fn a_child_that_reports_and_ends_within_one_turn_has_succeeded() {
    let server = server();
    let mut client = server.client();
    fill(&mut client, 10, 10);
    hold(&mut client, "reporting");
    client.ok("MULTI");
    client.run("MYLOG.DEBUG REWRITE-PAUSE off");
    client.run("DEBUG SLEEP 0.5");
    client.run("EXEC");
    wait_idle(&mut client);
    assert_eq!(info(&mut client, "rewrite_failures"), 0);
    assert_eq!(info(&mut client, "rewrites"), 1);
}
