//! A pop for a client that waited is a change like any other: told when it is durable, and not before, whatever
//! happens to the client, the disk or the server meanwhile.

use crate::support::sync_gate::{Later, SyncGate, held, wait_held};
use crate::support::{Client, Reply, Server, ServerBuilder, wait_for};

fn build() -> ServerBuilder {
    Server::build()
        .mylog("appendfsync", "always")
        .mylog("capture", "q:")
}

/// Number of clients that are blocked.
fn blocked(client: &mut Client) -> u64 {
    client.info_u64("clients", "blocked_clients")
}

/// A client that is blocked by a command; its id.
fn waiting(server: &Server, other: &mut Client, line: &str) -> (Later, i64) {
    let before = blocked(other);
    let mut client = server.client();
    let id = client.run("CLIENT ID").int();
    let reply = Later::send(client, line);
    wait_for("it is blocked", || blocked(other) == before + 1);
    (reply, id)
}

fn text(reply: Reply) -> Vec<String> {
    let parts = reply.items().into_iter();
    parts.map(Reply::text).collect()
}

#[test]
fn who_was_woken_is_told_once_the_pop_is_durable() {
    for (policy, prefixes) in [("always", ""), ("everysec", "x q:")] {
        let server = build()
            .mylog("appendfsync", policy)
            .mylog("always-prefixes", prefixes)
            .start();
        let mut other = server.client();
        let commands = [
            "BLPOP q:l 0",
            "BRPOP q:l 0",
            "BLMPOP 0 1 q:l LEFT",
            "BLMOVE q:l q:m LEFT LEFT 0",
        ];
        let waiting: Vec<_> = commands
            .iter()
            .map(|line| waiting(&server, &mut other, line).0)
            .collect();
        let gate = SyncGate::shut(&server);
        let push = Later::send(server.client(), "RPUSH q:l 1 2 3 4");
        wait_held(&mut other, 5);
        other.ok("SET native v");
        waiting
            .iter()
            .for_each(|reply| reply.is_not_there("a pop that is not durable"));
        push.is_not_there("a push that is not durable");
        gate.open();
        assert_eq!(push.reply().int(), 4);
        let mut replies = waiting.into_iter().map(Later::reply);
        assert_eq!(text(replies.next().unwrap()), ["q:l", "1"]);
        assert_eq!(text(replies.next().unwrap()), ["q:l", "4"]);
        assert_eq!(replies.next().unwrap().items()[1].clone().items().len(), 1);
        assert_eq!(replies.next().unwrap().text(), "3");
        assert_eq!(held(&mut other), 0);
        wait_for("nobody is blocked", || blocked(&mut other) <= 1);
    }
}

#[test]
fn a_timeout_does_not_take_back_what_was_popped_before_it() {
    let server = build().start();
    let mut other = server.client();
    let (popped, _) = waiting(&server, &mut other, "BLPOP q:l 0.3");
    let gate = SyncGate::shut(&server);
    let push = Later::send(server.client(), "RPUSH q:l 1");
    wait_held(&mut other, 2);
    // A clock: its time begins later and is over later.
    assert_eq!(other.run("BLPOP q:other 0.4"), Reply::Nil);
    popped.is_not_there("a pop that is not durable");
    gate.open();
    assert_eq!(text(popped.reply()), ["q:l", "1"]);
    assert_eq!(push.reply().int(), 1);
}

#[test]
fn that_nothing_came_is_told_once_it_is_durable_that_nothing_is_there() {
    let server = build().start();
    let mut other = server.client();
    other.run("RPUSH q:l 1");
    let gate = SyncGate::shut(&server);
    let popped = Later::send(server.client(), "LPOP q:l");
    wait_held(&mut other, 1);
    let (nothing, _) = waiting(&server, &mut other, "BLPOP q:l 0.05");
    wait_held(&mut other, 2);
    nothing.is_not_there("a list whose end is not durable");
    gate.open();
    assert_eq!(popped.reply().text(), "1");
    assert_eq!(nothing.reply(), Reply::Nil);
}

