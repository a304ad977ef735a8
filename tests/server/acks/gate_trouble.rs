//! A log in trouble, or a slow one, where replies wait in their clients' own buffers: a slow disk closes nobody; a log in trouble
//! has `mylog.max-wait` to heal and then closes those who wait for it, and them alone; nobody is told OK too early.

use std::time::{Duration, Instant};

use crate::support::client::is_the_end;
use crate::support::io_threads::{is_gated, on_one_and_on_four, set_to_work};
use crate::support::rewriting::{self, info, info_text};
use crate::support::sync_gate::{Later, SyncGate, wait_held};
use crate::support::{Client, Reply, Server, ServerBuilder, wait_for};

fn build(threads: &str) -> ServerBuilder {
    Server::build()
        .config("io-threads", threads)
        .mylog("appendfsync", "always")
        .mylog("auto-rewrite-percentage", "0")
}

/// What is made there before anything is wrong. `None` where there is no gate beside I/O threads.
fn start(builder: ServerBuilder) -> Option<(Server, Client)> {
    let server = builder.start();
    let mut client = server.client();
    client.ok("MYLOG.SET old v");
    client.ok("MYLOG.SET deleted v");
    set_to_work(&mut client);
    is_gated(&mut client).then_some((server, client))
}

/// Clients that wait, one for each way to change something, by the name of what each makes.
fn writers(server: &Server) -> Vec<(&'static str, Later)> {
    let send = |name, lines: &[&[&str]]| {
        let mut client = server.client();
        let (last, first) = lines.split_last().expect("a command");
        for line in first {
            client.cmd(*line);
        }
        client.send(*last);
        (name, Later::of(client))
    };
    vec![
        send("plain", &[&["MYLOG.SET", "plain", "v"]]),
        send("unit", &[&["MULTI"], &["MYLOG.SET", "unit", "v"], &["EXEC"]]),
        send(
            "script",
            &[&[
                "EVAL",
                "return redis.call('MYLOG.SET',KEYS[1],'v')",
                "1",
                "script",
            ]],
        ),
        send("hash", &[&["MYLOG.HSET", "hash", "f", "v"]]),
        send("gone", &[&["MYLOG.DEL", "deleted"]]),
    ]
}

/// Whoever writes nothing durable, or reads what is on disk, is served at once, and as ever.
fn natives_are_served(client: &mut Client) {
    let began = Instant::now();
    client.ok("SET native v");
    assert_eq!(client.run("GET native").text(), "v");
    client.ok("MULTI");
    client.run("INCR counter");
    assert_eq!(client.run("EXEC").items().len(), 1);
    assert_eq!(client.run("MYLOG.GET old").text(), "v");
    // Far above what it takes, and far below what the disk takes.
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(info(client, "event_loop_waited_usec"), 0);
}

fn all_is_there(client: &mut Client) {
    assert_eq!(client.run("EXISTS plain unit script hash").int(), 4);
    assert_eq!(client.run("EXISTS deleted").int(), 0);
}

fn nobody_is_answered(waiting: &[(&str, Later)]) {
    for (name, reply) in waiting {
        reply.is_not_there(name);
    }
}

/// All of them are told that it worked.
fn all_are_acknowledged(waiting: Vec<(&str, Later)>) {
    for (name, reply) in waiting {
        let (reply, mut client) = reply.outcome();
        let reply = reply.unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(!matches!(reply, Reply::Error(_)), "{name}: {reply:?}");
        // A log that heals is known to be durable an instant before it takes writes again.
        wait_for("it is served again", || client.run("MYLOG.SET again v").is_ok());
    }
}

fn a_disk_that_hangs_closes_nobody_and_holds_up_nobody_else(threads: &str) {
    // Far less than the disk hangs: it is for a log in trouble.
    let Some((mut server, mut client)) = start(build(threads).mylog("max-wait", "100")) else {
        return;
    };
    let gate = SyncGate::shut(&server);
    let waiting = writers(&server);
    let count = waiting.len() as u64;
    wait_held(&mut client, count);
    let began = Instant::now();
    wait_for("the disk has hung for long", || {
        natives_are_served(&mut client);
        nobody_is_answered(&waiting);
        began.elapsed() > Duration::from_secs(2)
    });
    wait_held(&mut client, count);
    assert_eq!(info(&mut client, "gate_closed_clients"), 0);
    assert_eq!(client.info_u64("clients", "blocked_clients"), 0);
    gate.open();
    all_are_acknowledged(waiting);
    wait_held(&mut client, 0);
    server.kill9();
    server.restart();
    all_is_there(&mut server.client());
}

/// Past `mylog.max-unsynced-age` it is in trouble, too. A read of what is not durable is told so then, and waits for nothing.
fn a_disk_that_hangs_for_longer_than_it_may_closes_those_who_wait(threads: &str) {
    let Some((server, mut client)) = start(
        build(threads)
            .mylog("max-wait", "300")
            .mylog("max-unsynced-age", "1"),
    ) else {
        return;
    };
    let gate = SyncGate::shut(&server);
    let waiting = writers(&server);
    let count = waiting.len() as u64;
    wait_for("they are closed", || {
        natives_are_served(&mut client);
        info(&mut client, "gate_closed_clients") == count
    });
    for (name, reply) in waiting {
        let outcome = reply.outcome().0;
        assert!(outcome.as_ref().is_err_and(is_the_end), "{name}: {outcome:?}");
    }
    let reply = client.run("MYLOG.GET plain");
    assert!(reply.is_error("NOTDURABLE seq "), "{reply:?}");
    assert!(client.run("MYLOG.SET more v").is_error("MYLOGDOWN "));
    gate.open();
    wait_for("it is over", || client.run("MYLOG.SET more v").is_ok());
    assert_eq!(client.run("MYLOG.GET plain").text(), "v");
    assert_eq!(info(&mut client, "gate_closed_clients"), count);
}

