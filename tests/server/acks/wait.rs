//! `MYLOG.WAIT`: waits for all that was changed before, under every policy.

use crate::support::sync_gate::{Later, SyncGate};
use crate::support::{Client, Reply, Server, wait_for};

fn server(policy: &str) -> Server {
    Server::build().mylog("appendfsync", policy).start()
}

/// Durable and wanted seq.
fn seqs(reply: Reply) -> (i64, i64) {
    let [durable, wanted] = reply.items().try_into().expect("two numbers");
    (durable.int(), wanted.int())
}

fn blocked(client: &mut Client) -> u64 {
    client.info_u64("clients", "blocked_clients")
}

#[test]
fn it_asks_for_a_sync_and_waits_for_it_under_every_policy() {
    for policy in ["always", "everysec", "no"] {
        let server = server(policy);
        let mut client = server.client();
        let (durable, wanted) = seqs(client.run("MYLOG.WAIT 0"));
        assert_eq!((durable, wanted), (0, 0), "{policy}");
        for round in 1..50 {
            client.ok("MYLOG.SET a v");
            let replies = client.pipeline(&[vec!["MYLOG.WAIT", "0"], vec!["INFO", "mylog"]]);
            let (durable, wanted) = seqs(replies[0].clone());
            assert_eq!((durable, wanted), (round, round), "{policy}");
        }
    }
}

#[test]
fn it_waits_no_longer_than_it_was_told_to() {
    let server = server("no");
    let mut other = server.client();
    let idle = blocked(&mut other);
    other.ok("MYLOG.SET a v");
    let gate = SyncGate::shut(&server);
    for round in 0..20 {
        let (durable, wanted) = seqs(other.run("MYLOG.WAIT 1"));
        assert!(durable < wanted, "{round}: {durable} {wanted}");
        let mut client = server.client();
        let id = client.run("CLIENT ID").int();
        client.send(["MYLOG.WAIT", "0"]);
        let waiting = Later::of(client);
        wait_for("it waits", || blocked(&mut other) == idle + 1);
        match round % 3 {
            0 => {
                assert_eq!(other.run(&format!("CLIENT UNBLOCK {id}")).int(), 1);
                let (durable, wanted) = seqs(waiting.reply());
                assert!(durable < wanted);
            }
            1 => {
                assert_eq!(other.run(&format!("CLIENT UNBLOCK {id} ERROR")).int(), 1);
                assert!(waiting.reply().is_error("UNBLOCKED"));
            }
            _ => {
                assert_eq!(other.run(&format!("CLIENT KILL ID {id}")).int(), 1);
                assert!(waiting.outcome().0.is_err());
            }
        }
        wait_for("it does not wait", || blocked(&mut other) == idle);
    }
    let waiting: Vec<Later> = (0..5)
        .map(|_| Later::send(server.client(), "MYLOG.WAIT 0"))
        .collect();
    wait_for("they wait", || blocked(&mut other) == idle + 5);
    other.ok("MYLOG.SET behind v");
    waiting.iter().for_each(|reply| reply.is_not_there("MYLOG.WAIT"));
    gate.open();
    for reply in waiting {
        let (durable, wanted) = seqs(reply.reply());
        assert!(durable >= wanted && wanted == 1, "{durable} {wanted}");
    }
    assert_eq!(blocked(&mut other), idle);
}

#[test]
fn inside_a_unit_it_answers_at_once() {
    let server = server("no");
    let mut client = server.client();
    let gate = SyncGate::shut(&server);
    client.ok("MULTI");
    client.run("MYLOG.SET a v");
    client.run("MYLOG.WAIT 0");
    let reply = client.run("EXEC").items().pop().expect("two replies");
    assert_eq!(seqs(reply), (0, 1));
    let reply = client.cmd(["EVAL", "return redis.call('MYLOG.WAIT', 0)", "0"]);
    assert_eq!(seqs(reply), (0, 1));
    gate.open();
    assert_eq!(seqs(client.run("MYLOG.WAIT 0")), (1, 1));
}

#[test]
fn it_waits_on_while_the_log_is_down() {
    let server = server("everysec");
    let mut other = server.client();
    let gate = SyncGate::full(&server);
    other.ok("MYLOG.SET a v");
    wait_for("the log is down", || {
        other.run("MYLOG.SET b v").is_error("MYLOGDOWN")
    });
    let waiting = Later::send(server.client(), "MYLOG.WAIT 0");
    let (durable, wanted) = seqs(other.run("MYLOG.WAIT 20"));
    assert!(durable == 0 && wanted > 0, "{durable} {wanted}");
    waiting.is_not_there("a full disk");
    gate.open();
    let (durable, wanted) = seqs(waiting.reply());
    assert!(durable >= wanted && wanted > 0, "{durable} {wanted}");
}

#[test]
fn its_errors_are_those_of_wait() {
    let server = server("everysec");
    let mut client = server.client();
    for argument in ["-1", "x", "1.5", "", "9223372036854775808"] {
        let ours = client.cmd(["MYLOG.WAIT", argument]);
        assert_eq!(ours, client.cmd(["WAIT", "0", argument]), "{argument}");
        assert!(ours.is_error("ERR timeout is "), "{argument}: {ours:?}");
    }
    assert!(
        client
            .run("MYLOG.WAIT 9223372036854775807")
            .is_error("ERR timeout is out of range")
    );
    assert!(
        client
            .run("MYLOG.WAIT")
            .is_error("ERR wrong number of arguments for 'mylog.wait' command")
    );
    let info = format!("{:?}", client.run("COMMAND INFO mylog.wait"));
    assert!(info.contains("blocking"), "{info}");
}