/// Natively he had his reply by now, and is not blocked.
#[test]
fn client_unblock_finds_nobody_blocked_who_was_served_and_he_is_told_what_was_popped() {
    let mut server = build().start();
    let mut other = server.client();
    for how in ["", " TIMEOUT", " ERROR", " error"] {
        let (popped, id) = waiting(&server, &mut other, "BLPOP q:l 0");
        let (waits_on, second) = waiting(&server, &mut other, "BLPOP q:l 0");
        let gate = SyncGate::shut(&server);
        let push = Later::send(server.client(), "RPUSH q:l 1");
        wait_held(&mut other, 2);
        assert_eq!(other.run(&format!("CLIENT UNBLOCK {id}{how}")).int(), 0);
        assert_eq!(other.run(&format!("CLIENT UNBLOCK {second}{how}")).int(), 1);
        popped.is_not_there("a pop that is not durable");
        let told = waits_on.reply();
        assert_eq!(
            told.is_error("UNBLOCKED"),
            how.to_uppercase() == " ERROR",
            "{told:?}"
        );
        gate.open();
        assert_eq!(text(popped.reply()), ["q:l", "1"], "{how}");
        assert_eq!(push.reply().int(), 1);
    }
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("EXISTS q:l").int(), 0);
}

/// The filter does not see what an EXEC runs.
#[test]
fn client_unblock_in_an_exec_finds_nobody_blocked_who_was_served() {
    let server = build().start();
    let mut other = server.client();
    let (popped, id) = waiting(&server, &mut other, "BLPOP q:l 0");
    other.ok("MULTI");
    other.run(&format!("CLIENT UNBLOCK {id}"));
    let gate = SyncGate::shut(&server);
    let push = Later::send(server.client(), "RPUSH q:l 1");
    wait_held(&mut server.client(), 2);
    assert_eq!(other.run("EXEC").items()[0], Reply::Int(0));
    popped.is_not_there("a pop that is not durable");
    gate.open();
    assert_eq!(text(popped.reply()), ["q:l", "1"]);
    assert_eq!(push.reply().int(), 1);
}

#[test]
fn a_client_that_leaves_takes_along_what_was_popped_for_it_and_leaves_nothing_behind() {
    let mut server = build().start();
    let mut other = server.client();
    let idle = blocked(&mut other);
    let (popped, id) = waiting(&server, &mut other, "BLPOP q:l 0");
    let gate = SyncGate::shut(&server);
    let push = Later::send(server.client(), "RPUSH q:l 1 2");
    wait_held(&mut other, 2);
    assert_eq!(other.run(&format!("CLIENT KILL ID {id}")).int(), 1);
    let outcome = popped.outcome().0;
    assert!(outcome.is_err(), "{outcome:?}");
    wait_held(&mut other, 1);
    gate.open();
    assert_eq!(push.reply().int(), 2);
    assert_eq!(text(other.run("LRANGE q:l 0 -1")), ["2"]);
    assert_eq!(other.run("LPOP q:l").text(), "2");
    wait_for("nobody is blocked", || blocked(&mut other) == idle);
    other.run("RPUSH q:l 3");
    server.kill9();
    server.restart();
    assert_eq!(text(server.client().run("LRANGE q:l 0 -1")), ["3"]);
}

#[test]
fn a_pop_is_told_once_the_disk_that_has_failed_behind_it_works_again() {
    let server = build().start();
    let mut other = server.client();
    let (popped, _) = waiting(&server, &mut other, "BLPOP q:l 0");
    let (waits_on, _) = waiting(&server, &mut other, "BLPOP q:l 0");
    let gate = SyncGate::full(&server);
    let push = Later::send(server.client(), "RPUSH q:l 1");
    wait_for("the log is down", || {
        other.info("mylog")["mylog_last_write_status"] == "err"
    });
    assert!(other.run("BLPOP q:l 0").is_error("MYLOGDOWN"));
    push.is_not_there("a push that is not durable");
    popped.is_not_there("a pop that is not durable");
    waits_on.is_not_there("nothing came");
    gate.open();
    assert_eq!(push.reply().int(), 1);
    assert_eq!(text(popped.reply()), ["q:l", "1"]);
    wait_for("the log works again", || {
        !other.run("RPUSH q:l 2").is_error("MYLOGDOWN")
    });
    assert_eq!(text(waits_on.reply()), ["q:l", "2"]);
}