/// Clients that wait, and a log that fails under them and can't heal before the rewrite goes on.
fn fail_under(server: &Server, client: &mut Client) -> Vec<(&'static str, Later)> {
    client.ok("MYLOG.DEBUG REWRITE-PAUSE start");
    let gate = SyncGate::failing(server);
    let mut waiting = writers(server);
    // What is sent behind a write in one go is run at once, and answered behind it.
    let mut pipelined = server.client();
    pipelined
        .try_send_bytes(b"MYLOG.SET pipelined v\r\nSET behind v\r\nGET behind\r\n")
        .expect("a live connection");
    waiting.push(("pipelined", Later::of(pipelined)));
    wait_held(client, waiting.len() as u64);
    assert_eq!(info_text(client, "last_fsync_status"), "ok");
    assert_eq!(client.run("GET behind").text(), "v");
    wait_for("the sync fails", || {
        natives_are_served(client);
        info_text(client, "last_fsync_status") == "err"
    });
    gate.open();
    waiting
}

fn a_log_in_trouble_past_max_wait_closes_those_who_wait_for_it_and_nobody_else(threads: &str) {
    let Some((mut server, mut client)) = start(build(threads).mylog("max-wait", "1000")) else {
        return;
    };
    let mut idle = server.client();
    idle.ok("SET idle v");
    let waiting = fail_under(&server, &mut client);
    let count = waiting.len() as u64;
    assert_eq!(info(&mut client, "acks_waiting"), count);
    for (name, reply) in waiting {
        natives_are_served(&mut client);
        let outcome = reply.outcome().0;
        assert!(outcome.as_ref().is_err_and(is_the_end), "{name}: {outcome:?}");
    }
    assert_eq!(info(&mut client, "gate_closed_clients"), count);
    assert_eq!(idle.run("GET idle").text(), "v");
    wait_for("nobody else is gone", || {
        client.info_u64("clients", "connected_clients") == 2
    });
    wait_held(&mut client, 0);
    let reply = client.run("MYLOG.GET plain");
    assert!(reply.is_error("NOTDURABLE seq "), "{reply:?}");
    assert!(client.run("MYLOG.SET more v").is_error("MYLOGDOWN "));
    natives_are_served(&mut client);

    rewriting::wait_held(&mut client, "start");
    rewriting::release(&mut client);
    wait_for("the log works again", || client.run("MYLOG.SET more v").is_ok());
    let digest = client.run("MYLOG.DEBUG DIGEST");
    assert_eq!(info(&mut client, "gate_closed_clients"), count);
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("MYLOG.DEBUG DIGEST"), digest);
    assert_eq!(client.run("MYLOG.GET more").text(), "v");
}

fn a_log_that_heals_within_max_wait_makes_durable_what_is_waited_for(threads: &str) {
    let Some((mut server, mut client)) = start(build(threads)) else {
        return;
    };
    let waiting = fail_under(&server, &mut client);
    rewriting::wait_held(&mut client, "start");
    nobody_is_answered(&waiting);
    wait_held(&mut client, waiting.len() as u64);
    rewriting::release(&mut client);
    all_are_acknowledged(waiting);
    server.kill9();
    server.restart();
    let mut client = server.client();
    all_is_there(&mut client);
    assert_eq!(client.run("MYLOG.GET pipelined").text(), "v");
}

fn a_full_disk_that_gets_room_within_max_wait_makes_durable_what_is_waited_for(threads: &str) {
    let Some((mut server, mut client)) = start(build(threads)) else {
        return;
    };
    let gate = SyncGate::full(&server);
    let write = Later::send(server.client(), "MYLOG.SET plain v");
    wait_for("the log is down", || {
        info_text(&mut client, "last_write_status") == "err"
    });
    assert!(client.run("MYLOG.SET more v").is_error("MYLOGDOWN "));
    natives_are_served(&mut client);
    write.is_not_there("a full disk");
    wait_held(&mut client, 1);
    gate.open();
    assert!(write.reply().is_ok());
    assert_eq!(info(&mut client, "gate_closed_clients"), 0);
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("MYLOG.GET plain").text(), "v");
}

/// The clock begins anew with each trouble: what was made up for is no part of the next.
fn each_trouble_has_max_wait_of_its_own(threads: &str) {
    let Some((server, mut client)) = start(build(threads).mylog("max-wait", "1500")) else {
        return;
    };
    for round in 1..=2 {
        let began = Instant::now();
        let gate = SyncGate::full(&server);
        assert_eq!(server.client().answer("MYLOG.SET plain v"), None);
        assert!(began.elapsed() > Duration::from_millis(1400), "{round}");
        assert_eq!(info(&mut client, "gate_closed_clients"), round);
        gate.open();
        wait_for("the log works", || client.run("MYLOG.SET more v").is_ok());
    }
}

on_one_and_on_four! {
    a_disk_that_hangs_closes_nobody_and_holds_up_nobody_else
    a_disk_that_hangs_for_longer_than_it_may_closes_those_who_wait
    a_log_in_trouble_past_max_wait_closes_those_who_wait_for_it_and_nobody_else
    a_log_that_heals_within_max_wait_makes_durable_what_is_waited_for
    a_full_disk_that_gets_room_within_max_wait_makes_durable_what_is_waited_for
    each_trouble_has_max_wait_of_its_own
}