#[test]
fn who_could_be_served_while_nothing_may_be_written_waits_on_and_is_served_then() {
    let server = build().mylog("max-unwritten", "1mb").start();
    let mut other = server.client();
    let (first, _) = waiting(&server, &mut other, "BRPOP q:l 0");
    let (second, _) = waiting(&server, &mut other, "BLPOP q:l 0");
    let gate = SyncGate::shut(&server);
    // A first group is on its way to the disk, so that the next one has to wait.
    let begun = Later::send(server.client(), "SET q:begun v");
    wait_held(&mut other, 1);
    let large = "x".repeat(2 << 20);
    let push = Later::send(server.client(), &format!("RPUSH q:l {large} 2"));
    wait_held(&mut other, 2);
    assert!(other.run("LPOP q:l").is_error("MYLOGDOWN"));
    first.is_not_there("nothing may be written");
    second.is_not_there("nothing may be written");
    gate.open();
    assert_eq!(push.reply().int(), 2);
    assert_eq!(text(first.reply()), ["q:l", "2"]);
    assert_eq!(text(second.reply())[1].len(), large.len());
    assert!(begun.reply().is_ok());
}

#[test]
fn a_pause_in_the_unit_that_wakes_holds_the_pop_up() {
    let server = build().config("appendonly", "yes").start();
    let mut other = server.client();
    let (popped, _) = waiting(&server, &mut other, "BLPOP q:l 0");
    other.ok("MULTI");
    other.run("RPUSH q:l 1");
    other.run("CLIENT PAUSE 100000 WRITE");
    other.run("EXEC");
    assert_eq!(other.run("LLEN q:l").int(), 1);
    popped.is_not_there("writes are paused");
    other.ok("CLIENT UNPAUSE");
    assert_eq!(text(popped.reply()), ["q:l", "1"]);
}

#[test]
fn waiting_costs_the_log_nothing() {
    let server = build().start();
    let mut other = server.client();
    let seq = other.info_u64("mylog", "mylog_queued_seq");
    for _ in 0..20 {
        let (nothing, _) = waiting(&server, &mut other, "BLPOP q:l q:m 0.05");
        assert_eq!(nothing.reply(), Reply::Nil);
    }
    assert_eq!(other.info_u64("mylog", "mylog_queued_seq"), seq);
}

#[test]
fn who_may_not_run_the_native_command_may_not_wait_either() {
    let server = build().start();
    let mut other = server.client();
    other.ok("ACL SETUSER worker on nopass ~* &* +@all -blpop");
    let mut client = server.client();
    client.ok("AUTH worker x");
    assert!(client.run("BLPOP q:l 0").is_error("NOPERM"));
    // What he may no longer do when he is woken is not done.
    other.ok("ACL SETUSER worker +blpop");
    client.send(["BLPOP", "q:l", "0"]);
    wait_for("it is blocked", || {
        let list = other.run("CLIENT LIST").text();
        list.lines()
            .any(|line| line.contains("cmd=mylog.blpop") && line.contains("flags=b"))
    });
    other.ok("ACL SETUSER worker -blpop");
    other.run("RPUSH q:l 1");
    assert!(client.recv().is_error("NOPERM"));
    assert_eq!(other.run("LLEN q:l").int(), 1);
}

#[test]
fn a_store_onto_a_value_of_another_type_serves_who_waits() {
    // Native keys leave him waiting for the next change.
    let server = build().start();
    let mut other = server.client();
    other.run("ZADD q:z 1 a 2 b");
    let (popped, _) = waiting(&server, &mut other, "BZPOPMIN q:y 0");
    other.ok("SET q:y v");
    other.run("ZUNIONSTORE q:y 1 q:z");
    assert_eq!(text(popped.reply()), ["q:y", "a", "1"]);
}
